/** Images that no linker makes, but dlopen() takes, and images whose file was cut short. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reload/memory/image.h"
#include "reload/memory/image_symbols.h"
#include "tests/support/crafted_image.h"
#include "tests/support/temporary_folder.h"

static char s_path[TEMPORARY_FOLDER_SIZE + 16]; /* for a file that dlopen() loads */

static void set_up(void) {
    snprintf(s_path, sizeof s_path, "%s/crafted.so", temporary_folder());
}

TestSuite(image_crafted, .init = set_up, .timeout = 60);

struct bytes {
    uint8_t *items;
    size_t count;
};

static struct bytes read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    fseek(file, 0, SEEK_END);
    struct bytes bytes = {.count = (size_t)ftell(file)};
    rewind(file);
    bytes.items = malloc(bytes.count);
    cr_assert_eq(fread(bytes.items, 1, bytes.count, file), bytes.count);
    fclose(file);
    return bytes;
}

/* ---- The corpus of fuzz_image ---- */

/** @param[out] ret_crafted  crafted_image_unload() */
static struct image *read_crafted(const char *name, struct crafted_image *ret_crafted) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", TEST_IMAGES, name);
    struct bytes file = read_file(path);
    cr_assert(crafted_image_load(ret_crafted, file.items, file.count), "%s", name);
    struct image *image = image_new(&ret_crafted->info, false, 0);
    cr_assert_not_null(image);
    free(file.items);
    return image;
}

Test(image_crafted, everything_is_found_that_the_image_has) {
    static const char *const s_names[] = {
        "sound",         "gnu_hash",         "hash_of_many",      "no_size_of_strings",
        "note_outside",  "note_too_long",    "note_of_long_name", "note_of_long_id",
        "many_sections", "sections_outside", "link_without_end",  "dynamic_without_end",
    };
    for (size_t i = 0; i < sizeof s_names / sizeof s_names[0]; i++) {
        struct crafted_image crafted;
        struct image *image = read_crafted(s_names[i], &crafted);
        cr_assert_eq(image->role, IMAGE_EXTENSION, "%s", s_names[i]);
        cr_assert(image->imports_gilstate, "%s", s_names[i]);
        cr_assert_str_eq(image->soname, "libcrafted.so", "%s", s_names[i]);
        cr_assert_eq(image->needed_count, 1u, "%s", s_names[i]);
        cr_assert_str_eq(image->needed[0], "libneeded.so.1", "%s", s_names[i]);
        image_free(image);
        crafted_image_unload(&crafted);
    }
}

Test(image_crafted, what_lies_outside_is_left_out) {
    static const char *const s_names[] = {"strings_outside", "symbols_outside"};
    for (size_t i = 0; i < sizeof s_names / sizeof s_names[0]; i++) {
        struct crafted_image crafted;
        struct image *image = read_crafted(s_names[i], &crafted);
        cr_assert_eq(image->role, IMAGE_LIBRARY, "%s", s_names[i]);
        image_free(image);
        crafted_image_unload(&crafted);
    }
}

Test(image_crafted, a_note_is_the_build_id_if_it_is_loaded_and_whole) {
    static const struct {
        const char *name;
        size_t bytes;
    } s_cases[] = {
        {"sound", 20}, {"note_outside", 0}, {"note_too_long", 0}, {"note_of_long_id", 0}};
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        struct crafted_image crafted;
        struct image *image = read_crafted(s_cases[i].name, &crafted);
        cr_assert_eq(image->build_id_bytes, s_cases[i].bytes, "%s", s_cases[i].name);
        image_free(image);
        crafted_image_unload(&crafted);
    }
}

Test(image_crafted, variables_are_named_where_the_section_headers_can_be_read) {
    static const struct {
        const char *file, *name;
    } s_cases[] = {{"sound", "table+0x8"},
                   {"link_without_end", "table+0x8"},
                   {"sections_outside", "data+0x108"}};
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        struct crafted_image crafted;
        char name[64];
        struct image *image = read_crafted(s_cases[i].file, &crafted);
        image_symbols_name(image, image->base + 0x108, 0, name, sizeof name);
        cr_assert_str_eq(name, s_cases[i].name, "%s", s_cases[i].file);
        image_free(image);
        crafted_image_unload(&crafted);
    }
}

/* ---- Libraries that dlopen() has loaded ---- */

static struct bytes read_extension(void) {
    return read_file(TEST_EXTENSIONS "/watcher" TEST_EXTENSION_SUFFIX);
}

static ElfW(Phdr) * segments(struct bytes file, size_t *ret_count) {
    ElfW(Ehdr) *head = (ElfW(Ehdr) *)file.items;
    *ret_count = head->e_phnum;
    return (ElfW(Phdr) *)(file.items + head->e_phoff);
}

/** Load a file with these bytes. @return the image in `list` */
static struct image *load(struct bytes file, struct image_list *list) {
    struct error err;
    int fd = open(s_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    cr_assert_not(Py_IsInitialized()); /* not needed, but libpython is, by what is loaded */
    cr_assert_eq(write(fd, file.items, file.count), (ssize_t)file.count);
    close(fd);
    cr_assert_not_null(dlopen(s_path, RTLD_LAZY | RTLD_LOCAL), "%s", dlerror());
    cr_assert_eq(image_list_refresh(list, &err), 0);
    struct image *image = image_list_find_file(list, s_path);
    cr_assert_not_null(image);
    return image;
}

static void forget(struct bytes file, struct image_list *list) {
    free(file.items);
    image_list_clear(list);
}

Test(image_crafted, notes_outside_of_what_is_loaded_are_not_read) {
    struct image_list list = {0};
    struct bytes file = read_extension();
    size_t count;
    ElfW(Phdr) *segment = segments(file, &count);
    for (size_t i = 0; i < count; i++) {
        if (segment[i].p_type == PT_NOTE) {
            segment[i].p_vaddr = segment[i].p_paddr = 0x7f0000000000;
        }
    }
    struct image *image = load(file, &list);
    cr_assert_eq(image->role, IMAGE_EXTENSION);
    cr_assert_eq(image->build_id_bytes, 0u);
    forget(file, &list);
}

/** Where a dynamic section ends: linkers leave some room there. */
static ElfW(Dyn) * end_of_dynamic(struct bytes file) {
    size_t count;
    ElfW(Phdr) *segment = segments(file, &count);
    for (size_t i = 0; i < count; i++) {
        if (segment[i].p_type == PT_DYNAMIC) {
            ElfW(Dyn) *entry = (ElfW(Dyn) *)(file.items + segment[i].p_offset);
            while (entry->d_tag != DT_NULL) {
                entry++;
            }
            cr_assert_eq(entry[1].d_tag, DT_NULL);
            return entry;
        }
    }
    cr_assert_fail("no dynamic section");
    return NULL;
}

Test(image_crafted, a_hash_table_may_tell_of_more_symbols_than_there_are) {
    struct image_list list = {0};
    struct bytes file = read_extension();
    ElfW(Dyn) *entry = end_of_dynamic(file);
    entry->d_tag = DT_HASH; /* glibc goes by the other table, DT_GNU_HASH */
    entry->d_un.d_ptr = 0;  /* the file's head, whose second word is 0x10102 */
    struct image *image = load(file, &list);
    cr_assert_eq(image->role, IMAGE_EXTENSION);
    forget(file, &list);
}

static void read_cut_image(void) {
    struct image_list list = {0}, later = {0};
    struct error err;
    struct bytes file = read_extension();
    struct image *image = load(file, &list);
    char name[64];
    if (truncate(s_path, 0) != 0 || image_list_refresh(&later, &err) != 0 ||
        !image_list_find_file(&later, s_path) || image_list_was_read(&later, &err) == 0 ||
        image_list_was_read(&list, &err) != 0) { /* which was made before */
        _exit(1);
    }
    image_symbols_name(image, image->base + 0x10, 0, name, sizeof name);
    image_list_clear(&later);
    forget(file, &list);
    _exit(strcmp(name, "data+0x10") == 0 ? 0 : 2);
}

Test(image_crafted, a_file_that_is_cut_short_is_not_read_in_memory) {
    pid_t child = fork(); /* where the end of a process does not run the functions of images */
    int status;
    if (child == 0) {
        read_cut_image();
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), 0);
}
