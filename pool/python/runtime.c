#include "pool/python/py_compat.h"

#include "pool/python/runtime.h"

#include <pthread.h>
#include <stdio.h>

#include "pool/python/builtin_types.h"
#include "pool/python/callers.h"
#include "pool/python/cpython_inspect.h"
#include "pool/python/cpython_layouts.h"
#include "pool/python/cpython_repairs.h"
#include "pool/python/interpreter.h"
#include "pool/python/main_first.h"
#include "pool/python/py_error.h"
#include "pool/python/standard_library.h"
#include "pool/python/waits.h"
#include "pool/python/withheld_extensions.h"

/**
 * Imported by the main interpreter at the start, because nearly every application needs them and
 * they are single-phase in some version (others are created there when they are first imported,
 * main_first.h).  `datetime` has a second reason: interpreters with their own GIL crash when two of
 * them are the first to import it (CPython issue 136421).  Missing ones are no error.
 */
static const char *const s_known_extensions[] = {
    "_datetime", "_decimal", "_ctypes", "_socket",
    "_pickle",   "_signal" /* without it PyErr_SetInterrupt() is a crash (gh-102397) */};

static char s_version[16];
static pthread_once_t s_version_once = PTHREAD_ONCE_INIT;

static int register_builtins(const struct runtime_builtin *builtin, struct error *err) {
    for (; builtin && builtin->name; builtin++) {
        /* A PyInit_ function returns PyObject *; runtime.h does not know the type. */
        PyObject *(*init)(void) = (PyObject * (*)(void)) builtin->init;
        if (PyImport_AppendInittab(builtin->name, init) != 0) {
            return error_set(err, ERR_MEMORY, "registering the module %s", builtin->name);
        }
    }
    return 0;
}

static PyStatus add_x_options(PyConfig *config, const char *const *options) {
    PyStatus status = PyStatus_Ok();
    for (; options && *options && !PyStatus_Exception(status); options++) {
        wchar_t *text = Py_DecodeLocale(*options, NULL);
        status = text ? PyWideStringList_Append(&config->xoptions, text) : PyStatus_NoMemory();
        PyMem_RawFree(text);
    }
    return status;
}

static int initialize(const char *executable, const char *const *x_options, struct error *err) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0; /* signals are the host's */
    config.parse_argv = 0;
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, executable);
    if (!PyStatus_Exception(status)) {
        status = add_x_options(&config, x_options);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        return error_set(err, ERR_FAILED, "Python does not start: %s",
                         status.err_msg ? status.err_msg : "it asks for an exit");
    }
    return 0;
}

static void import_known_extensions(void) {
    for (size_t i = 0; i < sizeof s_known_extensions / sizeof *s_known_extensions; i++) {
        PyObject *module = PyImport_ImportModule(s_known_extensions[i]);
        if (!module) {
            PyErr_Clear();
        }
        Py_XDECREF(module);
    }
}

int runtime_start(const struct runtime_options *options, struct error *err) {
    const char *executable = options && options->python_executable ? options->python_executable
                                                                   : FCGI_HOST_PYTHON_EXECUTABLE;
    if (register_builtins(options ? options->builtins : NULL, err) != 0 || waits_start(err) != 0 ||
        initialize(executable, options ? options->x_options : NULL, err) != 0) {
        return -1;
    }
    callers_learn_locks();
    cpython_prepare_unlinking();
    builtin_types_note();
    withheld_extensions_except(options ? options->not_withheld : NULL);
    standard_library_prepare_main();
    import_known_extensions();
    int result = interpreter_prepare_main(err);
    if (result == 0) {
        result = main_first_prepare(err);
    }
    if (result != 0) {
        error_prefix(err, "preparing the main interpreter");
    }
    PyEval_SaveThread();
    return result;
}

static void write_version(void) {
    snprintf(s_version, sizeof s_version, "%u.%u.%u", (unsigned)(Py_Version >> 24 & 0xff),
             (unsigned)(Py_Version >> 16 & 0xff), (unsigned)(Py_Version >> 8 & 0xff));
}

const char *runtime_python_version(void) {
    pthread_once(&s_version_once, write_version);
    return s_version;
}

const char *runtime_why_not_checked(void) {
    return cpython_layouts_unknown();
}

int runtime_recycles_own_gil(void) {
    return PY_RECYCLES_OWN_GIL;
}

int runtime_traces_memory(void) {
    return inspect_traces_memory();
}

size_t runtime_made_interpreters(size_t *ret_unseen) {
    return inspect_count_made(ret_unseen);
}

int runtime_can_end_interpreters(void) {
    return py_unlinks_ended_interpreters();
}
