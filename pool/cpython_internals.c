#define Py_BUILD_CORE 1 /* for the internal headers */

#include "pool/cpython_internals.h"

#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#include <stdint.h>

/*
 * asyncio (3.11) and contextvars (3.11, 3.12; so decimal's context) cache by
 * PyThreadState_GetID() in C variables, and every interpreter counts from 1: one interpreter's
 * running event loop and decimal context are then used in another (CPython issues 91375, 96336).
 */
void cpython_make_thread_ids_unique(PyInterpreterState *interpreter) {
    interpreter->threads.next_unique_id = (uint64_t)PyInterpreterState_GetID(interpreter) << 32;
}

/*
 * From 3.12 on attaching does it (issue 59956).  In 3.11 the first thread state of a thread stays
 * bound, and PyGILState_Ensure() with another attached waits for a GIL that this thread holds.
 */
void cpython_bind_gilstate(PyThreadState *tstate) {
#if PY_VERSION_HEX < 0x030C0000
    PyThread_tss_set(&_PyRuntime.gilstate.autoTSSkey, tstate);
#else
    (void)tstate;
#endif
}

/*
 * Later versions refuse threads in an interpreter that is being ended; 3.11 starts them, and they
 * run in freed memory (issue 104690).
 */
void cpython_forbid_threads(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX < 0x030C0000
    interpreter->config._isolated_interpreter = 1;
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
    if (!py_unlinks_ended_interpreters()) {
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
