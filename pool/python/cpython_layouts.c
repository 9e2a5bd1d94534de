#define Py_BUILD_CORE 1
#include "pool/python/py_compat.h"

#include "pool/python/cpython_layouts.h"

#include <internal/pycore_frame.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe_structs.h>
#endif
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

/**
 * Patch levels among which what is relied upon has not moved, but for what debug_offsets tell.  The
 * first and the last of each, and some between, were compared by their headers; a level that came
 * later is not known until that has been done.
 */
static const struct {
    unsigned minor, first, last;
} s_known[] = {
    {11, 2, 7},
    {12, 1, 10},
    {13, 5, 15}, /* 3.13.0: the collector's lists are four bytes on */
    {14, 5, 8},  /* up to 3.14.4: the incremental collector */
};

static unsigned minor_of(unsigned long version) {
    return version >> 16 & 0xff;
}

static unsigned patch_of(unsigned long version) {
    return version >> 8 & 0xff;
}

static bool is_final(unsigned long version) {
    return (version & 0xff) == 0xf0; /* CPython C API, "API and ABI Versioning" */
}

static bool are_known_alike(unsigned long built, unsigned long running) {
    bool are_alike = false;
    for (size_t i = 0; i < sizeof s_known / sizeof *s_known; i++) {
        bool has_built = patch_of(built) >= s_known[i].first && patch_of(built) <= s_known[i].last;
        bool has_running =
            patch_of(running) >= s_known[i].first && patch_of(running) <= s_known[i].last;
        are_alike |= minor_of(built) == s_known[i].minor && has_built && has_running;
    }
    return are_alike && built >> 16 == running >> 16 && is_final(built) && is_final(running);
}

#if PY_VERSION_HEX >= 0x030D0000

struct place {
    const char *name;
    uint64_t there, here;
};

#define OFFSET(structure, member, of, field)                                                       \
    { #of "." #field, offsets->structure.member, offsetof(of, field) }
#define SIZE(structure, of)                                                                        \
    { "the size of " #of, offsets->structure.size, sizeof(of) }

/** @return what is elsewhere than in the headers; no name: nothing */
static struct place find_moved(const _Py_DebugOffsets *offsets) {
    const struct place places[] = {
        SIZE(runtime_state, _PyRuntimeState),
        OFFSET(runtime_state, interpreters_head, _PyRuntimeState, interpreters.head),
        SIZE(interpreter_state, PyInterpreterState),
        OFFSET(interpreter_state, id, PyInterpreterState, id),
        OFFSET(interpreter_state, next, PyInterpreterState, next),
        OFFSET(interpreter_state, threads_head, PyInterpreterState, threads.head),
        OFFSET(interpreter_state, gc, PyInterpreterState, gc),
        OFFSET(interpreter_state, imports_modules, PyInterpreterState, imports.modules),
        OFFSET(interpreter_state, sysdict, PyInterpreterState, sysdict),
        OFFSET(interpreter_state, builtins, PyInterpreterState, builtins),
        OFFSET(interpreter_state, ceval_gil, PyInterpreterState, ceval.gil),
        OFFSET(interpreter_state, gil_runtime_state, PyInterpreterState, _gil),
        SIZE(thread_state, PyThreadState),
        OFFSET(thread_state, prev, PyThreadState, prev),
        OFFSET(thread_state, next, PyThreadState, next),
        OFFSET(thread_state, interp, PyThreadState, interp),
        OFFSET(thread_state, thread_id, PyThreadState, thread_id),
        OFFSET(thread_state, datastack_chunk, PyThreadState, datastack_chunk),
        OFFSET(thread_state, current_frame, PyThreadState, current_frame),
        OFFSET(interpreter_frame, previous, struct _PyInterpreterFrame, previous),
        OFFSET(interpreter_frame, executable, struct _PyInterpreterFrame, f_executable),
        OFFSET(interpreter_frame, instr_ptr, struct _PyInterpreterFrame, instr_ptr),
        SIZE(gc, struct _gc_runtime_state),
        OFFSET(gc, collecting, struct _gc_runtime_state, collecting),
        SIZE(code_object, PyCodeObject),
        OFFSET(code_object, linetable, PyCodeObject, co_linetable),
        OFFSET(code_object, localspluskinds, PyCodeObject, co_localspluskinds),
        OFFSET(code_object, co_code_adaptive, PyCodeObject, co_code_adaptive),
        SIZE(pyobject, PyObject),
        OFFSET(pyobject, ob_type, PyObject, ob_type),
        SIZE(type_object, PyTypeObject),
        OFFSET(type_object, tp_flags, PyTypeObject, tp_flags),
        OFFSET(tuple_object, ob_item, PyTupleObject, ob_item),
        SIZE(dict_object, PyDictObject),
        SIZE(unicode_object, PyUnicodeObject),
        OFFSET(unicode_object, state, PyUnicodeObject, _base._base.state),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i].there != places[i].here) {
            return places[i];
        }
    }
    return (struct place){0};
}

static const void *running_offsets(void) {
    return &_PyRuntime.debug_offsets;
}

static bool are_offsets_the_same(const void *offsets, char *ret_why, size_t why_bytes) {
    const struct place moved = find_moved(offsets);
    if (moved.name) {
        snprintf(ret_why, why_bytes, "%s is %llu there, not %llu", moved.name,
                 (unsigned long long)moved.there, (unsigned long long)moved.here);
    }
    return !moved.name;
}
#else
static const void *running_offsets(void) {
    return NULL;
}

static bool are_offsets_the_same(const void *offsets, char *ret_why, size_t why_bytes) {
    (void)offsets, (void)ret_why, (void)why_bytes;
    return true; /* CPython does not tell */
}
#endif

bool cpython_layouts_agree(unsigned long built, unsigned long running, const void *offsets,
                           char *ret_why, size_t why_bytes) {
    char moved[128] = "whether its structures are the same is not known";
    if ((built == running || are_known_alike(built, running)) &&
        are_offsets_the_same(offsets, moved, sizeof moved)) {
        return true;
    }
    snprintf(ret_why, why_bytes, "built for CPython 3.%u.%u%s, runs with 3.%u.%u%s: %s",
             minor_of(built), patch_of(built), is_final(built) ? "" : " before its release",
             minor_of(running), patch_of(running), is_final(running) ? "" : " before its release",
             moved);
    return false;
}

static char s_unknown[320]; /* "": known */
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static void compare(void) {
    cpython_layouts_agree(PY_VERSION_HEX, Py_Version, running_offsets(), s_unknown,
                          sizeof s_unknown);
}

const char *cpython_layouts_unknown(void) {
    pthread_once(&s_once, compare);
    return *s_unknown ? s_unknown : NULL;
}
