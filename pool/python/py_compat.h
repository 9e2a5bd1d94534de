/**
 * What differs between CPython 3.11 to 3.15, under the newest version's names.
 *
 * Only this file, cpython_repairs.c, cpython_inspect.c and cpython_layouts.c ask for the version of
 * CPython.
 *
 * Includes <Python.h>, so include it first.
 */
#ifndef POOL_PYTHON_PY_COMPAT_H
#define POOL_PYTHON_PY_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#if PY_VERSION_HEX < 0x030B0000
#error "CPython 3.11 or newer is needed"
#endif

/** Interpreters with a GIL of their own work (3.12 has them, but corrupts memory in them). */
#define PY_HAS_OWN_GIL (PY_VERSION_HEX >= 0x030D0000)
_Static_assert(PY_HAS_OWN_GIL == FCGI_HOST_PYTHON_HAS_OWN_GIL, "pool/python/CMakeLists.txt");

/** An interpreter with a GIL of its own gives its memory back when it ends, in 100 of 100 lives. */
#define PY_RECYCLES_OWN_GIL (PY_VERSION_HEX >= 0x030F0000)

/** A thread that has the GIL does not see that one of another interpreter waits (up to 3.12). */
#define PY_GIL_REQUESTS_GET_LOST (PY_VERSION_HEX < 0x030D0000)

/** Extensions of the standard library that share Python objects between interpreters
 *  (standard_library.h). */
#define PY_HAS_SHARED_DATETIME (PY_VERSION_HEX < 0x030D0000)
#define PY_HAS_SHARED_DECIMAL (PY_VERSION_HEX < 0x030D0000)
#define PY_HAS_SHARED_ASYNCIO (PY_VERSION_HEX < 0x030C0000) /**< and `_zoneinfo` */
#define PY_HAS_SHARED_ARRAY (PY_VERSION_HEX < 0x030C0000)
#define PY_HAS_SHARED_CTYPES (PY_VERSION_HEX < 0x030D0000)
#define PY_HAS_SHARED_CHARACTER_NAMES (PY_VERSION_HEX < 0x030D0000) /**< of `unicodedata` */

/** While tracemalloc traces, creating an interpreter deadlocks: for each block it asks for the
 *  GIL-state API's thread state, which is another one than the new interpreter's. */
#define PY_TRACING_FORBIDS_INTERPRETERS (PY_VERSION_HEX < 0x030C0000)

/** Py_EndInterpreter() deletes what thread states are left, and a thread that comes back to one
 * hangs;
 *  before, it aborts the process (CPython issue 128639). */
#define PY_ENDS_LEFT_STATES (PY_VERSION_HEX >= 0x030E0000)

/** Each interpreter has its own dictionaries of the attributes of the built-in types. */
#define PY_HAS_OWN_BUILTIN_DICTS (PY_VERSION_HEX >= 0x030C0000)

/** In those of a sub-interpreter an inherited slot stands like one of the type's own: 3.12.0 to
 *  3.12.3 (CPython issue 117482). */
#define PY_COPIES_INHERITED_SLOTS (PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000)

/** Attributes are cached by the number of a class, and each interpreter counts its classes from 1:
 *  a class of one interpreter is taken for one of another. */
#define PY_CONFUSES_CLASSES (PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000)

#if PY_VERSION_HEX < 0x030D0000
/** 3.13: the attached thread state, or NULL. */
static inline PyThreadState *PyThreadState_GetUnchecked(void) {
    return _PyThreadState_UncheckedGet();
}
#endif

#if PY_VERSION_HEX < 0x030C0000
/** 3.12: the exception that is raised, normalised, with its traceback. New reference or NULL. */
static inline PyObject *PyErr_GetRaisedException(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback && value) {
        PyException_SetTraceback(value, traceback);
    }
    Py_DECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/** 3.12: raise this exception. Steals the reference. */
static inline void PyErr_SetRaisedException(PyObject *exception) {
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
}
#endif

#if PY_VERSION_HEX < 0x030D0000
/** 3.13: 1 found (new reference), 0 no such attribute and no exception, -1 with an exception. */
static inline int PyObject_GetOptionalAttr(PyObject *object, PyObject *name, PyObject **result) {
    return _PyObject_LookupAttr(object, name, result);
}
#endif

/** faulthandler.enable(file, all_threads, c_stack): the last one has come with 3.14. */
#define PY_FAULTHANDLER_ENABLE_FORMAT (PY_VERSION_HEX < 0x030E0000 ? "(ii)" : "(iii)")

#if PY_VERSION_HEX < 0x030F0000
/** 3.15 (PEP 810). */
typedef enum { PyImport_LAZY_NORMAL } PyImport_LazyImportsMode;
static inline PyImport_LazyImportsMode PyImport_GetLazyImportsMode(void) {
    return PyImport_LAZY_NORMAL;
}
static inline int PyImport_SetLazyImportsMode(PyImport_LazyImportsMode mode) {
    (void)mode;
    return 0;
}
#endif

/** For our own modules, which keep all their state in the module (PEP 489, PEP 684): what they
 *  can say about it from 3.12 on. */
#if PY_VERSION_HEX < 0x030C0000
#define PY_MODULE_SLOTS_ISOLATED
#else
#define PY_MODULE_SLOTS_ISOLATED                                                                   \
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif

/**
 * Create a sub-interpreter; on success its first thread state is attached instead of the
 * caller's.
 *
 * The process's GIL and memory allocator, any extension, threads: what an ordinary application
 * expects.  Only os.fork() is refused, since the child of a process with several interpreters
 * dies.  (3.11 cannot refuse it here: interpreter_setup.py does.)
 * @return NULL on success, else what went wrong. 3.11 exits the process in some cases.
 * @tstate attached to the main interpreter
 */
static inline const char *py_new_interpreter(PyThreadState **ret_tstate, int own_gil) {
#if PY_VERSION_HEX < 0x030C0000
    if (own_gil) {
        return "CPython 3.11 has one GIL";
    }
    *ret_tstate = Py_NewInterpreter();
    return *ret_tstate ? NULL : "Py_NewInterpreter failed";
#else
    PyInterpreterConfig config = {
        .use_main_obmalloc = !own_gil, /* an allocator is guarded by its GIL */
        .allow_fork = 0,
        .allow_exec = 1,
        .allow_threads = 1,
        .allow_daemon_threads = 1,
        .check_multi_interp_extensions = own_gil,
        .gil = own_gil ? PyInterpreterConfig_OWN_GIL : PyInterpreterConfig_SHARED_GIL,
    };
    PyStatus status = Py_NewInterpreterFromConfig(ret_tstate, &config);
    if (PyStatus_Exception(status)) {
        return status.err_msg ? status.err_msg : "Py_NewInterpreterFromConfig failed";
    }
    return NULL;
#endif
}

/**
 * Py_EndInterpreter(), after which the thread has no thread state and no GIL.
 * @tstate attached on entry (the interpreter's only thread state), none on return
 */
static inline void py_end_interpreter(PyThreadState *tstate) {
    Py_EndInterpreter(tstate);
#if PY_VERSION_HEX < 0x030C0000
    /* 3.11 comes back with the GIL but without a thread state: only one of those can let go. */
    PyThreadState *main_tstate = PyThreadState_New(PyInterpreterState_Main());
    if (!main_tstate) {
        Py_FatalError("out of memory");
    }
    PyThreadState_Swap(main_tstate);
    PyThreadState_Clear(main_tstate);
    PyThreadState_DeleteCurrent();
#endif
}

/**
 * A number that differs when the dictionary has been changed: up to 3.13 the one that CPython
 * counts (PEP 509), since then a hash (FNV-1a) of what it holds.  @tstate attached
 */
static inline uint64_t py_dict_version(PyObject *dict) {
#if PY_VERSION_HEX < 0x030E0000
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return ((PyDictObject *)dict)->ma_version_tag;
#pragma GCC diagnostic pop
#else
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (PyDict_Next(dict, &position, &key, &value)) {
        /* A new value often has the place of the one before. */
        bool is_plain = PyLong_CheckExact(value) || PyFloat_CheckExact(value) ||
                        PyUnicode_CheckExact(value) || PyBytes_CheckExact(value);
        uint64_t of_value = is_plain ? (uint64_t)PyObject_Hash(value) : (uintptr_t)value;
        hash = (hash ^ (uintptr_t)key) * UINT64_C(0x100000001b3);
        hash = (hash ^ of_value) * UINT64_C(0x100000001b3);
    }
    return hash;
#endif
}

/**
 * Whether the running libpython unlinks an ended interpreter's lists of objects.  3.12.0 to 3.12.6
 * do not: an object that outlives its interpreter there writes into freed memory later.
 */
static inline int py_unlinks_ended_interpreters(void) {
    return Py_Version < 0x030C0000 || Py_Version >= 0x030C0700;
}

/**
 * Let a thread state have the values of threading.local() that another one has, of a thread that
 * will never run again.  Up to 3.12 they are in the dictionaries of both (PyThreadState_GetDict()).
 */
static inline void py_share_thread_locals(PyThreadState *to, const PyThreadState *from) {
#if PY_VERSION_HEX < 0x030D0000
    (void)to, (void)from;
#else
    if (from->threading_local_key) {
        Py_XSETREF(to->threading_local_key, Py_NewRef(from->threading_local_key));
        Py_XSETREF(to->threading_local_sentinel, Py_XNewRef(from->threading_local_sentinel));
    }
#endif
}

#endif
