#include "pool/python/py_compat.h"

#include "pool/python/main_first.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/main_first_py.h"
#include "pool/python/cpython_repairs.h"
#include "pool/python/embedded_code.h"
#include "pool/python/handed_out.h"
#include "pool/python/kept.h"
#include "pool/python/offered.h"
#include "pool/python/py_error.h"
#include "pool/python/standard_library.h"
#include "pool/python/withheld_extensions.h"

static struct embedded_code s_code = {"main_first", main_first_py, NULL};
static const char MAIN_NAMESPACE[] = "fcgi_host.main_first";
static const char SINK_CAPSULE[] = "fcgi_host.refusal_sink";

/** note_handed_out(name, module) */
static PyObject *note_handed_out(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *module;
    if (!PyArg_ParseTuple(args, "sO:note_handed_out", &name, &module) ||
        handed_out_note(name, module) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef s_note_handed_out = {"note_handed_out", note_handed_out, METH_VARARGS, NULL};

int main_first_prepare(struct error *err) {
    PyObject *globals = kept_run(MAIN_NAMESPACE, &s_code); /* borrowed */
    PyObject *note = globals ? PyCFunction_New(&s_note_handed_out, NULL) : NULL;
    int result = note ? PyDict_SetItemString(globals, s_note_handed_out.ml_name, note) : -1;
    Py_XDECREF(note);
    return result == 0 ? 0 : py_error_take(err);
}

/** What the main interpreter is given: copies, no objects of the sub-interpreter. */
struct request {
    char *name, *path;  /**< path: NULL: a built-in module */
    char **search_path; /**< NULL-ended */
};

static void request_clear(struct request *request) {
    for (char **entry = request->search_path; entry && *entry; entry++) {
        free(*entry);
    }
    free(request->search_path);
    free(request->name);
    free(request->path);
}

/** @return a copy, or NULL with an exception */
static char *copy_path(PyObject *path) {
    PyObject *bytes = NULL;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    char *copy = strdup(PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    if (!copy) {
        PyErr_NoMemory();
    }
    return copy;
}

static int request_init(struct request *request, PyObject *name, PyObject *path,
                        PyObject *search_path) {
    memset(request, 0, sizeof *request);
    PyObject *entries = PySequence_Fast(search_path, "sys.path must be a sequence");
    if (!entries) {
        return -1;
    }
    Py_ssize_t count = PySequence_Fast_GET_SIZE(entries);
    size_t copied = 0;
    request->search_path = calloc((size_t)count + 1, sizeof *request->search_path);
    request->name = copy_path(name);
    request->path = path == Py_None ? NULL : copy_path(path);
    for (Py_ssize_t i = 0; request->search_path && i < count; i++) {
        char *entry = copy_path(PySequence_Fast_GET_ITEM(entries, i));
        if (entry) {
            request->search_path[copied++] = entry;
        } else {
            PyErr_Clear(); /* not a path: no concern of imports either */
        }
    }
    Py_DECREF(entries);
    return request->name && request->search_path && (request->path || path == Py_None) ? 0 : -1;
}

/** @tstate attached to the main interpreter. @return 0, or -1 with an exception there */
static int create_here(const struct request *request) {
    int result = -1;
    PyObject *globals = kept_get(MAIN_NAMESPACE); /* borrowed */
    PyObject *create = globals ? PyDict_GetItemString(globals, "create") : NULL;
    PyObject *search_path = create ? PyList_New(0) : NULL;
    for (char **entry = request->search_path; search_path && *entry; entry++) {
        PyObject *text = PyUnicode_DecodeFSDefault(*entry);
        if (!text || PyList_Append(search_path, text) != 0) {
            Py_CLEAR(search_path);
        }
        Py_XDECREF(text);
    }
    PyObject *name = search_path ? PyUnicode_DecodeFSDefault(request->name) : NULL;
    PyObject *path = NULL;
    if (name) {
        path = request->path ? PyUnicode_DecodeFSDefault(request->path) : Py_NewRef(Py_None);
    }
    if (path) {
        PyObject *none = PyObject_CallFunctionObjArgs(create, name, path, search_path, NULL);
        result = none ? 0 : -1;
        Py_XDECREF(none);
    }
    Py_XDECREF(path);
    Py_XDECREF(name);
    Py_XDECREF(search_path);
    return result;
}

/** Create a module in the main interpreter, if it was not yet. @return 0, or -1 with *err */
static int create_there(const struct request *request, struct error *err) {
    PyThreadState *here = PyThreadState_Get();
    PyThreadState *there = PyThreadState_New(PyInterpreterState_Main());
    if (!there) {
        return error_set(err, ERR_MEMORY, "no thread state");
    }
    PyThreadState_Swap(there);
    cpython_bind_gilstate(there); /* PyInit_ may use PyGILState_Ensure() */
    int result = create_here(request);
    if (result != 0) {
        py_error_take(err);
    }
    /* Not just swapped and deleted: the GIL must not be left with a state that is gone. */
    PyThreadState_Clear(there);
    PyThreadState_DeleteCurrent();
    PyEval_AcquireThread(here);
    cpython_bind_gilstate(here);
    return result;
}

/**
 * main_first(name, path, search_path, is_strict).  A module that fails in the main interpreter is
 * left to fail here, too, where the application sees it.  Not so for an interpreter with its own
 * GIL (strict): CPython 3.13.0 would go on to initialise the module there once more, and hand out
 * the exception, an object of the main interpreter's, to be freed by the wrong allocator.
 */
static PyObject *main_first(PyObject *self, PyObject *args) {
    (void)self;
    PyObject *name, *path, *search_path;
    int is_strict;
    struct request request = {0};
    if (!PyArg_ParseTuple(args, "OOOp:main_first", &name, &path, &search_path, &is_strict)) {
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8(name);
    if (!text) {
        return NULL;
    }
    PyObject *result = NULL;
    struct error *err = malloc(sizeof *err);
    if (!err) {
        return PyErr_NoMemory();
    }
    if (request_init(&request, name, path, search_path) == 0) {
        if (withheld_extensions_have(text, request.path)) {
            PyErr_Format(PyExc_ImportError,
                         "%U shares its state between interpreters: its Python version is used",
                         name);
        } else if (create_there(&request, err) != 0 && is_strict) {
            PyErr_Format(PyExc_ImportError, "%R cannot be initialised in the main interpreter: %s",
                         name, err->text);
        } else {
            result = Py_NewRef(Py_None);
        }
    }
    request_clear(&request);
    free(err);
    return result;
}

/** created(name, module) */
static PyObject *created(PyObject *self, PyObject *args) {
    (void)self;
    const char *name;
    PyObject *module;
    if (!PyArg_ParseTuple(args, "sO:created", &name, &module) ||
        standard_library_register(name, module) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/** Whether an image exports PREFIX_NAME, or cannot be asked. */
static bool may_export(void *image, const char *prefix, const char *name) {
    char function[256];
    int length = snprintf(function, sizeof function, "%s_%s", prefix, name);
    bool may_be_named = length > 0 && (size_t)length < sizeof function;
    for (int i = 0; may_be_named && i < length; i++) {
        may_be_named = (unsigned char)function[i] < 0x80; /* others have a name in punycode */
    }
    return !may_be_named || dlsym(image, function) != NULL;
}

/** executed(name, path, module) */
static PyObject *executed(PyObject *self, PyObject *args) {
    (void)self;
    const char *name, *path;
    PyObject *module;
    if (!PyArg_ParseTuple(args, "ssO:executed", &name, &path, &module) ||
        offered_compare(name, path, module) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/**
 * Whether the file was found to be the extension.  An image is never unloaded again: if it is not
 * there now, dlopen() itself failed.
 * @param file  NULL: there is none
 */
static bool is_loaded(const char *file, const char *name) {
    void *image = file ? dlopen(file, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    if (!image) {
        return false;
    }
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    bool is_extension = may_export(image, "PyInit", last) || may_export(image, "PyModExport", last);
    dlclose(image);
    return is_extension;
}

/** refused(name, path, message, exception): note it, unless it is not one, or was noted inside. */
static PyObject *refused(PyObject *self, PyObject *args) {
    PyObject *name, *path, *message, *exception;
    const struct refusal_sink *sink = PyCapsule_GetPointer(self, SINK_CAPSULE);
    if (!sink || !PyArg_ParseTuple(args, "OOOO:refused", &name, &path, &message, &exception)) {
        return NULL;
    }
    char *file = path == Py_None ? NULL : copy_path(path);
    PyErr_Clear(); /* not a path: as if there were none */
    PyObject *name_bytes = PyUnicode_AsEncodedString(name, "utf-8", "backslashreplace");
    PyObject *message_bytes = PyUnicode_AsEncodedString(message, "utf-8", "backslashreplace");
    if (name_bytes && message_bytes && is_loaded(file, PyBytes_AS_STRING(name_bytes)) &&
        !PyObject_HasAttrString(exception, MAIN_FIRST_REFUSAL_MARK)) {
        const struct main_first_refusal refusal = {PyBytes_AS_STRING(name_bytes), file,
                                                   Py_TYPE(exception)->tp_name,
                                                   PyBytes_AS_STRING(message_bytes)};
        sink->note(sink->ctx, &refusal);
        PyObject_SetAttrString(exception, MAIN_FIRST_REFUSAL_MARK, Py_True);
    }
    Py_XDECREF(message_bytes);
    Py_XDECREF(name_bytes);
    free(file);
    PyErr_Clear(); /* the module's own exception is what counts */
    Py_RETURN_NONE;
}

static PyMethodDef s_main_first = {"main_first", main_first, METH_VARARGS, NULL};
static PyMethodDef s_created = {"created", created, METH_VARARGS, NULL};
static PyMethodDef s_executed = {"executed", executed, METH_VARARGS, NULL};
static PyMethodDef s_refused = {"refused", refused, METH_VARARGS, NULL};

static void ignore_refusal(void *ctx, const struct main_first_refusal *refusal) {
    (void)ctx, (void)refusal;
}

int main_first_watch(PyObject *setup, bool own_gil, const struct refusal_sink *sink) {
    static const struct refusal_sink nobody = {NULL, ignore_refusal};
    static PyMethodDef *const told[] = {&s_main_first, &s_created, &s_executed, &s_refused};
    enum { TOLD = sizeof told / sizeof *told };
    PyObject *arguments = PyTuple_New(TOLD + 1);
    PyObject *capsule = PyCapsule_New((void *)(sink ? sink : &nobody), SINK_CAPSULE, NULL);
    PyObject *result = NULL;
    for (Py_ssize_t i = 0; arguments && capsule && i < TOLD; i++) {
        PyObject *function = PyCFunction_New(told[i], capsule);
        if (!function) {
            Py_CLEAR(arguments);
        } else {
            PyTuple_SET_ITEM(arguments, i, function);
        }
    }
    PyObject *watch = PyDict_GetItemString(setup, "watch_extension_loaders"); /* borrowed */
    if (arguments && capsule && watch) {
        PyTuple_SET_ITEM(arguments, TOLD, Py_NewRef(own_gil ? Py_True : Py_False));
        result = PyObject_CallObject(watch, arguments);
    }
    Py_XDECREF(result);
    Py_XDECREF(capsule);
    Py_XDECREF(arguments);
    return result ? 0 : -1;
}
