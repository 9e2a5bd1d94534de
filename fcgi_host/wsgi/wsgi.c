/* The Python side of this file is in application_setup.py and application_import.py. */
#include "fcgi_host/wsgi/wsgi.h"

#include <unistd.h>

#include "embedded/application_import_py.h"
#include "embedded/application_process_py.h"
#include "embedded/application_setup_py.h"
#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/wsgi/after.h"
#include "fcgi_host/wsgi/answer.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/log.h"
#include "fcgi_host/wsgi/preload.h"
#include "fcgi_host/wsgi/start_response.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/strings.h"
#include "pool/python/embedded_code.h"
#include "pool/python/runtime_fork.h"

static struct embedded_code s_setup = {"application_setup", application_setup_py, NULL};
static struct embedded_code s_process = {"application_process", application_process_py, NULL};
static struct embedded_code s_import = {"application_import", application_import_py, NULL};

void wsgi_set_process(const struct wsgi_process *process) {
    wsgi_settings()->process = *process;
}

void wsgi_set_file_hook(const struct wsgi_file_hook *hook) {
    wsgi_settings()->file_hook = *hook;
}

void wsgi_set_preload_hook(const struct wsgi_preload_hook *hook) {
    wsgi_settings()->preload_hook = *hook;
}

/* ---- Interpreters and applications ---- */

/* The exception that is set, as an error; of `plain_type`, a class of `module`, only its text. */
static int take_exception(struct wsgi_state *state, PyObject *module, const char *plain_type,
                          struct error *err) {
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *type = module ? PyObject_GetAttrString(module, plain_type) : NULL;
    PyObject *text =
        type && PyErr_GivenExceptionMatches(exception, type) ? PyObject_Str(exception) : NULL;
    /* A name of a file may be no text. */
    PyObject *utf8 = text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    PyErr_Clear();
    int number = exception_errno(exception);
    if (utf8) {
        error_set(err, ERR_PYTHON, "%s", PyBytes_AS_STRING(utf8));
        Py_DECREF(exception);
    } else {
        PyErr_SetRaisedException(exception);
        exception_take(state, err);
    }
    Py_XDECREF(utf8);
    err->sys_errno = number;
    Py_XDECREF(text);
    Py_XDECREF(type);
    return -1;
}

/* The words of the option. */
static const char *const s_lazy_imports[] = {
    [LAZY_IMPORTS_NORMAL] = "normal", [LAZY_IMPORTS_ALL] = "all", [LAZY_IMPORTS_OFF] = "off"};

/* What set_up() wants to know of an application. */
static PyObject *describe_application(const struct app_config *config) {
    PyObject *name = PyUnicode_DecodeFSDefault(config->name);
    PyObject *virtualenv =
        config->virtualenv ? PyUnicode_DecodeFSDefault(config->virtualenv) : Py_NewRef(Py_None);
    PyObject *path = strings_to_list(&config->python_path);
    PyObject *variables = strings_to_list(&config->env.variables);
    PyObject *lazy_imports = PyUnicode_FromString(s_lazy_imports[config->lazy_imports]);
    PyObject *result = NULL;
    if (name && virtualenv && path && variables && lazy_imports) {
        result = PyTuple_Pack(5, name, virtualenv, path, variables, lazy_imports);
    }
    Py_XDECREF(lazy_imports);
    Py_XDECREF(name);
    Py_XDECREF(virtualenv);
    Py_XDECREF(path);
    Py_XDECREF(variables);
    return result;
}

static PyObject *describe_applications(const struct app_config *const *apps, size_t count) {
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = describe_application(apps[i]);
        if (!item || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

/* Replace a reference of the state. @return 0, or -1 when there is no new one */
static int replace_reference(PyObject **reference, PyObject *object) {
    if (!object) {
        return -1;
    }
    Py_XSETREF(*reference, object);
    return 0;
}

/* Which generation of which interpreter it is. */
static int set_place(struct wsgi_state *state, struct pool_interpreter *place, const char *name,
                     uint64_t number) {
    state->place = place;
    return replace_reference(&state->interpreter, PyUnicode_DecodeFSDefault(name)) < 0 ||
                   replace_reference(&state->generation, PyLong_FromUnsignedLongLong(number)) < 0
               ? -1
               : 0;
}

static int set_facts(struct wsgi_state *state, const struct app_config *const *apps, size_t count) {
    bool is_main = state->place == NULL || pool_interpreter_is_main(state->place);
    bool gil_own = count > 0 && apps[0]->gil_own && !is_main;
    if (replace_reference(&state->gil, PyUnicode_FromString(gil_own ? "own" : "shared")) < 0) {
        return -1;
    }
    return replace_reference(&state->only_app, count == 1 ? PyUnicode_DecodeFSDefault(apps[0]->name)
                                                          : Py_NewRef(Py_None));
}

/* An environment as a list of NAME=VALUE. */
static PyObject *list_environment(char *const *environment) {
    PyObject *list = PyList_New(0);
    for (; list && *environment; environment++) {
        PyObject *item = PyBytes_FromString(*environment);
        if (!item || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    return list;
}

/* What the process was started with; None where it serves more than one application, which must not
 * change it. */
static PyObject *initial_environment(void) {
    char *const *environment = wsgi_settings()->process.environment;
    return environment ? list_environment(environment) : Py_NewRef(Py_None);
}

static int run_set_up(struct wsgi_state *state, const struct app_config *const *apps, size_t count,
                      bool is_spare) {
    if (set_facts(state, apps, count) < 0 ||
        replace_reference(&state->setup, embedded_code_run(&s_setup)) < 0 ||
        replace_reference(&state->process, embedded_code_run(&s_process)) < 0 ||
        replace_reference(&state->import, embedded_code_run(&s_import)) < 0) {
        return -1;
    }
    PyObject *applications = describe_applications(apps, count);
    PyObject *environment = applications ? initial_environment() : NULL;
    PyObject *done = environment ? PyObject_CallMethod(state->setup, "set_up", "OOOO", applications,
                                                       state->process, environment,
                                                       is_spare ? Py_True : Py_False)
                                 : NULL;
    Py_XDECREF(environment);
    Py_XDECREF(applications);
    if (done) {
        Py_SETREF(done, PyObject_CallMethod(state->import, "install", NULL));
    }
    Py_XDECREF(done);
    return done ? preload_install(state, apps, count) : -1;
}

/* The state of an interpreter that is about to be set up; NULL with an exception. */
static struct wsgi_state *make_state(void) {
    PyObject *module = PyImport_ImportModule("fcgi_host"); /* the interpreter keeps it */
    struct wsgi_state *state = module ? wsgi_state_get() : NULL;
    Py_XDECREF(module);
    return state;
}

int wsgi_setup(const struct generation *generation, const struct app_config *const *apps,
               size_t count, struct error *err) {
    struct wsgi_state *state = make_state();
    struct pool_interpreter *place = generation_interpreter(generation);
    if (!state ||
        set_place(state, place, pool_interpreter_name(place), generation_number(generation)) < 0) {
        return -1; /* the pool formats the exception */
    }
    if (state->is_set_up_ahead) {
        state->is_set_up_ahead = false;
        return runtime_inherit_first();
    }
    return run_set_up(state, apps, count, generation_is_spare(generation)) < 0
               ? take_exception(state, state->setup, "SetupError", err)
               : 0;
}

int wsgi_setup_ahead(const struct app_config *const *apps, size_t count, struct error *err) {
    struct wsgi_state *state = make_state();
    if (!state || set_place(state, NULL, CONFIG_MAIN_INTERPRETER, 0) < 0) {
        return -1;
    }
    if (run_set_up(state, apps, count, false) < 0) {
        return take_exception(state, state->setup, "SetupError", err);
    }
    state->is_set_up_ahead = true;
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

/* A spare begins to be what other generations are from the start. */
static int stop_being_spare(struct wsgi_state *state, const struct generation *generation) {
    PyObject *number = PyLong_FromUnsignedLongLong(generation_number(generation));
    PyObject *environment = number ? list_environment(environ) : NULL;
    PyObject *done =
        environment ? PyObject_CallMethod(state->process, "settle", "O", environment) : NULL;
    Py_XDECREF(environment);
    Py_XDECREF(done);
    if (!done) {
        Py_XDECREF(number);
        return -1;
    }
    return replace_reference(&state->generation, number);
}

static int begin_load(struct wsgi_state *state, const struct generation *generation) {
    if (state->preload && !state->has_begun && stop_being_spare(state, generation) < 0) {
        return -1;
    }
    return preload_begin(state);
}

int wsgi_load(const struct generation *generation, const struct app_config *config,
              void **ret_loaded, struct error *err) {
    struct wsgi_current *current = wsgi_current();
    struct wsgi_loaded *loaded = NULL;
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        return -1;
    }
    current->config = config;
    current->generation = generation_number(generation);
    PyObject *callable =
        begin_load(state, generation) == 0 ? import_application(state, config) : NULL;
    if (callable) {
        loaded = wsgi_loaded_new(state, callable, config, generation_number(generation));
        Py_DECREF(callable);
    }
    int result = preload_check_cold(state, err);
    if (result < 0) {
        if (PyErr_Occurred()) {
            take_exception(state, state->import, "LoadError", err);
        }
        wsgi_loaded_free(loaded);
    } else {
        *ret_loaded = loaded;
    }
    current->config = NULL;
    return result;
}

void wsgi_unload(void *loaded) {
    wsgi_loaded_free(loaded);
}

void wsgi_retire(const struct generation *generation) {
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        PyErr_Clear(); /* it was never set up */
        return;
    }
    struct log_about about = {pool_interpreter_name(generation_interpreter(generation)),
                              generation_number(generation), NULL};
    preload_end(state);
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

/* ---- Requests ---- */

static void finish_request(struct request *request, struct request_hold *hold,
                           enum request_end end) {
    if (hold && !hold_end(hold)) {
        return; /* another thread has answered */
    }
    if (end == REQUEST_COMPLETE && request_finish_is_quick(request)) {
        request_finish(request, end, 0);
        return;
    }
    Py_BEGIN_ALLOW_THREADS request_finish(request, end, 0);
    Py_END_ALLOW_THREADS
}

bool wsgi_run(struct job *job, const struct lease *lease) {
    struct request *request = request_of(job);
    struct wsgi_loaded *loaded = lease->loaded;
    struct wsgi_current *current = wsgi_current();
    struct request_hold *hold = request->hold;
    enum request_end end = REQUEST_OVERLOADED;
    bool is_withheld = false;
    struct exchange *exchange = exchange_new(loaded->state, request, start_response_call);
    if (exchange) {
        current->config = loaded->config;
        current->generation = loaded->generation;
        current->exchange = exchange;
        end = answer_request(loaded, exchange, request);
        is_withheld = exchange->is_withheld;
        current->config = NULL;
        current->exchange = NULL;
        Py_DECREF((PyObject *)exchange);
    } else {
        PyErr_Clear(); /* no memory: the web server is told that this host is overloaded */
    }
    if (is_withheld) {
        after_forget();
        return hold && !hold_end(hold); /* then another thread has answered */
    }
    finish_request(request, hold, end);
    return true;
}
