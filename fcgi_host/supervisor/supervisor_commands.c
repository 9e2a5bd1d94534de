/* What is asked for at the control socket. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/readiness.h"
#include "fcgi_host/supervisor/session_command.h"
#include "fcgi_host/supervisor/supervisor_internal.h"

static void answer_client(void *ctx, uint64_t number, const char *text, size_t bytes) {
    (void)number;
    control_answer(ctx, text, bytes);
}

/** {"is_done": …, "why": …} */
static void answer_briefly(struct control_client *client, bool is_done, const char *why) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_add_raw(&json, "is_done", is_done ? "true" : "false", strlen(is_done ? "true" : "false"));
    json_add_string(&json, "why", why);
    json_end_object(&json);
    control_answer_json(client, &json);
}

static void answer_ready(const struct supervisor *supervisor, struct control_client *client,
                         const char *app) {
    char why[512];
    enum readiness readiness =
        readiness_of(supervisor->groups, supervisor->drain.is_begun, app, why, sizeof why);
    answer_briefly(client, readiness == READINESS_READY, why);
}

/** @param seconds  NULL: what the configuration says */
static void drain_host(struct supervisor *supervisor, struct control_client *client,
                       const char *seconds) {
    unsigned long for_s = groups_config(supervisor->groups)->drain_s;
    char *end = NULL, why[64];
    if (seconds) {
        for_s = strtoul(seconds, &end, 10);
    }
    bool is_number = !seconds || (isdigit((unsigned char)*seconds) && *end == '\0');
    if (!is_number || for_s > DRAIN_SECONDS_MAX) {
        answer_briefly(client, false, "not a number of seconds");
    } else if (groups_are_stopping(supervisor->groups)) {
        answer_briefly(client, true, "stops already");
    } else {
        drain_begin(&supervisor->drain, (unsigned)for_s, "asked for");
        snprintf(why, sizeof why, "stops in %lu s", for_s);
        answer_briefly(client, true, why);
    }
}

static void on_command(void *ctx, struct control_client *client, const struct string_list *words) {
    struct supervisor *supervisor = ctx;
    const char *argument = words->count > 1 ? words->items[1] : NULL;
    if (strcmp(words->items[0], "status") == 0) {
        status_round_ask(supervisor->round, answer_client, client, 0);
    } else if (strcmp(words->items[0], "reload") == 0) {
        reload_command_run(supervisor->reload_commands, client, words);
    } else if (strcmp(words->items[0], "ping") == 0) {
        answer_briefly(client, true, "pong");
    } else if (strcmp(words->items[0], "ready") == 0) {
        answer_ready(supervisor, client, argument ? argument : "");
    } else if (strcmp(words->items[0], "drain") == 0) {
        drain_host(supervisor, client, argument);
    } else if (strcmp(words->items[0], "stop") == 0) {
        supervisor_stop(supervisor, "asked for"); /* its end is the answer */
    } else if (strcmp(words->items[0], "stopped") == 0) {
        return; /* so it is here */
    } else if (!prepare_command_run(supervisor->prepare_commands, client, words) &&
               !session_command_run(supervisor->groups, client, words)) {
        static const char s_unknown[] = "{\"outcome\":\"unknown\",\"why\":\"no such command\"}";
        control_answer(client, s_unknown, sizeof s_unknown - 1);
    }
}

static void on_client_gone(void *ctx, struct control_client *client) {
    struct supervisor *supervisor = ctx;
    status_round_forget(supervisor->round, client);
    reload_command_client_gone(supervisor->reload_commands, client);
    prepare_command_client_gone(supervisor->prepare_commands, client);
}

/** The host serves on without its control socket. */
void supervisor_open_control(struct supervisor *supervisor, const struct config *config) {
    static const struct control_hooks s_hooks = {.command = on_command, .gone = on_client_gone};
    struct control_hooks hooks = s_hooks;
    struct error err;
    hooks.ctx = supervisor;
    control_free(supervisor->control);
    supervisor->control = NULL;
    if (config->control) {
        supervisor->control = control_new(supervisor->loop, config->control, &hooks, &err);
        if (!supervisor->control) {
            log_line(LOG_ERROR, "control.failed", NULL, "%s", err.text);
        }
    }
}
