#include "fcgi_host/worker/loader.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/outcome.h"
#include "fcgi_host/worker/predecessor.h"
#include "fcgi_host/worker/withheld.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/pool.h"

/** How it went. */
struct outcome {
    struct generation *generation; /**< serves; NULL: none, `err` says why */
    struct error err;
    char found[CHANNEL_FINDING_BYTES]; /**< what the check has found (channel.h); or "" */
    bool leaves_state;                 /**< extensions keep something of it */
};

static void tell_refused(const struct loader *loader, struct pool_interpreter *interpreter,
                         const struct outcome *outcome) {
    char file[PATH_MAX], refused[CHANNEL_FINDING_BYTES];
    pool_interpreter_refused_file(interpreter, file, sizeof file);
    channel_name_finding("refuses", file, refused, sizeof refused);
    for (size_t i = 0; i < pool_interpreter_app_count(interpreter); i++) {
        withheld_expect_move(pool_app_user(pool_interpreter_app(interpreter, i)));
    }
    channel_tell(loader->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_REFUSED,
                                            .number = outcome->leaves_state,
                                            .name = pool_interpreter_name(interpreter),
                                            .text = outcome->err.text,
                                            .finding = *outcome->found ? outcome->found : refused});
}

static void tell_outcome(const struct loader *loader, struct pool_interpreter *interpreter,
                         const struct outcome *outcome) {
    struct generation *generation = outcome->generation;
    const struct error *err = &outcome->err;
    bool can_tell = strlen(pool_interpreter_name(interpreter)) < CHANNEL_NAME_BYTES;
    if (!generation && err->code == ERR_REFUSED && !pool_interpreter_is_main(interpreter) &&
        can_tell) {
        tell_refused(loader, interpreter, outcome);
    }
    if (!generation && err->code == ERR_COLD) {
        return; /* loader_tell_cold() */
    }
    for (size_t i = 0; i < pool_interpreter_app_count(interpreter); i++) {
        struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
        const struct error *failure = atomic_load(&application->failure);
        if (!generation) {
            outcome_failed(loader->supervisor, application, err);
        } else if (failure) {
            outcome_failed(loader->supervisor, application, failure);
        } else {
            outcome_loaded(loader->supervisor, application, generation);
        }
    }
}

void loader_tell_refused(const struct loader *loader, const struct pool_interpreter *interpreter,
                         const struct pool_refusal *refusal) {
    struct error why;
    char finding[CHANNEL_FINDING_BYTES];
    if (pool_interpreter_is_main(interpreter)) {
        return; /* it is no refusal of sub-interpreters */
    }
    error_set(&why, ERR_REFUSED, "%s refuses sub-interpreters (%s)", refusal->module,
              refusal->message);
    channel_name_finding("refuses", refusal->file, finding, sizeof finding);
    recycle_moving(loader->recycle, interpreter);
    channel_tell(loader->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_MOVE_ME,
                                            .number = CHANNEL_MOVE_REFUSED,
                                            .name = pool_interpreter_name(interpreter),
                                            .text = why.text,
                                            .finding = finding});
}

void loader_tell_met_refusal(const struct loader *loader, struct pool_interpreter *interpreter) {
    struct pool_refusal refusal;
    struct generation *generation = pool_current(interpreter);
    if (generation && generation_refusal(generation, 0, &refusal)) {
        loader_tell_refused(loader, interpreter, &refusal);
    }
}

void loader_tell_cold(const struct loader *loader, const struct error *why,
                      const struct wsgi_modules *memory) {
    struct error err;
    int fd = memory->bytes ? channel_make_file(memory->bytes, memory->size, &err) : -1;
    channel_tell(loader->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_COLD, .text = why->text, .fd = &fd});
    if (fd >= 0) {
        close(fd);
    }
}

void loader_load(const struct loader *loader, struct pool_interpreter *interpreter) {
    struct outcome outcome = {NULL};
    struct error *err = &outcome.err;
    char *found = outcome.found;
    struct generation *built = NULL;
    unsigned timeout_ms = loader->startup_timeout_ms;
    if (pool_build(interpreter, timeout_ms, &built, err) != 0) {
        outcome.leaves_state =
            recycle_not_built(loader->recycle, interpreter, found, sizeof outcome.found, err);
    } else if (recycle_built(loader->recycle, built, found, sizeof outcome.found, err) != 0) {
        outcome.leaves_state = true;
        pool_park(built);
    } else if (predecessor_check(loader->predecessor, built, timeout_ms, err) != 0 ||
               pool_publish(built, err) != 0) {
        pool_discard(built);
    } else {
        outcome.generation = built;
    }
    tell_outcome(loader, interpreter, &outcome);
}
