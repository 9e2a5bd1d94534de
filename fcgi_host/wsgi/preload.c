/* The Python side of this file is in application_preload.py. */
#define PY_SSIZE_T_CLEAN
#include "pool/python/py_compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/application_preload_py.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/embedded_code.h"
#include "pool/python/kept.h"

static struct embedded_code s_preload = {"application_preload", application_preload_py, NULL};
static const char NAMESPACE[] = "fcgi_host.preload";

/* Call a function of application_preload.py with the module application_import as its last
 * argument. */
static PyObject *call(const struct wsgi_state *state, const char *name, const char *text,
                      size_t size) {
    PyObject *code = kept_get(NAMESPACE);
    code = code ? code : kept_run(NAMESPACE, &s_preload);
    PyObject *function = code ? PyDict_GetItemString(code, name) : NULL;
    if (!function) {
        return NULL;
    }
    return text ? PyObject_CallFunction(function, "s#O", text, (Py_ssize_t)size, state->import)
                : PyObject_CallFunction(function, "O", state->import);
}

static int copy_bytes(const char *bytes, size_t size, struct wsgi_modules *ret_list,
                      struct error *err) {
    char *copy = malloc(size > 0 ? size : 1);
    if (!copy) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    memcpy(copy, bytes, size);
    *ret_list = (struct wsgi_modules){copy, size};
    return 0;
}

int wsgi_preload_describe(struct wsgi_modules *ret_list, struct error *err) {
    (void)err;
    *ret_list = (struct wsgi_modules){NULL, 0};
    return 0;
}

int wsgi_preload_name(const char *names, struct wsgi_modules *ret_list, struct error *err) {
    return copy_bytes(names, strlen(names), ret_list, err);
}

static int read_report(PyObject *result, struct wsgi_preload_report *report, struct error *err) {
    unsigned modules;
    double ms;
    const char *why, *rest;
    Py_ssize_t rest_size;
    if (!PyArg_ParseTuple(result, "Idsz#", &modules, &ms, &why, &rest, &rest_size)) {
        return -1;
    }
    *report = (struct wsgi_preload_report){.modules = modules, .ms = ms, .may_serve = !*why};
    snprintf(report->why, sizeof report->why, "%s", why);
    return rest_size > 0 ? copy_bytes(rest, (size_t)rest_size, &report->left_out, err) : 0;
}

int wsgi_preload_prepare(const struct wsgi_modules *list, struct wsgi_preload_report *ret_report,
                         struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        return -1;
    }
    PyObject *result = call(state, "prepare", list->bytes, list->size);
    if (!result) {
        exception_take(state, err);
        return -1;
    }
    int rc = read_report(result, ret_report, err);
    Py_DECREF(result);
    return rc;
}

bool wsgi_preload_is_current(char *why, size_t why_bytes) {
    struct wsgi_state *state = wsgi_state_get();
    PyObject *path = state ? call(state, "changed_file", NULL, 0) : NULL;
    PyObject *bytes = path ? PyUnicode_EncodeFSDefault(path) : NULL;
    snprintf(why, why_bytes, "%s", bytes ? PyBytes_AS_STRING(bytes) : "cannot look at its files");
    Py_XDECREF(path);
    Py_XDECREF(bytes);
    PyErr_Clear();
    return !*why;
}
