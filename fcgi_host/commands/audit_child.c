#include "pool/python/py_compat.h"

#include "fcgi_host/commands/audit_child.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/pool.h"
#include "pool/python/py_error.h"
#include "pool/python/runtime.h"
#include "reload/stale/stale.h"

/** The parent's timeout ends earlier. */
enum { BUILD_MS = 3600 * 1000 };
enum { LINE_BYTES = 4096 };

struct audit {
    const struct audit_target *target;
    int fd;
    struct pool *pool;
    struct pool_interpreter *interpreter;
    struct stale_check *check;
    struct generation *first, *second; /* NULL: not built, or gone */
    struct stale_report *report;
    struct error err;
};

/* ---- Lines ---- */

/** Write one line: fields between tabs, cleaned of tabs and control characters. */
static void say_fields(const struct audit *audit, unsigned count, const char *const *fields) {
    char line[LINE_BYTES];
    size_t used = 0;
    for (unsigned i = 0; i < count; i++) {
        for (const char *at = fields[i]; *at && used + 2 < sizeof line; at++) {
            line[used++] = (unsigned char)*at < 0x20 || *at == 0x7F ? ' ' : *at;
        }
        if (used + 1 < sizeof line) {
            line[used++] = i + 1 < count ? '\t' : '\n';
        }
    }
    line[sizeof line - 1] = '\n';
    for (size_t done = 0; done < used;) {
        ssize_t written = write(audit->fd, line + done, used - done);
        if (written < 0) {
            _exit(EXIT_FAILURE); /* the parent has ended */
        }
        done += (size_t)written;
    }
}

#define SAY(audit, ...)                                                                            \
    say_fields(audit, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *),                \
               (const char *[]){__VA_ARGS__})

static void say_report(struct audit *audit, const char *phase) {
    char number[32];
    const struct stale_report *report = audit->report;
    for (size_t i = 0; i < report->extension_count; i++) {
        const struct stale_extension *extension = &report->extensions[i];
        SAY(audit, "extension", phase, extension->module, extension->file,
            extension->is_single_phase ? "single" : "multi", extension->uses_gilstate ? "1" : "0",
            stale_verdict_name(extension->verdict));
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct stale_finding *finding = &report->findings[i];
        char hazard[2] = {(char)('0' + finding->hazard), '\0'};
        snprintf(number, sizeof number, "0x%llx", (unsigned long long)finding->offset);
        SAY(audit, "finding", phase, finding->module, hazard, stale_verdict_name(finding->verdict),
            finding->symbol, number, finding->holds, finding->is_borrowed ? "1" : "0",
            finding->is_note ? "1" : "0", finding->owner);
    }
}

/* ---- Python ---- */

/** CPython's audit event "import": the last one before a crash names the culprit. */
static int hear_import(const char *event, PyObject *args, void *arg) {
    if (strcmp(event, "import") == 0 && PyTuple_Check(args) && PyTuple_GET_SIZE(args) >= 2) {
        PyObject *name = PyTuple_GET_ITEM(args, 0), *file = PyTuple_GET_ITEM(args, 1);
        if (PyUnicode_Check(name) && PyUnicode_Check(file)) {
            const char *name_text = PyUnicode_AsUTF8(name), *file_text = PyUnicode_AsUTF8(file);
            if (name_text && file_text) {
                SAY(arg, "import", name_text, file_text);
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

static int load_target(void *ctx, struct generation *generation, struct pool_app *app,
                       void **ret_loaded, struct error *err) {
    struct audit *audit = ctx;
    (void)app;
    if (!audit->target->module) {
        return wsgi_load(generation, audit->target->config->apps, ret_loaded, err);
    }
    *ret_loaded = NULL;
    return import_target(audit->target->module) == 0 ? 0 : py_error_take(err);
}

static int setup_target(void *ctx, struct generation *generation, struct error *err) {
    struct audit *audit = ctx;
    if (audit->target->module) {
        return 0;
    }
    const struct app_config *app = audit->target->config->apps;
    return wsgi_setup(generation, &app, 1, err);
}

static void unload_target(void *ctx, struct generation *generation, struct pool_app *app,
                          void *loaded) {
    struct audit *audit = ctx;
    (void)generation, (void)app;
    if (!audit->target->module) {
        wsgi_unload(loaded);
    }
}

static void retire_target(void *ctx, struct generation *generation) {
    struct audit *audit = ctx;
    if (!audit->target->module) {
        wsgi_retire(generation);
    }
}

static bool may_end(void *ctx, struct generation *generation) {
    struct audit *audit = ctx;
    void *old = generation_interpreter_state(generation);
    struct generation *other = generation == audit->first ? audit->second : audit->first;
    if (!stale_check_may_end(audit->check, old)) {
        return false;
    }
    struct error err; /* without the check at this point, the one after the end finds nothing */
    if (stale_check_before_end(audit->check, old,
                               other ? generation_interpreter_state(other) : NULL, &err) != 0) {
        SAY(audit, "failed", "check", err.text);
    }
    return true;
}

/* ---- Steps ---- */

static int start_pool(struct audit *audit, bool own_gil, bool is_main) {
    static const struct runtime_builtin s_builtins[] = {{"fcgi_host", wsgi_module_init},
                                                        {NULL, NULL}};
    const struct runtime_options runtime = {.not_withheld = audit->target->module,
                                            .builtins = s_builtins};
    const struct pool_hooks hooks = {.ctx = audit,
                                     .setup = setup_target,
                                     .load = load_target,
                                     .unload = unload_target,
                                     .retiring = retire_target,
                                     .may_end = may_end};
    const struct pool_interpreter_options interpreter = {
        .name = "audit",
        .is_main = is_main,
        .gil = own_gil ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = APPLICATION_STOP_THREADS_MS,
    };
    const struct pool_app_options app = {.name = "audit", .threads = 1, .queue_limit = 1};
    struct pool_app *pool_app;
    const struct wsgi_process process = {.version = FCGI_HOST_VERSION};
    if (PySys_AddAuditHook(hear_import, audit) != 0) {
        return error_set(&audit->err, ERR_PYTHON, "no audit hook");
    }
    wsgi_set_process(&process);
    audit->check = stale_check_new(&audit->err);
    if (!audit->check || runtime_start(&runtime, &audit->err) != 0 ||
        !(audit->pool = pool_new(&hooks, &audit->err))) {
        return -1;
    }
    return pool_add_interpreter(audit->pool, &interpreter, &audit->interpreter, &audit->err) ||
           pool_add_app(audit->interpreter, &app, &pool_app, &audit->err);
}

static void say_refusals(struct audit *audit, struct generation *generation) {
    struct pool_refusal refusal;
    for (size_t i = 0; generation_refusal(generation, i, &refusal); i++) {
        SAY(audit, "refusal", refusal.module, refusal.message);
    }
}

/** @return the last line of a traceback, which says what was raised */
static const char *last_line(char *text) {
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n') {
        text[--length] = '\0';
    }
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static int build_generation(struct audit *audit, const char *step,
                            struct generation **ret_generation) {
    SAY(audit, "step", step);
    if (pool_build(audit->interpreter, BUILD_MS, ret_generation, &audit->err) != 0) {
        SAY(audit, audit->err.code == ERR_REFUSED ? "refused" : "failed", step,
            last_line(audit->err.text));
        return -1;
    }
    say_refusals(audit, *ret_generation);
    return 0;
}

static int run_before_load(void *arg, struct error *err) {
    struct audit *audit = arg;
    return stale_check_before_load(audit->check, generation_interpreter_state(audit->first), err);
}

static int run_loaded(void *arg, struct error *err) {
    struct audit *audit = arg;
    void *first = generation_interpreter_state(audit->first);
    void *second = audit->second ? generation_interpreter_state(audit->second) : NULL;
    return stale_check_loaded(audit->check, second ? first : NULL, second ? second : first,
                              &audit->report, err);
}

static int run_after_end(void *arg, struct error *err) {
    struct audit *audit = arg;
    return stale_check_after_end(audit->check, generation_interpreter_state(audit->second),
                                 &audit->report, err);
}

static int check_generation(struct audit *audit, const char *phase, struct generation *on,
                            int (*function)(void *arg, struct error *err)) {
    if (pool_run(on, function, audit, &audit->err) != 0) {
        SAY(audit, "failed", "check", audit->err.text);
        return -1;
    }
    if (audit->report) {
        say_report(audit, phase);
        stale_report_free(audit->report);
        audit->report = NULL;
    }
    return 0;
}

static void end_first(struct audit *audit) {
    SAY(audit, "step", "end 1");
    if (pool_retire(audit->first, 0) == GENERATION_ZOMBIE) {
        SAY(audit, "kept");
    }
    audit->first = NULL;
}

static int run_audit(struct audit *audit, enum audit_way way) {
    if (build_generation(audit, "load 1", &audit->first) != 0) {
        return -1;
    }
    if (way == AUDIT_OWN_GIL || way == AUDIT_MAIN) {
        return 0;
    }
    if (check_generation(audit, "first", audit->first, run_loaded) != 0 ||
        check_generation(audit, "first", audit->first, run_before_load) != 0) {
        return -1;
    }
    if (way == AUDIT_SEQUENTIAL) {
        end_first(audit);
    }
    if (build_generation(audit, "load 2", &audit->second) != 0) {
        return -1;
    }
    if (way == AUDIT_OVERLAPPING) {
        if (check_generation(audit, "switch", audit->second, run_loaded) != 0) {
            return -1;
        }
        end_first(audit);
    }
    if (check_generation(audit, "end", audit->second, run_after_end) != 0) {
        return -1;
    }
    /* A stale pointer breaks the end of the interpreter that used it. */
    SAY(audit, "step", "end 2");
    pool_retire(audit->second, 0);
    audit->second = NULL;
    return 0;
}

int audit_child(const struct audit_target *target, enum audit_way way, int fd) {
    static struct audit s_audit; /* outlives this function: threads may still use it */
    s_audit = (struct audit){.target = target, .fd = fd};
    SAY(&s_audit, "step", "start");
    if (start_pool(&s_audit, way == AUDIT_OWN_GIL, way == AUDIT_MAIN) != 0) {
        SAY(&s_audit, "failed", "start", s_audit.err.text);
    } else {
        run_audit(&s_audit, way);
    }
    SAY(&s_audit, "done");
    return 0;
}
