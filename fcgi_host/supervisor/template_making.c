/* Templates that come and go: what is made when, and what follows from what they tell. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/supervisor/template_internal.h"

enum {
    FIRST_BACKOFF_MS = 1000,
    /** Templates in a row that were spoilt by what had to be left out: each knows more. */
    MAX_LEFT_OUT = 16,
};

void library_list_clear(struct library_list *list) {
    free(list->bytes);
    *list = (struct library_list){NULL, 0};
}

bool template_remember(struct template *template, int fd) {
    struct error err;
    size_t size;
    char *bytes = fd >= 0 ? channel_take_file(fd, &size, &err) : NULL;
    if (bytes) {
        library_list_clear(&template->memory);
        template->memory = (struct library_list){bytes, size};
    }
    return bytes != NULL;
}

void template_set_why(struct template *template, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(template->why, sizeof template->why, format, args);
    va_end(args);
}

/* ---- Whether the group can have one ---- */

static const struct app_config *only_application(const struct config *config) {
    return config->app_count == 1 && config_has_one_application(config) ? &config->apps[0] : NULL;
}

bool template_has_names(const struct template *template) {
    return only_application(template->options.seats->config) &&
           strcmp(config_preload(template->options.seats->config), CONFIG_PRELOAD_AUTO) != 0;
}

/** @return why it cannot; NULL: it can */
const char *template_find_obstacle(const struct template *template) {
    const struct seats *seats = template->options.seats;
    const struct app_config *app = only_application(seats->config);
    if (!app) {
        return seats->config->app_count > 1 ? "its process group has more than one application"
                                            : "scripts have none";
    }
    if (strcmp(app->interpreter, CONFIG_MAIN_INTERPRETER) != 0 &&
        !placement_main_reason(seats->placement, app->interpreter)) {
        return "it lives in a sub-interpreter";
    }
    if (strcmp(config_preload(seats->config), CONFIG_PRELOAD_OFF) == 0) {
        return "preload = off";
    }
    return template->options.run ? NULL : "this host makes none";
}

static const char *main_reason_now(const struct template *template) {
    const struct app_config *app = only_application(template->options.seats->config);
    return app ? placement_main_reason(template->options.seats->placement, app->interpreter) : NULL;
}

static int take_purpose(const struct template *template, const struct worker_process_start *start,
                        struct purpose *ret_purpose) {
    const char *reason = main_reason_now(template);
    free(ret_purpose->main_reason);
    *ret_purpose = (struct purpose){start->config, start->balance, reason ? strdup(reason) : NULL};
    return reason && !ret_purpose->main_reason ? -1 : 0;
}

bool template_has_purpose(const struct template *template, const struct purpose *purpose) {
    const struct seats *seats = template->options.seats;
    const struct balance *balance = seats->config->workers.most > 1 ? seats->balance : NULL;
    return purpose->config == seats->config && purpose->balance == balance &&
           text_is_same(purpose->main_reason, main_reason_now(template));
}

/* ---- Making ---- */

static void on_message(void *ctx, uint32_t events);

static void end_process(struct template *template, struct template_process **process) {
    if (*process) {
        loop_remove(template->options.loop, &(*process)->channel);
        template_process_end(*process);
        *process = NULL;
    }
}

void template_drop_current(struct template *template) {
    end_process(template, &template->current);
}

void template_drop_next(struct template *template) {
    end_process(template, &template->next);
    loop_disarm(template->options.loop, &template->timer);
}

static void settle(const struct template *template) {
    template->options.settled(template->options.ctx);
}

void template_give_up(struct template *template) {
    template->is_given_up = true;
    log_line(LOG_WARN, "template.failed", NULL,
             "process %s: workers start without libraries imported ahead: %s",
             template->options.name, template->why);
    settle(template);
}

void template_make_after(struct template *template, uint64_t delay_ms) {
    bool may_have_one = !template_find_obstacle(template); /* template_why() tells */
    if (may_have_one && !template->is_given_up && !template->is_closed && !template->next) {
        loop_arm(template->options.loop, &template->timer, delay_ms);
    }
}

uint64_t template_delay_ms(const struct template *template) {
    return template->options.is_awaited(template->options.ctx) ? 0 : TEMPLATE_MAKE_AFTER_MS;
}

void template_remake(struct template *template, const char *cause) {
    snprintf(template->cause, sizeof template->cause, "%s", cause);
    template_make_after(template, template_delay_ms(template));
}

/** What is to be imported. @return false: that is not known */
static bool find_list(const struct template *template, const struct library_list **ret_list) {
    bool are_named = template_has_names(template);
    *ret_list = are_named ? NULL : &template->told;
    return are_named || template->told.bytes;
}

void template_died(struct template *template, const char *how) {
    if (++template->deaths >= TEMPLATE_MAX_IN_A_ROW) {
        template_set_why(template, "%u templates in a row: %s", template->deaths, how);
        template_give_up(template);
        return;
    }
    if (!template->current) {
        template_set_why(template, "not made yet: the one before %s", how);
    }
    snprintf(template->cause, sizeof template->cause, "the one before %.200s", how);
    template_make_after(template, FIRST_BACKOFF_MS << (template->deaths - 1));
    settle(template);
}

static void start_next(struct template *template, const struct library_list *list) {
    const struct config *config = template->options.seats->config;
    struct worker_process_start start;
    struct error err;
    seats_describe_start(template->options.seats, config, &start);
    if (take_purpose(template, &start, &template->next_purpose) != 0) {
        error_set(&err, ERR_MEMORY, "out of memory");
    } else {
        template->next =
            template_process_start(&start, list, &template->memory, template->options.run, &err);
    }
    seats_forget_start(&start);
    if (!template->next) {
        template_died(template, err.text);
        return;
    }
    template->next->channel.ready = on_message;
    template->next->channel.ctx = template->next;
    template->next->owner = template;
    template->made_of_bytes = template->told.size;
    if (loop_add(template->options.loop, &template->next->channel, EPOLLIN, &err) != 0) {
        end_process(template, &template->next);
        template_died(template, err.text);
        return;
    }
    loop_arm(template->options.loop, &template->timer, (uint64_t)config->startup_timeout_s * 1000);
}

void template_timer_expired(void *ctx) {
    struct template *template = ctx;
    const struct library_list *list;
    if (template->next) {
        template_drop_next(template);
        template_died(template, "did not import its libraries in time");
        return;
    }
    if (template_find_obstacle(template) || template->is_closed || !find_list(template, &list)) {
        settle(template); /* the next worker that has loaded begins again */
        return;
    }
    if (!template->options.is_quiet(template->options.ctx)) {
        template_make_after(template, TEMPLATE_MAKE_AFTER_MS);
    } else if (template->options.has_room(template->options.ctx)) {
        start_next(template, list);
    } else {
        template_set_why(template, "not made yet: no memory for a template");
        settle(template);
    }
}

/* ---- What it tells ---- */

static void became_ready(struct template *template, const struct channel_message *message) {
    const struct template_process *process = template->next;
    loop_disarm(template->options.loop, &template->timer);
    template_drop_current(template);
    template->current = template->next;
    template->next = NULL;
    free(template->purpose.main_reason);
    template->purpose = template->next_purpose;
    template->next_purpose = (struct purpose){0};
    template->modules = (unsigned)message->number;
    snprintf(template->note, sizeof template->note, "%s", message->text);
    template->why[0] = '\0';
    if (template->was_made) {
        log_line(LOG_INFO, "template.remade", NULL, "process %s: %s", template->options.name,
                 template->cause);
    }
    log_line(LOG_INFO, "template.ready", NULL,
             "process %s: %u modules imported ahead in %s ms by template %d, %u MB%s%s",
             template->options.name, template->modules, message->name, (int)process->pid,
             (unsigned)(memory_use_of(process->pid).resident_bytes >> 20),
             template->note[0] ? "; " : "", template->note);
    template->was_made = true;
    template->cause[0] = '\0';
    settle(template);
    if (!template_has_names(template) && template->made_of_bytes != template->told.size) {
        template_remake(template, "the application has imported more libraries meanwhile");
    }
}

static void is_unfit(struct template *template, struct channel_message *message) {
    bool has_learnt = template_remember(template, message->fd);
    message->fd = -1;
    template_drop_next(template);
    if (has_learnt && ++template->left_out <= MAX_LEFT_OUT) {
        template_make_after(template, 0);
        return;
    }
    if (!template->current) {
        template_set_why(template, "%s", message->text);
        template_give_up(template);
    }
}

static void on_message(void *ctx, uint32_t events) {
    struct template_process *process = ctx;
    struct template *template = process->owner;
    struct channel_message message;
    struct error err;
    (void)events;
    if (channel_receive(process->channel.fd, &message, &err) != 0) {
        if (err.code != ERR_BUSY) { /* it has ended: SIGCHLD tells */
            loop_remove(template->options.loop, &process->channel);
        }
        return;
    }
    if (message.type == CHANNEL_TEMPLATE_READY && process == template->next) {
        became_ready(template, &message);
    } else if (message.type == CHANNEL_TEMPLATE_UNFIT && process == template->next) {
        is_unfit(template, &message);
    }
    if (message.fd >= 0) {
        close(message.fd);
    }
}

bool template_reap(struct template *template, pid_t pid, int wait_status) {
    char how[64];
    bool is_current = template->current && template->current->pid == pid;
    bool is_next = template->next && template->next->pid == pid;
    const char *name = WIFSIGNALED(wait_status) ? sigabbrev_np(WTERMSIG(wait_status)) : NULL;
    if (WIFSIGNALED(wait_status)) {
        snprintf(how, sizeof how, "died of SIG%s", name ? name : "?");
    } else {
        snprintf(how, sizeof how, "exited with status %d", WEXITSTATUS(wait_status));
    }
    if (is_next) { /* it may have told why */
        on_message(template->next, 0);
    }
    if (is_next && template->next && template->next->pid == pid) {
        template_drop_next(template);
        template_died(template, how);
    } else if (is_current || (template->current && template->current->pid == pid)) {
        template_drop_current(template);
        template_died(template, how);
    }
    return is_current || is_next;
}
