/* A heap type, made for each interpreter from a specification. */
#include "one_object.h"

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot point_slots[] = {
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {0, NULL},
};

static PyType_Spec point_spec = {
    .name = "type_default_ok.Point",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = point_slots,
};

static PyObject *set_default_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    if (!PyObject_HasAttrString(state->object, "default") &&
        PyObject_SetAttrString(state->object, "default", value) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    state->object = PyType_FromModuleAndSpec(module, &point_spec, NULL);
    return state->object ? PyModule_AddType(module, (PyTypeObject *)state->object) : -1;
}

static PyMethodDef methods[] = {
    {"set_default", set_default_, METH_O, "set Point.default, unless it is set"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(type_default_ok, "A heap type.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
