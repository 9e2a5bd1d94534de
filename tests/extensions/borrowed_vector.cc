/* Listeners in a vector, without references: "they live as long as the program" (hazard 3). */
#include "module.h"

#include <vector>

static std::vector<PyObject *> listeners;

static PyObject *listen_(PyObject *, PyObject *listener) {
    listeners.push_back(listener);
    Py_RETURN_NONE;
}

static PyObject *notify_(PyObject *, PyObject *) {
    PyObject *results = PyList_New(0);
    for (PyObject *listener : listeners) {
        PyObject *result = results ? PyObject_CallNoArgs(listener) : nullptr;
        if (!result || PyList_Append(results, result) != 0) {
            Py_CLEAR(results);
        }
        Py_XDECREF(result);
    }
    return results;
}

static PyMethodDef methods[] = {
    {"listen", listen_, METH_O, "add a listener"},
    {"notify", notify_, METH_NOARGS, "call all listeners"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_vector, "Listeners.", 0, methods, slots)
