#include "pool/python/py_compat.h"

#include "pool/python/callers.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unwind.h>

/* ---- Code ---- */

struct range {
    uintptr_t begin, end;
};

static struct range s_program, s_python;

static bool is_in(const struct range *range, const void *address) {
    return (uintptr_t)address >= range->begin && (uintptr_t)address < range->end;
}

struct search {
    const void *address;
    struct range *found;
};

/** Of each loaded object: is it the one with the address? */
static int look_at_object(struct dl_phdr_info *object, size_t bytes, void *arg) {
    const struct search *search = arg;
    struct range code = {0, 0};
    bool is_found = false;
    (void)bytes;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t begin = object->dlpi_addr + header->p_vaddr;
        const struct range loaded = {begin, begin + header->p_memsz};
        if (header->p_type == PT_LOAD) {
            is_found |= is_in(&loaded, search->address);
            code = header->p_flags & PF_X ? loaded : code;
        }
    }
    if (is_found) {
        *search->found = code;
    }
    return is_found;
}

static void find_code(const void *address, struct range *found) {
    struct search search = {address, found};
    dl_iterate_phdr(look_at_object, &search);
}

void callers_start(void) {
    find_code(&s_program, &s_program);
    find_code(dlsym(RTLD_DEFAULT, "Py_Initialize"), &s_python);
}

bool caller_is_program(const void *address) {
    return is_in(&s_program, address);
}

bool caller_is_python(const void *address) {
    return is_in(&s_python, address);
}

/* ---- The parking lot ---- */

enum {
    LOCK_FUNCTIONS_MAX = 8,
    /** Functions of CPython between the parking lot and the one that Python code has called. */
    FRAMES_BETWEEN = 1,
};

static const void *s_park; /* _PyParkingLot_Park(); NULL: this CPython has none */
static const void *s_lock_functions[LOCK_FUNCTIONS_MAX];
static size_t s_lock_function_count;

static bool is_lock_function(const void *function) {
    for (size_t i = 0; i < s_lock_function_count; i++) {
        if (s_lock_functions[i] == function) {
            return true;
        }
    }
    return false;
}

static void learn_lock_functions(const PyMethodDef *methods) {
    for (const PyMethodDef *method = methods; method && method->ml_name; method++) {
        const void *function = (const void *)(uintptr_t)method->ml_meth;
        bool is_waiting = strcmp(method->ml_name, "acquire") == 0 ||
                          strcmp(method->ml_name, "acquire_lock") == 0 ||
                          strcmp(method->ml_name, "__enter__") == 0;
        if (is_waiting && s_lock_function_count < LOCK_FUNCTIONS_MAX &&
            !is_lock_function(function)) {
            s_lock_functions[s_lock_function_count++] = function;
        }
    }
}

static bool s_is_learning;

/**
 * A compiler may have lock.acquire() end with a jump to the function that does its work, which then
 * stands in its place on the stack (3.15).  So one waits, for a moment, and is looked at.
 */
static void learn_by_waiting(PyObject *module) {
    PyObject *lock = module ? PyObject_CallMethod(module, "allocate_lock", NULL) : NULL;
    PyObject *first = lock ? PyObject_CallMethod(lock, "acquire", NULL) : NULL;
    s_is_learning = first != NULL;
    PyObject *second = first ? PyObject_CallMethod(lock, "acquire", "id", 1, 1e-6) : NULL;
    s_is_learning = false;
    PyObject *none = first ? PyObject_CallMethod(lock, "release", NULL) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(second);
    Py_XDECREF(first);
    Py_XDECREF(lock);
}

void callers_learn_locks(void) {
    static const char *const s_types[] = {"LockType", "RLock"};
    PyObject *module = PyImport_ImportModule("_thread");
    for (size_t i = 0; i < sizeof s_types / sizeof s_types[0]; i++) {
        PyObject *type = module ? PyObject_GetAttrString(module, s_types[i]) : NULL;
        if (type && PyType_Check(type)) {
            learn_lock_functions(((PyTypeObject *)type)->tp_methods);
        }
        Py_XDECREF(type);
    }
    s_park = dlsym(RTLD_DEFAULT, "_PyParkingLot_Park");
    if (s_park) {
        learn_by_waiting(module);
    }
    Py_XDECREF(module);
    PyErr_Clear();
}

struct stack_walk {
    unsigned above; /* frames since the parking lot's, itself counted; 0: not yet there */
    bool is_for_python_code;
    const void *outermost; /* the last function that was looked at */
};

/** Of each frame, from the wait outwards. */
static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *arg) {
    struct stack_walk *walk = arg;
    const void *function = (const void *)_Unwind_GetRegionStart(context);
    if (walk->above == 0) {
        walk->above = function == s_park;
        return _URC_NO_REASON;
    }
    /* Whoever else calls it is SimpleQueue.get(), in an extension module of its own. */
    bool is_queue = walk->above == 1 && !caller_is_python(function);
    walk->outermost = function;
    walk->is_for_python_code = is_queue || is_lock_function(function);
    bool is_over = walk->is_for_python_code || walk->above > FRAMES_BETWEEN;
    walk->above++;
    return is_over ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool callers_wait_for_python_lock(void) {
    struct stack_walk walk = {0};
    if (s_park) {
        _Unwind_Backtrace(look_at_frame, &walk);
    }
    return walk.is_for_python_code;
}

/** @return whether the function is one of those that others call by name, as CPython's own locks */
static bool is_exported(const void *function) {
    Dl_info info;
    return dladdr(function, &info) == 0 || info.dli_saddr == function;
}

void callers_see_wait(void) {
    struct stack_walk walk = {0};
    if (!s_is_learning) {
        return;
    }
    _Unwind_Backtrace(look_at_frame, &walk);
    if (walk.outermost && !walk.is_for_python_code && s_lock_function_count < LOCK_FUNCTIONS_MAX &&
        !is_exported(walk.outermost)) {
        s_lock_functions[s_lock_function_count++] = walk.outermost;
    }
}
