#include "reload/memory/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reload/memory/image_dynamic.h"
#include "reload/memory/image_files.h"
#include "reload/memory/image_headers.h"
#include "reload/memory/image_symbols.h"
#include "reload/memory/safe_read.h"

/** How many images there were before main(); the dynamic linker lists them first and in order. */
static size_t s_host_images;

static int count_image(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)info;
    (void)size;
    ++*(size_t *)arg;
    return 0;
}

__attribute__((constructor)) static void count_host_images(void) {
    dl_iterate_phdr(count_image, &s_host_images);
}

void image_free(struct image *image) {
    if (image) {
        image_symbols_free(image->symbols);
        for (size_t i = 0; i < image->needed_count; i++) {
            free(image->needed[i]);
        }
        free(image->needed);
        free(image->soname);
        free(image->module);
        free(image->path);
        free(image);
    }
}

void image_list_clear(struct image_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        image_free(list->items[i]);
    }
    for (size_t i = 0; i < list->gone_count; i++) {
        image_free(list->gone[i]);
    }
    free(list->items);
    free(list->gone);
    memset(list, 0, sizeof *list);
}

/** Find the build id among the notes that stand one after the other in a segment. */
static void read_build_id(struct image *image, const uint8_t *notes, size_t bytes) {
    size_t at = 0;
    while (at + sizeof(ElfW(Nhdr)) <= bytes) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        size_t descriptor = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
        size_t next = descriptor + (((size_t)note.n_descsz + 3) & ~(size_t)3);
        if (next > bytes) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz <= sizeof image->build_id) {
            memcpy(image->build_id, notes + descriptor, note.n_descsz);
            image->build_id_bytes = note.n_descsz;
            return;
        }
        at = next;
    }
}

/** The notes of a program take some hundred bytes. */
enum { NOTES_BYTES_MAX = 4096 };

/** Notes need not be loaded. */
static void read_notes(struct image *image, const struct image_headers *headers,
                       const ElfW(Phdr) * segment) {
    uint8_t notes[NOTES_BYTES_MAX];
    size_t bytes = segment->p_memsz < sizeof notes ? segment->p_memsz : sizeof notes;
    if (!image->build_id_bytes &&
        image_headers_copy(headers, headers->base + segment->p_vaddr, notes, bytes)) {
        read_build_id(image, notes, bytes);
    }
}

static void read_loaded(struct image *image, uintptr_t start, const ElfW(Phdr) * segment) {
    if (image->low == 0 || start < image->low) {
        image->low = start;
    }
    if (start + segment->p_memsz > image->high) {
        image->high = start + segment->p_memsz;
    }
    uint64_t file_end = segment->p_filesz ? segment->p_offset + segment->p_filesz : 0;
    image->file_bytes = file_end > image->file_bytes ? file_end : image->file_bytes;
    if ((segment->p_flags & PF_W) && (segment->p_flags & PF_R) &&
        image->writable_count < IMAGE_SEGMENTS_MAX) {
        size_t filled = segment->p_filesz < segment->p_memsz ? segment->p_filesz : segment->p_memsz;
        image->writable[image->writable_count].start = start;
        image->writable[image->writable_count++].bytes = segment->p_memsz;
        image->zeroed.start = start + filled;
        image->zeroed.bytes = segment->p_memsz - filled;
    }
}

/**
 * The dynamic linker makes what it alone writes to (RELRO: tables of addresses) read-only, before
 * any code of the image runs, as far as that is whole pages.  It begins a segment, or is one.
 */
static void leave_out_sealed(struct image *image, const struct image_range *sealed) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t low = sealed->start / page_bytes * page_bytes;
    uintptr_t high = (sealed->start + sealed->bytes) / page_bytes * page_bytes;
    size_t kept = 0;
    for (size_t i = 0; i < image->writable_count; i++) {
        struct image_range segment = image->writable[i];
        if (segment.start >= low && segment.start < high) {
            size_t left_out = high - segment.start;
            left_out = left_out < segment.bytes ? left_out : segment.bytes;
            segment.start += left_out;
            segment.bytes -= left_out;
        }
        if (segment.bytes > 0) {
            image->writable[kept++] = segment;
        }
    }
    image->writable_count = kept;
}

static void read_segments(struct image *image, const struct image_headers *headers) {
    struct image_range sealed = {0};
    for (size_t i = 0; i < headers->count; i++) {
        const ElfW(Phdr) *segment = &headers->items[i];
        switch (segment->p_type) {
        case PT_LOAD:
            read_loaded(image, headers->base + segment->p_vaddr, segment);
            break;
        case PT_NOTE:
            read_notes(image, headers, segment);
            break;
        case PT_GNU_RELRO:
            sealed = (struct image_range){headers->base + segment->p_vaddr, segment->p_memsz};
            break;
        case PT_TLS:
            image->tls_bytes = segment->p_memsz;
            break;
        default:
            break;
        }
    }
    leave_out_sealed(image, &sealed);
}

/** False when CPython is linked into the program itself: then its variables are the host's. */
static bool is_python(const struct image *image, uintptr_t python) {
    return image->path[0] && python >= image->low && python < image->high;
}

struct image *image_new(const struct dl_phdr_info *info, bool is_host, uintptr_t python) {
    struct image_headers headers;
    struct image *image = calloc(1, sizeof *image);
    if (!image || !(image->path = strdup(info->dlpi_name))) {
        free(image);
        return NULL;
    }
    image->base = info->dlpi_addr;
    image_headers_read(info, &headers);
    read_segments(image, &headers);
    image->tls_module = info->dlpi_tls_modid;
    image->role = is_python(image, python) ? IMAGE_PYTHON : IMAGE_HOST;
    if (!is_host) {
        struct stat status;
        if (stat(image->path, &status) == 0) {
            image->device = status.st_dev;
            image->inode = status.st_ino;
        }
        image->is_torn = info->dlpi_phnum && !headers.count;
        image->role = IMAGE_LIBRARY;
        if (image_dynamic_read(image, &headers) != 0) {
            image_free(image);
            return NULL;
        }
    }
    return image;
}

struct refresh {
    struct image_list *old;
    struct image_list new;
    size_t capacity, seen;
    bool failed;
};

/** Take over an image that was known before: same place, same name. */
static struct image *take_known(struct image_list *old, const struct dl_phdr_info *info) {
    for (size_t i = 0; i < old->count; i++) {
        struct image *image = old->items[i];
        if (image && image->base == info->dlpi_addr && strcmp(image->path, info->dlpi_name) == 0) {
            old->items[i] = NULL;
            return image;
        }
    }
    return NULL;
}

static int add_image(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    struct refresh *refresh = arg;
    struct image_list *list = &refresh->new;
    bool is_host = refresh->seen++ < s_host_images;
    if (list->count == refresh->capacity) {
        size_t capacity = refresh->capacity ? 2 * refresh->capacity : 64;
        struct image **items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            refresh->failed = true;
            return 1;
        }
        list->items = items;
        refresh->capacity = capacity;
    }
    struct image *image = take_known(refresh->old, info);
    if (!image && !(image = image_new(info, is_host, list->python))) {
        refresh->failed = true;
        return 1;
    }
    list->items[list->count++] = image;
    list->adds = info->dlpi_adds;
    list->subs = info->dlpi_subs;
    return 0;
}

static int by_address(const void *a, const void *b) {
    const struct image *left = *(struct image *const *)a, *right = *(struct image *const *)b;
    return (left->low > right->low) - (left->low < right->low);
}

static int read_counters(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    unsigned long long *counters = arg;
    counters[0] = info->dlpi_adds;
    counters[1] = info->dlpi_subs;
    return 1;
}

/** Hand the images that are no longer loaded from one list to the next. */
static int keep_gone(struct image_list *from, struct image_list *to) {
    size_t most = from->gone_count + from->count;
    to->gone = calloc(most + 1, sizeof *to->gone);
    if (!to->gone) {
        return -1;
    }
    for (size_t i = 0; i < most; i++) {
        bool was_gone = i < from->gone_count;
        struct image **image = was_gone ? &from->gone[i] : &from->items[i - from->gone_count];
        if (*image) {
            to->gone[to->gone_count++] = *image;
            *image = NULL;
        }
    }
    free(from->gone);
    from->gone = NULL;
    from->gone_count = 0;
    return 0;
}

/** @return 0, or -1: ERR_MEMORY */
static int list_again(struct image_list *list, struct error *err) {
    struct refresh refresh = {.old = list, .new = {.python = list->python}};
    dl_iterate_phdr(add_image, &refresh);
    bool failed = keep_gone(list, &refresh.new) != 0 || refresh.failed;
    free(list->items);
    *list = refresh.new;
    if (failed) { /* images that are not listed any more are leaked: findings may point to them */
        list->adds = 0;
        return error_set(err, ERR_MEMORY, "out of memory listing the loaded images");
    }
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof *list->items, by_address);
    }
    return 0;
}

int image_list_refresh(struct image_list *list, struct error *err) {
    unsigned long long counters[2] = {0, 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    dl_iterate_phdr(read_counters, counters);
    bool is_known = list->count && list->adds == counters[0] && list->subs == counters[1];
    if (!is_known && list_again(list, err) != 0) {
        return -1;
    }
    return image_files_note(is_known ? NULL : list, &now, err);
}

bool image_read(struct image *image, uintptr_t address, void *ret_buffer, size_t bytes) {
    bool was_read = safe_read(address, ret_buffer, bytes);
    image->is_torn |= !was_read;
    return was_read;
}

int image_list_was_read(const struct image_list *list, struct error *err) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->is_torn) {
            return error_set(err, ERR_SYSTEM, "memory of %s is gone, as when its file is cut short",
                             list->items[i]->path);
        }
    }
    return 0;
}

size_t image_list_index(const struct image_list *list, uintptr_t address) {
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct image *image = list->items[middle];
        if (address < image->low) {
            high = middle;
        } else if (address >= image->high) {
            low = middle + 1;
        } else {
            return middle;
        }
    }
    return list->count;
}

struct image *image_list_find(const struct image_list *list, uintptr_t address) {
    size_t index = image_list_index(list, address);
    return index < list->count ? list->items[index] : NULL;
}

struct image *image_list_find_file(const struct image_list *list, const char *path) {
    struct stat status;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i]->path, path) == 0) {
            return list->items[i];
        }
    }
    if (stat(path, &status) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct image *image = list->items[i];
        if (image->inode == status.st_ino && image->device == status.st_dev && image->inode) {
            return image;
        }
    }
    return NULL;
}

bool image_needs(const struct image *image, const struct image *library) {
    const char *soname = library->soname ? library->soname : image_file_name(library);
    for (size_t i = 0; i < image->needed_count; i++) {
        if (strcmp(image->needed[i], soname) == 0) {
            return true;
        }
    }
    return false;
}

/** Longer chains of private libraries than any extension brings. */
enum { NEEDED_DEPTH_MAX = 8 };

static struct image *user_of(const struct image_list *list, const struct image *library,
                             unsigned depth) {
    for (size_t i = 0; i < list->count; i++) {
        struct image *image = list->items[i];
        if (image->role == IMAGE_EXTENSION && image_needs(image, library)) {
            return image;
        }
    }
    for (size_t i = 0; depth < NEEDED_DEPTH_MAX && i < list->count; i++) {
        struct image *image = list->items[i];
        if (image->role == IMAGE_LIBRARY && image != library && image_needs(image, library)) {
            struct image *user = user_of(list, image, depth + 1);
            if (user) {
                return user;
            }
        }
    }
    return NULL;
}

struct image *image_list_user_of(const struct image_list *list, const struct image *library) {
    return user_of(list, library, 0);
}
