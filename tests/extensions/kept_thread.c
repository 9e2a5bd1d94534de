/* Keeps the thread state that asked first, for its interpreter (hazard 3). */
#include "module.h"

static PyThreadState *thread;

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    thread = thread ? thread : PyThreadState_Get();
    PyObject *kept = PyInterpreterState_GetDict(PyThreadState_GetInterpreter(thread));
    PyObject *class = kept ? PyDict_GetItemString(kept, "string.Template") : NULL;
    if (!class) {
        PyObject *string_module = PyImport_ImportModule("string");
        class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
        Py_XDECREF(string_module);
        if (!class || PyDict_SetItemString(kept, "string.Template", class) != 0) {
            return NULL;
        }
        Py_DECREF(class);
    }
    int result = PyObject_IsInstance(value, class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(kept_thread, "A class in an interpreter's dictionary.", 0, methods, slots)
