/** A library's variables, and what becomes of a scan when the library's file is cut short. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pool/base/apart.h"
#include "reload/objects/image_use.h"
#include "reload/scan/scan.h"
#include "reload/scan/scan_types.h"
#include "tests/support/temporary_folder.h"

enum { PAGES = 4 };

/* A library whose variables are a file, mapped as the dynamic linker does it. */
static char s_path[TEMPORARY_FOLDER_SIZE + 16];
static size_t s_page;
static struct image s_library = {.path = s_path, .role = IMAGE_EXTENSION, .imports_python = true};
static struct image *s_items[] = {&s_library};
static const struct image_list s_images = {.items = s_items, .count = 1};
static bool s_used[] = {true, false};
static const struct image_use s_use = {.images = &s_images, .used = s_used, .any = true};
static struct error s_err;

static uintptr_t *variables_of_page(size_t number) {
    return (uintptr_t *)(s_library.low + number * s_page);
}

static void load(void) {
    Py_InitializeEx(0);
    s_page = (size_t)sysconf(_SC_PAGESIZE);
    snprintf(s_path, sizeof s_path, "%s/library.so", temporary_folder());
    FILE *file = fopen(s_path, "w+");
    cr_assert_not_null(file);
    cr_assert_eq(ftruncate(fileno(file), (off_t)(PAGES * s_page)), 0);
    void *memory = mmap(NULL, PAGES * s_page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
    cr_assert_neq(memory, MAP_FAILED);
    fclose(file);
    s_library.low = (uintptr_t)memory;
    s_library.high = s_library.low + PAGES * s_page;
    s_library.writable[0] = (struct image_range){s_library.low, PAGES * s_page};
    s_library.writable_count = 1;
}

TestSuite(scan, .init = load, .timeout = 60);

/** Linux takes what lies behind a file's new end out of private mappings, too, written or not. */
static void cut(size_t pages) {
    cr_assert_eq(truncate(s_path, (off_t)(pages * s_page)), 0);
}

static int scan(struct scan *ret_scan) {
    struct py_interpreters interpreters = {0};
    cr_assert_eq(inspect_list_interpreters(&interpreters), 0);
    *ret_scan = (struct scan){0};
    int result = scan_images(
        ret_scan, &(struct scan_options){.use = &s_use, .interpreters = &interpreters}, &s_err);
    apart_free(interpreters.items);
    return result;
}

static size_t count_hits(const struct scan *found, const void *location, const PyObject *object) {
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++) {
        count += found->hits[i].location == (uintptr_t)location && found->hits[i].object == object;
    }
    return count;
}

Test(scan, an_object_is_found_in_whichever_page_it_is_held) {
    struct scan found;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; i < PAGES; i++) {
        variables_of_page(i)[i] = (uintptr_t)list;
    }
    cr_assert_eq(scan(&found), 0);
    for (size_t i = 0; i < PAGES; i++) {
        cr_assert_eq(count_hits(&found, &variables_of_page(i)[i], list), 1u, "page %zu", i);
    }
    cr_assert_eq(found.count, (size_t)PAGES);
    scan_clear(&found);
}

Test(scan, memory_that_is_gone_with_its_file_is_an_error_and_no_signal) {
    struct scan found;
    variables_of_page(0)[0] = variables_of_page(2)[0] = (uintptr_t)PyList_New(0);
    cut(1);
    cr_assert_eq(scan(&found), -1);
    cr_assert_eq(s_err.code, ERR_SYSTEM);
    cr_assert_not_null(strstr(s_err.text, s_path), "%s", s_err.text);
    scan_clear(&found);
    cut(PAGES); /* what was there does not come back */
    cr_assert_eq(scan(&found), -1);
    scan_clear(&found);
}

Test(scan, types_are_not_looked_for_in_memory_that_is_gone) {
    struct scan found = {0};
    cut(1);
    cr_assert_eq(scan_types(&found, &s_use, &s_err), -1);
    cr_assert_eq(s_err.code, ERR_SYSTEM);
    scan_clear(&found);
}

static size_t count_pointers(const void *location) {
    struct py_interpreters interpreters = {0};
    struct scan found = {0};
    size_t count = 0;
    cr_assert_eq(inspect_list_interpreters(&interpreters), 0);
    const struct scan_options options = {
        .use = &s_use, .interpreters = &interpreters, .with_pointers = true};
    cr_assert_eq(scan_images(&found, &options, &s_err), 0);
    for (size_t i = 0; i < found.pointer_count; i++) {
        count += found.pointers[i].location == (uintptr_t)location;
    }
    scan_clear(&found);
    apart_free(interpreters.items);
    return count;
}

/* CPython's parser has one into memory that it has freed: _PyPegen_dummy_name(). */
Test(scan, what_pointers_cpython_keeps_in_its_own_variables_is_its_business) {
    uintptr_t *variable = variables_of_page(1);
    void *block = malloc(200);
    *variable = (uintptr_t)block;
    cr_assert_geq(count_pointers(variable), 1);
    s_library.role = IMAGE_PYTHON;
    s_library.zeroed = s_library.writable[0];
    cr_assert_eq(count_pointers(variable), 0);
    PyObject *list = PyList_New(0);
    *variable = (uintptr_t)list;
    struct scan found;
    cr_assert_eq(scan(&found), 0);
    cr_assert_eq(count_hits(&found, variable, list), 1, "an object of an extension built into it");
    scan_clear(&found);
    free(block);
}
