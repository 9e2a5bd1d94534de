#include "fcgi_host/app/application.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/live.h"

/** An error, and the errors of the same application before it. */
struct failure {
    struct error err; /* first: application->failure points here */
    struct failure *before;
};

struct application *application_new(const struct app_config *config, struct app_config *own_config,
                                    bool is_script, uint32_t random) {
    struct application *application = calloc(1, sizeof *application);
    if (!application) {
        return NULL;
    }
    application->config = config;
    application->own_config = own_config;
    application->is_script = is_script;
    application->served_limit = application_jitter(config->max_requests, random);
    pthread_mutex_init(&application->lock, NULL);
    return application;
}

void application_free(struct application *application) {
    if (!application) {
        return;
    }
    struct failure *failure = application->last_failure;
    while (failure) {
        struct failure *before = failure->before;
        free(failure);
        failure = before;
    }
    pthread_mutex_destroy(&application->lock);
    if (application->own_config) {
        free(application->own_config->name);
        free(application->own_config->file);
        free(application->own_config);
    }
    free(application);
}

void application_set_failure(struct application *application, const struct error *err) {
    static struct error s_no_memory = {ERR_MEMORY, 0, "out of memory"};
    const struct error *before = atomic_load(&application->failure);
    if (!err) {
        atomic_store(&application->failure, NULL);
        return;
    }
    struct failure *failure = malloc(sizeof *failure);
    if (!failure) {
        atomic_store(&application->failure, &s_no_memory);
        return;
    }
    failure->err = *err;
    pthread_mutex_lock(&application->lock);
    failure->before = application->last_failure;
    application->last_failure = failure;
    pthread_mutex_unlock(&application->lock);
    atomic_store(&application->failure, &failure->err);
    if (!before || strcmp(before->text, err->text) != 0) {
        live_fails(application->config, err);
    }
}

void application_set_serving(struct application *application, uint64_t generation, double load_ms,
                             int64_t now_s) {
    atomic_store(&application->generation, generation);
    atomic_store(&application->load_us, (unsigned)(load_ms * 1000));
    atomic_store(&application->loaded_at_s, now_s);
    pthread_mutex_lock(&application->lock);
    memcpy(application->revision, application->loading_revision, sizeof application->revision);
    pthread_mutex_unlock(&application->lock);
    live_serves(application->config);
}

void application_note_revision(struct application *application) {
    char revision[REVISION_BYTES];
    revision_find(application->config->file, revision);
    pthread_mutex_lock(&application->lock);
    memcpy(application->loading_revision, revision, sizeof revision);
    pthread_mutex_unlock(&application->lock);
}

void application_get_revision(struct application *application, char ret_revision[REVISION_BYTES]) {
    pthread_mutex_lock(&application->lock);
    memcpy(ret_revision, application->revision, REVISION_BYTES);
    pthread_mutex_unlock(&application->lock);
}

void application_set_reload(struct application *application, const struct reload_ending *reload) {
    pthread_mutex_lock(&application->lock);
    application->last_reload = *reload;
    pthread_mutex_unlock(&application->lock);
}

void application_get_reload(struct application *application, struct reload_ending *ret_reload) {
    pthread_mutex_lock(&application->lock);
    *ret_reload = application->last_reload;
    pthread_mutex_unlock(&application->lock);
}

uint64_t application_jitter(uint64_t max_requests, uint32_t random) {
    uint64_t tenth = max_requests / 10;
    return max_requests - tenth + random % (2 * tenth + 1);
}

bool application_is_spent(uint64_t count, uint64_t limit) {
    if (limit == 0 || count < limit) {
        return false;
    }
    uint64_t step = limit / 10 > 0 ? limit / 10 : 1;
    return (count - limit) % step == 0;
}

const char *application_interpreter(const struct app_config *config) {
    return config->interpreter ? config->interpreter : config->name;
}

int application_add_to_pool(struct application *application, struct pool_interpreter *interpreter,
                            struct error *err) {
    const struct pool_app_options options = {
        .name = application->config->name,
        .threads = application->config->threads,
        .queue_limit = application->config->queue,
        .user = application,
    };
    return pool_add_app(interpreter, &options, &application->pool_app, err);
}

const struct app_config **application_configs(const struct pool_interpreter *interpreter) {
    size_t count = pool_interpreter_app_count(interpreter);
    const struct app_config **configs = calloc(count + 1, sizeof *configs);
    for (size_t i = 0; configs && i < count; i++) {
        const struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
        configs[i] = application->config;
    }
    return configs;
}
