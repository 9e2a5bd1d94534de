/* The container belongs to the module's state, which frees it. */
#include "module.h"

#include <string>
#include <unordered_map>

typedef std::unordered_map<std::string, PyObject *> handler_map;

struct state {
    handler_map *handlers;
};

static state *state_of(PyObject *module) {
    return static_cast<state *>(PyModule_GetState(module));
}

static int load(PyObject *module) {
    state_of(module)->handlers = new handler_map;
    return 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    if (handler_map *handlers = state_of(module)->handlers) {
        for (auto &entry : *handlers) {
            Py_VISIT(entry.second);
        }
    }
    return 0;
}

static int clear(PyObject *module) {
    if (handler_map *handlers = state_of(module)->handlers) {
        handler_map old;
        old.swap(*handlers);
        for (auto &entry : old) {
            Py_DECREF(entry.second);
        }
    }
    return 0;
}

static void free_state(void *module) {
    clear(static_cast<PyObject *>(module));
    delete state_of(static_cast<PyObject *>(module))->handlers;
    state_of(static_cast<PyObject *>(module))->handlers = nullptr;
}

static PyObject *add_(PyObject *module, PyObject *args) {
    const char *name;
    PyObject *handler;
    if (!PyArg_ParseTuple(args, "sO", &name, &handler)) {
        return nullptr;
    }
    if (state_of(module)->handlers->emplace(name, handler).second) {
        Py_INCREF(handler);
    }
    Py_RETURN_NONE;
}

static PyObject *call_(PyObject *module, PyObject *args) {
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name)) {
        return nullptr;
    }
    handler_map *handlers = state_of(module)->handlers;
    auto found = handlers->find(name);
    return found == handlers->end() ? Py_NewRef(Py_None) : PyObject_CallNoArgs(found->second);
}

static PyMethodDef methods[] = {
    {"add", add_, METH_VARARGS, "register a handler, unless there is one"},
    {"call", call_, METH_VARARGS, "call a handler"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void *>(load)}, LAST_SLOTS};

MODULE(handler_map_ok, "Handlers by name.", sizeof(state), methods, slots, traverse, clear,
       free_state)
