#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reload/memory/image.h"
#include "reload/memory/image_symbols.h"

static void *load(const char *name) {
    char path[4096];
    cr_assert_not(Py_IsInitialized()); /* not needed, but libpython is, by what is loaded */
    snprintf(path, sizeof path, "%s/%s", TEST_EXTENSIONS, name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(handle, "%s", dlerror());
    return handle;
}

static struct image_list list_now(void) {
    struct image_list list = {.python = (uintptr_t)Py_TYPE(Py_None)};
    struct error err;
    cr_assert_eq(image_list_refresh(&list, &err), 0);
    return list;
}

Test(image, what_was_there_before_main_is_the_hosts_but_for_python_itself) {
    struct image_list list = list_now();
    size_t pythons = 0;
    cr_assert_gt(list.count, 3u);
    for (size_t i = 0; i < list.count; i++) {
        bool is_python = strncmp(image_file_name(list.items[i]), "libpython", 9) == 0;
        cr_assert_eq(list.items[i]->role, is_python ? IMAGE_PYTHON : IMAGE_HOST, "%s",
                     list.items[i]->path);
        pythons += is_python;
    }
    cr_assert_eq(pythons, 1u);
    image_list_clear(&list);
}

Test(image, the_zeroed_part_is_the_end_of_what_can_be_written) {
    struct image_list list = list_now();
    const char *version = Py_GetVersion(); /* in a buffer of CPython's */
    const struct image *python = image_list_find(&list, (uintptr_t)version);
    cr_assert_eq(python->role, IMAGE_PYTHON);
    cr_assert((uintptr_t)version - python->zeroed.start < python->zeroed.bytes);
    cr_assert_geq(python->zeroed.start, python->writable[python->writable_count - 1].start);
    cr_assert_not((uintptr_t)&PyType_Type - python->zeroed.start < python->zeroed.bytes);
    image_list_clear(&list);
}

Test(image, an_extension_is_recognised_and_its_imports_are_known) {
    struct image_list list = list_now();
    void *thread_module = load("call_on_thread" TEST_EXTENSION_SUFFIX);
    void *other = load("lazy_class" TEST_EXTENSION_SUFFIX);
    struct error err;
    cr_assert_eq(image_list_refresh(&list, &err), 0);
    struct image *image =
        image_list_find(&list, (uintptr_t)dlsym(thread_module, "PyInit_call_on_thread"));
    cr_assert_not_null(image);
    cr_assert_eq(image->role, IMAGE_EXTENSION);
    cr_assert(image->imports_gilstate && image->imports_pthread_create && image->imports_python);
    cr_assert_eq(image_list_find_file(&list, image->path), image);
    image = image_list_find(&list, (uintptr_t)dlsym(other, "PyInit_lazy_class"));
    cr_assert_eq(image->role, IMAGE_EXTENSION);
    cr_assert_not(image->imports_gilstate || image->imports_pthread_create);
    image_list_clear(&list);
}

Test(image, pointers_stay_valid_over_a_refresh_and_an_unload) {
    void *handle = load("lazy_class" TEST_EXTENSION_SUFFIX);
    struct image_list list = list_now();
    uintptr_t address = (uintptr_t)dlsym(handle, "PyInit_lazy_class");
    struct image *image = image_list_find(&list, address);
    struct error err;
    load("opts_out" TEST_EXTENSION_SUFFIX);
    cr_assert_eq(image_list_refresh(&list, &err), 0);
    cr_assert_eq(image_list_find(&list, address), image);
    dlclose(handle);
    cr_assert_eq(image_list_refresh(&list, &err), 0);
    cr_assert_null(image_list_find(&list, address));
    cr_assert_str_eq(image_file_name(image), "lazy_class" TEST_EXTENSION_SUFFIX);
    image_list_clear(&list);
}

Test(image, a_private_library_belongs_to_the_module_that_was_linked_with_it) {
    load("thread_pool" TEST_EXTENSION_SUFFIX);
    struct image_list list = list_now();
    for (size_t i = 0; i < list.count; i++) {
        if (strstr(list.items[i]->path, "libstdc++") && list.items[i]->role == IMAGE_LIBRARY) {
            const struct image *user = image_list_user_of(&list, list.items[i]);
            cr_assert_not_null(user);
            cr_assert_str_eq(image_file_name(user), "thread_pool" TEST_EXTENSION_SUFFIX);
        }
    }
    image_list_clear(&list);
}

Test(image, a_variable_is_named_by_its_symbol_and_offset) {
    void *handle = load("watcher" TEST_EXTENSION_SUFFIX);
    struct image_list list = list_now();
    struct image *image = image_list_find(&list, (uintptr_t)dlsym(handle, "PyInit_watcher"));
    char name[128], again[128];
    bool found = false;
    for (size_t k = 0; k < image->writable_count; k++) {
        const struct image_range *range = &image->writable[k];
        for (uintptr_t at = range->start; at < range->start + range->bytes; at += 8) {
            image_symbols_name(image, at, 0, name, sizeof name);
            if (strcmp(name, "watcher") == 0) {
                image_symbols_name(image, at + 0x10, 0, again, sizeof again);
                cr_assert_str_eq(again, "watcher+0x10");
                found = true;
            }
        }
    }
    cr_assert(found);
    image_list_clear(&list);
}

/** Whether the kernel lets us write at an address. proc(5): start-end permissions … */
static bool may_write(uintptr_t address) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], permissions[8];
    bool may = false;
    uintptr_t start, end;
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps)) {
        int fields = sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &start, &end, permissions);
        may |= fields == 3 && address - start < end - start && permissions[1] == 'w';
    }
    fclose(maps);
    return may;
}

/** Whether any variable of an image is in the page at an address. */
static bool has_variables(const struct image *image, uintptr_t page, size_t page_bytes) {
    bool has = false;
    for (size_t k = 0; k < image->writable_count; k++) {
        const struct image_range *range = &image->writable[k];
        has |= range->start < page + page_bytes && page < range->start + range->bytes;
    }
    return has;
}

Test(image, its_variables_are_in_the_pages_that_can_be_written) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *handle = load("lazy_class" TEST_EXTENSION_SUFFIX);
    struct image_list list = list_now();
    const struct image *images[] = {
        image_list_find(&list, (uintptr_t)dlsym(handle, "PyInit_lazy_class")),
        image_list_find(&list, (uintptr_t)Py_GetVersion()),
    };
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        const struct image *image = images[i];
        uintptr_t page = image->low / page_bytes * page_bytes;
        for (; page < image->high; page += page_bytes) {
            bool is_variable = has_variables(image, page, page_bytes);
            cr_assert_eq(is_variable, may_write(page), "%s+%#zx", image_file_name(image),
                         (size_t)(page - image->base));
        }
    }
    image_list_clear(&list);
}
