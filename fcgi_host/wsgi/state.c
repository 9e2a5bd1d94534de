#include "fcgi_host/wsgi/state.h"

#include "fcgi_host/wsgi/exchange.h"

/* The key of the first module instance in the interpreter's own dictionary. */
static const char s_key[] = "fcgi_host";

static struct wsgi_settings s_settings = {.process = {.multiprocess = false, .version = "0"}};
static _Thread_local struct wsgi_current tl_current;

struct wsgi_settings *wsgi_settings(void) {
    return &s_settings;
}

struct wsgi_state *wsgi_state_get(void) {
    PyObject *dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    PyObject *module = dict ? PyDict_GetItemString(dict, s_key) : NULL; /* borrowed */
    if (!module) {
        PyErr_SetString(PyExc_SystemError, "this interpreter was not set up for applications");
        return NULL;
    }
    return PyModule_GetState(module);
}

int wsgi_state_keep_first(PyObject *module) {
    PyObject *dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (!dict) {
        PyErr_NoMemory();
        return -1;
    }
    return PyDict_GetItemString(dict, s_key) ? 0 : PyDict_SetItemString(dict, s_key, module);
}

struct wsgi_current *wsgi_current(void) {
    return &tl_current;
}

struct log_about wsgi_current_about(const struct wsgi_current *current) {
    struct log_about about = {NULL, 0, NULL};
    if (current->config) {
        about.app = current->config->name;
        about.generation = current->generation;
    }
    if (current->exchange && current->exchange->request) {
        about.request_id = current->exchange->request_id;
    } else {
        about.request_id = current->request_id;
    }
    return about;
}
