#define PY_SSIZE_T_CLEAN
#include "fcgi_host/wsgi/preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/application_changes_py.h"
#include "embedded/application_libraries_py.h"
#include "embedded/application_preload_py.h"
#include "embedded/application_segment_py.h"
#include "embedded/application_state_py.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/python/embedded_code.h"

static struct embedded_code s_libraries = {"application_libraries", application_libraries_py, NULL};
static struct embedded_code s_preload = {"application_preload", application_preload_py, NULL};
static struct embedded_code s_segment = {"application_segment", application_segment_py, NULL};
static struct embedded_code s_changes = {"application_changes", application_changes_py, NULL};
static struct embedded_code s_state = {"application_state", application_state_py, NULL};

/* ---- Noting ---- */

static int append_path(PyObject *list, const char *path) {
    PyObject *item = PyUnicode_DecodeFSDefault(path);
    int outcome = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return outcome;
}

/** Where the applications' own code is: their WSGI files, and the folders on their python_path; and
 *  their virtual environments. */
static int list_places(const struct app_config *const *apps, size_t count, PyObject *files,
                       PyObject *folders, PyObject *virtualenvs) {
    for (size_t i = 0; i < count; i++) {
        if (append_path(files, apps[i]->file) < 0 ||
            (apps[i]->virtualenv && append_path(virtualenvs, apps[i]->virtualenv) < 0)) {
            return -1;
        }
        for (size_t each = 0; each < apps[i]->python_path.count; each++) {
            if (append_path(folders, apps[i]->python_path.items[each]) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int preload_install(struct wsgi_state *state, const struct app_config *const *apps, size_t count) {
    PyObject *files = PyList_New(0), *folders = PyList_New(0), *virtualenvs = PyList_New(0);
    PyObject *is_standard = PyObject_GetAttrString(state->import, "is_standard");
    PyObject *module = NULL;
    if (files && folders && virtualenvs && is_standard &&
        list_places(apps, count, files, folders, virtualenvs) == 0) {
        module = embedded_code_run(&s_libraries);
    }
    if (module) {
        Py_XSETREF(state->libraries, PyObject_CallMethod(module, "install", "OOOO", files, folders,
                                                         virtualenvs, is_standard));
        Py_XSETREF(state->libraries_module, Py_NewRef(module));
    }
    int outcome = module && state->libraries ? 0 : -1;
    Py_XDECREF(module);
    Py_XDECREF(is_standard);
    Py_XDECREF(virtualenvs);
    Py_XDECREF(folders);
    Py_XDECREF(files);
    return outcome;
}

PyObject *preload_library_came(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct wsgi_state *state = wsgi_state_get();
    const struct wsgi_preload_hook *hook = &wsgi_settings()->preload_hook;
    if (!state) {
        return NULL;
    }
    if (hook->came && state->place) {
        hook->came(hook->ctx, state->place);
    }
    Py_RETURN_NONE;
}

/* ---- In advance ---- */

PyObject *preload_is_wanted(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct wsgi_state *state = wsgi_state_get();
    const struct wsgi_preload_hook *hook = &wsgi_settings()->preload_hook;
    if (!state) {
        return NULL;
    }
    return PyBool_FromLong(!hook->is_wanted || hook->is_wanted(hook->ctx, state->place));
}

/** FNV-1a, of machine words. */
static uint64_t mix(uint64_t hash, uint64_t value) {
    return (hash ^ value) * UINT64_C(0x100000001b3);
}

/** @return a number that is another one when `object` holds something else */
static uint64_t version_of(PyObject *object) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (PyDict_Check(object)) {
        return py_dict_version(object);
    }
    if (PyType_Check(object)) {
        PyObject *attributes = ((PyTypeObject *)object)->tp_dict;
        return attributes ? py_dict_version(attributes) : 0;
    }
    if (PyList_Check(object)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(object); i++) {
            hash = mix(hash, (uintptr_t)PyList_GET_ITEM(object, i));
        }
        return mix(hash, (uint64_t)PyList_GET_SIZE(object));
    }
    if (PyAnySet_Check(object)) {
        const PySetObject *set = (const PySetObject *)object;
        for (Py_ssize_t i = 0; i <= set->mask; i++) {
            hash = mix(hash, (uintptr_t)set->table[i].key);
        }
        return mix(hash, (uint64_t)set->used);
    }
    return 0;
}

PyObject *preload_versions(PyObject *module, PyObject *objects) {
    (void)module;
    if (!PyList_Check(objects)) {
        PyErr_SetString(PyExc_TypeError, "a list is needed");
        return NULL;
    }
    Py_ssize_t count = PyList_GET_SIZE(objects);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(uint64_t));
    char *place = bytes ? PyBytes_AS_STRING(bytes) : NULL;
    for (Py_ssize_t i = 0; place && i < count; i++) {
        uint64_t version = version_of(PyList_GET_ITEM(objects, i));
        memcpy(place + (size_t)i * sizeof version, &version, sizeof version);
    }
    return bytes;
}

/** @return the module application_preload with those that it uses, or NULL with an exception */
static PyObject *run_modules(void) {
    PyObject *preload = embedded_code_run(&s_preload);
    PyObject *segment = preload ? embedded_code_run(&s_segment) : NULL;
    PyObject *state = segment ? embedded_code_run(&s_state) : NULL;
    PyObject *changes = state ? embedded_code_run(&s_changes) : NULL;
    PyObject *done =
        changes ? PyObject_CallMethod(preload, "use", "OOO", state, segment, changes) : NULL;
    if (!done) {
        Py_CLEAR(preload);
    }
    Py_XDECREF(done);
    Py_XDECREF(changes);
    Py_XDECREF(state);
    Py_XDECREF(segment);
    return preload;
}

static PyObject *function_of(const char *name) {
    PyObject *module = PyImport_ImportModule("fcgi_host");
    PyObject *function = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return function;
}

/** @return a new application_preload.Preload, kept by the state, or NULL with an exception */
static PyObject *make_preload(struct wsgi_state *state) {
    PyObject *versions = function_of("_versions"), *reads = function_of("_reads");
    PyObject *preload = NULL;
    if (versions && reads) {
        preload = PyObject_CallMethod(state->preload_module, "Preload", "OOOO", state->libraries,
                                      state->import, versions, reads);
    }
    Py_XDECREF(reads);
    Py_XDECREF(versions);
    Py_XSETREF(state->preload, Py_XNewRef(preload));
    return preload;
}

static const char *text_of(const struct wsgi_modules *bytes) {
    return bytes->bytes ? bytes->bytes : "";
}

/** @return what prepare() returned, or NULL with an exception */
static PyObject *call_prepare(struct wsgi_state *state, const struct wsgi_preload_order *order) {
    PyObject *node = PyObject_GetAttrString(state->libraries_module, "Node");
    PyObject *preload = node ? make_preload(state) : NULL;
    PyObject *result = NULL;
    if (preload) {
        result = PyObject_CallMethod(state->preload_module, "prepare", "OOy#y#Oz", preload, node,
                                     text_of(&order->list), (Py_ssize_t)order->list.size,
                                     text_of(&order->memory), (Py_ssize_t)order->memory.size,
                                     order->is_process ? Py_True : Py_False, order->names);
    }
    Py_XDECREF(preload);
    Py_XDECREF(node);
    return result;
}

/** @return 0, or -1 with an exception */
static int copy_bytes(PyObject *bytes, struct wsgi_modules *ret_copy) {
    size_t size = (size_t)PyBytes_GET_SIZE(bytes);
    char *copy = malloc(size + 1);
    if (!copy) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(copy, PyBytes_AS_STRING(bytes), size);
    *ret_copy = (struct wsgi_modules){copy, size};
    return 0;
}

/** Copy what was learnt. @return 0, or -1 with an exception */
static int remember(const struct wsgi_state *state, struct wsgi_modules *ret_memory, char *ret_why,
                    size_t why_bytes) {
    PyObject *memory;
    const char *why;
    PyObject *both = PyObject_CallMethod(state->preload_module, "remember", "O", state->preload);
    int outcome = -1;
    if (both && PyArg_ParseTuple(both, "Ss", &memory, &why)) {
        snprintf(ret_why, why_bytes, "%s", why);
        outcome = copy_bytes(memory, ret_memory);
    }
    Py_XDECREF(both);
    return outcome;
}

static int prepare(struct wsgi_state *state, const struct wsgi_preload_order *order,
                   struct wsgi_preload_report *report) {
    int may_serve;
    uint64_t begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
    Py_XSETREF(state->preload_module, run_modules());
    state->is_preparing = true;
    PyObject *result = state->preload_module ? call_prepare(state, order) : NULL;
    state->is_preparing = false;
    if (!result || !PyArg_ParseTuple(result, "pI", &may_serve, &report->modules)) {
        Py_XDECREF(result);
        return -1;
    }
    Py_DECREF(result);
    report->may_serve = may_serve;
    report->ms = (double)(clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns) / CLOCK_NS_PER_MS;
    return remember(state, &report->memory, report->why, sizeof report->why);
}

/** The exception that is set, as an error; of a missing `state` the pool formats it. @return -1 */
static int fail(struct wsgi_state *state, struct error *err) {
    if (state) {
        exception_take(state, err);
    }
    return -1;
}

int wsgi_preload_prepare(const struct wsgi_preload_order *order,
                         struct wsgi_preload_report *ret_report, struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    *ret_report = (struct wsgi_preload_report){0};
    return state && prepare(state, order, ret_report) == 0 ? 0 : fail(state, err);
}

/* ---- While the applications load ---- */

/** Call a method of `object` without arguments, unless it is NULL.
 *  @return 0, or -1 with an exception */
static int call(PyObject *object, const char *method) {
    PyObject *done = object ? PyObject_CallMethod(object, method, NULL) : Py_NewRef(Py_None);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

int preload_begin(struct wsgi_state *state) {
    if (state->has_begun) {
        return 0;
    }
    state->has_begun = true;
    return call(state->preload ? state->preload : state->libraries, "begin");
}

/** Whether an exception is what a mistake in the application's own file raises, in any interpreter.
 */
static bool is_own_mistake(const struct wsgi_state *state, PyObject *exception) {
    PyObject *load_error = PyObject_GetAttrString(state->import, "LoadError");
    bool is_own = PyErr_GivenExceptionMatches(exception, PyExc_SyntaxError) ||
                  (load_error && PyErr_GivenExceptionMatches(exception, load_error));
    Py_XDECREF(load_error);
    return is_own;
}

/** Why the applications cannot be loaded here. @return a new reference, None: they can; or NULL */
static PyObject *why_cold(const struct wsgi_state *state, PyObject *exception) {
    PyObject *why = PyObject_GetAttrString(state->preload, "why_cold");
    if (why != Py_None || !exception) {
        return why;
    }
    Py_SETREF(why, PyObject_CallMethod(state->preload, "fail", NULL));
    if (why && !is_own_mistake(state, exception)) {
        Py_SETREF(why, PyUnicode_FromFormat("loading raises %s", Py_TYPE(exception)->tp_name));
    }
    return why;
}

int preload_check_cold(const struct wsgi_state *state, struct error *err) {
    if (!state->preload) {
        return PyErr_Occurred() ? -1 : 0;
    }
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *why = why_cold(state, exception);
    bool is_cold = why && why != Py_None;
    if (is_cold) {
        const char *text = PyUnicode_AsUTF8(why);
        error_set(err, ERR_COLD, "%s", text ? text : "");
        PyErr_Clear();
        Py_XDECREF(exception);
    } else if (exception) {
        PyErr_SetRaisedException(exception);
    }
    Py_XDECREF(why);
    return is_cold || PyErr_Occurred() ? -1 : 0;
}

int wsgi_loaded(struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    if (!state || preload_begin(state) < 0) {
        return fail(state, err);
    }
    call(state->preload, "loaded");
    if (preload_check_cold(state, err) < 0) {
        return PyErr_Occurred() ? fail(state, err) : -1;
    }
    if (call(state->import, "note_put_off") < 0 ||
        PyObject_SetAttrString(state->libraries, "is_loaded", Py_True) < 0) {
        return fail(state, err);
    }
    return 0;
}

int wsgi_preload_cold(struct wsgi_modules *ret_memory, char *ret_why, size_t why_bytes,
                      struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    bool is_there = state && state->preload;
    return is_there && remember(state, ret_memory, ret_why, why_bytes) == 0 ? 0 : fail(state, err);
}

int wsgi_preload_describe(struct wsgi_modules *ret_list, struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    PyObject *bytes = state ? PyObject_CallMethod(state->libraries, "describe", NULL) : NULL;
    int outcome = bytes ? copy_bytes(bytes, ret_list) : -1;
    Py_XDECREF(bytes);
    return outcome == 0 ? 0 : fail(state, err);
}

int wsgi_preload_find_changed(struct wsgi_modules *ret_memory, char *ret_path, size_t path_bytes,
                              struct error *err) {
    char why[64]; /* not wanted */
    struct wsgi_state *state = wsgi_state_get();
    PyObject *path = state ? PyObject_CallMethod(state->preload, "find_changed", NULL) : NULL;
    PyObject *bytes = path ? PyUnicode_EncodeFSDefault(path) : NULL;
    Py_XDECREF(path);
    if (!bytes) {
        return fail(state, err);
    }
    snprintf(ret_path, path_bytes, "%s", PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    return !*ret_path || remember(state, ret_memory, why, sizeof why) == 0 ? 0 : fail(state, err);
}

void preload_end(const struct wsgi_state *state) {
    if (call(state->preload, "end") < 0) {
        PyErr_WriteUnraisable(NULL);
    }
}
