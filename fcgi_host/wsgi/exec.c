/* The Python side of this file is in application_exec.py. */
#define PY_SSIZE_T_CLEAN
#include "pool/python/py_compat.h"

#include "embedded/application_exec_py.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/strings.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/embedded_code.h"

static struct embedded_code s_exec = {"application_exec", application_exec_py, NULL};

/** @return the exit status, a new reference; NULL with an exception */
static PyObject *run(const struct wsgi_exec_order *order, struct wsgi_state *state) {
    PyObject *module = embedded_code_run(&s_exec);
    PyObject *name = module ? PyUnicode_DecodeFSDefault(order->name) : NULL;
    PyObject *arguments = name ? strings_to_list(&order->arguments) : NULL;
    PyObject *status = NULL;
    if (arguments) {
        status = PyObject_CallMethod(module, "run", "Oiy#y#OOy#", state->setup, order->fd,
                                     &order->out, (Py_ssize_t)1, &order->err, (Py_ssize_t)1, name,
                                     arguments, order->program, (Py_ssize_t)order->program_bytes);
    }
    Py_XDECREF(arguments);
    Py_XDECREF(name);
    Py_XDECREF(module);
    return status;
}

int wsgi_exec(const struct wsgi_exec_order *order, int *ret_status, struct error *err) {
    const struct wsgi_loaded *loaded = order->loaded;
    struct wsgi_state *state = loaded->state;
    struct wsgi_current *current = wsgi_current();
    current->config = loaded->config;
    current->generation = loaded->generation;
    PyObject *status = run(order, state);
    if (status) {
        *ret_status = (int)PyLong_AsLong(status);
        Py_DECREF(status);
    } else {
        exception_take(state, err);
    }
    current->config = NULL;
    return status ? 0 : -1;
}
