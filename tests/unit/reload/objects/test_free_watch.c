#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/free_watch.h"

static struct error s_err;
static struct image_list s_images;

static void start(void) {
    Py_InitializeEx(0);
    s_images.python = (uintptr_t)Py_TYPE(Py_None);
    cr_assert_eq(image_list_refresh(&s_images, &s_err), 0);
}

TestSuite(free_watch, .init = start);

static struct free_watch *watch(const void *const *pointers, size_t count) {
    uintptr_t addresses[16];
    cr_assert_leq(count, 16u);
    for (size_t i = 0; i < count; i++) {
        addresses[i] = (uintptr_t)pointers[i];
    }
    struct free_watch *watch = free_watch_start(addresses, count, &s_images, &s_err);
    cr_assert_not_null(watch, "%s", s_err.text);
    return watch;
}

static const struct freed_block *find(const struct free_watch *watch, const void *pointer) {
    return free_watch_find(watch, (uintptr_t)pointer);
}

Test(free_watch, freed_objects_are_seen_and_others_are_not) {
    PyObject *first = PyList_New(0), *second = PyList_New(0);
    const void *pointers[] = {first, second};
    struct free_watch *on = watch(pointers, 2);
    cr_assert_null(free_watch_start(NULL, 0, &s_images, &s_err), "only one at a time");
    cr_assert_eq(s_err.code, ERR_BUSY);
    Py_SET_REFCNT(first, 0);
    PyObject_GC_Del(first); /* not kept to be used again, as Py_DECREF() might do */
    cr_assert_not_null(find(on, first));
    cr_assert_eq(find(on, first)->object, (uintptr_t)first);
    cr_assert_eq(find(on, first)->contents, 0u);
    cr_assert_str_eq(find(on, first)->text, "<list object>");
    cr_assert_null(find(on, second));
    cr_assert_null(find(on, &s_err), "not watched");
    free_watch_stop(on);
    free_watch_stop(watch(NULL, 0));
}

Test(free_watch, an_address_within_a_str_or_bytes_object_is_named_by_it) {
    PyObject *text = PyUnicode_FromString("words that are found");
    PyObject *wide = PyUnicode_FromString("\xE2\x80\xA2 bullet");
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 20000); /* no small object */
    const char *in_text = PyUnicode_AsUTF8(text), *in_bytes = PyBytes_AS_STRING(bytes);
    const void *in_wide = PyUnicode_DATA(wide);
    const void *pointers[] = {in_bytes + 19999, in_text, in_text + 7, in_bytes, in_wide};
    struct free_watch *on = watch(pointers, 5);
    cr_assert_null(find(on, in_text));
    Py_DECREF(text);
    cr_assert_str_eq(find(on, in_text)->text, "'words that are found'");
    cr_assert_eq(find(on, in_text)->contents, (uintptr_t)in_text);
    cr_assert_eq(find(on, in_text + 7), find(on, in_text));
    cr_assert_null(find(on, in_bytes));
    Py_DECREF(wide);
    cr_assert_str_eq(find(on, in_wide)->text, "'\xE2\x80\xA2 bullet'");
    cr_assert_eq(find(on, in_wide)->contents, (uintptr_t)in_wide);
    Py_DECREF(bytes);
    cr_assert_str_eq(find(on, in_bytes)->text, "<bytes object>");
    cr_assert_eq(find(on, in_bytes)->contents, (uintptr_t)in_bytes);
    cr_assert_eq(find(on, in_bytes + 19999), find(on, in_bytes));
    free_watch_stop(on);
}

Test(free_watch, blocks_of_all_domains_and_sizes_are_seen_from_their_first_byte_to_their_last) {
    static const size_t s_sizes[] = {1, 16, 100, 512, 513, 4000, 1 << 20};
    for (size_t i = 0; i < sizeof s_sizes / sizeof *s_sizes; i++) {
        size_t bytes = s_sizes[i];
        char *blocks[] = {PyMem_RawMalloc(bytes), PyMem_Malloc(bytes), PyObject_Malloc(bytes),
                          PyMem_Malloc(bytes)};
        const void *pointers[8];
        for (size_t k = 0; k < 4; k++) {
            memset(blocks[k], 'x', bytes);
            pointers[2 * k] = blocks[k];
            pointers[2 * k + 1] = blocks[k] + bytes - 1;
        }
        struct free_watch *on = watch(pointers, 8);
        PyMem_RawFree(blocks[0]);
        PyMem_Free(blocks[1]);
        PyObject_Free(blocks[2]);
        for (size_t k = 0; k < 6; k++) {
            const struct freed_block *freed = find(on, pointers[k]);
            cr_assert_not_null(freed, "%zu bytes, address %zu", bytes, k);
            cr_assert_geq(freed->bytes, bytes);
            cr_assert_eq(freed->object, 0u);
            cr_assert_eq(freed->contents, (uintptr_t)blocks[k / 2]);
        }
        cr_assert_null(find(on, pointers[6]), "%zu bytes", bytes);
        cr_assert_null(find(on, pointers[7]), "%zu bytes", bytes);
        free_watch_stop(on);
        PyMem_Free(blocks[3]);
    }
}

Test(free_watch, a_block_in_which_an_object_stood_before_is_no_object) {
    PyObject *like = PyObject_Malloc(sizeof *like);
    like->ob_type = &PyBaseObject_Type; /* as a block keeps it whose first words alone are used */
    Py_SET_REFCNT(like, 1000);
    const void *pointers[] = {like};
    struct free_watch *on = watch(pointers, 1);
    PyObject_Free(like);
    cr_assert_not_null(find(on, like));
    cr_assert_eq(find(on, like)->object, 0u);
    free_watch_stop(on);
}

Test(free_watch, what_a_realloc_moves_is_freed_and_what_it_leaves_is_not) {
    char *small = PyMem_Malloc(40), *same = PyMem_Malloc(40);
    const void *pointers[] = {small + 10, same + 10};
    struct free_watch *on = watch(pointers, 2);
    char *moved = PyMem_Realloc(small, 3000);
    same = PyMem_Realloc(same, 41);
    cr_assert_neq(moved, small);
    cr_assert_not_null(find(on, pointers[0]));
    cr_assert_eq(find(on, pointers[1]) != NULL, same + 10 != pointers[1]);
    free_watch_stop(on);
    PyMem_Free(moved);
    PyMem_Free(same);
}

static void *free_raw(void *block) {
    PyMem_RawFree(block);
    return NULL;
}

Test(free_watch, what_another_thread_frees_is_no_concern) {
    char *block = PyMem_RawMalloc(100);
    const void *pointers[] = {block};
    struct free_watch *on = watch(pointers, 1);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, free_raw, block), 0);
    pthread_join(thread, NULL);
    cr_assert_null(find(on, block));
    free_watch_stop(on);
}

Test(free_watch, the_hooks_go_with_the_watch) {
    PyMemAllocatorEx before, while_on, after;
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &before);
    struct free_watch *on = watch(NULL, 0);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &while_on);
    free_watch_stop(on);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &after);
    cr_assert_neq(while_on.free, before.free);
    cr_assert_eq(after.free, before.free);
    cr_assert_eq(after.ctx, before.ctx);
}
