/* The Python side of this file is in application_task.py. */
#include "pool/python/py_compat.h"

#include "embedded/application_task_py.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/embedded_code.h"

static struct embedded_code s_task = {"application_task", application_task_py, NULL};

/** SystemExit without a word or with 0 is no failure. */
static bool has_exited_well(void) {
    if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
        return false;
    }
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *code = PyObject_GetAttrString(exception, "code");
    bool is_well = code == Py_None || (code && PyLong_Check(code) && !PyObject_IsTrue(code));
    Py_XDECREF(code);
    if (is_well) {
        Py_DECREF(exception);
    } else {
        PyErr_SetRaisedException(exception);
    }
    return is_well;
}

int wsgi_task(void *given, const char *call, struct error *err) {
    const struct wsgi_loaded *loaded = given;
    struct wsgi_current *current = wsgi_current();
    int rc = 0;
    current->config = loaded->config;
    current->generation = loaded->generation;
    PyObject *module = embedded_code_run(&s_task);
    PyObject *result = module ? PyObject_CallMethod(module, "run", "s", call) : NULL;
    if (!result && !has_exited_well()) {
        exception_take(loaded->state, err);
        rc = -1;
    }
    Py_XDECREF(result);
    Py_XDECREF(module);
    current->config = NULL;
    return rc;
}
