#include "reload/scan/scan_threads.h"

#include <stdbool.h>
#include <stdlib.h>

#include "pool/base/apart.h"
#include "reload/objects/gilstate.h"

static bool make_room(struct thread_list *list, size_t capacity) {
    pthread_t *items = apart_realloc(list->items, capacity * sizeof *items);
    if (items) {
        list->items = items;
        list->capacity = capacity;
    }
    return items != NULL;
}

static void count_thread(const struct gilstate_thread *thread, void *arg) {
    (void)thread;
    ++*(size_t *)arg;
}

static void add_known(const struct gilstate_thread *thread, void *arg) {
    struct thread_list *list = arg;
    if (thread->has_started &&
        list->count < list->capacity) { /* one more may have started meanwhile: it is new */
        list->items[list->count++] = thread->thread;
    }
}

/** Add the threads that have a state of an interpreter. */
static bool add_states(struct thread_list *list, PyInterpreterState *interpreter) {
    PyThreadState *state = PyInterpreterState_ThreadHead(interpreter);
    for (; state; state = PyThreadState_Next(state)) {
        if (list->count == list->capacity && !make_room(list, 2 * list->capacity + 16)) {
            return false;
        }
        if (state->thread_id) {
            list->items[list->count++] = (pthread_t)state->thread_id;
        }
    }
    return true;
}

int scan_threads(struct thread_list *list, const struct py_interpreters *interpreters,
                 PyInterpreterState *ending, struct error *err) {
    *list = (struct thread_list){0};
    bool ok = true;
    for (size_t i = 0; ok && i < interpreters->count; i++) {
        const struct py_interpreter *each = &interpreters->items[i];
        ok = !each->is_still || each->state == ending || add_states(list, each->state);
    }
    size_t known = 0;
    gilstate_each_thread(count_thread, &known);
    ok = ok && (!known || make_room(list, list->count + known));
    if (!ok) {
        apart_free(list->items);
        return error_set(err, ERR_MEMORY, "out of memory listing threads");
    }
    if (known) {
        gilstate_each_thread(add_known, list);
    }
    return 0;
}
