/* References are taken, and the vector belongs to the module's state. */
#include "module.h"

#include <vector>

struct state {
    std::vector<PyObject *> *listeners;
};

static state *state_of(PyObject *module) {
    return static_cast<state *>(PyModule_GetState(module));
}

static int load(PyObject *module) {
    state_of(module)->listeners = new std::vector<PyObject *>;
    return 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    if (auto *listeners = state_of(module)->listeners) {
        for (PyObject *listener : *listeners) {
            Py_VISIT(listener);
        }
    }
    return 0;
}

static int clear(PyObject *module) {
    if (auto *listeners = state_of(module)->listeners) {
        std::vector<PyObject *> old;
        old.swap(*listeners);
        for (PyObject *listener : old) {
            Py_DECREF(listener);
        }
    }
    return 0;
}

static void free_state(void *module) {
    clear(static_cast<PyObject *>(module));
    delete state_of(static_cast<PyObject *>(module))->listeners;
    state_of(static_cast<PyObject *>(module))->listeners = nullptr;
}

static PyObject *listen_(PyObject *module, PyObject *listener) {
    state_of(module)->listeners->push_back(Py_NewRef(listener));
    Py_RETURN_NONE;
}

static PyObject *notify_(PyObject *module, PyObject *) {
    PyObject *results = PyList_New(0);
    for (PyObject *listener : *state_of(module)->listeners) {
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

static PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void *>(load)}, LAST_SLOTS};

MODULE(borrowed_vector_ok, "Listeners.", sizeof(state), methods, slots, traverse, clear, free_state)
