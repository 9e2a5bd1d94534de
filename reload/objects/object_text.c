#include "reload/objects/object_text.h"

#include <stdio.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"

void object_str_text(PyObject *str, char *text, size_t text_bytes) {
    size_t at = 0;
    if (!text_bytes) {
        return;
    }
    text[0] = '\0';
    if (!PyUnicode_Check(str) || !inspect_str_is_ready(str)) {
        return;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(str);
    for (Py_ssize_t i = 0; i < length && at + 5 < text_bytes; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(str, i);
        if (c < 0x80) {
            text[at++] = c < 0x20 || c == 0x7F ? '?' : (char)c;
        } else if (c < 0x800) {
            text[at++] = (char)(0xC0 | c >> 6);
            text[at++] = (char)(0x80 | (c & 0x3F));
        } else if (c < 0x10000 && (c < 0xD800 || c > 0xDFFF)) {
            text[at++] = (char)(0xE0 | c >> 12);
            text[at++] = (char)(0x80 | (c >> 6 & 0x3F));
            text[at++] = (char)(0x80 | (c & 0x3F));
        } else if (c >= 0x10000) {
            text[at++] = (char)(0xF0 | c >> 18);
            text[at++] = (char)(0x80 | (c >> 12 & 0x3F));
            text[at++] = (char)(0x80 | (c >> 6 & 0x3F));
            text[at++] = (char)(0x80 | (c & 0x3F));
        } else {
            text[at++] = '?';
        }
    }
    text[at] = '\0';
}

PyObject *object_dict_entry(PyObject *dict, const char *name) {
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (dict && PyDict_CheckExact(dict) && PyDict_Next(dict, &position, &key, &value)) {
        if (PyUnicode_CheckExact(key) && PyUnicode_CompareWithASCIIString(key, name) == 0) {
            return value;
        }
    }
    return NULL;
}

static void join_names(PyObject *module, PyObject *name, char *text, size_t text_bytes) {
    size_t used = 0;
    if (module && PyUnicode_Check(module) &&
        PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        object_str_text(module, text, text_bytes);
        used = strlen(text);
        if (used + 2 < text_bytes) {
            text[used++] = '.';
        }
    }
    object_str_text(name, text + used, text_bytes - used);
}

bool object_str_ends_with(PyObject *str, const char *end) {
    if (!PyUnicode_Check(str) || !inspect_str_is_ready(str)) {
        return false;
    }
    Py_ssize_t length = PyUnicode_GET_LENGTH(str), count = (Py_ssize_t)strlen(end);
    bool ends = length >= count;
    for (Py_ssize_t i = 0; ends && i < count; i++) {
        ends = PyUnicode_READ_CHAR(str, length - count + i) == (Py_UCS4)end[i];
    }
    return ends;
}

static void type_name(PyTypeObject *type, char *text, size_t text_bytes) {
    if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
        PyObject *name = ((PyHeapTypeObject *)type)->ht_qualname;
        join_names(object_dict_entry(type->tp_dict, "__module__"), name, text, text_bytes);
    } else {
        snprintf(text, text_bytes, "%s", type->tp_name);
    }
}

static void kind_text(PyTypeObject *type, char *text, size_t text_bytes) {
    char name[OBJECT_TEXT_BYTES - 32];
    type_name(type, name, sizeof name);
    snprintf(text, text_bytes, "<%s object>", name);
}

/** "decimal.Decimal" of a type, function, method descriptor or module. @return false: no name */
static bool qualified_name(PyObject *object, char *text, size_t text_bytes) {
    text[0] = '\0';
    if (PyType_Check(object)) {
        type_name((PyTypeObject *)object, text, text_bytes);
    } else if (PyFunction_Check(object)) {
        PyFunctionObject *function = (PyFunctionObject *)object;
        join_names(function->func_module, function->func_qualname, text, text_bytes);
    } else if (PyCFunction_Check(object)) {
        PyCFunctionObject *function = (PyCFunctionObject *)object;
        PyObject *module = function->m_module;
        object_str_text(module ? module : Py_None, text, text_bytes);
        size_t used = strlen(text);
        snprintf(text + used, text_bytes - used, "%s%s", used ? "." : "", function->m_ml->ml_name);
    } else if (PyModule_Check(object)) {
        PyObject *name = object_dict_entry(PyModule_GetDict(object), "__name__");
        object_str_text(name ? name : Py_None, text, text_bytes);
    }
    return text[0] != '\0';
}

bool object_is_leaf(PyObject *object) {
    if (PyUnicode_CheckExact(object) || PyBytes_CheckExact(object) || PyLong_CheckExact(object) ||
        PyFloat_CheckExact(object) || PyComplex_CheckExact(object) || PyBool_Check(object) ||
        object == Py_None || object == Py_Ellipsis || object == Py_NotImplemented) {
        return true;
    }
    if (PyContextVar_CheckExact(object)) {
        return !PyObject_GC_IsTracked(object);
    }
    if (PyTuple_CheckExact(object)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(object); i++) {
            PyObject *item = PyTuple_GET_ITEM(object, i);
            if (item && !object_is_leaf(item)) {
                return false;
            }
        }
        return true;
    }
    if (PyFrozenSet_CheckExact(object)) {
        PyObject *item;
        Py_ssize_t position = 0;
        while (inspect_set_next(object, &position, &item)) {
            if (!object_is_leaf(item)) {
                return false;
            }
        }
        return true;
    }
    return false;
}

/* snprintf() would take the decimal sign of a locale that an application has set. */
static void float_text(PyObject *number, char *text, size_t text_bytes) {
    char *digits = PyOS_double_to_string(PyFloat_AS_DOUBLE(number), 'g', 17, 0, NULL);
    snprintf(text, text_bytes, "%s", digits ? digits : "<a float>");
    if (!digits) {
        PyErr_Clear();
    }
    PyMem_Free(digits);
}

static void number_text(PyObject *number, char *text, size_t text_bytes) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    snprintf(text, text_bytes, overflow ? "<a large int>" : "%lld", value);
}

void object_text(PyObject *object, char *text, size_t text_bytes) {
    char name[OBJECT_TEXT_BYTES - 32];
    PyTypeObject *type = Py_TYPE(object);
    if (PyUnicode_CheckExact(object)) {
        char cut[48];
        object_str_text(object, cut, sizeof cut);
        snprintf(text, text_bytes, "'%s'", cut);
    } else if (PyLong_CheckExact(object)) {
        number_text(object, text, text_bytes);
    } else if (PyFloat_CheckExact(object)) {
        float_text(object, text, text_bytes);
    } else if (PyDict_CheckExact(object)) {
        snprintf(text, text_bytes, "<dict of %zd>", PyDict_GET_SIZE(object));
    } else if (PyList_CheckExact(object)) {
        snprintf(text, text_bytes, "<list of %zd>", PyList_GET_SIZE(object));
    } else if (PyTuple_CheckExact(object)) {
        snprintf(text, text_bytes, "<tuple of %zd>", PyTuple_GET_SIZE(object));
    } else if (PyAnySet_CheckExact(object)) {
        snprintf(text, text_bytes, "<%s of %zd>", type->tp_name, PySet_GET_SIZE(object));
    } else if (qualified_name(object, name, sizeof name)) {
        const char *kind = PyType_Check(object)       ? "class"
                           : PyModule_Check(object)   ? "module"
                           : PyFunction_Check(object) ? "function"
                                                      : "built-in function";
        bool quoted = PyType_Check(object) || PyModule_Check(object);
        snprintf(text, text_bytes, quoted ? "<%s '%s'>" : "<%s %s>", kind, name);
    } else {
        kind_text(type, text, text_bytes);
    }
}

/** A str whose characters stand in its own block. */
static bool has_own_characters(PyObject *object) {
    return PyUnicode_CheckExact(object) && inspect_str_is_ready(object) &&
           PyUnicode_IS_COMPACT(object);
}

const void *object_dead_contents(PyObject *object) {
    if (has_own_characters(object)) {
        return PyUnicode_DATA(object);
    }
    return PyBytes_CheckExact(object) ? PyBytes_AS_STRING(object) : NULL;
}

void object_dead_text(PyObject *object, char *text, size_t text_bytes) {
    if (has_own_characters(object)) {
        object_text(object, text, text_bytes);
    } else {
        kind_text(Py_TYPE(object), text, text_bytes);
    }
}
