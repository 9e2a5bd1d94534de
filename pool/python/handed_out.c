#include "pool/python/py_compat.h"

#include "pool/python/handed_out.h"

#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "pool/python/cpython_inspect.h"

static struct handed_out *s_items;
static size_t s_count;

/** A walk through an object. */
struct walk {
    uint64_t hash;
    unsigned depth, items;
    bool is_changeable; /**< something in it can be changed */
};

/** Tables are a few containers deep; of larger ones the beginning is compared. */
enum { WALK_DEPTH_MAX = 4, WALK_ITEMS_MAX = 20000, WALK_BYTES_MAX = 1024 };

static void add_word(struct walk *walk, uint64_t word) {
    static const uint64_t FNV_PRIME = 0x100000001b3;
    walk->hash = (walk->hash ^ word) * FNV_PRIME;
    walk->hash ^= walk->hash >> 32;
}

static void look(struct walk *walk, PyObject *object);

static void look_into_dict(struct walk *walk, PyObject *dict) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        look(walk, key);
        look(walk, value);
    }
}

/** @param dict  NULL: no attribute was set yet */
static void look_into_attributes(struct walk *walk, PyObject *dict) {
    if (dict && PyDict_Check(dict)) {
        look_into_dict(walk, dict);
    }
}

static void look_into_set(struct walk *walk, PyObject *set) {
    PyObject *item;
    Py_ssize_t position = 0;
    while (inspect_set_next(set, &position, &item)) {
        look(walk, item);
    }
}

static void look_into_sequence(struct walk *walk, PyObject *sequence) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); i++) {
        look(walk, PySequence_Fast_GET_ITEM(sequence, i));
    }
}

/** Whether attributes of a type's instances can be set, as far as its tables say. */
static bool has_settable(PyTypeObject *type) {
    for (; type && type != &PyBaseObject_Type; type = type->tp_base) {
        for (PyMemberDef *member = type->tp_members; member && member->name; member++) {
            if (!(member->flags & READONLY)) {
                return true;
            }
        }
        for (PyGetSetDef *field = type->tp_getset; field && field->name; field++) {
            if (field->set) {
                return true;
            }
        }
    }
    return false;
}

/** The attributes of an instance that are objects. */
static void look_at_members(struct walk *walk, PyObject *object) {
    for (PyTypeObject *type = Py_TYPE(object); type; type = type->tp_base) {
        for (PyMemberDef *member = type->tp_members; member && member->name; member++) {
            bool is_object = member->type == T_OBJECT || member->type == T_OBJECT_EX;
            if (is_object && !(member->flags & READONLY)) {
                PyObject *value;
                memcpy(&value, (char *)object + member->offset, sizeof value);
                add_word(walk, (uint64_t)(uintptr_t)value);
            }
        }
    }
}

/** An object with fields of an extension's. */
static void look_at_fields(struct walk *walk, PyObject *object) {
    static const uint64_t POINTERS_FROM = (uint64_t)1 << 32, POINTERS_TO = (uint64_t)1 << 47;
    size_t bytes = (size_t)Py_TYPE(object)->tp_basicsize;
    walk->is_changeable = true;
    for (size_t i = sizeof *object; i + sizeof(uint64_t) <= bytes && i < WALK_BYTES_MAX;
         i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, (char *)object + i, sizeof word);
        add_word(walk, word >= POINTERS_FROM && word < POINTERS_TO ? 0 : word);
    }
    look_at_members(walk, object);
}

static void look(struct walk *walk, PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    add_word(walk, (uint64_t)(uintptr_t)object);
    if (walk->depth == WALK_DEPTH_MAX || walk->items++ == WALK_ITEMS_MAX) {
        return;
    }
    walk->depth++;
    if (PyDict_Check(object)) {
        walk->is_changeable = true;
        look_into_dict(walk, object);
    } else if (PyList_Check(object) || PyTuple_Check(object)) {
        walk->is_changeable |= PyList_Check(object);
        look_into_sequence(walk, object);
    } else if (PyAnySet_Check(object)) {
        walk->is_changeable |= PySet_Check(object);
        look_into_set(walk, object);
    } else if (!PyType_Check(object) && !PyModule_Check(object) && !PyFunction_Check(object) &&
               !PyCFunction_Check(object) && has_settable(type)) {
        look_at_fields(walk, object);
    }
    if (type->tp_dictoffset > 0 && !PyType_Check(object) && !PyModule_Check(object)) {
        PyObject *dict;
        memcpy(&dict, (char *)object + type->tp_dictoffset, sizeof dict);
        walk->is_changeable = true;
        look_into_attributes(walk, dict);
    }
    walk->depth--;
}

static struct walk walk_through(PyObject *object) {
    struct walk walk = {.hash = 0xcbf29ce484222325};
    look(&walk, object);
    return walk;
}

static bool is_noted(const char *module) {
    for (size_t i = 0; i < s_count; i++) {
        if (strcmp(s_items[i].module, module) == 0) {
            return true;
        }
    }
    return false;
}

static int add_item(const char *module, PyObject *attribute, PyObject *object, uint64_t contents) {
    const char *name = PyUnicode_AsUTF8(attribute);
    if (!name) {
        return -1;
    }
    struct handed_out *items = realloc(s_items, (s_count + 1) * sizeof *items);
    if (items) {
        s_items = items;
        struct handed_out *item = &items[s_count];
        *item = (struct handed_out){strdup(module), strdup(name), object, contents};
        if (item->module && item->attribute) {
            s_count++;
            return 0;
        }
        free(item->module);
        free(item->attribute);
    }
    PyErr_NoMemory();
    return -1;
}

int handed_out_note(const char *name, PyObject *module) {
    const PyModuleDef *definition = PyModule_Check(module) ? PyModule_GetDef(module) : NULL;
    PyObject *dict = definition ? definition->m_base.m_copy : NULL; /* borrowed */
    if (!dict || !PyDict_Check(dict) || is_noted(name)) {
        return 0;
    }
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        struct walk walk = walk_through(value);
        if (PyUnicode_Check(key) && walk.is_changeable &&
            add_item(name, key, value, walk.hash) != 0) {
            return -1;
        }
    }
    return 0;
}

const struct handed_out *handed_out_items(size_t *ret_count) {
    *ret_count = s_count;
    return s_items;
}

bool handed_out_has_changed(const struct handed_out *item) {
    return walk_through(item->object).hash != item->contents;
}
