#include "pool/python/py_compat.h"

#include "pool/python/builtin_types.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if PY_COPIES_INHERITED_SLOTS

/** A type, and the attributes that it has in the main interpreter. */
struct noted_type {
    PyTypeObject *type;
    char **names;
    size_t count;
};

static struct noted_type *s_types; /**< written once, while there is one interpreter */
static size_t s_type_count;

static bool is_noted(const PyTypeObject *type) {
    for (size_t i = 0; i < s_type_count; i++) {
        if (s_types[i].type == type) {
            return true;
        }
    }
    return false;
}

static bool has_name(const struct noted_type *noted, const char *name) {
    for (size_t i = 0; i < noted->count; i++) {
        if (strcmp(noted->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/** @return 0, or -1 without memory: then it is as if the type were not there */
static int note_type(PyTypeObject *type) {
    struct noted_type *types = realloc(s_types, (s_type_count + 1) * sizeof *types);
    if (!types) {
        return -1;
    }
    s_types = types;
    PyObject *attributes = PyType_GetDict(type);
    struct noted_type noted = {type, calloc((size_t)PyDict_Size(attributes) + 1, sizeof(char *)),
                               0};
    PyObject *key, *value;
    Py_ssize_t position = 0;
    bool is_complete = noted.names != NULL;
    while (is_complete && PyDict_Next(attributes, &position, &key, &value)) {
        const char *name = PyUnicode_AsUTF8(key);
        noted.names[noted.count] = name ? strdup(name) : NULL;
        is_complete = noted.names[noted.count++] != NULL;
    }
    Py_DECREF(attributes);
    if (is_complete) {
        s_types[s_type_count++] = noted;
    }
    return is_complete ? 0 : -1;
}

/** The type and all static types below it. */
static int note_types_from(PyTypeObject *type) {
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE || is_noted(type)) {
        return 0;
    }
    PyObject *subclasses =
        PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
    int result = subclasses ? note_type(type) : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(subclasses); i++) {
        result = note_types_from((PyTypeObject *)PyList_GET_ITEM(subclasses, i));
    }
    Py_XDECREF(subclasses);
    return result;
}

void builtin_types_note(void) {
    if (note_types_from(&PyBaseObject_Type) != 0) {
        s_type_count = 0;
        PyErr_Clear();
    }
}

static int remove_copies(const struct noted_type *noted) {
    PyObject *attributes = PyType_GetDict(noted->type);
    PyObject *names = attributes ? PyDict_Keys(attributes) : NULL;
    int result = names ? 0 : -1;
    bool is_changed = false;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(names); i++) {
        PyObject *key = PyList_GET_ITEM(names, i);
        const char *name = PyUnicode_AsUTF8(key);
        bool is_slot = Py_IS_TYPE(PyDict_GetItemWithError(attributes, key), &PyWrapperDescr_Type);
        if (name && is_slot && !has_name(noted, name)) {
            result = PyDict_DelItem(attributes, key);
            is_changed = true;
        }
    }
    if (is_changed) {
        PyType_Modified(noted->type);
    }
    Py_XDECREF(names);
    Py_XDECREF(attributes);
    return result;
}

#else

void builtin_types_note(void) {
}

#endif
#if PY_HAS_OWN_BUILTIN_DICTS

/** The object that a context's token has for "there was no value before". New reference. */
static PyObject *token_missing(void) {
    PyObject *variable = PyContextVar_New("fcgi_host", NULL);
    PyObject *token = variable ? PyContextVar_Set(variable, Py_None) : NULL;
    PyObject *missing = token ? PyObject_GetAttrString(token, "old_value") : NULL;
    if (token && PyContextVar_Reset(variable, token) != 0) {
        Py_CLEAR(missing);
    }
    Py_XDECREF(token);
    Py_XDECREF(variable);
    return missing;
}

static int add_token_missing(void) {
    PyObject *missing = token_missing();
    PyObject *attributes = missing ? PyType_GetDict(&PyContextToken_Type) : NULL;
    int result = attributes ? PyDict_SetItemString(attributes, "MISSING", missing) : -1;
    Py_XDECREF(attributes);
    Py_XDECREF(missing);
    return result;
}

#endif

int builtin_types_align(void) {
    int result = 0;
#if PY_COPIES_INHERITED_SLOTS
    for (size_t i = 0; result == 0 && i < s_type_count; i++) {
        result = remove_copies(&s_types[i]);
    }
#endif
#if PY_HAS_OWN_BUILTIN_DICTS
    if (result == 0) {
        result = add_token_missing();
    }
#endif
    return result;
}
