#include "fcgi_host/supervisor/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/control_group.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory_room.h"
#include "fcgi_host/supervisor/template_internal.h"

enum {
    /** A fork takes milliseconds. The supervisor waits so long at most. */
    FORK_TIMEOUT_MS = 2000,
};

/* ---- What is known ---- */

/** It was to blame: what a worker could not load from it, one without it has loaded. */
static void convict(struct template *template) {
    template->is_suspect = false;
    template_drop_next(template);
    template_drop_current(template);
    library_list_clear(&template->told); /* the worker tells */
    template_set_why(template, "did not fit: %s", template->suspicion);
    snprintf(template->cause, sizeof template->cause, "the one before did not fit: %s",
             template->suspicion);
    bool is_fixed = template_has_names(template);
    if (is_fixed || ++template->misfits >= TEMPLATE_MAX_IN_A_ROW) {
        template_give_up(template);
    }
}

void template_worker_failed(struct template *template) {
    template->is_suspect = false;
}

void template_worker_loaded(struct template *template, bool is_warm) {
    if (template->is_suspect && !is_warm) {
        convict(template);
    }
    template->misfits = is_warm ? 0 : template->misfits;
    if (!template->current) {
        template_make_after(template, template_has_names(template)
                                          ? template_delay_ms(template)
                                          : TEMPLATE_MAKE_AFTER_MS /* it tells the libraries */);
    }
}

bool template_make_first(struct template *template) {
    if (!template_has_names(template) || template_find_obstacle(template)) {
        return false;
    }
    template_make_after(template, 0);
    return template_is_coming(template);
}

bool template_is_coming(const struct template *template) {
    return !template->current && (template->next || template->timer.is_armed);
}

void template_learn(struct template *template, char *bytes, size_t size) {
    if (template->told.bytes && size <= template->told.size) {
        free(bytes); /* a worker tells more and more, up to what those before have told */
        return;
    }
    bool is_other = template->told.bytes != NULL;
    library_list_clear(&template->told);
    template->told = (struct library_list){bytes, size};
    template->left_out = 0;
    if (!template_has_names(template)) {
        char cause[sizeof template->cause]; /* after a misfit, the reason is known */
        snprintf(cause, sizeof cause, "%s", template->cause);
        template_remake(template, is_other ? "the application has imported more libraries"
                                  : *cause ? cause
                                           : "the application's libraries are known");
    }
}

void template_misfit(struct template *template, const char *why, int memory_fd) {
    template_remember(template, memory_fd);
    template->is_suspect = true;
    snprintf(template->suspicion, sizeof template->suspicion, "%s", why);
}

void template_forget(struct template *template, const char *why) {
    template_drop_next(template);
    template_drop_current(template);
    library_list_clear(&template->told);
    library_list_clear(&template->memory);
    template->deaths = template->misfits = template->left_out = 0;
    template->is_given_up = template->is_suspect = false;
    template->note[0] = '\0';
    template_set_why(template, "not made yet: %s", why);
    snprintf(template->cause, sizeof template->cause, "%s", why);
    template->options.settled(template->options.ctx);
}

void template_asleep(struct template *template) {
    pid_t pid = template_pid(template);
    if (pid && memory_room_bytes(CONTROL_GROUP_MOUNTS, CONTROL_GROUP_OWN) < memory_own_bytes(pid)) {
        template_forget(template, "no memory for a template while nothing is served");
    }
}

void template_give_back(struct template *template) {
    if (template->current || template->next) {
        template_forget(template, "given back: memory was short while nothing was served");
        log_line(LOG_INFO, "template.returned", NULL, "process %s: memory is short",
                 template->options.name);
    }
}

/* ---- Workers ---- */

bool template_fits(struct template *template, const struct config *config) {
    const struct seats *seats = template->options.seats;
    if (!template->current || config != seats->config || template_find_obstacle(template) ||
        template->is_suspect) {
        return false;
    }
    if (placement_failed_reason(seats->placement, config->apps[0].name)) {
        return false; /* it is not loaded */
    }
    if (!template_has_purpose(template, &template->purpose)) {
        template_forget(template, "what is known of the application has changed");
        return false;
    }
    return true;
}

/** @return whether it is a child that is known already: a template may tell anything */
static bool is_known(const struct template *template, pid_t pid) {
    const struct worker_process *process = template->options.seats->processes;
    while (process && process->pid != pid) {
        process = process->next;
    }
    return process || pid == template->current->pid ||
           (template->next && template->next->pid == pid);
}

pid_t template_fork(struct template *template, const struct worker_order *order,
                    struct error *err) {
    char cause[256];
    pid_t pid = template_process_fork(template->current, order, FORK_TIMEOUT_MS, err);
    if (pid > 0 && is_known(template, pid)) {
        pid = error_set(err, ERR_CLOSED, "it names a process that is no new one");
    }
    if (pid > 0) {
        template->deaths = 0;
        return pid;
    }
    log_line(LOG_INFO, "template.unused", NULL, "process %s: a worker starts without it: %s",
             template->options.name, err->text);
    bool is_stale = err->code == ERR_FAILED;
    template_remember(template, template->current->memory_fd);
    template->current->memory_fd = -1;
    snprintf(cause, sizeof cause, "%s%.200s", is_stale ? "changed: " : "", err->text);
    if (err->code != ERR_TIMEOUT && err->code != ERR_CLOSED && !is_stale) {
        return -1; /* this order cannot be sent, others can */
    }
    template_drop_current(template);
    template_set_why(template, "not made yet: %s", cause);
    if (is_stale) {
        template_remake(template, cause);
    } else {
        template_died(template, err->text);
    }
    return -1;
}

const char *template_why(const struct template *template) {
    const char *obstacle = template_find_obstacle(template);
    return obstacle ? obstacle : template->is_suspect ? template->suspicion : template->why;
}

void template_use_log(const struct template *template, const char *name, int fd) {
    if (template->current) {
        template_process_use_log(template->current, name, fd);
    }
    if (template->next) {
        template_process_use_log(template->next, name, fd);
    }
}

pid_t template_pid(const struct template *template) {
    return template->current ? template->current->pid : 0;
}

unsigned template_modules(const struct template *template) {
    return template->current ? template->modules : 0;
}

/* ---- Life ---- */

struct template *template_new(const struct template_options *options, struct error *err) {
    struct template *template = calloc(1, sizeof *template);
    if (!template) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    template->options = *options;
    template->timer = (struct loop_timer){.expired = template_timer_expired, .ctx = template};
    template_set_why(template, "not made yet: no worker has loaded before");
    return template;
}

void template_close(struct template *template) {
    template->is_closed = true;
    template_drop_next(template);
}

void template_free(struct template *template) {
    if (!template) {
        return;
    }
    struct template_process *const processes[] = {template->current, template->next};
    loop_disarm(template->options.loop, &template->timer);
    for (size_t i = 0; i < sizeof processes / sizeof processes[0]; i++) {
        if (processes[i]) {
            loop_remove(template->options.loop, &processes[i]->channel);
            template_process_end_now(processes[i]);
        }
    }
    library_list_clear(&template->told);
    library_list_clear(&template->memory);
    free(template->purpose.main_reason);
    free(template->next_purpose.main_reason);
    free(template);
}
