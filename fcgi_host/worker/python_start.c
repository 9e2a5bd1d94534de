#include "fcgi_host/worker/python_start.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/worker/python_settings.h"
#include "fcgi_host/worker/signals.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/runtime.h"

enum {
    /** One for the thread that has the GIL, one for the threads that do not. */
    MALLOC_ARENAS = 2,
};

static bool s_is_started;
static char **s_environment; /* one application's, alone here */

/**
 * By default glibc gives each of the first threads an arena of its own for malloc(), and each keeps
 * what loading an application once needed, a quarter of the memory of a small application.  Threads
 * that share a GIL hardly ever allocate at the same time.  An administrator's setting stands.
 * See mallopt(3).
 */
static void share_malloc_arenas(const struct config *config) {
    const char *tunables = getenv("GLIBC_TUNABLES");
    bool is_set = config->script_defaults.gil_own || getenv("MALLOC_ARENA_MAX") ||
                  (tunables && strstr(tunables, "glibc.malloc.arena_max"));
    for (size_t i = 0; i < config->app_count && !is_set; i++) {
        is_set = config->apps[i].gil_own;
    }
    if (!is_set) {
        mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    }
}

/** @return a copy of the environment in one block, kept as long as the process; NULL: out of
 * memory, so that the application's changes stay in its interpreter */
static char **copy_environment(void) {
    size_t count = 0, bytes = 0;
    for (; environ[count]; count++) {
        bytes += strlen(environ[count]) + 1;
    }
    char **copy = malloc((count + 1) * sizeof *copy + bytes);
    if (!copy) {
        return NULL;
    }
    char *text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(environ[i]) + 1;
        copy[i] = memcpy(text, environ[i], size);
        text += size;
    }
    copy[count] = NULL;
    return copy;
}

int python_start(const struct config *config, struct error *err) {
    static const struct runtime_builtin s_builtins[] = {{"fcgi_host", wsgi_module_init},
                                                        {NULL, NULL}};
    struct python_settings settings;
    if (s_is_started) {
        return 0;
    }
    share_malloc_arenas(config);
    int rc = python_settings_apply(config, &settings, err);
    if (rc == 0) {
        const struct runtime_options options = {
            .builtins = s_builtins, .x_options = (const char *const *)settings.x_options};
        rc = runtime_start(&options, err);
    }
    python_settings_withdraw(&settings);
    if (rc != 0) {
        return error_prefix(err, "starting Python");
    }
    s_is_started = true;
    signals_leave_to_supervisor();
    if (config_has_one_application(config)) {
        s_environment = copy_environment();
    }
    return 0;
}

void python_set_process(bool is_one_of_many) {
    wsgi_set_process(&(struct wsgi_process){
        .multiprocess = is_one_of_many,
        .version = FCGI_HOST_VERSION,
        .environment = s_environment,
    });
}
