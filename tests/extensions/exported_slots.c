/* PEP 793 (3.15): a module without a definition.  It keeps a class as lazy_class does (hazard 2).
 */
#include "template_class.h"

static PyObject *template_class; /* looked up once, kept by the process */

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    template_class = template_class ? template_class : look_up_class();
    int result = template_class ? PyObject_IsInstance(value, template_class) : -1;
    return result < 0 ? NULL : PyBool_FromLong(result);
}

PyABIInfo_VAR(abi);

static PySlot exported[] = {
    PySlot_STATIC_DATA(Py_mod_abi, &abi),
    PySlot_STATIC_DATA(Py_mod_name, "exported_slots"),
    PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_STATIC_DATA(Py_mod_slots, slots),
    PySlot_END,
};

PyMODEXPORT_FUNC PyModExport_exported_slots(void);
PyMODEXPORT_FUNC PyModExport_exported_slots(void) {
    return exported;
}
