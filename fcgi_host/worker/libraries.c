#include "fcgi_host/worker/libraries.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

/** The requests, counted from 1, with which those before have imported something. */
static const unsigned s_after[] = {2, 10, 100};

struct telling {
    struct libraries *libraries;
    struct generation *generation; /* held */
};

static int describe(void *arg, struct error *err) {
    return wsgi_preload_describe(arg, err);
}

static void send_list(struct libraries *libraries, const struct wsgi_modules *list) {
    struct error err;
    int fd = channel_make_file(list->bytes, list->size, &err);
    if (fd < 0) {
        log_line(LOG_WARN, "worker.channel", NULL, "%s", err.text);
        return;
    }
    atomic_store(&libraries->told_bytes, list->size);
    channel_tell(libraries->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_LIBRARIES, .fd = &fd});
    close(fd);
}

static void *tell(void *arg) {
    struct telling telling = *(struct telling *)arg;
    struct libraries *libraries = telling.libraries;
    struct wsgi_modules list = {NULL, 0};
    struct error err;
    free(arg);
    int rc = pool_run(telling.generation, describe, &list, &err);
    generation_let_go(telling.generation);
    if (rc == 0 && list.bytes && list.size > atomic_load(&libraries->told_bytes)) {
        send_list(libraries, &list);
    } else if (rc != 0 && err.code != ERR_CLOSED) {
        log_line(LOG_WARN, "template.unused", NULL, "what the application has imported: %s",
                 err.text);
    }
    free(list.bytes);
    atomic_store(&libraries->is_telling, false);
    return NULL;
}

/** @return its generation in the main interpreter, held; NULL: there is none */
static struct generation *hold_generation(const struct application *application) {
    struct pool_interpreter *interpreter =
        application && application->pool_app ? pool_app_interpreter(application->pool_app) : NULL;
    return interpreter && pool_interpreter_is_main(interpreter) ? pool_hold_current(interpreter)
                                                                : NULL;
}

static void tell_later(struct libraries *libraries, const struct application *application) {
    struct generation *generation = NULL;
    if (!libraries->are_wanted || atomic_exchange(&libraries->is_telling, true)) {
        return;
    }
    generation = hold_generation(application);
    struct telling *telling = generation ? malloc(sizeof *telling) : NULL;
    if (telling) {
        *telling = (struct telling){libraries, generation};
    }
    if (!telling || thread_start(tell, telling, "libraries", NULL) != 0) {
        free(telling);
        if (generation) {
            generation_let_go(generation);
        }
        atomic_store(&libraries->is_telling, false);
    }
}

void libraries_init(struct libraries *libraries, const struct worker_start *start,
                    const struct channel_end *supervisor) {
    const struct config *config = start->config;
    libraries->supervisor = supervisor;
    libraries->was_forked = start->preloaded.modules > 0;
    libraries->are_wanted = config->app_count == 1 && config_has_one_application(config) &&
                            strcmp(config_preload(config), CONFIG_PRELOAD_AUTO) == 0;
}

void libraries_tell(struct libraries *libraries, const struct application *application) {
    if (!libraries->was_forked) {
        tell_later(libraries, application);
    }
}

void libraries_request(struct libraries *libraries, const struct application *application) {
    libraries->requests++;
    for (size_t i = 0; i < sizeof s_after / sizeof s_after[0]; i++) {
        if (libraries->requests == s_after[i]) {
            tell_later(libraries, application);
        }
    }
}

void libraries_stop(struct libraries *libraries, const struct application *application) {
    tell_later(libraries, application);
}
