/* Multi-phase; wants to be in the main interpreter, as the guide for extension authors suggests. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static int execute(PyObject *module) {
    (void)module;
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "only in the main interpreter, please");
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot s_slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef s_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "refuses",
    .m_slots = s_slots,
};

PyMODINIT_FUNC PyInit_refuses(void) {
    return PyModuleDef_Init(&s_module);
}
