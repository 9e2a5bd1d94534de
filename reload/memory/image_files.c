#include "reload/memory/image_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** Which file a mapping is of, as the kernel tells it.  (stat() may name another device.) */
struct mapped_file {
    unsigned major, minor;
    uint64_t inode; /* 0: not known */
};

struct image_file {
    char *path;
    uintptr_t base;
    struct stat seen; /* st_nlink 0: it was not there */
    bool is_another;  /* it was already when it was noted */
    bool may_be_another;

    /* While it is noted. */
    uintptr_t address; /* in the image */
    char *probe;       /* one page of the file that is there now, mapped; NULL: it cannot be read */
    struct mapped_file of_image, of_probe;
};

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
/** Files of images, also of those that were unloaded. @lock s_lock */
static struct image_file *s_files;
static size_t s_count;
/** When the last list was made; 0: there was none. @lock s_lock */
static struct timespec s_looked_at;

static bool is_before(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static bool is_same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static struct image_file *find_locked(const struct image *image) {
    for (size_t i = 0; i < s_count; i++) {
        if (s_files[i].base == image->base && strcmp(s_files[i].path, image->path) == 0) {
            return &s_files[i];
        }
    }
    return NULL;
}

/* ---- Comparing mappings ---- */

static void open_probe(struct image_file *file) {
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) { /* no permission, or it is not there */
        if (stat(file->path, &file->seen) != 0) {
            file->seen.st_nlink = 0;
        }
        return;
    }
    if (fstat(fd, &file->seen) == 0 && S_ISREG(file->seen.st_mode)) {
        void *probe = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_PRIVATE, fd, 0);
        file->probe = probe == MAP_FAILED ? NULL : probe;
    }
    close(fd);
}

static void close_probe(struct image_file *file) {
    if (file->probe) {
        munmap(file->probe, (size_t)sysconf(_SC_PAGESIZE));
        file->probe = NULL;
    }
}

/** proc(5): start-end permissions offset major:minor inode path */
static void take_line(const char *line, struct image_file *files, size_t count) {
    uintptr_t start, end;
    struct mapped_file mapped;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %x:%x %" SCNu64, &start, &end,
               &mapped.major, &mapped.minor, &mapped.inode) != 5) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (files[i].address - start < end - start) {
            files[i].of_image = mapped;
        }
        if ((uintptr_t)files[i].probe - start < end - start) {
            files[i].of_probe = mapped;
        }
    }
}

static void read_mappings(struct image_file *files, size_t count) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t size = 0;
    while (maps && getline(&line, &size, maps) > 0) {
        take_line(line, files, count);
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
}

static bool is_other_mapping(const struct image_file *file) {
    const struct mapped_file *a = &file->of_image, *b = &file->of_probe;
    return a->inode && b->inode &&
           (a->inode != b->inode || a->major != b->major || a->minor != b->minor);
}

/** Whether a file was changed in the time in which it was loaded, as far as clocks agree. */
static bool is_recent(const struct image_file *file) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); /* some file systems are finer than the coarse clock */
    return s_looked_at.tv_sec && !is_before(file->seen.st_ctim, s_looked_at) &&
           !is_before(now, file->seen.st_ctim);
}

static void note_locked(struct image_file *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        open_probe(&files[i]);
    }
    read_mappings(files, count);
    for (size_t i = 0; i < count; i++) {
        files[i].is_another = is_other_mapping(&files[i]);
        files[i].may_be_another = is_recent(&files[i]);
        close_probe(&files[i]);
    }
}

/* ---- The files ---- */

/** @return 0, or -1: out of memory */
static int add_new_locked(const struct image_list *list) {
    struct image_file *files = realloc(s_files, (s_count + list->count + 1) * sizeof *files);
    if (!files) {
        return -1;
    }
    s_files = files;
    for (size_t i = 0; i < list->count; i++) {
        const struct image *image = list->items[i];
        if (!image_is_checked(image) || image->path[0] != '/' || find_locked(image)) {
            continue;
        }
        struct image_file file = {
            .path = strdup(image->path), .base = image->base, .address = image->low};
        if (!file.path) {
            return -1;
        }
        files[s_count++] = file;
    }
    return 0;
}

int image_files_note(const struct image_list *list, const struct timespec *looked_at,
                     struct error *err) {
    pthread_mutex_lock(&s_lock);
    size_t before = s_count;
    int failed = list ? add_new_locked(list) : 0;
    if (s_count > before) {
        note_locked(s_files + before, s_count - before);
    }
    s_looked_at = *looked_at;
    pthread_mutex_unlock(&s_lock);
    return failed ? error_set(err, ERR_MEMORY, "out of memory for the files of images") : 0;
}

enum image_file_state image_files_look(const struct image *image) {
    struct stat now;
    enum image_file_state state = IMAGE_FILE_SAME;
    if (image->path[0] != '/' || stat(image->path, &now) != 0) {
        return state;
    }
    pthread_mutex_lock(&s_lock);
    const struct image_file *file = find_locked(image);
    if (file && (file->is_another || !is_same_file(&now, &file->seen))) {
        state = IMAGE_FILE_ANOTHER;
    } else if (file && file->may_be_another) {
        state = IMAGE_FILE_DOUBTFUL;
    }
    pthread_mutex_unlock(&s_lock);
    return state;
}

bool image_files_is_cut(const struct image *image) {
    struct stat now;
    return image->inode && stat(image->path, &now) == 0 && now.st_ino == image->inode &&
           now.st_dev == image->device && (uint64_t)now.st_size < image->file_bytes;
}
