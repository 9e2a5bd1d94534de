/* A C++ container for the process: the first interpreter's handlers stay (hazard 2). */
#include "module.h"

#include <string>
#include <unordered_map>

static std::unordered_map<std::string, PyObject *> handlers;

static PyObject *add_(PyObject *, PyObject *args) {
    const char *name;
    PyObject *handler;
    if (!PyArg_ParseTuple(args, "sO", &name, &handler)) {
        return nullptr;
    }
    if (handlers.emplace(name, handler).second) {
        Py_INCREF(handler);
    }
    Py_RETURN_NONE;
}

static PyObject *call_(PyObject *, PyObject *args) {
    const char *name;
    if (!PyArg_ParseTuple(args, "s", &name)) {
        return nullptr;
    }
    auto found = handlers.find(name);
    return found == handlers.end() ? Py_NewRef(Py_None) : PyObject_CallNoArgs(found->second);
}

static PyMethodDef methods[] = {
    {"add", add_, METH_VARARGS, "register a handler, unless there is one"},
    {"call", call_, METH_VARARGS, "call a handler"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(handler_map, "Handlers by name.", 0, methods, slots)
