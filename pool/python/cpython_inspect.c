#define Py_BUILD_CORE 1
#include "pool/python/cpython_inspect.h"
#include "pool/python/cpython_layouts.h"

#include <internal/pycore_ceval.h>
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_object.h>
#include <internal/pycore_pymem.h>
#include <internal/pycore_runtime.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_interpframe_structs.h>
#include <internal/pycore_stackref.h>
#endif

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "pool/base/apart.h"

/**
 * From both ends: most time is spent waiting for the next link to come from memory, and so two of
 * them are on their way at once.
 */
static void each_in_list(PyGC_Head *head, py_object_function function, void *arg) {
    PyGC_Head *first = _PyGCHead_NEXT(head), *last = _PyGCHead_PREV(head);
    while (first && first != head) {
        PyGC_Head *next = _PyGCHead_NEXT(first), *before = _PyGCHead_PREV(last);
        __builtin_prefetch(next);
        __builtin_prefetch(before);
        function((PyObject *)(first + 1), arg);
        if (first == last) {
            return;
        }
        function((PyObject *)(last + 1), arg);
        if (next == last) {
            return;
        }
        first = next;
        last = before;
    }
}

void inspect_gc_each(PyInterpreterState *interpreter, py_object_function function, void *arg) {
#if PY_VERSION_HEX >= 0x030E0000 && PY_VERSION_HEX < 0x030E0500
    /* The incremental collector. */
    each_in_list(&interpreter->gc.young.head, function, arg);
    each_in_list(&interpreter->gc.old[0].head, function, arg);
    each_in_list(&interpreter->gc.old[1].head, function, arg);
#else
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        each_in_list(&interpreter->gc.generations[i].head, function, arg);
    }
#endif
    /* gc.freeze() moves objects here. */
    each_in_list(&interpreter->gc.permanent_generation.head, function, arg);
}

enum { GC_FLAGS = 3 }; /* pycore_gc.h: _PyGC_NEXT_MASK_…, _PyGC_PREV_MASK_… */

uintptr_t inspect_gc_link_back(const uintptr_t links[PY_GC_LINKS]) {
    _Static_assert(sizeof(PyGC_Head) == PY_GC_LINKS * sizeof *links, "CPython's struct");
    uintptr_t next = links[0] & ~(uintptr_t)GC_FLAGS;
    /* Debian's 3.13.5 has the head of the list in a structure that is not aligned to words. */
    bool may_be = next > 1 << 16 && next >> 47 == 0 && links[1] > 1 << 16 && links[1] >> 47 == 0;
    return may_be ? next + offsetof(PyGC_Head, _gc_prev) : 0;
}

bool inspect_gc_leads_back(uintptr_t link, uintptr_t object) {
    return (link & ~(uintptr_t)GC_FLAGS) == object - sizeof(PyGC_Head);
}

const size_t inspect_interpreter_state_bytes = sizeof(PyInterpreterState);
#if PY_VERSION_HEX >= 0x030D0000
const size_t inspect_thread_state_bytes = sizeof(_PyThreadStateImpl);
#else
const size_t inspect_thread_state_bytes = sizeof(PyThreadState);
#endif

bool inspect_shares_gil(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030C0000
    return interpreter == PyInterpreterState_Main() || !interpreter->ceval.own_gil;
#else
    (void)interpreter;
    return true;
#endif
}

bool inspect_is_guarded(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030F0000
    uintptr_t guards =
        cpython_layouts_unknown() ? 0 : _Py_atomic_load_uintptr(&interpreter->finalization_guards);
    return guards > 0 && guards != _PyInterpreterGuard_GUARDS_NOT_ALLOWED;
#else
    (void)interpreter;
    return false;
#endif
}

bool inspect_traces_memory(void) {
#if PY_VERSION_HEX >= 0x030C0000
    const volatile int *tracing = &_PyRuntime.tracemalloc.config.tracing;
#else
    const volatile int *tracing = &_Py_tracemalloc_config.tracing;
#endif
    return !cpython_layouts_unknown() && *tracing;
}

bool py_is_eval_breaker_up(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030D0000
    bool is_up = false;
    PyThreadState *thread = PyInterpreterState_ThreadHead(interpreter);
    for (; thread; thread = PyThreadState_Next(thread)) {
        is_up |= (_Py_atomic_load_uintptr(&thread->eval_breaker) & _PY_EVAL_EVENTS_MASK) != 0;
    }
    return is_up;
#else
    return _Py_atomic_load_relaxed(&interpreter->ceval.eval_breaker) != 0;
#endif
}

/* pycore_pystate.h, HEAD_LOCK: held while the list of interpreters is read or changed. */
static void lock_interpreters(void) {
#if PY_VERSION_HEX >= 0x030D0000
    PyMutex_Lock(&_PyRuntime.interpreters.mutex);
#else
    PyThread_acquire_lock(_PyRuntime.interpreters.mutex, WAIT_LOCK);
#endif
}

static void unlock_interpreters(void) {
#if PY_VERSION_HEX >= 0x030D0000
    PyMutex_Unlock(&_PyRuntime.interpreters.mutex);
#else
    PyThread_release_lock(_PyRuntime.interpreters.mutex);
#endif
}

static int add_interpreter(struct py_interpreters *list, PyInterpreterState *state) {
    struct py_interpreter *items = apart_realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items) {
        return -1;
    }
    bool shares_gil = inspect_shares_gil(state);
    list->items = items;
    items[list->count++] = (struct py_interpreter){state, shares_gil && !state->finalizing};
    list->has_own_gil |= !shares_gil;
    return 0;
}

int inspect_list_interpreters(struct py_interpreters *ret_list) {
    *ret_list = (struct py_interpreters){0};
    int result = 0;
    lock_interpreters();
    PyInterpreterState *each = _PyRuntime.interpreters.head;
    for (; result == 0 && each; each = each->next) {
        result = add_interpreter(ret_list, each);
    }
    unlock_interpreters();
    if (result != 0) {
        apart_free(ret_list->items);
        *ret_list = (struct py_interpreters){0};
    }
    return result;
}

/** Whether it is not one that this program has made. */
static bool is_made_by_code(const PyInterpreterState *state) {
#if PY_VERSION_HEX >= 0x030D0000
    return state->_whence == _PyInterpreterState_WHENCE_XI ||
           state->_whence == _PyInterpreterState_WHENCE_STDLIB;
#else
    return state->requires_idref; /* its objects in Python count references to it */
#endif
}

size_t inspect_count_made(size_t *ret_unseen) {
    size_t made = 0, unseen = 0;
    if (!cpython_layouts_unknown()) {
        lock_interpreters();
        PyInterpreterState *each = _PyRuntime.interpreters.head;
        for (; each; each = each->next) {
            bool is_made = is_made_by_code(each);
            made += is_made;
            unseen += is_made && !inspect_shares_gil(each);
        }
        unlock_interpreters();
    }
    if (ret_unseen) {
        *ret_unseen = unseen;
    }
    return made;
}

PyObject *py_modules(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030C0000
    return interpreter->imports.modules;
#else
    return interpreter->modules;
#endif
}

/** Whether the module was made of slots, which then are, or have, its token. */
static bool has_token(PyObject *module) {
    void *token = NULL;
#if PY_VERSION_HEX >= 0x030F0000
    if (PyModule_GetToken(module, &token) != 0) {
        PyErr_Clear();
    }
#else
    (void)module;
#endif
    return token != NULL;
}

/*
 * As import.c:_get_extension_kind() of 3.13 decides.  A module with neither a definition nor a
 * token was copied from the first one's dictionary: single-phase.
 */
enum module_init inspect_module_init(PyObject *module, const PyModuleDef *def) {
    if (!def) {
        return has_token(module) ? MODULE_INIT_SLOTS : MODULE_INIT_SINGLE_PHASE;
    }
    bool is_single_phase =
        !def->m_slots && (def->m_size == -1 || def->m_base.m_init || def->m_base.m_copy);
    return is_single_phase ? MODULE_INIT_SINGLE_PHASE : MODULE_INIT_MULTI_PHASE;
}

bool inspect_is_immortal(PyObject *object) {
#if PY_VERSION_HEX >= 0x030C0000
    return _Py_IsImmortal(object);
#else
    (void)object;
    return false;
#endif
}

/*
 * What a suspended frame has on its stack may be lent by one of its variables, from 3.14 on: it is
 * not counted.  CPython's own visitors leave that out by themselves, and others get it
 * (_PyGC_VisitStackRef()).
 */
void inspect_visit_lent(PyObject *object, visitproc visit, void *arg) {
#if PY_VERSION_HEX >= 0x030E0000
    bool has_frame =
        PyGen_CheckExact(object) || PyCoro_CheckExact(object) || PyAsyncGen_CheckExact(object);
    PyGenObject *generator = (PyGenObject *)object;
    if (!has_frame || generator->gi_frame_state >= FRAME_CLEARED) {
        return;
    }
    const _PyStackRef *end = generator->gi_iframe.stackpointer;
    for (const _PyStackRef *at = generator->gi_iframe.localsplus; at < end; at++) {
        if (!PyStackRef_IsNullOrInt(*at) && !PyStackRef_RefcountOnObject(*at)) {
            visit(PyStackRef_AsPyObjectBorrow(*at), arg);
        }
    }
#else
    (void)object, (void)visit, (void)arg;
#endif
}

bool inspect_set_next(PyObject *set, Py_ssize_t *position, PyObject **ret_item) {
    const PySetObject *table = (const PySetObject *)set;
    while (*position <= table->mask) {
        const setentry *entry = &table->table[(*position)++];
        if (entry->key && entry->hash != -1) { /* -1 marks a removed entry */
            *ret_item = entry->key;
            return true;
        }
    }
    return false;
}

bool inspect_str_is_ready(PyObject *str) {
#if PY_VERSION_HEX >= 0x030C0000
    (void)str;
    return true;
#else
    return PyUnicode_IS_READY(str);
#endif
}

size_t inspect_type_header_bytes(const PyTypeObject *type) {
    return _PyType_PreHeaderSize((PyTypeObject *)type);
}

size_t inspect_block_header_bytes(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (!PyType_IS_GC(type) || !PyObject_IS_GC(object)) {
        return 0;
    }
    return _PyType_PreHeaderSize(type);
}

void inspect_code_visit(PyObject *object, visitproc visit, void *arg) {
    PyCodeObject *code = (PyCodeObject *)object;
    PyObject *held[] = {
        code->co_consts,          code->co_names,    code->co_exceptiontable,
        code->co_localsplusnames, code->co_filename, code->co_name,
        code->co_localspluskinds, code->co_qualname, code->co_linetable,
    };
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (held[i]) {
            visit(held[i], arg);
        }
    }
}

const size_t py_type_furniture[PY_TYPE_FURNITURE] = {
    offsetof(PyTypeObject, tp_dict),       offsetof(PyTypeObject, tp_bases),
    offsetof(PyTypeObject, tp_mro),        offsetof(PyTypeObject, tp_cache),
    offsetof(PyTypeObject, tp_subclasses), offsetof(PyTypeObject, tp_weaklist),
};

void inspect_type_visit_furniture(PyTypeObject *type, visitproc visit, void *arg) {
    for (size_t i = 0; i < PY_TYPE_FURNITURE; i++) {
        PyObject *held = *(PyObject **)((char *)type + py_type_furniture[i]);
        /* 3.12 keeps small numbers in tp_subclasses of its own static types. */
        if ((uintptr_t)held > 0xFFFF) {
            visit(held, arg);
        }
    }
}

bool py_is_subclass_list(PyObject *object) {
    PyObject *key, *item;
    Py_ssize_t position = 0;
    if (!PyDict_CheckExact(object) || !PyDict_Next(object, &position, &key, &item) ||
        !PyWeakref_CheckRefExact(item)) {
        return false;
    }
    PyObject *type = ((PyWeakReference *)item)->wr_object;
    PyObject *bases = PyType_Check(type) ? ((PyTypeObject *)type)->tp_bases : NULL;
    for (Py_ssize_t i = 0; bases && i < PyTuple_GET_SIZE(bases); i++) {
        const PyTypeObject *base = (const PyTypeObject *)PyTuple_GET_ITEM(bases, i);
        if (!(base->tp_flags & Py_TPFLAGS_HEAPTYPE) && (PyObject *)base->tp_subclasses == object) {
            return true;
        }
    }
    return false;
}

/* ---- Frames ---- */

#if PY_VERSION_HEX >= 0x030D0000
static struct _PyInterpreterFrame *innermost_frame(const PyThreadState *tstate) {
    return tstate->current_frame;
}
#else
static struct _PyInterpreterFrame *innermost_frame(const PyThreadState *tstate) {
    return tstate->cframe->current_frame;
}
#endif

/** What is read there may have been freed, and that is told from what has not only by a fault. */
#define READS_ANYTHING __attribute__((no_sanitize("address")))

/** @return NULL: the frame is CPython's own, or not whole */
READS_ANYTHING static PyCodeObject *code_of(const struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030E0000
    PyObject *code = PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030D0000
    PyObject *code = frame->f_executable;
#elif PY_VERSION_HEX >= 0x030C0000
    PyObject *code = frame->owner == FRAME_OWNED_BY_CSTACK ? NULL : (PyObject *)frame->f_code;
#else
    PyObject *code = (PyObject *)frame->f_code;
#endif
    return code && code->ob_type == &PyCode_Type ? (PyCodeObject *)code : NULL;
}

READS_ANYTHING static int instruction_of(const struct _PyInterpreterFrame *frame,
                                         PyCodeObject *code) {
#if PY_VERSION_HEX >= 0x030D0000
    const _Py_CODEUNIT *instruction = frame->instr_ptr;
#else
    const _Py_CODEUNIT *instruction = frame->prev_instr;
#endif
    return (int)((const char *)instruction - (const char *)_PyCode_CODE(code));
}

READS_ANYTHING size_t inspect_frames(const PyThreadState *tstate, struct inspected_frame *frames,
                                     size_t room) {
    const struct _PyInterpreterFrame *frame =
        cpython_layouts_unknown() ? NULL : innermost_frame(tstate);
    size_t count = 0;
    for (; frame && count < room; frame = frame->previous) {
        PyCodeObject *code = code_of(frame);
        if (code) {
            frames[count++] = (struct inspected_frame){code, instruction_of(frame, code)};
        }
    }
    return count;
}
