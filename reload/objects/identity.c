#include "reload/objects/identity.h"

#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/object_text.h"

enum { NAME_BYTES = 256 };

/** The namespace of a module or class as a dictionary, or NULL. */
static PyObject *namespace_of(PyObject *object) {
    if (PyModule_Check(object)) {
        return PyModule_GetDict(object);
    }
    return PyType_Check(object) ? ((PyTypeObject *)object)->tp_dict : NULL;
}

/** Walk "Outer.inner" down from a module. */
static PyObject *walk(PyObject *module, const char *qualname) {
    char part[NAME_BYTES];
    PyObject *object = module;
    while (object && *qualname) {
        size_t length = strcspn(qualname, ".");
        if (length >= sizeof part) {
            return NULL;
        }
        memcpy(part, qualname, length);
        part[length] = '\0';
        object = object_dict_entry(namespace_of(object), part);
        qualname += length + (qualname[length] == '.');
    }
    return object;
}

static PyObject *module_of(PyObject *object, PyObject **ret_qualname) {
    if (PyType_Check(object) && (((PyTypeObject *)object)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        *ret_qualname = ((PyHeapTypeObject *)object)->ht_qualname;
        return object_dict_entry(((PyTypeObject *)object)->tp_dict, "__module__");
    }
    if (PyFunction_Check(object)) {
        *ret_qualname = ((PyFunctionObject *)object)->func_qualname;
        return ((PyFunctionObject *)object)->func_module;
    }
    return NULL;
}

/**
 * The object that `interpreter` knows under the qualified name of `object` (a class, function or
 * module), when that is another one.  Looks through dictionaries only.
 * @return borrowed, or NULL: no such name there, or the same object
 */
static PyObject *twin_of(PyObject *object, PyInterpreterState *interpreter) {
    char module_name[NAME_BYTES], qualname[NAME_BYTES] = "";
    PyObject *name = NULL, *module;
    PyObject *modules = py_modules(interpreter);
    if (PyModule_Check(object)) {
        module = object_dict_entry(PyModule_GetDict(object), "__name__");
    } else {
        module = module_of(object, &name);
    }
    if (!modules || !module || !PyUnicode_Check(module)) {
        return NULL;
    }
    object_str_text(module, module_name, sizeof module_name);
    if (name) {
        object_str_text(name, qualname, sizeof qualname);
    }
    PyObject *there = object_dict_entry(modules, module_name);
    PyObject *twin = there ? walk(there, qualname) : NULL;
    if (!twin || twin == object) {
        return NULL;
    }
    /* Not by their types: a metaclass may itself be another one in each interpreter. */
    bool is_same_kind = (PyType_Check(object) && PyType_Check(twin)) ||
                        (PyFunction_Check(object) && PyFunction_Check(twin)) ||
                        (PyModule_Check(object) && PyModule_Check(twin));
    return is_same_kind ? twin : NULL;
}

struct search {
    PyInterpreterState *interpreter;
    PyObject *found;
    unsigned depth, items;
};

static int look_at(PyObject *object, void *arg) {
    struct search *search = arg;
    if (search->found || search->items++ >= IDENTITY_ITEMS_MAX) {
        return 1;
    }
    if (PyType_Check(object) || PyFunction_Check(object) || PyModule_Check(object)) {
        if (twin_of(object, search->interpreter)) {
            search->found = object;
        }
        return search->found != NULL;
    }
    bool is_container = PyDict_CheckExact(object) || PyList_CheckExact(object) ||
                        PyTuple_CheckExact(object) || PyAnySet_CheckExact(object);
    if (is_container && search->depth < IDENTITY_DEPTH_MAX) {
        search->depth++;
        Py_TYPE(object)->tp_traverse(object, look_at, search);
        search->depth--;
    }
    return search->found != NULL;
}

PyObject *identity_find_split(PyObject *held, PyInterpreterState *interpreter) {
    struct search search = {.interpreter = interpreter};
    look_at(held, &search);
    return search.found;
}
