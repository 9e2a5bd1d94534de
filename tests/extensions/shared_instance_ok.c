/* Each interpreter executes the module, and makes type and instance of its own. */
#include "shared_instance.h"

static PyType_Slot type_slots[] = {{Py_tp_members, members}, {0, NULL}};

static PyType_Spec type_spec = {
    .name = "shared_instance_ok.Setting",
    .basicsize = sizeof(struct setting),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = type_slots,
};

static int load(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &type_spec, NULL);
    PyObject *setting = type ? PyObject_CallNoArgs(type) : NULL;
    int result = setting ? PyModule_AddObjectRef(module, "default", setting) : -1;
    Py_XDECREF(setting);
    Py_XDECREF(type);
    return result;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(shared_instance_ok, "A setting.", 0, NULL, slots)
