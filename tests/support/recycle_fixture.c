#include "tests/support/recycle_fixture.h"

#include <assert.h>
#include <string.h>

#include "reload/stale/stale.h"
#include "tests/support/pool_fixture.h"

static void add_application(struct recycle_fixture *fixture, size_t index, const char *name) {
    struct app_config *config = &fixture->app_configs[index];
    struct error err;
    config->name = strdup(name);
    struct application *application = application_new(config, NULL, false, 0);
    assert(application);
    const struct pool_app_options options = {
        .name = config->name, .threads = 1, .queue_limit = 1, .user = application};
    int failed =
        pool_add_app(fixture->recyclable.interpreter, &options, &application->pool_app, &err);
    assert(!failed);
    fixture->applications[index] = application;
}

void recycle_fixture_start(struct recycle_fixture *fixture, bool is_main, const char *const names[],
                           size_t count) {
    struct recycle *recycle = &fixture->recycle;
    struct recyclable *recyclable = &fixture->recyclable;
    struct error err;
    recycle->options.pool = fixture_start();
    recycle->options.config = &fixture->config;
    pthread_mutex_init(&recycle->lock, NULL);
    recycle->first = recyclable;
    recyclable->recycle = recycle;
    recyclable->interpreter =
        fixture_interpreter(recycle->options.pool, "site", is_main, POOL_GIL_SHARED);
    pthread_mutex_init(&recyclable->lock, NULL);
    recyclable->check = stale_check_new(&err);
    assert(recyclable->check);
    for (size_t i = 0; i < count; i++) {
        add_application(fixture, i, names[i]);
    }
}
