/* Takes a class, `Mark`, of its package while it is created, and hands out marks. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *mark_class;

static PyObject *mark(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    return PyObject_CallNoArgs(mark_class);
}

static PyMethodDef methods[] = {
    {"mark", mark, METH_NOARGS, "a new mark"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "imports_package", NULL, -1, methods};

PyMODINIT_FUNC PyInit_imports_package(void) {
    PyObject *package = PyImport_ImportModule("marks");
    mark_class = package ? PyObject_GetAttrString(package, "Mark") : NULL;
    Py_XDECREF(package);
    return mark_class ? PyModule_Create(&definition) : NULL;
}
