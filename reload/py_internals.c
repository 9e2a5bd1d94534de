#define Py_BUILD_CORE 1
#include "reload/py_internals.h"

#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_object.h>

#include <stddef.h>

/**
 * From both ends: what takes the time is waiting for the next link to come from memory, and so two
 * are on their way at once.
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

void py_gc_each(PyInterpreterState *interpreter, py_object_function function, void *arg) {
    for (int i = 0; i < NUM_GENERATIONS; i++) {
        each_in_list(&interpreter->gc.generations[i].head, function, arg);
    }
    /* gc.freeze() moves objects here. */
    each_in_list(&interpreter->gc.permanent_generation.head, function, arg);
}

enum { GC_FLAGS = 3 }; /* pycore_gc.h: _PyGC_NEXT_MASK_…, _PyGC_PREV_MASK_… */

uintptr_t py_gc_link_back(const uintptr_t links[PY_GC_LINKS]) {
    _Static_assert(sizeof(PyGC_Head) == PY_GC_LINKS * sizeof *links, "CPython's struct");
    uintptr_t next = links[0] & ~(uintptr_t)GC_FLAGS;
    /* Debian's 3.13.5 has the head of the list in a structure that is not aligned to words. */
    bool may_be = next > 1 << 16 && next >> 47 == 0 && links[1] > 1 << 16 && links[1] >> 47 == 0;
    return may_be ? next + offsetof(PyGC_Head, _gc_prev) : 0;
}

bool py_gc_leads_back(uintptr_t link, uintptr_t object) {
    return (link & ~(uintptr_t)GC_FLAGS) == object - sizeof(PyGC_Head);
}

bool py_shares_gil(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030C0000
    return interpreter == PyInterpreterState_Main() || !interpreter->ceval.own_gil;
#else
    (void)interpreter;
    return true;
#endif
}

bool py_is_ending(PyInterpreterState *interpreter) {
    return interpreter->finalizing;
}

PyObject *py_modules(PyInterpreterState *interpreter) {
#if PY_VERSION_HEX >= 0x030C0000
    return interpreter->imports.modules;
#else
    return interpreter->modules;
#endif
}

bool py_is_immortal(PyObject *object) {
#if PY_VERSION_HEX >= 0x030C0000
    return _Py_IsImmortal(object);
#else
    (void)object;
    return false;
#endif
}

bool py_str_is_ready(PyObject *str) {
#if PY_VERSION_HEX >= 0x030C0000
    (void)str;
    return true;
#else
    return PyUnicode_IS_READY(str);
#endif
}

size_t py_type_header_bytes(PyTypeObject *type) {
    return _PyType_PreHeaderSize(type);
}

size_t py_block_header_bytes(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    if (!PyType_IS_GC(type) || !PyObject_IS_GC(object)) {
        return 0;
    }
    return _PyType_PreHeaderSize(type);
}

void py_code_visit(PyObject *object, visitproc visit, void *arg) {
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

void py_type_visit_furniture(PyTypeObject *type, visitproc visit, void *arg) {
    PyObject *held[] = {
        type->tp_dict,  type->tp_bases,      type->tp_mro,
        type->tp_cache, type->tp_subclasses, type->tp_weaklist,
    };
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        /* 3.12 keeps small numbers in tp_subclasses of its own static types. */
        if ((uintptr_t)held[i] > 0xFFFF) {
            visit(held[i], arg);
        }
    }
}
