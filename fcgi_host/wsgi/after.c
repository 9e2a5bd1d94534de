/* fcgi_host.after_response(): functions that run when the response has been sent. */
#include "fcgi_host/wsgi/after.h"

#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/log.h"
#include "fcgi_host/wsgi/wsgi.h"

PyObject *after_response(PyObject *module, PyObject *callable) {
    (void)module;
    struct wsgi_current *current = wsgi_current();
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "after_response() takes a callable, not %.100s",
                     Py_TYPE(callable)->tp_name);
        return NULL;
    }
    if (!current->exchange && !current->request_id) {
        PyErr_SetString(PyExc_RuntimeError,
                        "after_response() is for the thread that answers a request");
        return NULL;
    }
    if (!current->after && !(current->after = PyList_New(0))) {
        return NULL;
    }
    return PyList_Append(current->after, callable) < 0 ? NULL : Py_NewRef(callable);
}

void after_forget(void) {
    Py_CLEAR(wsgi_current()->after);
}

bool wsgi_has_after(void) {
    return wsgi_current()->after != NULL;
}

/** Log what one has raised. @return whether the others are to run */
static bool take_exception(struct wsgi_state *state, const struct wsgi_current *current,
                           Py_ssize_t left) {
    const struct log_about about = wsgi_current_about(current);
    if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
        wsgi_log_exception(state, LOG_ERROR, "request.after", &about, "after_response");
        return true;
    }
    PyErr_Clear();
    wsgi_log(LOG_ERROR, "request.after", &about,
             "after_response: ended by SystemExit, and %zd further functions are not run", left);
    return false;
}

struct wsgi_after_counts wsgi_run_after(const struct lease *lease, const char *request_id) {
    struct wsgi_loaded *loaded = lease->loaded;
    struct wsgi_current *current = wsgi_current();
    struct wsgi_after_counts counts = {0};
    bool goes_on = true;
    current->config = loaded->config;
    current->generation = loaded->generation;
    current->request_id = request_id;
    /* One may add others. */
    for (Py_ssize_t i = 0; goes_on && i < PyList_GET_SIZE(current->after); i++) {
        PyObject *callable = Py_NewRef(PyList_GET_ITEM(current->after, i));
        PyObject *result = PyObject_CallNoArgs(callable);
        Py_DECREF(callable);
        counts.done++;
        if (!result) {
            counts.failed++;
            goes_on =
                take_exception(loaded->state, current, PyList_GET_SIZE(current->after) - i - 1);
        }
        Py_XDECREF(result);
    }
    after_forget();
    current->config = NULL;
    current->request_id = NULL;
    return counts;
}
