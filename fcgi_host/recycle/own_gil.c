/* Interpreters with a GIL of their own: the check cannot read them beside others, so they are
 * recycled only where there is nothing for it to find. */
#include <stdio.h>

#include "fcgi_host/recycle/recycle_internal.h"
#include "pool/python/runtime.h"
#include "reload/stale/stale.h"

struct question {
    void *interpreter;
    char foreign[RECYCLE_WHY_BYTES];
};

static int ask(void *arg, struct error *err) {
    struct question *question = arg;
    struct stale_check *check = stale_check_new(err);
    int result = check ? stale_check_foreign(check, question->interpreter, question->foreign,
                                             sizeof question->foreign, err)
                       : -1;
    stale_check_free(check);
    return result;
}

int recycle_check_own_gil(struct recyclable *recyclable, struct generation *generation,
                          struct error *err) {
    struct question question = {.interpreter = generation_interpreter_state(generation)};
    if (recyclable->check || runtime_why_not_checked() || !runtime_recycles_own_gil() ||
        pool_interpreter_is_main(recyclable->interpreter)) {
        return 0;
    }
    if (pool_run(generation, ask, &question, err) != 0) {
        return -1;
    }
    if (!question.foreign[0] || recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER)) {
        return 0;
    }
    pthread_mutex_lock(&recyclable->lock);
    snprintf(recyclable->unrecyclable, sizeof recyclable->unrecyclable,
             "no check reads %.400s in an interpreter with a GIL of its own", question.foreign);
    error_set(err, ERR_BUSY, "%s", recyclable->unrecyclable);
    pthread_mutex_unlock(&recyclable->lock);
    return -1;
}
