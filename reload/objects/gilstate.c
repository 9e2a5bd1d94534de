#include "pool/python/py_compat.h"

#include "reload/objects/gilstate.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "pool/python/cpython_repairs.h"

#define EXPORTED __attribute__((visibility("default")))

typedef int create_function(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*start)(void *), void *arg);
typedef PyGILState_STATE ensure_function(void);

struct noted {
    struct gilstate_thread thread;
    void *(*start)(void *);
    void *arg;
    bool has_lost_interpreter; /**< it was ended */
    struct noted *next, **link;
};

/** Guards what follows.  Leaf lock: nothing is called with it but CPython's own HEAD_LOCK. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct noted *s_threads;
static struct gilstate_caller s_callers[GILSTATE_CALLERS_MAX];
static size_t s_caller_count;

static _Thread_local struct noted *tl_noted; /**< NULL: no thread of an extension's */

/** The next definition of a function: the C library's, libpython's. */
static void *next_definition(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    if (!function) {
        abort(); /* the program could not have been linked */
    }
    return function;
}

/** Whether code belongs to the executable or to libpython: they manage their own threads. */
static bool is_host_code(void *address) {
    Dl_info code, host, python;
    return dladdr(address, &code) && dladdr((void *)is_host_code, &host) &&
           dladdr((void *)Py_Initialize, &python) &&
           (code.dli_fbase == host.dli_fbase || code.dli_fbase == python.dli_fbase);
}

static void forget_noted(struct noted *noted) {
    pthread_mutex_lock(&s_lock);
    *noted->link = noted->next;
    if (noted->next) {
        noted->next->link = noted->link;
    }
    pthread_mutex_unlock(&s_lock);
    free(noted);
}

static void forget_this_thread(void *noted) {
    tl_noted = NULL;
    forget_noted(noted);
}

static void remember(struct noted *noted) {
    pthread_mutex_lock(&s_lock);
    noted->next = s_threads;
    noted->link = &s_threads;
    if (noted->next) {
        noted->next->link = &noted->next;
    }
    s_threads = noted;
    pthread_mutex_unlock(&s_lock);
}

/** The first function of an extension's thread. */
static void *noted_main(void *arg) {
    struct noted *noted = arg;
    void *result;
    pthread_mutex_lock(&s_lock);
    noted->thread.thread = pthread_self();
    noted->thread.has_started = true;
    pthread_mutex_unlock(&s_lock);
    tl_noted = noted;
    pthread_cleanup_push(forget_this_thread, noted);
    result = noted->start(noted->arg);
    pthread_cleanup_pop(1);
    return result;
}

/** The interpreter that the calling thread works for. */
static const void *current_interpreter(void) {
    PyThreadState *tstate = Py_IsInitialized() ? PyGILState_GetThisThreadState() : NULL;
    if (tstate) {
        return PyThreadState_GetInterpreter(tstate);
    }
    return tl_noted ? tl_noted->thread.interpreter : NULL;
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*start)(void *), void *arg) {
    static create_function *_Atomic s_next;
    create_function *next = atomic_load_explicit(&s_next, memory_order_relaxed);
    if (!next) {
        next = (create_function *)next_definition("pthread_create");
        atomic_store_explicit(&s_next, next, memory_order_relaxed);
    }
    void *starter = __builtin_return_address(0);
    const void *interpreter = is_host_code(starter) ? NULL : current_interpreter();
    struct noted *noted = interpreter ? calloc(1, sizeof *noted) : NULL;
    if (!noted) {
        return next(thread, attributes, start, arg);
    }
    noted->start = start;
    noted->arg = arg;
    noted->thread.interpreter = interpreter;
    noted->thread.starter = (uintptr_t)starter;
    remember(noted); /* before it runs: its interpreter must not end in between */
    int failure = next(thread, attributes, noted_main, noted);
    if (failure) {
        forget_noted(noted);
    }
    return failure;
}

static void count_call_locked(uintptr_t address, bool to_main) {
    size_t i = 0;
    while (i < s_caller_count && s_callers[i].address != address) {
        i++;
    }
    if (i == s_caller_count) {
        if (i == GILSTATE_CALLERS_MAX) {
            return;
        }
        s_callers[s_caller_count++].address = address;
    }
    s_callers[i].calls++;
    s_callers[i].to_main += to_main;
}

/** A thread whose interpreter is gone must not run its code in another one. */
__attribute__((noreturn)) static void hang(void) {
    for (;;) {
        pause();
    }
}

/** Before the real function: give the calling thread a state of its own interpreter. */
static void route_call(uintptr_t address) {
    struct noted *noted = tl_noted;
    bool has_state = PyGILState_GetThisThreadState() != NULL;
    if (!noted && has_state) {
        return; /* a thread of Python or of the host */
    }
    pthread_mutex_lock(&s_lock);
    count_call_locked(address, !noted);
    bool is_lost = false;
    if (noted) {
        noted->thread.calls++;
        noted->thread.caller = address;
        is_lost = noted->has_lost_interpreter && !has_state;
        if (noted->thread.interpreter && !has_state) {
            cpython_make_gilstate((PyInterpreterState *)noted->thread.interpreter);
        }
    }
    pthread_mutex_unlock(&s_lock);
    if (is_lost) {
        hang();
    }
}

EXPORTED PyGILState_STATE PyGILState_Ensure(void) {
    static ensure_function *_Atomic s_next;
    ensure_function *next = atomic_load_explicit(&s_next, memory_order_relaxed);
    if (!next) {
        next = (ensure_function *)next_definition("PyGILState_Ensure");
        atomic_store_explicit(&s_next, next, memory_order_relaxed);
    }
    if (Py_IsInitialized()) {
        route_call((uintptr_t)__builtin_return_address(0));
    }
    return next();
}

void gilstate_each_thread(void (*function)(const struct gilstate_thread *thread, void *arg),
                          void *arg) {
    pthread_mutex_lock(&s_lock);
    for (const struct noted *at = s_threads; at; at = at->next) {
        function(&at->thread, arg);
    }
    pthread_mutex_unlock(&s_lock);
}

size_t gilstate_callers(struct gilstate_caller ret_callers[GILSTATE_CALLERS_MAX]) {
    pthread_mutex_lock(&s_lock);
    size_t count = s_caller_count;
    for (size_t i = 0; i < count; i++) {
        ret_callers[i] = s_callers[i];
    }
    pthread_mutex_unlock(&s_lock);
    return count;
}

bool gilstate_may_end(const void *interpreter, bool (*uses_api)(uintptr_t starter, void *arg),
                      void *arg) {
    bool may_end = true;
    pthread_mutex_lock(&s_lock);
    for (const struct noted *at = s_threads; at; at = at->next) {
        may_end &= at->thread.interpreter != interpreter ||
                   (!at->thread.calls && !uses_api(at->thread.starter, arg));
    }
    for (struct noted *at = s_threads; may_end && at; at = at->next) {
        if (at->thread.interpreter == interpreter) {
            at->thread.interpreter = NULL; /* another one may come to stand at its address */
            at->has_lost_interpreter = true;
        }
    }
    pthread_mutex_unlock(&s_lock);
    return may_end;
}
