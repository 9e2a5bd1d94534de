#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>
#include <string.h>

#include "reload/objects/image_use.h"
#include "reload/scan/scan.h"
#include "reload/scan/scan_types.h"

/* The variables of an extension: a table of symbols (.got) that mentions the class of classes, with
 * what follows it, and a static type. */
static struct {
    uintptr_t before_table;
    PyObject mentioned_in_table; /* its second word is the address of PyType_Type */
    uintptr_t after_table[sizeof(PyTypeObject) / sizeof(uintptr_t)];
    PyTypeObject type;
    PyTypeObject metaclass, of_metaclass;
} s_variables;

static const char s_name[] = "extension.Type";

static void dealloc(PyObject *self) {
    (void)self;
}

static void make_type_like(PyTypeObject *type) {
    ((PyObject *)type)->ob_refcnt = 1;
    ((PyObject *)type)->ob_type = &PyType_Type;
    type->tp_basicsize = sizeof(PyObject);
    type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_READY;
}

static void make_type(PyTypeObject *type) {
    make_type_like(type);
    type->tp_name = s_name;
    type->tp_dealloc = dealloc;
    type->tp_alloc = PyType_GenericAlloc;
}

/** The static types among our variables. */
static struct scan find_types(void) {
    struct error err;
    struct image_list images = {.python = (uintptr_t)Py_TYPE(Py_None)};
    cr_assert_eq(image_list_refresh(&images, &err), 0);
    /* The test itself plays the extension. */
    struct image *own = image_list_find(&images, (uintptr_t)&s_variables);
    own->role = IMAGE_EXTENSION;
    own->imports_python = true;
    own->writable[0] = (struct image_range){(uintptr_t)&s_variables, sizeof s_variables};
    own->writable_count = 1;
    struct image_use use;
    cr_assert_eq(image_use_start(&use, &images, &err), 0);
    for (size_t i = 0; i < images.count; i++) {
        use.used[i] = images.items[i] == own;
    }
    struct scan scan = {0};
    cr_assert_eq(scan_types(&scan, &use, &err), 0);
    image_use_clear(&use);
    image_list_clear(&images);
    return scan;
}

Test(scan_types, a_mention_of_the_class_of_classes_is_no_static_type) {
    Py_InitializeEx(0);
    make_type_like((PyTypeObject *)&s_variables.mentioned_in_table);
    make_type(&s_variables.type);
    struct scan scan = find_types();
    cr_assert_eq(scan.type_count, 1u);
    cr_assert_eq(scan.types[0], &s_variables.type);
    scan_clear(&scan);
}

Test(scan_types, a_static_type_may_have_a_metaclass) {
    Py_InitializeEx(0);
    make_type(&s_variables.metaclass);
    s_variables.metaclass.tp_flags |= Py_TPFLAGS_TYPE_SUBCLASS;
    make_type(&s_variables.of_metaclass);
    ((PyObject *)&s_variables.of_metaclass)->ob_type = &s_variables.metaclass;
    struct scan scan = find_types();
    cr_assert_eq(scan.type_count, 2u);
    cr_assert_eq(scan.types[1], &s_variables.of_metaclass);
    scan_clear(&scan);
}

/* A packed structure's pointer is looked for at any address, and what it would be a part of. */
Test(scan_types, what_stands_at_an_odd_address_is_no_static_type) {
    Py_InitializeEx(0);
    static struct {
        char before;
        char type[sizeof(PyTypeObject)];
    } packed;
    const struct image_list images = {0};
    struct image image = {0};
    struct image_part part;
    const struct image_range segment = {(uintptr_t)&packed, sizeof packed};
    make_type(&s_variables.type);
    memcpy(packed.type, &s_variables.type, sizeof packed.type);
    image_part_begin(&part, &image, &segment);
    cr_assert(image_part_go(&part, segment.start, segment.start + segment.bytes));
    cr_assert_null(scan_types_at(&images, &part, (uintptr_t)packed.type));
}
