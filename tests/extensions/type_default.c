/* A static type keeps an object among its attributes: one for all interpreters (hazard 2). */
#include "module.h"

static PyTypeObject Point_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "type_default.Point",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
};

static PyObject *set_default_(PyObject *module, PyObject *value) {
    (void)module;
    if (!PyDict_GetItemString(Point_type.tp_dict, "default")) {
        if (PyDict_SetItemString(Point_type.tp_dict, "default", value) != 0) {
            return NULL;
        }
        PyType_Modified(&Point_type);
    }
    Py_RETURN_NONE;
}

static int load(PyObject *module) {
    return PyModule_AddType(module, &Point_type);
}

static PyMethodDef methods[] = {
    {"set_default", set_default_, METH_O, "set Point.default, unless it is set"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(type_default, "A static type.", 0, methods, slots)
