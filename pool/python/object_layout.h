/**
 * What the stale state check needs of CPython and no public function gives: the one file of this
 * layer that includes CPython's internal headers.
 *
 * Why internals: `gc.get_objects()` allocates, raises an audit event that an application may hook,
 * and has to run *in* the interpreter it asks about; PyUnstable_GC_VisitObjects() (3.12) too needs
 * a thread state of it.  The check reads the lists of several interpreters from one thread, while
 * the GIL they share keeps all of them still.
 *
 * @thread any  @tstate attached to an interpreter that shares the process's GIL, for all of it
 */
#ifndef POOL_PYTHON_OBJECT_LAYOUT_H
#define POOL_PYTHON_OBJECT_LAYOUT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

typedef void (*py_object_function)(PyObject *object, void *arg);

/**
 * Call `function` for every object in the garbage collector's lists of an interpreter.
 * It must neither create nor destroy objects.
 */
void py_gc_each(PyInterpreterState *interpreter, py_object_function function, void *arg);

/** Whether an interpreter shares the process's GIL, so that holding that keeps it still. */
bool py_shares_gil(PyInterpreterState *interpreter);

struct py_interpreter {
    PyInterpreterState *state; /**< an address to know it by, unless … */
    /**
     * It shares the GIL and is not ending: as long as the GIL is held it stays, and its objects
     * and threads stay still.  One that is ending is taken apart by another thread, from 3.12 on
     * without the GIL for the last of it.
     */
    bool is_still;
};

struct py_interpreters {
    struct py_interpreter *items;
    size_t count;
    bool has_own_gil; /**< one of them at least */
};

/**
 * List all interpreters of the process.  May let go of the GIL for a moment.
 * @return 0, or -1 out of memory  @owns free(ret_list->items)
 */
int py_list_interpreters(struct py_interpreters *ret_list);

/** sys.modules of an interpreter. @return borrowed; NULL before it was made */
PyObject *py_modules(PyInterpreterState *interpreter);

/** PEP 683 (3.12): an object that is never freed and has no count. Always false before. */
bool py_is_immortal(PyObject *object);

/** The words that stand before an object which the garbage collector can track. */
enum { PY_GC_LINKS = 2 };
/**
 * Where the link stands that leads back to an object which is in a list of the garbage collector,
 * whosever.
 * @param links  the words before the object
 * @return 0: it is in none; else an address that need not be readable
 */
uintptr_t py_gc_link_back(const uintptr_t links[PY_GC_LINKS]);
/** Whether what stands there does lead back to the object. */
bool py_gc_leads_back(uintptr_t link, uintptr_t object);

/** Whether a str's characters can be read (before 3.12 it may hold wchar_t only). */
bool py_str_is_ready(PyObject *str);

/** How far before an object of a type its memory block starts. */
size_t py_type_header_bytes(PyTypeObject *type);
/** How far before an object the memory block that holds it starts. */
size_t py_block_header_bytes(PyObject *object);

/** Visit what a code object holds: it has no tp_traverse. */
void py_code_visit(PyObject *code, visitproc visit, void *arg);

/** Where a type object's fields that hold its furniture are (bases, mro, dictionary, …). */
void py_type_visit_furniture(PyTypeObject *type, visitproc visit, void *arg);

#endif
