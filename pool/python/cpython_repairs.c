#define Py_BUILD_CORE 1 /* for the internal headers */

#include "pool/python/cpython_repairs.h"

#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#include <pthread.h>
#include <stdint.h>

#include "pool/python/cpython_layouts.h"

/*
 * asyncio (3.11) and contextvars (3.11, 3.12; so decimal's context) cache by
 * PyThreadState_GetID() in C variables, and every interpreter counts from 1: one interpreter's
 * running event loop and decimal context are then used in another (CPython issues 91375, 96336).
 */
void cpython_make_thread_ids_unique(PyInterpreterState *interpreter) {
    if (!cpython_layouts_unknown()) {
        interpreter->threads.next_unique_id = (uint64_t)PyInterpreterState_GetID(interpreter) << 32;
    }
}

/*
 * From 3.12 on attaching does it (issue 59956).  In 3.11 the first thread state of a thread stays
 * bound, and PyGILState_Ensure() with another attached waits for a GIL that this thread holds.
 */
void cpython_bind_gilstate(PyThreadState *tstate) {
#if PY_VERSION_HEX < 0x030C0000
    if (!cpython_layouts_unknown()) {
        PyThread_tss_set(&_PyRuntime.gilstate.autoTSSkey, tstate);
    }
#else
    (void)tstate;
#endif
}

/*
 * PyThreadState_New() binds the state to the thread, because it is the first one that this thread
 * makes; with a count of 0 the last PyGILState_Release() deletes it.  PEP 788 is to replace this.
 */
void cpython_make_gilstate(PyInterpreterState *interpreter) {
    PyThreadState *tstate = PyThreadState_New(interpreter);
    if (tstate) {
        tstate->gilstate_counter = 0;
    }
}

/*
 * Later versions refuse threads in an interpreter that is being ended; 3.11 starts them, and they
 * run in freed memory (issue 104690).
 */
void cpython_forbid_threads(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX < 0x030C0000
    if (!cpython_layouts_unknown()) {
        interpreter->config._isolated_interpreter = 1;
    }
#else
    (void)interpreter;
#endif
}

/*
 * 3.12.0 to 3.12.6 free an interpreter without unlinking its garbage collector's lists (issues
 * 90228, 116510): an object that lives on, held by an extension, keeps pointing at the list heads
 * in the freed memory, and writes there when it goes.  Unlinking the heads must come after the
 * last collection and before the memory is freed: the only place is the allocator's free().
 */
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
#include <internal/pycore_gc.h>

static PyMemAllocatorEx s_raw_allocator;
static _Thread_local PyInterpreterState *tl_ending; /* by Py_EndInterpreter() of this thread */

static void unlink_list(PyGC_Head *head) {
    PyGC_Head *previous = (PyGC_Head *)(head->_gc_prev & _PyGC_PREV_MASK);
    PyGC_Head *next = (PyGC_Head *)head->_gc_next;
    if (previous && next) {
        previous->_gc_next = (uintptr_t)next;
        next->_gc_prev = (next->_gc_prev & ~_PyGC_PREV_MASK) | (uintptr_t)previous;
    }
}

static void free_raw(void *ctx, void *memory) {
    PyInterpreterState *ending = tl_ending;
    if (memory && memory == ending) {
        for (int i = 0; i < NUM_GENERATIONS; i++) {
            unlink_list(&ending->gc.generations[i].head);
        }
        unlink_list(&ending->gc.permanent_generation.head);
        tl_ending = NULL;
    }
    s_raw_allocator.free(ctx, memory);
}

void cpython_prepare_unlinking(void) {
    if (!py_unlinks_ended_interpreters() && !cpython_layouts_unknown()) {
        PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &s_raw_allocator);
        PyMemAllocatorEx allocator = s_raw_allocator;
        allocator.free = free_raw;
        PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &allocator);
    }
}

void cpython_unlink_when_freed(PyInterpreterState *interpreter) {
    tl_ending = interpreter;
}
#else
void cpython_prepare_unlinking(void) {
}

void cpython_unlink_when_freed(PyInterpreterState *interpreter) {
    (void)interpreter;
}
#endif

/*
 * Up to 3.12 a thread that has waited for the GIL for 5 ms asks for it by a flag of *its own*
 * interpreter, and the thread that has the GIL looks only at the flag of the interpreter it is in.
 * Threads of other interpreters wait until it lets go by itself: one application that computes
 * stops all others.  (3.13 asks the holder.)  So the flag is copied to the holder's interpreter.
 *
 * A flag is raised by a waiter and lowered when a thread of its interpreter gets the GIL, both
 * under gil->mutex; so with that held, a flag means that a thread waits.  That must be certain: a
 * holder that finds its flag raised lets go of the GIL and waits until another thread has taken it.
 * A copy is another matter: when the holder lets go by itself before it looks, its flag stays up
 * though none of its threads wants the GIL.  So a copy whose interpreter no longer has the GIL
 * is taken down first; should one of its threads really wait, it raises the flag again in 5 ms.
 * With the flag goes eval_breaker, which no thread of that interpreter would lower any more: every
 * loop and call would take the slow path for good.
 * The holder is looked up among the living, and not followed, since its state may have been freed
 * while its thread kept the GIL (Py_EndInterpreter() does that).  The list of interpreters is
 * guarded by interpreters.mutex, taken before gil->mutex; CPython never takes it while holding
 * that.
 */
#if PY_GIL_REQUESTS_GET_LOST
#if PY_VERSION_HEX < 0x030C0000
#define GIL_OF(interpreter) ((void)(interpreter), &_PyRuntime.ceval.gil)
#else
#define GIL_OF(interpreter) ((interpreter)->ceval.gil)
#endif

static PyInterpreterState *find_interpreter(uintptr_t tstate) {
    for (PyInterpreterState *at = _PyRuntime.interpreters.head; at; at = at->next) {
        for (PyThreadState *thread = at->threads.head; thread; thread = thread->next) {
            if ((uintptr_t)thread == tstate) {
                return at;
            }
        }
    }
    return NULL;
}

/** Id of the interpreter that the last copy was made in; -1: none. @lock gil->mutex */
static int64_t s_copied_to = -1;

/** What CPython's COMPUTE_EVAL_BREAKER() looks at, as far as it may concern this interpreter. */
static bool has_reason_to_break(const PyInterpreterState *interpreter) {
    const struct _ceval_state *ceval = &interpreter->ceval;
    bool has_reason = _Py_atomic_load_relaxed(&ceval->gil_drop_request) ||
                      _Py_atomic_load_relaxed(&ceval->pending.calls_to_do) ||
                      *(const volatile int *)&ceval->pending.async_exc;
    bool is_main = interpreter == PyInterpreterState_Main();
    has_reason |= is_main && _Py_atomic_load_relaxed(&_PyRuntime.ceval.signals_pending);
#if PY_VERSION_HEX >= 0x030C0000
    has_reason |= _Py_atomic_load_relaxed(&ceval->gc_scheduled) != 0;
    has_reason |=
        is_main && _Py_atomic_load_relaxed(&_PyRuntime.ceval.pending_mainthread.calls_to_do);
#endif
    return has_reason;
}

/** The reasons are set before eval_breaker is raised: one that came meanwhile is seen here, or
 *  raises it after. */
static void lower_eval_breaker(PyInterpreterState *interpreter) {
    if (!has_reason_to_break(interpreter)) {
        _Py_atomic_store(&interpreter->ceval.eval_breaker, 0); /* sequentially consistent */
        if (has_reason_to_break(interpreter)) {
            _Py_atomic_store_relaxed(&interpreter->ceval.eval_breaker, 1);
        }
    }
}

static void take_down_copy(const PyInterpreterState *holder) {
    for (PyInterpreterState *at = _PyRuntime.interpreters.head; at && s_copied_to >= 0;
         at = at->next) {
        if (at->id == s_copied_to && at != holder) {
            _Py_atomic_store_relaxed(&at->ceval.gil_drop_request, 0);
            lower_eval_breaker(at);
            s_copied_to = -1;
        }
    }
}

static bool is_gil_wanted(struct _gil_runtime_state *gil) {
    for (PyInterpreterState *at = _PyRuntime.interpreters.head; at; at = at->next) {
        if (GIL_OF(at) == gil && _Py_atomic_load_relaxed(&at->ceval.gil_drop_request)) {
            return true;
        }
    }
    return false;
}

bool cpython_pass_on_gil_request(void) {
    if (cpython_layouts_unknown()) {
        return false;
    }
    struct _gil_runtime_state *gil = GIL_OF(PyInterpreterState_Main());
    PyThread_acquire_lock(_PyRuntime.interpreters.mutex, WAIT_LOCK);
    pthread_mutex_lock(&gil->mutex);
    bool is_taken = _Py_atomic_load_relaxed(&gil->locked) == 1;
    PyInterpreterState *holder =
        is_taken ? find_interpreter(_Py_atomic_load_relaxed(&gil->last_holder)) : NULL;
    take_down_copy(holder);
    if (holder && is_gil_wanted(gil) && !_Py_atomic_load_relaxed(&holder->ceval.gil_drop_request)) {
        _Py_atomic_store_relaxed(&holder->ceval.gil_drop_request, 1);
        _Py_atomic_store_relaxed(&holder->ceval.eval_breaker, 1);
        s_copied_to = holder->id;
    }
    pthread_mutex_unlock(&gil->mutex);
    PyThread_release_lock(_PyRuntime.interpreters.mutex);
    return is_taken;
}
#else
bool cpython_pass_on_gil_request(void) {
    return false;
}
#endif
