#include "pool/python/py_compat.h"

#include "fcgi_host/commands/audit_child.h"

#include <stdio.h>

#include "fcgi_host/commands/audit_fault.h"
#include "fcgi_host/commands/audit_pool.h"
#include "fcgi_host/commands/audit_say.h"
#include "pool/python/offered.h"
#include "reload/stale/stale.h"

struct audit {
    struct audit_pool in;              /**< the first member */
    struct generation *first, *second; /* NULL: not built, or gone */
    struct stale_report *report;
};

static void say_report(struct audit *audit, const char *phase) {
    char number[32], init[2];
    const struct stale_report *report = audit->report;
    for (size_t i = 0; i < report->extension_count; i++) {
        const struct stale_extension *extension = &report->extensions[i];
        snprintf(init, sizeof init, "%d", (int)extension->init);
        AUDIT_SAY(audit->in.fd, "extension", phase, extension->module, extension->file, init,
                  extension->uses_gilstate ? "1" : "0", stale_verdict_name(extension->verdict));
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct stale_finding *finding = &report->findings[i];
        char hazard[2] = {(char)('0' + finding->hazard), '\0'};
        snprintf(number, sizeof number, "0x%llx", (unsigned long long)finding->offset);
        AUDIT_SAY(audit->in.fd, "finding", phase, finding->module, hazard,
                  stale_verdict_name(finding->verdict), finding->symbol, number, finding->holds,
                  finding->is_borrowed ? "1" : "0", finding->is_note ? "1" : "0", finding->owner);
    }
}

/* ---- The check's moments ---- */

/** Without the check at this point, the one after the end finds nothing. */
static void check_before_end(struct audit_pool *pool, struct generation *generation) {
    struct audit *audit = (struct audit *)pool;
    struct generation *other = generation == audit->first ? audit->second : audit->first;
    struct error err;
    if (stale_check_before_end(pool->check, generation_interpreter_state(generation),
                               other ? generation_interpreter_state(other) : NULL, &err) != 0) {
        AUDIT_SAY(pool->fd, "failed", "check", err.text);
    }
}

static int run_before_load(void *arg, struct error *err) {
    struct audit *audit = arg;
    return stale_check_before_load(audit->in.check, generation_interpreter_state(audit->first),
                                   err);
}

static int run_loaded(void *arg, struct error *err) {
    struct audit *audit = arg;
    void *first = generation_interpreter_state(audit->first);
    void *second = audit->second ? generation_interpreter_state(audit->second) : NULL;
    return stale_check_loaded(audit->in.check, second ? first : NULL, second ? second : first,
                              &audit->report, err);
}

static int run_after_end(void *arg, struct error *err) {
    struct audit *audit = arg;
    return stale_check_after_end(audit->in.check, generation_interpreter_state(audit->second),
                                 &audit->report, err);
}

static int check_generation(struct audit *audit, const char *phase, struct generation *on,
                            int (*function)(void *arg, struct error *err)) {
    if (pool_run(on, function, audit, &audit->in.err) != 0) {
        AUDIT_SAY(audit->in.fd, "failed", "check", audit->in.err.text);
        return -1;
    }
    if (audit->report) {
        say_report(audit, phase);
        stale_report_free(audit->report);
        audit->report = NULL;
    }
    return 0;
}

/* ---- Steps ---- */

static int run_audit(struct audit *audit, enum audit_way way) {
    if (audit_pool_build(&audit->in, "load 1", &audit->first) != 0) {
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
        audit_pool_end(&audit->in, "end 1", &audit->first);
    }
    if (audit_pool_build(&audit->in, "load 2", &audit->second) != 0) {
        return -1;
    }
    if (way == AUDIT_OVERLAPPING) {
        if (check_generation(audit, "switch", audit->second, run_loaded) != 0) {
            return -1;
        }
        audit_pool_end(&audit->in, "end 1", &audit->first);
    }
    if (check_generation(audit, "end", audit->second, run_after_end) != 0) {
        return -1;
    }
    /* A stale pointer breaks the end of the interpreter that used it. */
    audit_pool_end(&audit->in, "end 2", &audit->second);
    return 0;
}

void audit_child(const struct audit_target *target, enum audit_way way, int fd) {
    static struct audit s_audit; /* outlives this function: threads may still use it */
    s_audit.in = (struct audit_pool){.target = target, .fd = fd, .ending = check_before_end};
    enum audit_place place = way == AUDIT_MAIN      ? AUDIT_IN_MAIN
                             : way == AUDIT_OWN_GIL ? AUDIT_IN_OWN_GIL
                                                    : AUDIT_IN_SUB;
    audit_fault_watch(fd);
    offered_compare_nothing(); /* all that modules lack is listed */
    AUDIT_SAY(fd, "step", "start");
    if (audit_pool_start(&s_audit.in, place) != 0) {
        AUDIT_SAY(fd, "failed", "start", s_audit.in.err.text);
    } else {
        run_audit(&s_audit, way);
    }
    AUDIT_SAY(fd, "done");
}
