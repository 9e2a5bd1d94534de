#include "pool/python/py_compat.h"

#include "fcgi_host/commands/audit_pool.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/commands/audit_say.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/cpython_inspect.h"
#include "pool/python/py_error.h"
#include "pool/python/runtime.h"
#include "reload/stale/stale.h"

/** The parent's timeout ends earlier. */
enum { BUILD_MS = 3600 * 1000 };

/* ---- Python ---- */

/** CPython's audit event "import": the last one before a crash names what was being loaded. */
static int hear_import(const char *event, PyObject *args, void *arg) {
    const struct audit_pool *pool = arg;
    if (strcmp(event, "import") == 0 && PyTuple_Check(args) && PyTuple_GET_SIZE(args) >= 2) {
        PyObject *name = PyTuple_GET_ITEM(args, 0), *file = PyTuple_GET_ITEM(args, 1);
        if (PyUnicode_Check(name) && PyUnicode_Check(file)) {
            const char *name_text = PyUnicode_AsUTF8(name), *file_text = PyUnicode_AsUTF8(file);
            if (name_text && file_text) {
                AUDIT_SAY(pool->fd, "import", name_text, file_text);
            }
            PyErr_Clear();
        }
    }
    return 0;
}

/** As `python -m` does: modules of the working directory come first. */
static int import_target(const char *name) {
    PyObject *path = PySys_GetObject("path"); /* borrowed */
    char here[4096];
    PyObject *entry = getcwd(here, sizeof here) ? PyUnicode_DecodeFSDefault(here) : NULL;
    if (!path || !entry || PyList_Insert(path, 0, entry) != 0) {
        Py_XDECREF(entry);
        return -1;
    }
    Py_DECREF(entry);
    PyObject *module = PyImport_ImportModule(name);
    Py_XDECREF(module);
    return module ? 0 : -1;
}

/** @return whether it is a module that a shared object was loaded for */
static bool is_extension(PyObject *module) {
    PyObject *file =
        PyModule_Check(module) ? PyDict_GetItemString(PyModule_GetDict(module), "__file__") : NULL;
    const char *text = file && PyUnicode_Check(file) ? PyUnicode_AsUTF8(file) : NULL;
    PyErr_Clear();
    size_t length = text ? strlen(text) : 0;
    return length > 3 && strcmp(text + length - 3, ".so") == 0;
}

static void say_module(const struct audit_pool *pool, const char *module_name, PyObject *module) {
    char init[2];
    Py_ssize_t at = 0;
    PyObject *dict = PyModule_GetDict(module), *name, *value;
    snprintf(init, sizeof init, "%d", (int)inspect_module_init(module, PyModule_GetDef(module)));
    AUDIT_SAY(pool->fd, "init", module_name, init);
    AUDIT_SAY(pool->fd, "attribute", module_name, "__name__"); /* it may have no other */
    while (PyDict_Next(dict, &at, &name, &value)) {
        const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
        if (text && strncmp(text, "__", 2) != 0) {
            AUDIT_SAY(pool->fd, "attribute", module_name, text);
        }
        PyErr_Clear();
    }
}

/** Say what the extension modules are and have. */
static void say_modules(const struct audit_pool *pool) {
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    Py_ssize_t at = 0;
    PyObject *name, *module;
    while (PyDict_Next(modules, &at, &name, &module)) {
        const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
        if (text && is_extension(module)) {
            say_module(pool, text, module);
        }
        PyErr_Clear();
    }
}

static void say_refusals(const struct audit_pool *pool, const struct generation *generation) {
    struct pool_refusal refusal;
    for (size_t i = 0; generation_refusal(generation, i, &refusal); i++) {
        AUDIT_SAY(pool->fd, "refusal", refusal.module, refusal.file, refusal.exception,
                  refusal.message);
    }
}

/* ---- Hooks ---- */

static int load_target(void *ctx, struct generation *generation, struct pool_app *app,
                       void **ret_loaded, struct error *err) {
    struct audit_pool *pool = ctx;
    char thread[32];
    int failed;
    (void)app;
    snprintf(thread, sizeof thread, "%ld", (long)gettid());
    AUDIT_SAY(pool->fd, "thread", thread);
    *ret_loaded = NULL;
    if (pool->target->module) {
        failed = import_target(pool->target->module) == 0 ? 0 : py_error_take(err);
    } else {
        failed = wsgi_load(generation, pool->target->app, ret_loaded, err);
    }
    say_refusals(pool, generation); /* those that the target caught, too */
    if (!failed) {
        say_modules(pool);
    }
    return failed;
}

static int setup_target(void *ctx, struct generation *generation, struct error *err) {
    struct audit_pool *pool = ctx;
    const struct app_config *app = pool->target->app;
    return pool->target->module ? 0 : wsgi_setup(generation, &app, 1, err);
}

static void unload_target(void *ctx, struct generation *generation, struct pool_app *app,
                          void *loaded) {
    struct audit_pool *pool = ctx;
    (void)generation, (void)app;
    if (!pool->target->module) {
        wsgi_unload(loaded);
    }
}

static void retire_target(void *ctx, struct generation *generation) {
    struct audit_pool *pool = ctx;
    if (!pool->target->module) {
        wsgi_retire(generation);
    }
}

static bool may_end(void *ctx, struct generation *generation) {
    struct audit_pool *pool = ctx;
    if (!stale_check_may_end(pool->check, generation_interpreter_state(generation))) {
        return false;
    }
    if (pool->ending) {
        pool->ending(pool, generation);
    }
    return true;
}

/* ---- Steps ---- */

int audit_pool_start(struct audit_pool *pool, enum audit_place place) {
    static const struct runtime_builtin s_builtins[] = {{"fcgi_host", wsgi_module_init},
                                                        {NULL, NULL}};
    const struct runtime_options runtime = {.not_withheld = pool->target->module,
                                            .builtins = s_builtins};
    const struct pool_hooks hooks = {.ctx = pool,
                                     .setup = setup_target,
                                     .load = load_target,
                                     .unload = unload_target,
                                     .retiring = retire_target,
                                     .may_end = may_end};
    const struct pool_interpreter_options interpreter = {
        .name = "audit",
        .is_main = place == AUDIT_IN_MAIN,
        .gil = place == AUDIT_IN_OWN_GIL ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = APPLICATION_STOP_THREADS_MS,
    };
    const struct pool_app_options app = {.name = "audit", .threads = 1, .queue_limit = 1};
    const struct wsgi_process process = {.version = FCGI_HOST_VERSION};
    if (PySys_AddAuditHook(hear_import, pool) != 0) {
        return error_set(&pool->err, ERR_PYTHON, "no audit hook");
    }
    wsgi_set_process(&process);
    pool->check = stale_check_new(&pool->err);
    if (!pool->check || runtime_start(&runtime, &pool->err) != 0 ||
        !(pool->pool = pool_new(&hooks, &pool->err))) {
        return -1;
    }
    return pool_add_interpreter(pool->pool, &interpreter, &pool->interpreter, &pool->err) ||
           pool_add_app(pool->interpreter, &app, &pool->app, &pool->err);
}

void audit_pool_say_frames(const struct audit_pool *pool, const char *text) {
    static const char begin[] = "  File \"";
    char file[4096];
    while ((text = strstr(text, begin))) {
        text += sizeof begin - 1;
        size_t length = strcspn(text, "\"\n");
        snprintf(file, sizeof file, "%.*s", (int)length, text);
        AUDIT_SAY(pool->fd, "frame", file);
    }
}

const char *audit_pool_last_line(char *text) {
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n') {
        text[--length] = '\0';
    }
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

int audit_pool_build(struct audit_pool *pool, const char *step,
                     struct generation **ret_generation) {
    AUDIT_SAY(pool->fd, "step", step);
    if (pool_build(pool->interpreter, BUILD_MS, ret_generation, &pool->err) != 0) {
        audit_pool_say_frames(pool, pool->err.text);
        AUDIT_SAY(pool->fd, "failed", step, audit_pool_last_line(pool->err.text));
        return -1;
    }
    return 0;
}

void audit_pool_end(struct audit_pool *pool, const char *step, struct generation **generation) {
    AUDIT_SAY(pool->fd, "step", step);
    if (pool_retire(*generation, 0) == GENERATION_ZOMBIE) {
        AUDIT_SAY(pool->fd, "kept");
    }
    *generation = NULL;
}
