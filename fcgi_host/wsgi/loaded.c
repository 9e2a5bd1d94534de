#include "fcgi_host/wsgi/loaded.h"

#include <stdlib.h>

#include "fcgi_host/wsgi/environ.h"
#include "fcgi_host/wsgi/errors.h"
#include "fcgi_host/wsgi/live.h"

struct wsgi_loaded *wsgi_loaded_new(struct wsgi_state *state, PyObject *callable,
                                    const struct app_config *config, uint64_t generation) {
    struct wsgi_loaded *loaded = calloc(1, sizeof *loaded);
    if (!loaded) {
        PyErr_NoMemory();
        return NULL;
    }
    loaded->state = state;
    loaded->config = config;
    loaded->generation = generation;
    live_begin_load(loaded);
    loaded->callable = Py_NewRef(callable);
    PyObject *errors = wsgi_errors_new(loaded);
    loaded->environ = errors ? environ_prepare(loaded, errors) : NULL;
    Py_XDECREF(errors);
    if (!loaded->environ) {
        wsgi_loaded_free(loaded);
        return NULL;
    }
    return loaded;
}

void wsgi_loaded_free(struct wsgi_loaded *loaded) {
    if (loaded) {
        Py_XDECREF(loaded->callable);
        Py_XDECREF(loaded->environ);
        free(loaded);
    }
}
