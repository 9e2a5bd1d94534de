/* PEP 793 (3.15): a module without a definition, with the class in its state. */
#include "template_class.h"

struct state {
    PyObject *template_class;
};

static PyObject *is_template_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    state->template_class = state->template_class ? state->template_class : look_up_class();
    int result = state->template_class ? PyObject_IsInstance(value, state->template_class) : -1;
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState_DuringGC(module);
    Py_VISIT(state->template_class);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState_DuringGC(module);
    Py_CLEAR(state->template_class);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

PyABIInfo_VAR(abi);

static PySlot exported[] = {
    PySlot_STATIC_DATA(Py_mod_abi, &abi),
    PySlot_STATIC_DATA(Py_mod_name, "exported_slots_ok"),
    PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_STATIC_DATA(Py_mod_slots, slots),
    PySlot_SIZE(Py_mod_state_size, sizeof(struct state)),
    PySlot_FUNC(Py_mod_state_traverse, traverse),
    PySlot_FUNC(Py_mod_state_clear, clear),
    PySlot_FUNC(Py_mod_state_free, free_state),
    PySlot_END,
};

PyMODEXPORT_FUNC PyModExport_exported_slots_ok(void);
PyMODEXPORT_FUNC PyModExport_exported_slots_ok(void) {
    return exported;
}
