/** Files of loaded libraries that are replaced, written and removed. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reload/memory/image_files.h"
#include "tests/support/temporary_folder.h"

static char s_path[TEMPORARY_FOLDER_SIZE + 16], s_other[sizeof s_path];
static struct image_list s_images;

static void copy_extension(const char *to) {
    char buffer[1 << 16];
    size_t bytes;
    FILE *from = fopen(TEST_EXTENSIONS "/watcher" TEST_EXTENSION_SUFFIX, "rb");
    FILE *file = fopen(to, "wb");
    cr_assert(from && file);
    while ((bytes = fread(buffer, 1, sizeof buffer, from)) > 0) {
        cr_assert_eq(fwrite(buffer, 1, bytes, file), bytes);
    }
    fclose(file);
    fclose(from);
}

static void look(void) {
    struct error err;
    cr_assert_eq(image_list_refresh(&s_images, &err), 0);
}

/** Until the clock that files' times follow has gone on: what is written from now on is later. */
static void await_tick(void) {
    struct stat status;
    struct timespec now;
    cr_assert_eq(stat(s_path, &status), 0);
    do {
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (now.tv_sec < status.st_ctim.tv_sec ||
             (now.tv_sec == status.st_ctim.tv_sec && now.tv_nsec <= status.st_ctim.tv_nsec));
}

static void set_up(void) {
    const char *folder = temporary_folder();
    cr_assert_not(Py_IsInitialized()); /* not needed, but libpython is, by what is loaded */
    snprintf(s_path, sizeof s_path, "%s/watcher.so", folder);
    snprintf(s_other, sizeof s_other, "%s/other.so", folder);
    copy_extension(s_path);
    await_tick();
    look();
}

static void tear_down(void) {
    image_list_clear(&s_images);
}
TestSuite(image_files, .init = set_up, .fini = tear_down, .timeout = 60);

static void load(void) {
    cr_assert_not_null(dlopen(s_path, RTLD_LAZY | RTLD_LOCAL), "%s", dlerror());
}

static void replace(void) {
    copy_extension(s_other);
    cr_assert_eq(rename(s_other, s_path), 0);
}

/** In place, with what it holds: what is loaded must stay usable. */
static void write_again(void) {
    char byte;
    int fd = open(s_path, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, 0), 1);
    cr_assert_eq(pwrite(fd, &byte, 1, 0), 1);
    close(fd);
}

static enum image_file_state state(void) {
    const struct image *image = NULL;
    for (size_t i = 0; i < s_images.count; i++) {
        image = strcmp(s_images.items[i]->path, s_path) == 0 ? s_images.items[i] : image;
    }
    cr_assert_not_null(image);
    return image_files_look(image);
}

Test(image_files, a_file_that_nobody_touches_is_the_same) {
    load();
    look();
    cr_assert_eq(state(), IMAGE_FILE_SAME);
    look();
    cr_assert_eq(state(), IMAGE_FILE_SAME);
}

Test(image_files, another_file_that_takes_the_name_is_a_change) {
    load();
    look();
    replace();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, another_file_may_have_the_name_before_the_look) {
    load();
    replace();
    look();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, a_file_that_was_moved_away_is_not_the_one_of_the_name) {
    load();
    cr_assert_eq(rename(s_path, s_other), 0);
    copy_extension(s_path);
    look();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, writing_in_place_is_a_change) {
    load();
    look();
    await_tick();
    write_again();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, writing_in_place_before_the_look_is_doubtful) {
    load();
    write_again();
    look();
    cr_assert_eq(state(), IMAGE_FILE_DOUBTFUL);
    await_tick();
    write_again();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, a_file_that_was_written_before_it_was_loaded_is_the_same) {
    write_again();
    await_tick();
    look();
    load();
    look();
    cr_assert_eq(state(), IMAGE_FILE_SAME);
}

Test(image_files, a_file_that_is_gone_is_no_change_until_there_is_another) {
    load();
    look();
    cr_assert_eq(unlink(s_path), 0);
    cr_assert_eq(state(), IMAGE_FILE_SAME);
    copy_extension(s_path);
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, a_file_that_was_gone_at_the_look_is_no_change_until_there_is_another) {
    load();
    cr_assert_eq(unlink(s_path), 0);
    look();
    cr_assert_eq(state(), IMAGE_FILE_SAME);
    copy_extension(s_path);
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
}

Test(image_files, what_one_list_has_noted_counts_for_all) {
    struct image_list first = {0};
    struct error err;
    load();
    cr_assert_eq(image_list_refresh(&first, &err), 0);
    replace();
    look();
    cr_assert_eq(state(), IMAGE_FILE_ANOTHER);
    image_list_clear(&first);
}

Test(image_files, a_file_is_cut_when_some_of_what_was_mapped_is_gone) {
    load();
    look();
    struct image *image = image_list_find_file(&s_images, s_path);
    cr_assert_not_null(image);
    cr_assert_not(image_files_is_cut(image));
    cr_assert_eq(truncate(s_path, (off_t)image->file_bytes), 0); /* what follows is not mapped */
    cr_assert_not(image_files_is_cut(image));
    cr_assert_eq(unlink(s_path), 0);
    cr_assert_not(image_files_is_cut(image));
    copy_extension(s_path);
    cr_assert_eq(truncate(s_path, 1), 0);
    cr_assert_not(image_files_is_cut(image), "another file");
}
