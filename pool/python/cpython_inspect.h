/**
 * Looking into CPython: its interpreters, their lists of objects and how an object lies in memory,
 * as the stale state check needs it; the frames of a thread.  Nothing here changes CPython's state;
 * cpython_repairs.h does.
 *
 * Why not by public functions: `gc.get_objects()` allocates, raises an audit event that an
 * application may hook, and has to run *in* the interpreter that is asked about;
 * PyUnstable_GC_VisitObjects() (3.12) needs a thread state of that interpreter, too.  The check
 * reads the lists of several interpreters from one thread, while the GIL that they share keeps all
 * of them still.
 *
 * @thread any  @tstate attached to an interpreter that shares the process's GIL, for all of it
 */
#ifndef POOL_PYTHON_CPYTHON_INSPECT_H
#define POOL_PYTHON_CPYTHON_INSPECT_H

#include "pool/python/py_compat.h"

#include <stdbool.h>
#include <stdint.h>

#include "pool/python/module_init.h"

typedef void (*py_object_function)(PyObject *object, void *arg);

/**
 * Call `function` for every object in the garbage collector's lists of an interpreter.
 * It must neither create nor destroy objects.
 */
void inspect_gc_each(PyInterpreterState *interpreter, py_object_function function, void *arg);

/** Whether an interpreter shares the process's GIL, so that holding that keeps it still. */
bool inspect_shares_gil(PyInterpreterState *interpreter);

struct py_interpreter {
    PyInterpreterState *state; /**< not to be followed unless is_still */
    /**
     * It shares the GIL and is not ending: as long as the GIL is held it stays, and its objects
     * and threads stay still.  Another thread takes an ending interpreter apart, from 3.12 on in
     * part without the GIL.
     */
    bool is_still;
};

struct py_interpreters {
    struct py_interpreter *items;
    size_t count;
    bool has_own_gil; /**< at least one of them has a GIL of its own */
};

/**
 * List all interpreters of the process.  May let go of the GIL for a moment.
 * @return 0, or -1 out of memory  @owns apart_free(ret_list->items)
 */
int inspect_list_interpreters(struct py_interpreters *ret_list);

/** runtime_made_interpreters(): by the modules `_interpreters` and `_xxsubinterpreters`. */
size_t inspect_count_made(size_t *ret_unseen);

/** sys.modules of an interpreter. @return borrowed; NULL before it was made */
PyObject *py_modules(PyInterpreterState *interpreter);

/** How an extension module was initialised. @param def  PyModule_GetDef(), or a copy of that */
enum module_init inspect_module_init(PyObject *module, const PyModuleDef *def);

/** PEP 683 (3.12): an object that is never freed and has no count. Always false before. */
bool inspect_is_immortal(PyObject *object);

/** The words that stand before an object which the garbage collector can track. */
enum { PY_GC_LINKS = 2 };
/**
 * An object that is in a list of the garbage collector has a neighbour there that points back at
 * it.  Find where the neighbour's pointer is.
 * @param links  the words before the object
 * @return an address that need not be readable; 0: the object is in no list
 */
uintptr_t inspect_gc_link_back(const uintptr_t links[PY_GC_LINKS]);
/** Whether the word at that address points back at the object. */
bool inspect_gc_leads_back(uintptr_t link, uintptr_t object);

/** A copy of what CPython's small-object allocator keeps at the start of each of its pools. */
struct py_pool_header {
    uintptr_t words[6];
};
/** Where the header stands of the pool that an address is in, if it is in one. */
uintptr_t inspect_pool_of(uintptr_t address);
/**
 * The size of the small object's block that starts at an address.
 * @param header  copied from inspect_pool_of(address), whatever stands there
 * @return 0: it is no pool's header, or no block of it starts at the address
 */
size_t inspect_pool_block_bytes(const struct py_pool_header *header, uintptr_t address);
/**
 * The block of a pool that contains an address.
 * @param[out] ret_start  set only if there is one
 * @return its size; 0: it is no pool's header, or the address is in no block
 */
size_t inspect_pool_block_around(const struct py_pool_header *header, uintptr_t address,
                                 uintptr_t *ret_start);

/** A copy of a whole pool. */
struct py_pool {
    uintptr_t words[(1 << 14) / sizeof(uintptr_t)];
};
/**
 * Call `function` for each free block of a pool that has been in use.
 * @param copy   of the pool at `start`, which has blocks (inspect_pool_block_bytes())
 * @return where the blocks begin that were never given out
 */
uintptr_t inspect_pool_each_free(const struct py_pool *copy, uintptr_t start,
                                 void (*function)(uintptr_t block, void *arg), void *arg);

/** What stands before a block if CPython's allocators are being debugged (PYTHONMALLOC=debug). */
struct py_debug_header {
    unsigned char size[sizeof(size_t)], domain, guard[sizeof(size_t) - 1];
};
/** Whether the bytes before a block, copied, are such a header. */
bool inspect_is_debug_header(const struct py_debug_header *header);
/** The size that was asked for. */
size_t inspect_debug_bytes(const struct py_debug_header *header);

/** The next item of a set, as PyDict_Next() does it. @return false: there are no more */
bool inspect_set_next(PyObject *set, Py_ssize_t *position, PyObject **ret_item);

/** Whether a str's characters can be read (before 3.12 it may hold wchar_t only). */
bool inspect_str_is_ready(PyObject *str);

/** Sizes of the states of an interpreter and of a thread. */
extern const size_t inspect_interpreter_state_bytes, inspect_thread_state_bytes;

/** How far before an object the memory block that holds it starts, by the object's type alone. */
size_t inspect_type_header_bytes(const PyTypeObject *type);
/** The same by the object: one of a type that can be tracked need not be. */
size_t inspect_block_header_bytes(PyObject *object);

/** Visit what tp_traverse shows though the object does not own a reference to it, each as often as
 *  it is shown (3.14: the stacks of generators and coroutines). */
void inspect_visit_lent(PyObject *object, visitproc visit, void *arg);

/** Visit what a code object holds: it has no tp_traverse. */
void inspect_code_visit(PyObject *code, visitproc visit, void *arg);

/** PEP 788 (3.15): whether Py_EndInterpreter() would wait for C code that keeps the interpreter. */
bool inspect_is_guarded(PyInterpreterState *interpreter);

/** Whether tracemalloc traces.  (PyTraceMalloc_Untrack() would tell, but waits for the GIL
 * in 3.13.)
 *  @thread any  @tstate any */
bool inspect_traces_memory(void);

/** Whether code of an interpreter is told to leave the fast path of its loops and calls, for a
 *  moment.  @tstate attached, to an interpreter with the same GIL */
bool py_is_eval_breaker_up(PyInterpreterState *interpreter);

/** The fields of a type object that CPython fills by itself: bases, mro, dictionary … */
enum { PY_TYPE_FURNITURE = 6 };
/** Their offsets. */
extern const size_t py_type_furniture[PY_TYPE_FURNITURE];
/** Visit what these fields hold. */
void inspect_type_visit_furniture(PyTypeObject *type, visitproc visit, void *arg);

/**
 * Whether an object is the dictionary in which a static type keeps weak references to its direct
 * subclasses.  In 3.11 those of all interpreters are in one, so it grows with their number.
 */
bool py_is_subclass_list(PyObject *object);

/** A Python frame. */
struct inspected_frame {
    PyCodeObject *code; /**< borrowed */
    int instruction;    /**< for PyCode_Addr2Line() */
};

/**
 * The frames of the calling thread, in a signal handler, which may have interrupted CPython while
 * it makes or removes one.  So a read may fault, which the caller is to catch, and what is found
 * may be wrong.
 * @param tstate  the thread's, attached or not
 * @return how many, the innermost first; `room` if there may be more; none where frames may lie
 *         otherwise than in the headers (cpython_layouts.h)
 * @tstate any; async-signal-safe
 */
size_t inspect_frames(const PyThreadState *tstate, struct inspected_frame *ret_frames, size_t room);

#endif
