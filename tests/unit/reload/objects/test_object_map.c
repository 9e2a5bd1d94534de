#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/image.h"
#include "reload/objects/object_map.h"
#include "reload/objects/object_text.h"

static struct error s_err;
static struct image_list s_images;
static PyThreadState *s_main, *s_sub;

/** The main interpreter and one other, on this thread. */
static void start(void) {
    Py_InitializeEx(0);
    s_main = PyThreadState_Get();
    s_sub = Py_NewInterpreter();
    cr_assert_not_null(s_sub);
    cr_assert_eq(image_list_refresh(&s_images, &s_err), 0);
}

TestSuite(object_map, .init = start);

static PyObject *eval(PyThreadState *in, const char *text) {
    PyThreadState *before = PyThreadState_Swap(in);
    PyObject *globals = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *value = PyRun_String(text, Py_eval_input, globals, globals);
    if (!value) {
        PyErr_Print();
    }
    PyThreadState_Swap(before);
    cr_assert_not_null(value);
    return value;
}

static void run(PyThreadState *in, const char *text) {
    PyThreadState *before = PyThreadState_Swap(in);
    cr_assert_eq(PyRun_SimpleString(text), 0);
    PyThreadState_Swap(before);
}

static PyInterpreterState *interpreter_of(PyThreadState *tstate) {
    return PyThreadState_GetInterpreter(tstate);
}

static void map_into(struct object_map *map) {
    object_map_track(
        map, &(struct object_source){.interpreter = interpreter_of(s_main), .owner = OWNER_MAIN},
        &s_err);
    object_map_track(
        map, &(struct object_source){.interpreter = interpreter_of(s_sub), .owner = OWNER_OLD},
        &s_err);
    object_map_reach(map, interpreter_of(s_main), OWNER_MAIN, &s_err);
    object_map_reach(map, interpreter_of(s_sub), OWNER_OLD, &s_err);
}

static struct object_map *map_both(void) {
    struct object_map *map = object_map_new(&s_images, &s_err);
    map_into(map);
    return map;
}

static unsigned owners(struct object_map *map, PyObject *object) {
    return object_map_marks(map, (uintptr_t)object) & OWNER_MASK;
}

Test(object_map, a_class_belongs_to_the_interpreter_that_made_it) {
    run(s_main, "class A: pass");
    run(s_sub, "class B: pass");
    PyObject *a = eval(s_main, "A"), *b = eval(s_sub, "B");
    struct object_map *map = map_both();
    cr_assert_eq(object_map_marks(map, (uintptr_t)a), OBJECT_TRACKED | OWNER_MAIN);
    cr_assert_eq(object_map_marks(map, (uintptr_t)b), OBJECT_TRACKED | OWNER_OLD);
    cr_assert_eq(object_map_marks(map, (uintptr_t)b + 8), 0);
    cr_assert_eq(object_map_marks(map, (uintptr_t)b + 16), 0);
    object_map_free(map);
}

Test(object_map, an_untracked_object_belongs_to_those_that_reach_it) {
    run(s_sub, "value = [1.5]; text = ['only ' + str(12345)]");
    run(s_main, "value = [2.5]");
    PyObject *number = PyList_GET_ITEM(eval(s_sub, "value"), 0);
    PyObject *text = PyList_GET_ITEM(eval(s_sub, "text"), 0);
    PyObject *other = PyList_GET_ITEM(eval(s_main, "value"), 0);
    struct object_map *map = map_both();
    cr_assert_eq(owners(map, number), OWNER_OLD);
    cr_assert_eq(owners(map, text), OWNER_OLD);
    cr_assert_eq(owners(map, other), OWNER_MAIN);
    object_map_free(map);
}

Test(object_map, singletons_and_static_types_belong_to_nobody) {
    struct object_map *map = map_both();
    PyObject *nobodys[] = {Py_None, (PyObject *)&PyDict_Type, (PyObject *)&PyType_Type};
    for (size_t i = 0; i < sizeof nobodys / sizeof nobodys[0]; i++) {
        cr_assert_eq(owners(map, nobodys[i]), 0u);
    }
    object_map_free(map);
}

Test(object_map, an_object_handed_over_is_an_edge) {
    run(s_main, "class A: pass");
    PyObject *a = eval(s_main, "A");
    PyThreadState_Swap(s_sub);
    PyObject *main_module = PyImport_AddModule("__main__");
    cr_assert_eq(PyObject_SetAttrString(main_module, "smuggled", a), 0);
    PyThreadState_Swap(s_main);
    struct object_map *map = map_both();
    size_t count, found = 0;
    const struct object_edge *edges = object_map_edges(map, &count);
    for (size_t i = 0; i < count; i++) {
        found +=
            edges[i].to == a && edges[i].from_owner == OWNER_OLD && edges[i].to_owner == OWNER_MAIN;
    }
    cr_assert_eq(found, 1u);
    object_map_free(map);
}

Test(object_map, references_from_outside_are_what_is_not_counted_inside) {
    run(s_sub, "class K: pass\nlisted = [K(), K()]");
    PyObject *list = eval(s_sub, "listed");
    PyObject *objects[] = {PyList_GET_ITEM(list, 0), PyList_GET_ITEM(list, 1)};
    Py_INCREF(objects[1]); /* as a C variable would */
    struct object_map *map = object_map_new(&s_images, &s_err);
    object_map_count(map, objects[0], &s_err);
    object_map_count(map, objects[1], &s_err);
    map_into(map);
    for (size_t i = 0; i < 2; i++) {
        size_t inside = object_map_references(map, (uintptr_t)objects[i]);
        cr_assert_eq((size_t)Py_REFCNT(objects[i]), inside + i);
    }
    object_map_free(map);
}

/* From 3.14 on the stack of a generator borrows from its variables. */
Test(object_map, references_of_a_generator_are_as_many_as_were_counted) {
    run(s_sub, "class K: pass\n"
               "def wait(value): print(value, value, (yield))\n"
               "listed = [K(), 'only ' + str(12345)]\n"
               "waiting = [wait(value) for value in listed]\n"
               "for each in waiting: next(each)\n");
    PyObject *list = eval(s_sub, "listed");
    struct object_map *map = object_map_new(&s_images, &s_err);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        Py_INCREF(PyList_GET_ITEM(list, i)); /* as a C variable would */
        object_map_count(map, PyList_GET_ITEM(list, i), &s_err);
    }
    map_into(map);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        size_t inside = object_map_references(map, (uintptr_t)object);
        cr_assert_eq((size_t)Py_REFCNT(object), inside + 1);
    }
    object_map_free(map);
}

Test(object_map, every_tracked_object_is_in_one_list_only) {
    run(s_sub, "import json");
    struct object_map *map = object_map_new(&s_images, &s_err);
    object_map_track(
        map, &(struct object_source){.interpreter = interpreter_of(s_main), .owner = OWNER_MAIN},
        &s_err);
    PyThreadState_Swap(s_sub);
    PyObject *objects = PyObject_CallMethod(PyImport_ImportModule("gc"), "get_objects", NULL);
    size_t of_main = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        of_main += object_map_marks(map, (uintptr_t)PyList_GET_ITEM(objects, i)) != 0;
    }
    cr_assert_eq(of_main, 0u);
    cr_assert_gt(PyList_GET_SIZE(objects), 3000);
    PyThreadState_Swap(s_main);
    object_map_free(map);
}

Test(object_map, a_text_is_made_without_running_code) {
    char text[OBJECT_TEXT_BYTES];
    run(s_main, "class Loud:\n"
                "    def __repr__(self): raise SystemExit\n"
                "    __str__ = __hash__ = __repr__\n"
                "def function(): pass\n");
    static const struct {
        const char *expression, *text;
    } s_cases[] = {
        {"Loud()", "<__main__.Loud object>"},
        {"Loud", "<class '__main__.Loud'>"},
        {"function", "<function __main__.function>"},
        {"__import__('sys')", "<module 'sys'>"},
        {"'a\\nb'", "'a?b'"},
        {"'\\u20ac'", "'\u20ac'"},
        {"[Loud()]", "<list of 1>"},
        {"(1, 2)", "<tuple of 2>"},
        {"-7", "-7"},
        {"10**40", "<a large int>"},
        {"len", "<built-in function builtins.len>"},
        {"dict", "<class 'dict'>"},
    };
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        object_text(eval(s_main, s_cases[i].expression), text, sizeof text);
        cr_assert_str_eq(text, s_cases[i].text);
    }
}

Test(object_map, leaf_values_are_immutable_all_the_way_down) {
    static const char *const s_leaves[] = {
        "'a'", "1", "1.5", "b'x'", "None", "(1, ('a', 2.5))", "frozenset([1, 'a'])", "True"};
    static const char *const s_others[] = {"[]",  "{}",  "(1, [])",         "object()",
                                           "int", "len", "frozenset([int])"};
    for (size_t i = 0; i < sizeof s_leaves / sizeof s_leaves[0]; i++) {
        cr_assert(object_is_leaf(eval(s_main, s_leaves[i])), "%s", s_leaves[i]);
    }
    for (size_t i = 0; i < sizeof s_others / sizeof s_others[0]; i++) {
        cr_assert_not(object_is_leaf(eval(s_main, s_others[i])), "%s", s_others[i]);
    }
}
