/**
 * The module `fcgi_host` that applications import.
 *
 * Multi-phase initialisation, heap types, all state in the module: it can be loaded in any number
 * of interpreters, with a GIL of their own, too (PEP 489, PEP 630, PEP 684).
 */
#include "embedded/application_logging_py.h"
#include "fcgi_host/wsgi/after.h"
#include "fcgi_host/wsgi/environ.h"
#include "fcgi_host/wsgi/errors.h"
#include "fcgi_host/wsgi/file_wrapper.h"
#include "fcgi_host/wsgi/input.h"
#include "fcgi_host/wsgi/log.h"
#include "fcgi_host/wsgi/preload.h"
#include "fcgi_host/wsgi/start_response.h"
#include "fcgi_host/wsgi/state.h"
#include "pool/python/embedded_code.h"

#define LOG_HANDLER "LogHandler"

static struct embedded_code s_logging = {"application_logging", application_logging_py, NULL};

static PyObject *get_info(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        return NULL;
    }
    const struct app_config *config = wsgi_current()->config;
    PyObject *app = config ? PyUnicode_DecodeFSDefault(config->name) : Py_NewRef(state->only_app);
    if (!app) {
        return NULL;
    }
    return Py_BuildValue("{sNsOsOsOsO}", "app", app, "interpreter", state->interpreter,
                         "generation", state->generation, "gil", state->gil, "version",
                         state->version);
}

static PyObject *add_retire_callback(PyObject *module, PyObject *callback) {
    (void)module;
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        return NULL;
    }
    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "on_retire() takes a callable, not %.100s",
                     Py_TYPE(callback)->tp_name);
        return NULL;
    }
    if (PyList_Append(state->retire_callbacks, callback) < 0) {
        return NULL;
    }
    return Py_NewRef(callback);
}

/* _log(level, slug, text): for the embedded Python code.  A text may have names of files in it, in
 * any bytes. */
static PyObject *log_from_python(PyObject *module, PyObject *args) {
    (void)module;
    int level;
    const char *slug;
    PyObject *text;
    if (!PyArg_ParseTuple(args, "isU:_log", &level, &slug, &text)) {
        return NULL;
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
    if (!bytes) {
        PyErr_Clear();
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    }
    PyObject *app = NULL;
    if (!bytes) {
        return NULL;
    }
    struct wsgi_current *current = wsgi_current();
    struct log_about about = wsgi_current_about(current);
    struct wsgi_state *state = current->config ? NULL : wsgi_state_get();
    if (state && state->only_app != Py_None) {
        app = PyUnicode_EncodeFSDefault(state->only_app);
        about.app = app ? PyBytes_AS_STRING(app) : NULL;
        about.generation = PyLong_AsUnsignedLongLong(state->generation);
    }
    PyErr_Clear(); /* before set_up() the line names no application */
    wsgi_log((enum log_level)level, slug, &about, "%s", PyBytes_AS_STRING(bytes));
    Py_XDECREF(app);
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

/* _reads(path): for the import system. */
static PyObject *note_read(PyObject *module, PyObject *path) {
    (void)module;
    struct wsgi_state *state = wsgi_state_get();
    PyObject *bytes = NULL;
    if (!state || !PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    const struct wsgi_file_hook *hook = &wsgi_settings()->file_hook;
    if (hook->reads && state->place && !state->is_preparing) {
        hook->reads(hook->ctx, state->place, PyBytes_AS_STRING(bytes));
    }
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

/*
 * _compile(source, path, name=None): compile(source, path, "exec", dont_inherit=True) of bytes.
 *
 * The built-in function makes the two hundred classes of the syntax tree first, which its caller
 * might pass in place of the source: 200 KB in each interpreter, and milliseconds.  From 3.15 on
 * importlib gives the module's name, by which syntax warnings are filtered there; the C API has no
 * parameter for it, so the filters see the file's path, as they do up to 3.14.
 */
static PyObject *compile_source(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *source, *path, *name = NULL;
    if (!PyArg_ParseTuple(args, "SU|O:_compile", &source, &path, &name) ||
        PySys_Audit("compile", "OO", source, path) < 0) {
        return NULL;
    }
    const char *text = PyBytes_AS_STRING(source);
    if (strlen(text) != (size_t)PyBytes_GET_SIZE(source)) {
        PyErr_SetString(PyExc_SyntaxError, "source code string cannot contain null bytes");
        return NULL;
    }
    return Py_CompileStringObject(text, path, Py_file_input, NULL, -1);
}

static PyObject *get_log_fd(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLong(log_fd());
}

/* For applications that want it, which have imported logging or are about to. */
static PyObject *log_handler_class(struct wsgi_state *state) {
    if (!state->log_handler) {
        PyObject *made = embedded_code_run(&s_logging);
        PyObject *class = made ? PyObject_GetAttrString(made, LOG_HANDLER) : NULL;
        Py_XDECREF(made);
        if (state->log_handler) { /* another thread was faster, while this one imported */
            Py_XDECREF(class);
        } else {
            state->log_handler = class;
        }
    }
    return Py_XNewRef(state->log_handler);
}

/* The exception classes are made when first asked for: most applications never do. */
static PyObject *exception_class(struct wsgi_state *state, PyObject *name) {
    static const char *const names[] = {"RequestTimeout", "ClientGone"};
    static const char *const qualified[] = {"fcgi_host.RequestTimeout", "fcgi_host.ClientGone"};
    static const char *const docs[] = {"The request ran out of its request_timeout_s.",
                                       "The client of the request has gone (on_client_gone)."};
    if (!state) { /* the import system asks before there is one */
        PyErr_SetObject(PyExc_AttributeError, name);
        return NULL;
    }
    PyObject **classes[] = {&state->request_timeout, &state->client_gone};
    for (int i = 0; i < 2; i++) {
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0) {
            if (!*classes[i]) {
                *classes[i] = PyErr_NewExceptionWithDoc(qualified[i], docs[i], NULL, NULL);
            }
            return Py_XNewRef(*classes[i]);
        }
    }
    PyErr_Format(PyExc_AttributeError, "module 'fcgi_host' has no attribute '%U'", name);
    return NULL;
}

/* PEP 562: names that the module's dictionary lacks. */
static PyObject *get_missing(PyObject *module, PyObject *name) {
    struct wsgi_state *state = wsgi_state_get();
    if (!state) {
        PyErr_Clear();
        state = PyModule_GetState(module);
    }
    if (!PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "a name is a str");
        return NULL;
    }
    if (state && PyUnicode_CompareWithASCIIString(name, LOG_HANDLER) == 0) {
        return log_handler_class(state);
    }
    return exception_class(state, name);
}

static int add_types(PyObject *module, struct wsgi_state *state) {
    state->exchange_type = start_response_type_new(module);
    state->input_type = state->exchange_type ? wsgi_input_type_new(module) : NULL;
    state->errors_type = state->input_type ? wsgi_errors_type_new(module) : NULL;
    state->file_wrapper_type = state->errors_type ? wsgi_file_wrapper_type_new(module) : NULL;
    return state->file_wrapper_type ? 0 : -1;
}

static int add_names(struct wsgi_state *state) {
    state->str_close = PyUnicode_InternFromString("close");
    state->str_fileno = PyUnicode_InternFromString("fileno");
    state->str_read = PyUnicode_InternFromString("read");
    state->str_tell = PyUnicode_InternFromString("tell");
    return state->str_close && state->str_fileno && state->str_read && state->str_tell ? 0 : -1;
}

static int add_state(PyObject *module, struct wsgi_state *state) {
    state->interpreter = Py_NewRef(Py_None);
    state->generation = PyLong_FromLong(0);
    state->gil = PyUnicode_InternFromString("shared");
    state->version = PyUnicode_FromString(wsgi_settings()->process.version);
    state->only_app = Py_NewRef(Py_None);
    state->retire_callbacks = PyList_New(0);
    if (!state->generation || !state->gil || !state->version || !state->retire_callbacks) {
        return -1;
    }
    state->environ_cache = environ_cache_new();
    if (!state->environ_cache || add_names(state) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "__version__", state->version);
}

static int exec_module(PyObject *module) {
    struct wsgi_state *state = PyModule_GetState(module);
    if (add_types(module, state) < 0 || add_state(module, state) < 0) {
        return -1;
    }
    /* An application that drops the module from sys.modules and imports it again gets a new
       instance; what the host keeps stays with the first. */
    return wsgi_state_keep_first(module);
}

/* References that can be part of a cycle. */
#define EACH_CONTAINER(DO)                                                                         \
    DO(exchange_type)                                                                              \
    DO(input_type)                                                                                 \
    DO(errors_type)                                                                                \
    DO(file_wrapper_type)                                                                          \
    DO(retire_callbacks)                                                                           \
    DO(request_timeout)                                                                            \
    DO(client_gone)                                                                                \
    DO(log_handler)                                                                                \
    DO(setup)                                                                                      \
    DO(process)                                                                                    \
    DO(import)                                                                                     \
    DO(libraries_module)                                                                           \
    DO(preload_module)                                                                             \
    DO(libraries)                                                                                  \
    DO(preload)

/* The other references, which objects of the types above use until they are freed. */
#define EACH_LEAF(DO)                                                                              \
    DO(interpreter)                                                                                \
    DO(generation)                                                                                 \
    DO(gil)                                                                                        \
    DO(version)                                                                                    \
    DO(only_app)                                                                                   \
    DO(str_close)                                                                                  \
    DO(str_fileno)                                                                                 \
    DO(str_read)                                                                                   \
    DO(str_tell)

#define VISIT(name) Py_VISIT(state->name);
#define CLEAR(name) Py_CLEAR(state->name);

static int traverse_module(PyObject *module, visitproc visit, void *arg) {
    struct wsgi_state *state = PyModule_GetState(module);
    if (state) {
        EACH_CONTAINER(VISIT)
        EACH_LEAF(VISIT)
    }
    return 0;
}

static int clear_module(PyObject *module) {
    struct wsgi_state *state = PyModule_GetState(module);
    if (state) {
        EACH_CONTAINER(CLEAR)
    }
    return 0;
}

static void free_module(void *module) {
    struct wsgi_state *state = PyModule_GetState(module);
    clear_module(module);
    if (state) {
        EACH_LEAF(CLEAR)
        environ_cache_free(state->environ_cache);
        state->environ_cache = NULL;
    }
}

void *wsgi_module_init(void) {
    static PyMethodDef methods[] = {
        {"info", get_info, METH_NOARGS,
         "info() -> dict: app, interpreter, generation, gil, version of the caller's place"},
        {"on_retire", add_retire_callback, METH_O,
         "on_retire(callable): call it when this generation retires; usable as a decorator"},
        {"after_response", after_response, METH_O,
         "after_response(callable): call it when this request's response has been sent"},
        {"__getattr__", get_missing, METH_O, NULL},
        {"_log", log_from_python, METH_VARARGS, NULL},
        {"_reads", note_read, METH_O, NULL},
        {"_compile", compile_source, METH_VARARGS, NULL},
        {"_log_fd", get_log_fd, METH_NOARGS, NULL},
        {"_library_came", preload_library_came, METH_NOARGS, NULL},
        {"_is_wanted", preload_is_wanted, METH_NOARGS, NULL},
        {"_versions", preload_versions, METH_O, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyModuleDef_Slot slots[] = {
        {Py_mod_exec, exec_module},
        PY_MODULE_SLOTS_ISOLATED{0, NULL},
    };
    static PyModuleDef def = {
        PyModuleDef_HEAD_INIT,
        .m_name = "fcgi_host",
        .m_doc = "The host that serves this application.",
        .m_size = sizeof(struct wsgi_state),
        .m_methods = methods,
        .m_slots = slots,
        .m_traverse = traverse_module,
        .m_clear = clear_module,
        .m_free = free_module,
    };
    return PyModuleDef_Init(&def);
}
