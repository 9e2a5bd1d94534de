#include "pool/python/py_compat.h"

#include "pool/python/ctypes_caches.h"

int ctypes_caches_prepare_main(void) {
    PyObject *module = PyImport_ImportModule("_ctypes");
    PyObject *simple = module ? PyObject_GetAttrString(module, "_SimpleCData") : NULL;
    PyObject *item = simple ? PyObject_CallFunction((PyObject *)Py_TYPE(simple), "s(O){ss}", "item",
                                                    simple, "_type_", "i")
                            : NULL;
    PyObject *items = item ? PySequence_Repeat(item, 1) : NULL;
    Py_XDECREF(items);
    Py_XDECREF(item);
    Py_XDECREF(simple);
    Py_XDECREF(module);
    return items ? 0 : -1;
}

/** What both functions have as `self`: the module. @return new references, or -1 */
static int get_parts(PyObject *module, PyObject **ret_cache, PyObject **ret_base) {
    *ret_cache = PyObject_GetAttrString(module, "_pointer_type_cache");
    *ret_base = *ret_cache ? PyObject_GetAttrString(module, "_Pointer") : NULL;
    if (*ret_base && !PyDict_Check(*ret_cache)) {
        PyErr_SetString(PyExc_TypeError, "_ctypes._pointer_type_cache must be a dict");
        Py_CLEAR(*ret_base);
    }
    if (!*ret_base) {
        Py_CLEAR(*ret_cache);
        return -1;
    }
    return 0;
}

/** A new class of pointers to `of`, or (a str) to what is set later. @return NULL: exception */
static PyObject *make_type(PyObject *base, PyObject *of) {
    PyObject *type = NULL;
    PyObject *name = PyType_Check(of) ? PyUnicode_FromFormat("LP_%s", ((PyTypeObject *)of)->tp_name)
                                      : PyUnicode_FromFormat("LP_%U", of);
    PyObject *namespace = name ? PyDict_New() : NULL;
    if (namespace && (!PyType_Check(of) || PyDict_SetItemString(namespace, "_type_", of) == 0)) {
        type = PyObject_CallFunction((PyObject *)Py_TYPE(base), "O(O)O", name, base, namespace);
    }
    Py_XDECREF(namespace);
    Py_XDECREF(name);
    return type;
}

/** POINTER(of): as ctypes documents it; a class for a name is entered by its id(). */
static PyObject *pointer_type(PyObject *module, PyObject *of) {
    PyObject *cache, *base, *type = NULL, *key = NULL;
    if (get_parts(module, &cache, &base) != 0) {
        return NULL;
    }
    PyObject *known = PyDict_GetItemWithError(cache, of); /* borrowed */
    if (known) {
        type = Py_NewRef(known);
    } else if (PyErr_Occurred()) {
        /* it cannot be hashed */
    } else if (!PyUnicode_CheckExact(of) && !PyType_Check(of)) {
        PyErr_SetString(PyExc_TypeError, "must have a ctypes type");
    } else if ((type = make_type(base, of))) {
        key = PyType_Check(of) ? Py_NewRef(of) : PyLong_FromVoidPtr(type);
        if (!key || PyDict_SetItem(cache, key, type) != 0) {
            Py_CLEAR(type);
        }
        Py_XDECREF(key);
    }
    Py_DECREF(cache);
    Py_DECREF(base);
    return type;
}

/** pointer(object) */
static PyObject *pointer_to(PyObject *module, PyObject *object) {
    PyObject *type = pointer_type(module, (PyObject *)Py_TYPE(object));
    PyObject *pointer = type ? PyObject_CallOneArg(type, object) : NULL;
    Py_XDECREF(type);
    return pointer;
}

int ctypes_caches_register(PyObject *module) {
    static PyMethodDef s_methods[] = {
        {"POINTER", pointer_type, METH_O, "Create and return a new class of pointers."},
        {"pointer", pointer_to, METH_O, "Create a new pointer to an object."},
        {NULL, NULL, 0, NULL},
    };
    PyObject *cache = PyDict_New();
    int result = cache ? PyModule_AddObjectRef(module, "_pointer_type_cache", cache) : -1;
    if (result == 0) {
        result = PyModule_AddFunctions(module, s_methods);
    }
    Py_XDECREF(cache);
    return result;
}
