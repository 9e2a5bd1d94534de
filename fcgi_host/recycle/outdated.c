/* Extensions, and libraries of theirs, whose files were replaced: a process keeps what it has
 * loaded. */
#include <stdio.h>

#include "fcgi_host/recycle/recycle_internal.h"
#include "pool/python/runtime.h"
#include "reload/stale/stale.h"

struct question {
    struct recyclable *recyclable;
    void *interpreter;
    bool is_sure;
    char changed[RECYCLE_WHY_BYTES];
};

static void watch_library(void *ctx, const char *path) {
    struct recyclable *recyclable = ctx;
    reload_target_note_file(recyclable->target, path);
}

static int ask_check(struct question *question, struct stale_check *check, struct error *err) {
    if (stale_check_each_library(check, question->interpreter, watch_library, question->recyclable,
                                 err) != 0) {
        return -1;
    }
    return stale_check_files(check, question->interpreter, &question->is_sure, question->changed,
                             sizeof question->changed, err);
}

static int ask(void *arg, struct error *err) {
    struct question *question = arg;
    if (question->recyclable->check) {
        return ask_check(question, question->recyclable->check, err);
    }
    /* What is never recycled in the process may have been loaded from another file, too. */
    struct stale_check *check = stale_check_new(err);
    int result = check ? ask_check(question, check, err) : -1;
    stale_check_free(check);
    return result;
}

int recycle_check_files(struct recyclable *recyclable, struct generation *generation,
                        struct error *err) {
    /* Where it cannot be told which extensions the interpreter uses, those of all count. */
    void *interpreter = runtime_why_not_checked() ? NULL : generation_interpreter_state(generation);
    struct question question = {.recyclable = recyclable, .interpreter = interpreter};
    if (pool_run(generation, ask, &question, err) != 0 || !question.changed[0]) {
        return 0; /* the check that follows says why it cannot be made */
    }
    pthread_mutex_lock(&recyclable->lock);
    snprintf(recyclable->outdated, sizeof recyclable->outdated, "%s", question.changed);
    recyclable->is_surely_outdated = question.is_sure;
    pthread_mutex_unlock(&recyclable->lock);
    return error_set(err, ERR_NONE, "%s", question.changed);
}

bool recycle_is_outdated(struct recyclable *recyclable, char *ret_why, size_t why_bytes) {
    pthread_mutex_lock(&recyclable->lock);
    bool is_outdated = recyclable->outdated[0] != '\0';
    if (is_outdated) {
        snprintf(ret_why, why_bytes, "%s", recyclable->outdated);
    }
    pthread_mutex_unlock(&recyclable->lock);
    return is_outdated;
}

void recycle_reload_if_outdated(struct recyclable *recyclable) {
    struct error err;
    pthread_mutex_lock(&recyclable->lock);
    /* One that may be outdated waits for an edit: an application that writes an extension whenever
     * it loads would be loaded for ever. */
    bool is_due = recyclable->is_surely_outdated && !recyclable->is_newer_asked_for &&
                  !recycle_has_mode(recyclable, RELOAD_MODE_OFF);
    recyclable->is_newer_asked_for |= is_due;
    pthread_mutex_unlock(&recyclable->lock);
    if (is_due) {
        /* Out of memory: the next edit does it. */
        reload_target_request(recyclable->target, "loaded from files that were replaced", NULL,
                              NULL, &err);
    }
}
