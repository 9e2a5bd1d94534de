/* Single-phase without a state: all interpreters get one instance of a type (hazard 2). */
#include "shared_instance.h"

static PyTypeObject setting_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "shared_instance.Setting",
    .tp_basicsize = sizeof(struct setting),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_members = members,
    .tp_new = PyType_GenericNew,
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "shared_instance",
    .m_doc = "A setting.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit_shared_instance(void) {
    PyObject *module = PyType_Ready(&setting_type) == 0 ? PyModule_Create(&definition) : NULL;
    PyObject *setting = module ? PyObject_CallNoArgs((PyObject *)&setting_type) : NULL;
    if (!setting || PyModule_AddObjectRef(module, "default", setting) != 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(setting);
    return module;
}
