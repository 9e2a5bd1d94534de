#include "pool/python/py_compat.h"

#include "pool/python/interpreter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "embedded/interpreter_setup_py.h"
#include "pool/base/clock.h"
#include "pool/python/attach.h"
#include "pool/python/builtin_types.h"
#include "pool/python/cpython_inspect.h"
#include "pool/python/cpython_repairs.h"
#include "pool/python/embedded_code.h"
#include "pool/python/kept.h"
#include "pool/python/py_error.h"
#include "pool/python/runtime.h"
#include "pool/python/waits.h"

/** SystemExit is repeated this often: code may catch it and go on. */
enum { INTERRUPT_AGAIN_MS = 50 };

static struct embedded_code s_setup = {"interpreter_setup", interpreter_setup_py, NULL};
static const char SETUP_NAMESPACE[] = "fcgi_host.setup";

/** Call a function of interpreter_setup.py. @return what it returned, or NULL with an exception */
static PyObject *call_setup(const char *name, PyObject *args) {
    PyObject *setup = kept_get(SETUP_NAMESPACE);
    PyObject *function = setup ? PyDict_GetItemString(setup, name) : NULL;
    if (!function) {
        PyErr_Format(PyExc_SystemError, "%s is gone", name);
        return NULL;
    }
    return PyObject_Call(function, args, NULL);
}

/** The same without arguments. @return 0, or -1 with an exception */
static int call_setup_plainly(const char *name) {
    PyObject *no_args = PyTuple_New(0);
    PyObject *none = no_args ? call_setup(name, no_args) : NULL;
    int result = none ? 0 : -1;
    Py_XDECREF(none);
    Py_XDECREF(no_args);
    return result;
}

static int add_frame(PyObject *frames, PyThreadState *thread) {
    PyFrameObject *frame = PyThreadState_GetFrame(thread);
    PyObject *ident = frame ? PyLong_FromUnsignedLong(thread->thread_id) : NULL;
    int result = !frame ? 0 : ident ? PyDict_SetItem(frames, ident, (PyObject *)frame) : -1;
    Py_XDECREF(ident);
    Py_XDECREF(frame);
    return result;
}

/**
 * current_frames(): as sys._current_frames(), but of this interpreter's threads alone.  That one
 * makes frame objects of all interpreters' frames, also of those that run at this moment, with a
 * GIL of their own.
 */
static PyObject *current_frames(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyObject *frames = PyDict_New();
    int was_enabled = PyGC_Disable(); /* it would run code, and other threads with that */
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; frames && thread; thread = PyThreadState_Next(thread)) {
        if (add_frame(frames, thread) < 0) {
            Py_CLEAR(frames);
        }
    }
    if (was_enabled) {
        PyGC_Enable();
    }
    return frames;
}

static PyMethodDef s_current_frames = {"current_frames", current_frames, METH_NOARGS, NULL};

/** What interpreter_setup.py has of this file. @return 0, or -1 with an exception */
static int give_functions(PyObject *setup) {
    PyObject *function = PyCFunction_New(&s_current_frames, NULL);
    int result = function ? PyDict_SetItemString(setup, "_current_frames", function) : -1;
    Py_XDECREF(function);
    return result;
}

/** @return 0, or -1 with an exception */
static int set_up_interpreter(bool is_main, bool own_gil, const struct refusal_sink *sink) {
    if (!is_main && builtin_types_align() != 0) {
        return -1;
    }
    PyObject *setup = kept_run(SETUP_NAMESPACE, &s_setup);
    int result = setup ? give_functions(setup) : -1;
    if (result == 0) {
        result = call_setup_plainly("forbid_fork");
    }
    if (result == 0) {
        result = call_setup_plainly(is_main ? "prepare_main" : "expect_threading");
    }
    if (result == 0 && !is_main) {
        result = call_setup_plainly("limit_digits");
    }
    if (result == 0 && !is_main) {
        result = main_first_watch(setup, own_gil, sink);
    }
    return result;
}

int interpreter_prepare_main(struct error *err) {
    return set_up_interpreter(true, false, NULL) == 0 ? 0 : py_error_take(err);
}

int interpreter_adopt_home(struct error *err) {
    return call_setup_plainly("adopt_home") == 0 ? 0 : py_error_take(err);
}

/** tracemalloc keeps the file names of interpreters that have ended (CPython issues 134604 and
 *  144172): nothing is to be traced when one does. */
static void stop_tracing_memory(void) {
    PyObject *module = runtime_traces_memory() ? PyImport_ImportModule("_tracemalloc") : NULL;
    PyObject *none = module ? PyObject_CallMethod(module, "stop", NULL) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(module);
    PyErr_Clear(); /* it has no such module where it has a GIL of its own */
}

/**
 * The thread is left with one thread state, made when it had no other: on 3.11 the first one is
 * what the GIL-state API takes for this thread's, for good.
 */
static PyThreadState *create_interpreter(bool own_gil, struct error *err) {
    PyThreadState *main_tstate = PyThreadState_New(PyInterpreterState_Main());
    if (!main_tstate) {
        error_set(err, ERR_MEMORY, "no thread state");
        return NULL;
    }
    attach_begin(main_tstate);
    if (PY_TRACING_FORBIDS_INTERPRETERS) {
        stop_tracing_memory();
    }
    PyThreadState *first = NULL;
    const char *failure = py_new_interpreter(&first, own_gil);
    if (first) {
        cpython_make_thread_ids_unique(PyThreadState_GetInterpreter(first));
        PyThreadState_Swap(main_tstate);
    }
    attach_end_and_delete(main_tstate);
    if (!first) {
        error_set(err, ERR_PYTHON, "no sub-interpreter: %s", failure);
        return NULL;
    }

    PyThreadState *tstate = PyThreadState_New(PyThreadState_GetInterpreter(first));
    if (!tstate) {
        Py_FatalError("out of memory"); /* `first` cannot be ended on this thread's behalf */
    }
    attach_begin(tstate);
    PyThreadState_Clear(first);
    PyThreadState_Delete(first);
    return tstate;
}

PyThreadState *interpreter_create(bool own_gil, const struct refusal_sink *sink,
                                  struct error *err) {
    PyThreadState *tstate = create_interpreter(own_gil, err);
    if (tstate && set_up_interpreter(false, own_gil, sink) != 0) {
        py_error_take(err);
        error_prefix(err, "setting up a sub-interpreter");
        interpreter_end(tstate);
        tstate = NULL;
    }
    return tstate;
}

unsigned interpreter_set_switch_interval(unsigned us) {
    PyObject *args = Py_BuildValue("(d)", us / 1e6);
    PyObject *before = args ? call_setup("set_switch_interval", args) : NULL;
    double seconds = before ? PyFloat_AsDouble(before) : 0;
    Py_XDECREF(before);
    Py_XDECREF(args);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    attach_note_switch_interval(us);
    return (unsigned)(seconds * 1e6 + 0.5);
}

void interpreter_run_exit_functions(void) {
    if (call_setup_plainly("run_exit_functions") != 0) {
        PyErr_WriteUnraisable(NULL);
    }
}

/** Whether a state's thread has ended and left it behind, as threads that C code started may. */
static bool is_left_behind(const PyThreadState *tstate) {
    return tstate->native_thread_id &&
           syscall(SYS_tgkill, getpid(), (pid_t)tstate->native_thread_id, 0) != 0 && errno == ESRCH;
}

/** The next state, from `tstate` on, of another thread that keeps the interpreter from its end. */
static PyThreadState *next_other(PyThreadState *tstate) {
    const PyThreadState *me = PyThreadState_Get();
    while (tstate && (tstate == me || (PY_ENDS_LEFT_STATES && is_left_behind(tstate)))) {
        tstate = PyThreadState_Next(tstate);
    }
    return tstate;
}

static PyThreadState *first_other(void) {
    return next_other(
        PyInterpreterState_ThreadHead(PyThreadState_GetInterpreter(PyThreadState_Get())));
}

unsigned interpreter_other_threads(void) {
    unsigned count = 0;
    PyThreadState *other = first_other();
    for (; other; other = next_other(PyThreadState_Next(other))) {
        count++;
    }
    return count;
}

bool interpreter_is_guarded(void) {
    return inspect_is_guarded(PyThreadState_GetInterpreter(PyThreadState_Get()));
}

bool interpreter_await_guards(unsigned limit_ms) {
    enum { AGAIN_MS = 10 }; /* nobody is told when the last one is closed */
    double end_ms = clock_now_ms() + limit_ms;
    bool is_guarded = interpreter_is_guarded();
    while (is_guarded && clock_now_ms() < end_ms) {
        Py_BEGIN_ALLOW_THREADS;
        poll(NULL, 0, AGAIN_MS);
        Py_END_ALLOW_THREADS;
        is_guarded = interpreter_is_guarded();
    }
    return !is_guarded;
}

/** New reference: their identifiers; or NULL with an exception. */
static PyObject *list_other_threads(void) {
    PyObject *idents = PyList_New(0);
    PyThreadState *other = first_other();
    for (; idents && other; other = next_other(PyThreadState_Next(other))) {
        PyObject *ident = PyLong_FromUnsignedLong(other->thread_id);
        if (!ident || PyList_Append(idents, ident) != 0) {
            Py_CLEAR(idents);
        }
        Py_XDECREF(ident);
    }
    return idents;
}

void interpreter_name_threads(struct error *err) {
    PyObject *idents = list_other_threads();
    PyObject *args = idents ? PyTuple_Pack(1, idents) : NULL;
    PyObject *names = args ? call_setup("name_threads", args) : NULL;
    PyObject *text = names ? PyUnicode_AsEncodedString(names, "utf-8", "backslashreplace") : NULL;
    if (text) {
        error_set(err, ERR_TIMEOUT, "%s", PyBytes_AS_STRING(text));
    } else {
        py_error_take(err);
    }
    Py_XDECREF(text);
    Py_XDECREF(names);
    Py_XDECREF(args);
    Py_XDECREF(idents);
}

void interpreter_interrupt(unsigned long thread_ident) {
    PyThreadState_SetAsyncExc(thread_ident, PyExc_SystemExit);
}

bool interpreter_is_interrupted(unsigned long thread_ident) {
    PyInterpreterState *interpreter = PyThreadState_GetInterpreter(PyThreadState_Get());
    PyThreadState *tstate = PyInterpreterState_ThreadHead(interpreter);
    while (tstate && tstate->thread_id != thread_ident) {
        tstate = PyThreadState_Next(tstate);
    }
    return tstate && tstate->async_exc;
}

void interpreter_wake(const unsigned long *thread_idents, size_t count, unsigned kinds) {
    for (size_t i = 0; i < count; i++) {
        waits_end(thread_idents[i], kinds);
    }
    PyObject *idents = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; idents && i < count; i++) {
        PyObject *ident = PyLong_FromUnsignedLong(thread_idents[i]);
        if (!ident) {
            Py_CLEAR(idents);
            break;
        }
        PyList_SET_ITEM(idents, (Py_ssize_t)i, ident);
    }
    PyObject *args = idents ? PyTuple_Pack(1, idents) : NULL;
    PyObject *none = args ? call_setup("wake_threads", args) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(args);
    Py_XDECREF(idents);
    PyErr_Clear();
}

void interpreter_prefer_interrupt(void) {
    if (!PyThreadState_Get()->async_exc) {
        return;
    }
    PyObject *before = PyErr_GetRaisedException();
    call_setup_plainly("take_interrupt");
    PyObject *exception = PyErr_GetRaisedException();
    if (exception) {
        PyException_SetContext(exception, before);
    }
    PyErr_SetRaisedException(exception ? exception : before);
}

void interpreter_clear_interrupt(void) {
    /* Not PyThreadState_SetAsyncExc(id, NULL): on 3.11 it leaves eval_breaker up for good, also
     * when nothing was pending: every loop takes the slow path, and a traced one never gets on. */
    while (PyThreadState_Get()->async_exc) {
        if (call_setup_plainly("take_interrupt") == 0) {
            break; /* another thread has taken it back */
        }
        PyErr_Clear();
    }
}

/** interrupt(): SystemExit in every other thread. @return how many there are */
static PyObject *interrupt_others(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    unsigned count = 0;
    PyThreadState *other = first_other();
    for (; other; other = next_other(PyThreadState_Next(other)), count++) {
        interpreter_interrupt(other->thread_id);
        waits_end(other->thread_id, WAITS_FOR_TIME_OR_DATA | WAITS_FOR_LOCKS);
    }
    return PyLong_FromUnsignedLong(count);
}

static PyMethodDef s_interrupt_others = {"interrupt", interrupt_others, METH_NOARGS, NULL};

bool interpreter_stop_threads(unsigned limit_ms) {
    if (interpreter_other_threads() == 0) {
        return true;
    }
    PyObject *interrupt = PyCFunction_New(&s_interrupt_others, NULL);
    PyObject *args =
        interrupt ? Py_BuildValue("(Odd)", interrupt, limit_ms / 1e3, INTERRUPT_AGAIN_MS / 1e3)
                  : NULL;
    PyObject *all_gone = args ? call_setup("stop_threads", args) : NULL;
    if (!all_gone) {
        PyErr_WriteUnraisable(NULL);
    }
    bool result = all_gone == Py_True;
    Py_XDECREF(all_gone);
    Py_XDECREF(args);
    Py_XDECREF(interrupt);
    return result;
}

void interpreter_end(PyThreadState *tstate) {
    PyInterpreterState *interpreter = PyThreadState_GetInterpreter(tstate);
    stop_tracing_memory();
    cpython_forbid_threads(interpreter);
    cpython_unlink_when_freed(interpreter);
    py_end_interpreter(tstate);
    attach_note_end();
}
