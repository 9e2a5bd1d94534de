#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/object_text.h"
#include "reload/stale/stale_known.h"
#include "reload/stale/stale_words.h"

/**
 * A dictionary entry that only the old interpreter could look up: its key is, or is a tuple with,
 * an object of that interpreter.  It takes memory and nothing else.
 */
static bool is_key_of(const struct object_map *map, PyObject *key, uint8_t owner) {
    if (PyTuple_CheckExact(key)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
            if (is_key_of(map, PyTuple_GET_ITEM(key, i), owner)) {
                return true;
            }
        }
        return false;
    }
    uint8_t marks = object_map_marks(map, (uintptr_t)key);
    return (marks & OBJECT_TRACKED) && (marks & owner);
}

static bool is_unreachable_entry(const struct object_map *map, const struct object_edge *edge) {
    if (!PyDict_CheckExact(edge->from)) {
        return false;
    }
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(edge->from, &position, &key, &value)) {
        if ((key == edge->to || value == edge->to) && !is_key_of(map, key, edge->to_owner)) {
            return false;
        }
    }
    return true;
}

struct reach {
    PyObject *target;
    unsigned depth, items;
    bool found;
};

/** Registries are a few containers deep at most. */
enum { REACH_DEPTH_MAX = 4, REACH_ITEMS_MAX = 20000 };

static int reach(PyObject *object, void *arg) {
    struct reach *search = arg;
    if (object == search->target) {
        search->found = true;
    }
    if (search->found || search->items++ > REACH_ITEMS_MAX) {
        return 1;
    }
    bool is_container = PyDict_CheckExact(object) || PyList_CheckExact(object) ||
                        PyTuple_CheckExact(object) || PyAnySet_CheckExact(object);
    if (is_container && search->depth < REACH_DEPTH_MAX) {
        search->depth++;
        Py_TYPE(object)->tp_traverse(object, reach, search);
        search->depth--;
    }
    return search->found;
}

static const struct scan_hit *find_in(const struct scan_hit *hits, size_t count, PyObject *target) {
    for (size_t i = 0; i < count; i++) {
        struct reach search = {.target = target};
        reach(hits[i].object, &search);
        if (search.found) {
            return &hits[i];
        }
    }
    return NULL;
}

/** The variable, or cached module dictionary, that leads to the object which has the edge. */
static const struct scan_hit *find_variable(const struct stale_view *view, PyObject *target) {
    const struct scan_hit *hit = find_in(view->scan.hits, view->scan.count, target);
    return hit ? hit : find_in(view->scan.copies, view->scan.copy_count, target);
}

/** The module of `interpreter` whose dictionary is the object, or leads to it. */
static const char *module_that_leads_to(PyObject *object, PyInterpreterState *interpreter,
                                        char *text, size_t text_bytes) {
    PyObject *own_name = object_dict_entry(object, "__name__");
    if (own_name && PyUnicode_Check(own_name)) {
        object_str_text(own_name, text, text_bytes);
        return text;
    }
    PyObject *modules = py_modules(interpreter), *name, *module;
    Py_ssize_t position = 0;
    while (modules && PyDict_Check(modules) && PyDict_Next(modules, &position, &name, &module)) {
        struct reach search = {.target = object};
        if (PyModule_Check(module) && PyUnicode_Check(name)) {
            reach(PyModule_GetDict(module), &search);
        }
        if (search.found) {
            object_str_text(name, text, text_bytes);
            return text;
        }
    }
    return NULL;
}

static PyInterpreterState *interpreter_of(const struct stale_view *view, uint8_t owner) {
    return owner == OWNER_MAIN  ? PyInterpreterState_Main()
           : owner == OWNER_OLD ? view->old
                                : view->subject;
}

/** A tuple of leaf values and objects without an owner, such as a key of static types. */
static bool is_leaf_tuple(const struct stale_view *view, PyObject *object) {
    if (!PyTuple_CheckExact(object)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
        PyObject *item = PyTuple_GET_ITEM(object, i);
        bool is_nobodys = (object_map_marks(view->map, (uintptr_t)item) & OBJECT_NOBODYS) ||
                          image_list_find(view->images, (uintptr_t)item);
        if (!is_nobodys && !object_is_leaf(item)) {
            return false;
        }
    }
    return true;
}

/** The caches of an abstract base class (_abc_data) and weak sets are made of weak references. */
static bool is_weak_set(PyObject *object) {
    if (!PyAnySet_CheckExact(object)) {
        return false;
    }
    PyObject *item;
    Py_ssize_t position = 0;
    while (inspect_set_next(object, &position, &item)) {
        if (!PyWeakref_Check(item)) {
            return false;
        }
    }
    return true;
}

/** Made for a static type by the interpreter that used it first. */
static bool is_descriptor_of_static_type(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    bool is_descriptor = type == &PyWrapperDescr_Type || type == &PyMethodDescr_Type ||
                         type == &PyGetSetDescr_Type || type == &PyMemberDescr_Type ||
                         type == &PyClassMethodDescr_Type;
    return is_descriptor && !(PyDescr_TYPE(object)->tp_flags & Py_TPFLAGS_HEAPTYPE);
}

static bool is_edge_harmless(const struct stale_view *view, const struct object_edge *edge) {
    /* A weak reference keeps nothing alive: subclass lists, weak sets and caches. */
    return (object_map_marks(view->map, (uintptr_t)edge->to) & OBJECT_NOBODYS) ||
           PyWeakref_Check(edge->to) || PyWeakref_Check(edge->from) || is_weak_set(edge->to) ||
           is_unreachable_entry(view->map, edge) || object_is_leaf(edge->to) ||
           is_leaf_tuple(view, edge->to) || is_descriptor_of_static_type(edge->to);
}

static int report_edge(struct stale_view *view, struct stale_report *report,
                       const struct object_edge *edge) {
    bool is_handed_over = edge->from_owner != OWNER_MAIN;
    struct stale_what what = {.hazard = HAZARD_IDENTITY,
                              .verdict = is_handed_over ? VERDICT_SHARED : VERDICT_STALE,
                              .holds = edge->to,
                              .owner = edge->to_owner == OWNER_OTHER ? "another interpreter"
                                       : view->is_first              ? "this generation"
                                                                     : "the generation before"};
    const struct scan_hit *hit = find_variable(view, is_handed_over ? edge->to : edge->from);
    if (hit) {
        what.is_note = stale_known_is_harmless(hit, &what);
        bool is_copy = hit >= view->scan.copies && hit < view->scan.copies + view->scan.copy_count;
        what.detail = is_copy ? " (the module's cached dictionary)" : NULL;
        return stale_report_add(report, &view->extensions, view->images, hit, &what);
    }
    char name[OBJECT_TEXT_BYTES], from[OBJECT_TEXT_BYTES];
    object_text(edge->from, from, sizeof from);
    const char *module =
        module_that_leads_to(edge->from, interpreter_of(view, edge->from_owner), name, sizeof name);
    return stale_report_add_nowhere(report, module ? module : "", from, &what);
}

/** More edges than this add nothing to a report for people. */
enum { EDGES_REPORTED_MAX = 50 };

int stale_edges_report(struct stale_view *view, struct stale_report *report, struct error *err) {
    size_t count, reported = 0;
    const struct object_edge *edges = object_map_edges(view->map, &count);
    for (size_t i = 0; i < count && reported < EDGES_REPORTED_MAX; i++) {
        const struct object_edge *edge = &edges[i];
        bool concerns_us = edge->from_owner == OWNER_MAIN
                               ? edge->to_owner == OWNER_OLD
                               : edge->from_owner != OWNER_OTHER && edge->to_owner != OWNER_MAIN;
        /* The old generation's own edges end with it.  Without an owner: an object of an
         * interpreter that is ending, which had a check of its own. */
        if (!concerns_us || !edge->to_owner || (edge->from_owner == OWNER_OLD && !view->is_first) ||
            is_edge_harmless(view, edge)) {
            continue;
        }
        reported++;
        if (report_edge(view, report, edge) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    return 0;
}
