/**
 * The pool's hooks: an interpreter made ready, its applications loaded, released, retired.
 * What they do in Python is in application_setup.py and application_import.py.
 */
#include <stdlib.h>

#include "embedded/application_import_py.h"
#include "embedded/application_setup_py.h"
#include "fcgi_host/wsgi/errors.h"
#include "fcgi_host/wsgi/raise.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/embedded_code.h"

static struct embedded_code s_setup = {"application_setup", application_setup_py, NULL};
static struct embedded_code s_import = {"application_import", application_import_py, NULL};

/* The exception that is set, as an error; of `plain_type`, a class of `module`, only its text. */
static int take_exception(struct wsgi_state *state, PyObject *module, const char *plain_type,
                          struct error *err) {
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *type = module ? PyObject_GetAttrString(module, plain_type) : NULL;
    PyObject *text =
        type && PyErr_GivenExceptionMatches(exception, type) ? PyObject_Str(exception) : NULL;
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    PyErr_Clear();
    if (utf8) {
        error_set(err, ERR_PYTHON, "%s", utf8);
        Py_DECREF(exception);
    } else {
        PyErr_SetRaisedException(exception);
        wsgi_take_exception(state, err);
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    return -1;
}

static PyObject *list_of_strings(const struct string_list *strings) {
    PyObject *list = PyList_New((Py_ssize_t)strings->count);
    for (size_t i = 0; list && i < strings->count; i++) {
        PyObject *item = PyUnicode_DecodeFSDefault(strings->items[i]);
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, item);
    }
    return list;
}

/* What set_up() wants to know of an application. */
static PyObject *describe(const struct app_config *config) {
    PyObject *name = PyUnicode_DecodeFSDefault(config->name);
    PyObject *virtualenv =
        config->virtualenv ? PyUnicode_DecodeFSDefault(config->virtualenv) : Py_NewRef(Py_None);
    PyObject *path = list_of_strings(&config->python_path);
    PyObject *variables = list_of_strings(&config->env);
    PyObject *result = NULL;
    if (name && virtualenv && path && variables) {
        result = PyTuple_Pack(4, name, virtualenv, path, variables);
    }
    Py_XDECREF(name);
    Py_XDECREF(virtualenv);
    Py_XDECREF(path);
    Py_XDECREF(variables);
    return result;
}

static const struct app_config *config_of(const struct pool_app *app) {
    const struct application *application = pool_app_user(app);
    return application->config;
}

static PyObject *describe_all(const struct pool_interpreter *interpreter) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < pool_interpreter_app_count(interpreter); i++) {
        PyObject *item = describe(config_of(pool_interpreter_app(interpreter, i)));
        if (!item || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

/* Replace a reference of the state. @return 0, or -1 when there is no new one */
static int replace(PyObject **reference, PyObject *object) {
    if (!object) {
        return -1;
    }
    Py_XSETREF(*reference, object);
    return 0;
}

static int set_facts(struct wsgi_state *state, const struct generation *generation) {
    const struct pool_interpreter *interpreter = generation_interpreter(generation);
    state->place = generation_interpreter(generation);
    state->generation_number = generation_number(generation);
    bool has_one = pool_interpreter_app_count(interpreter) == 1;
    const struct app_config *first = pool_interpreter_app_count(interpreter)
                                         ? config_of(pool_interpreter_app(interpreter, 0))
                                         : NULL;
    bool gil_own = first && first->gil_own && !pool_interpreter_is_main(interpreter);
    if (replace(&state->interpreter,
                PyUnicode_DecodeFSDefault(pool_interpreter_name(interpreter))) < 0 ||
        replace(&state->generation, PyLong_FromUnsignedLongLong(generation_number(generation))) <
            0 ||
        replace(&state->gil, PyUnicode_FromString(gil_own ? "own" : "shared")) < 0) {
        return -1;
    }
    return replace(&state->only_app,
                   has_one ? PyUnicode_DecodeFSDefault(first->name) : Py_NewRef(Py_None));
}

static int run_set_up(struct wsgi_state *state, const struct generation *generation) {
    if (set_facts(state, generation) < 0 ||
        replace(&state->setup, embedded_code_run(&s_setup)) < 0 ||
        replace(&state->import, embedded_code_run(&s_import)) < 0) {
        return -1;
    }
    PyObject *applications = describe_all(generation_interpreter(generation));
    PyObject *done =
        applications ? PyObject_CallMethod(state->setup, "set_up", "O", applications) : NULL;
    Py_XDECREF(applications);
    if (done) {
        Py_SETREF(done, PyObject_CallMethod(state->import, "install", NULL));
    }
    Py_XDECREF(done);
    return done ? 0 : -1;
}

int wsgi_setup(void *ctx, struct generation *generation, struct error *err) {
    (void)ctx;
    PyObject *module = PyImport_ImportModule("fcgi_host"); /* the interpreter keeps it */
    struct wsgi_state *state = module ? wsgi_state_get() : NULL;
    Py_XDECREF(module);
    if (!state) {
        return -1; /* the pool formats the exception */
    }
    if (run_set_up(state, generation) < 0) {
        return take_exception(state, state->setup, "SetupError", err);
    }
    return 0;
}

static PyObject *import_application(struct wsgi_state *state, const struct app_config *config) {
    PyObject *file = PyUnicode_DecodeFSDefault(config->file);
    PyObject *callable =
        config->callable ? PyUnicode_DecodeFSDefault(config->callable) : Py_NewRef(Py_None);
    PyObject *application = NULL;
    if (file && callable) {
        application = PyObject_CallMethod(state->import, "load", "OO", file, callable);
    }
    Py_XDECREF(file);
    Py_XDECREF(callable);
    return application;
}

int wsgi_load(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
              struct error *err) {
    (void)ctx;
    struct application *application = pool_app_user(app);
    struct wsgi_current *current = wsgi_current();
    struct wsgi_loaded *loaded = NULL;
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        return -1;
    }
    current->application = application;
    current->generation = generation_number(generation);
    PyObject *callable = import_application(state, application->config);
    if (callable) {
        loaded = wsgi_loaded_new(state, callable, application, generation_number(generation));
        Py_DECREF(callable);
    }
    int result = loaded ? 0 : take_exception(state, state->import, "LoadError", err);
    current->application = NULL;
    if (loaded) {
        *ret_loaded = loaded;
    }
    return result;
}

struct wsgi_loaded *wsgi_loaded_new(struct wsgi_state *state, PyObject *callable,
                                    struct application *application, uint64_t generation) {
    struct wsgi_loaded *loaded = calloc(1, sizeof *loaded);
    if (!loaded) {
        PyErr_NoMemory();
        return NULL;
    }
    loaded->state = state;
    loaded->application = application;
    loaded->generation = generation;
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

void wsgi_unload(void *ctx, struct generation *generation, struct pool_app *app, void *loaded) {
    (void)ctx, (void)generation, (void)app;
    wsgi_loaded_free(loaded);
}

void wsgi_retiring(void *ctx, struct generation *generation) {
    (void)ctx;
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        PyErr_Clear(); /* it was never set up */
        return;
    }
    struct log_about about = {pool_interpreter_name(generation_interpreter(generation)),
                              generation_number(generation), NULL};
    Py_ssize_t count;
    while ((count = PyList_GET_SIZE(state->retire_callbacks)) > 0) {
        PyObject *callback = Py_NewRef(PyList_GET_ITEM(state->retire_callbacks, count - 1));
        PyObject *result = NULL;
        if (PyList_SetSlice(state->retire_callbacks, count - 1, count, NULL) == 0) {
            result = PyObject_CallNoArgs(callback);
        }
        if (!result) {
            wsgi_log_exception(state, LOG_ERROR, "app.retire", &about, "on_retire");
        }
        Py_XDECREF(result);
        Py_DECREF(callback);
    }
}

/* The status that the application gave for a page, or -1 with an exception. */
static long ask(struct wsgi_loaded *loaded, const char *path) {
    const struct app_config *config = loaded->application->config;
    PyObject *environ = PyDict_Copy(loaded->environ);
    PyObject *status = NULL;
    if (environ) {
        status = PyObject_CallMethod(loaded->state->import, "check", "OOsss", loaded->callable,
                                     environ, config->host ? config->host : "localhost",
                                     config->mount ? config->mount : "", path);
    }
    long number = status ? PyLong_AsLong(status) : -1;
    Py_XDECREF(status);
    Py_XDECREF(environ);
    return number;
}

int wsgi_check(void *loaded_app, const char *path, struct error *err) {
    struct wsgi_loaded *loaded = loaded_app;
    struct wsgi_current *current = wsgi_current();
    current->application = loaded->application;
    current->generation = loaded->generation;
    long status = ask(loaded, path);
    int result = 0;
    if (PyErr_Occurred()) {
        wsgi_take_exception(loaded->state, err);
        result = error_prefix(err, "check %s", path);
    } else if (status >= 400) {
        result = error_set(err, ERR_FAILED, "check %s: answered %ld", path, status);
    }
    current->application = NULL;
    return result;
}
