#include "fcgi_host/supervisor/service_status.h"

#include <stdio.h>
#include <string.h>

#include "fcgi_host/base/utf8.h"
#include "fcgi_host/supervisor/notify.h"
#include "fcgi_host/supervisor/readiness.h"

enum {
    WHY_BYTES = 256,
    LAST_BYTES = 200,
};

static char s_told[SERVICE_STATUS_BYTES];
static char s_last[LAST_BYTES];
static char s_moving[64]; /* the application that has asked for another worker */

/** A newline would end the assignment, and systemd takes nothing but UTF-8: names may be cut. */
static void clean(char *text) {
    for (size_t size = strlen(text); size > 0;) {
        size_t step = utf8_sequence(text, size);
        if (step == 0 || (unsigned char)*text < ' ') {
            *text = step == 0 ? '?' : ' ';
            step = 1;
        }
        text += step;
        size -= step;
    }
}

void service_status_write(const struct service_facts *facts, char *ret_text, size_t bytes) {
    snprintf(ret_text, bytes, "%zu application%s%s, %u worker%s%s%s%s%s", facts->applications,
             facts->applications == 1 ? "" : "s", facts->has_scripts ? " and scripts" : "",
             facts->workers, facts->workers == 1 ? "" : "s", *facts->amiss ? "; " : "",
             facts->amiss, *facts->last ? "; " : "", facts->last);
    clean(ret_text);
}

void service_status_reloaded(const char *app, enum reload_outcome outcome) {
    if (outcome == RELOAD_OUTCOME_REPLACED) {
        snprintf(s_moving, sizeof s_moving, " of %s", app);
    } else {
        snprintf(s_last, sizeof s_last, "last reload of %s: %s", app, reload_outcome_name(outcome));
    }
}

void service_status_refused(const char *why) {
    snprintf(s_last, sizeof s_last, "the configuration in effect stays: %s", why);
}

void service_status_replaced(enum reload_outcome outcome) {
    snprintf(s_last, sizeof s_last, "last reload%s: %s", s_moving, reload_outcome_name(outcome));
    *s_moving = '\0';
}

static unsigned count_workers(const struct groups *groups) {
    unsigned count = 0;
    for (struct worker_process *process = groups_next_process(groups, NULL); process;
         process = groups_next_process(groups, process)) {
        count++;
    }
    return count;
}

void service_status_look(const struct groups *groups, bool is_drained) {
    char text[SERVICE_STATUS_BYTES], why[WHY_BYTES], state[SERVICE_STATUS_BYTES + 16];
    if (!notify_is_heard()) {
        return;
    }
    bool is_ready = readiness_of(groups, is_drained, "", why, sizeof why) == READINESS_READY;
    service_status_write(&(struct service_facts){.applications = groups_config(groups)->app_count,
                                                 .has_scripts = groups_config(groups)->scripts_root,
                                                 .workers = count_workers(groups),
                                                 .amiss = is_ready ? "" : why,
                                                 .last = s_last},
                         text, sizeof text);
    if (strcmp(text, s_told) == 0) {
        return;
    }
    snprintf(state, sizeof state, "STATUS=%s", text);
    if (notify_offer(state)) {
        memcpy(s_told, text, sizeof text);
    }
}
