#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reload/memory/image.h"
#include "reload/objects/image_use.h"
#include "reload/objects/living.h"
#include "reload/objects/object_map.h"

static struct error s_err;
static struct image_list s_images;
static struct object_map *s_map;

static void start(void) {
    Py_InitializeEx(0);
    cr_assert_eq(image_list_refresh(&s_images, &s_err), 0);
    s_map = object_map_new(&s_images, &s_err);
    cr_assert_not_null(s_map);
}

TestSuite(living, .init = start);

static enum living look(const void *address, PyTypeObject **ret_type) {
    return living_object(s_map, &s_images, (uintptr_t)address, NULL, ret_type);
}

Test(living, objects_that_the_collector_tracks_are_told_from_others) {
    PyTypeObject *type = NULL;
    PyObject *list = PyList_New(0), *text = PyUnicode_FromString("made of some characters");
    cr_assert_eq(look(list, &type), LIVING_TRACKED);
    cr_assert_geq(look(text, &type), LIVING_PROBABLE);
    cr_assert_eq(type, &PyUnicode_Type);
    cr_assert(living_is_leaf(s_map, &s_images, (uintptr_t)text, type));
    PyObject_GC_UnTrack(list);
    cr_assert_geq(look(list, &type), LIVING_PROBABLE);
    cr_assert_eq(type, &PyList_Type);
    cr_assert_not(living_is_leaf(s_map, &s_images, (uintptr_t)list, type));
}

Test(living, an_object_that_was_freed_is_none_whatever_its_count_was) {
    PyTypeObject *type = NULL;
    PyObject *bytes = PyBytes_FromString("freed as by a change of size");
    uintptr_t address = (uintptr_t)bytes;
    cr_assert_geq(look(bytes, &type), LIVING_PROBABLE);
    PyObject_Free(bytes);
    cr_assert_eq(living_object(s_map, &s_images, address, NULL, &type), LIVING_NOT);
}

Test(living, a_tuple_of_leaf_values_is_one_and_one_with_a_list_is_none) {
    PyObject *leaves = Py_BuildValue("(sd)", "of some characters", 1.5);
    PyObject *others = Py_BuildValue("(s[])", "of some characters");
    PyObject_GC_UnTrack(leaves);
    PyObject_GC_UnTrack(others);
    cr_assert(living_is_leaf(s_map, &s_images, (uintptr_t)leaves, &PyTuple_Type));
    cr_assert_not(living_is_leaf(s_map, &s_images, (uintptr_t)others, &PyTuple_Type));
}

Test(living, objects_are_told_by_their_looks_where_no_map_is) {
    static const char *const s_names[] = {"Class", "instance", "digest", "text"};
    PyObject *globals = PyDict_New();
    PyRun_String("import hashlib\n"
                 "class Class:\n"
                 "    pass\n"
                 "instance, text = Class(), ' '.join('words')\n"
                 "digest = hashlib.sha256()\n", /* untracked; its class is not, and so is known */
                 Py_file_input, globals, globals);
    uintptr_t addresses[4];
    struct living_head heads[4];
    for (size_t i = 0; i < 4; i++) {
        addresses[i] = (uintptr_t)PyDict_GetItemString(globals, s_names[i]);
        cr_assert_neq(addresses[i], 0u, "%s", s_names[i]);
    }
    living_read(addresses, 4, heads);
    for (size_t i = 0; i < 4; i++) {
        PyTypeObject *type = NULL;
        bool is_tracked = PyObject_GC_IsTracked((PyObject *)addresses[i]);
        enum living living = living_object(NULL, &s_images, addresses[i], &heads[i], &type);
        cr_assert_eq(heads[i].is_tracked, is_tracked, "%s", s_names[i]);
        cr_assert_eq(living == LIVING_TRACKED, is_tracked, "%s", s_names[i]);
        cr_assert(is_tracked || living >= LIVING_PROBABLE, "%s", s_names[i]);
    }
    cr_assert(heads[0].is_tracked && heads[1].is_tracked && !heads[3].is_tracked);
}

Test(living, what_is_no_object_is_taken_for_none) {
    PyTypeObject *type = NULL;
    uintptr_t words[64] = {0};
    cr_assert_eq(look(&words[16], &type), LIVING_NOT);
    words[32] = 1; /* a count, and a type that is none */
    words[33] = (uintptr_t)&words[40];
    cr_assert_eq(look(&words[32], &type), LIVING_NOT);
    words[48] = 0x7fff80001000; /* a pointer, with the bit by which immortal objects are told */
    words[49] = (uintptr_t)&PyUnicode_Type;
    cr_assert_eq(look(&words[48], &type), LIVING_NOT);
    char *gone = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_eq(look(gone + 0x8100, &type), LIVING_NOWHERE);
}

Test(living, an_interpreter_uses_the_extensions_of_its_modules) {
    struct image_use use;
    cr_assert_eq(PyRun_SimpleString("import _ctypes"), 0);
    cr_assert_eq(image_list_refresh(&s_images, &s_err), 0);
    PyThreadState *main = PyThreadState_Get(), *other = Py_NewInterpreter();
    PyInterpreterState *users[] = {PyThreadState_GetInterpreter(main),
                                   PyThreadState_GetInterpreter(other)};
    PyThreadState_Swap(main);
    for (size_t i = 0; i < 2; i++) {
        bool is_used = false;
        cr_assert_eq(image_use_start(&use, &s_images, &s_err), 0);
        cr_assert_eq(object_map_track(s_map,
                                      &(struct object_source){.interpreter = users[i],
                                                              .owner = OWNER_MAIN,
                                                              .also = image_use_look,
                                                              .also_arg = &use},
                                      &s_err),
                     0);
        image_use_end(&use);
        for (size_t k = 0; k < s_images.count; k++) {
            is_used |= use.used[k] && strstr(s_images.items[k]->path, "/_ctypes.");
        }
        cr_assert_eq(is_used, i == 0);
        image_use_clear(&use);
    }
}

Test(living, an_object_whose_class_is_gone_with_a_library_is_none) {
    int file = memfd_create("library", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(file, sizeof(PyTypeObject)), 0);
    PyTypeObject *class = mmap(NULL, sizeof *class, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    cr_assert_neq(class, MAP_FAILED);
    struct image library = {.path = (char[]){"library.so"},
                            .role = IMAGE_LIBRARY,
                            .low = (uintptr_t) class,
                            .high = (uintptr_t)(class + 1),
                            .writable = {{(uintptr_t) class, sizeof *class}},
                            .writable_count = 1};
    struct image *items[] = {&library};
    const struct image_list images = {.items = items, .count = 1};
    PyObject *object = PyUnicode_FromString("of a class of the library's, soon");
    PyTypeObject *type = NULL;
    ((PyObject *)class)->ob_refcnt = 1;
    ((PyObject *)class)->ob_type = &PyType_Type;
    class->tp_basicsize = sizeof(PyASCIIObject);
    object->ob_type = class;
    cr_assert_geq(living_object(NULL, &images, (uintptr_t)object, NULL, &type), LIVING_PROBABLE);
    cr_assert_eq(type, class);
    cr_assert_not(library.is_torn);
    cr_assert_eq(ftruncate(file, 0), 0);
    cr_assert_eq(living_object(NULL, &images, (uintptr_t)object, NULL, &type), LIVING_NOT);
    cr_assert(library.is_torn); /* nobody is to take that for an answer */
}
