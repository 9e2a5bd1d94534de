#include "fcgi_host/supervisor/last_words.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/c_stack.h"

enum {
    TEXT_BYTES = 32768,   /**< of all that was written */
    STACK_BYTES = 6000,   /**< of faulthandler's text: its beginning is the innermost frame */
    C_STACK_BYTES = 4000, /**< likewise */
    LISTED_REQUESTS = 8,  /**< requests listed of a worker that was killed */
};

/** What a thread was doing, read without a copy: the worker has ended. */
static enum slot_activity activity_of(const struct scoreboard_slot *slot) {
    return atomic_load(&slot->sequence) % 2 ? (enum slot_activity)atomic_load(&slot->activity)
                                            : SLOT_IDLE;
}

static const struct scoreboard_slot *fatal_slot(const struct worker_process *process) {
    int index = atomic_load(&process->board->fatal_slot);
    return index >= 0 && index < SCOREBOARD_SLOTS ? &process->board->slots[index] : NULL;
}

const char *last_words_loading(const struct worker_process *process) {
    const struct scoreboard_slot *slot = fatal_slot(process);
    if (slot && activity_of(slot) != SLOT_IDLE) {
        return activity_of(slot) == SLOT_LOADING ? slot->facts.app : NULL;
    }
    unsigned used = atomic_load(&process->board->used);
    for (unsigned i = 0; i < used && i < SCOREBOARD_SLOTS; i++) {
        if (activity_of(&process->board->slots[i]) == SLOT_LOADING) {
            return process->board->slots[i].facts.app;
        }
    }
    return NULL;
}

/** The application of all requests in hand; NULL: there are several, or no requests. */
static const char *only_one_serving(const struct worker_process *process) {
    const char *app = NULL;
    unsigned used = atomic_load(&process->board->used);
    for (unsigned i = 0; i < used && i < SCOREBOARD_SLOTS; i++) {
        const struct scoreboard_slot *slot = &process->board->slots[i];
        if (!slot_is_serving(activity_of(slot))) {
            continue;
        }
        if (app && strcmp(app, slot->facts.app) != 0) {
            return NULL;
        }
        app = slot->facts.app;
    }
    return app;
}

const char *last_words_culprit(const struct worker_process *process, int wait_status) {
    const struct scoreboard_slot *slot = fatal_slot(process);
    if (slot) {
        return slot_is_serving(activity_of(slot)) ? slot->facts.app : NULL;
    }
    return WIFEXITED(wait_status) ? only_one_serving(process) : NULL;
}

/** @param extension  that was being run; "": none is known */
static void describe_end(int wait_status, const char *extension, char *text, size_t bytes) {
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        snprintf(text, bytes, "died of SIG%s%s%s%s", name ? name : "?",
                 WTERMSIG(wait_status) == SIGKILL ? " (killed, or out of memory)" : "",
                 *extension ? " in " : "", extension);
    } else {
        snprintf(text, bytes, "exited with status %d", WEXITSTATUS(wait_status));
    }
}

static void strip_lines(char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    text[length] = '\0';
}

struct stacks {
    char python[STACK_BYTES];
    char c[C_STACK_BYTES];
    char extension[PATH_MAX]; /**< whose frame is the innermost one on the C stack; "": none */
};

static void read_stacks(const struct worker_process *process, struct stacks *ret_stacks) {
    char text[TEXT_BYTES];
    ssize_t size = pread(process->last_words_fd, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    c_stack_find_extension(text, ret_stacks->extension, sizeof ret_stacks->extension);
    char *c_stack = strstr(text, C_STACK_HEADING);
    snprintf(ret_stacks->c, sizeof ret_stacks->c, "%s", c_stack ? c_stack : "");
    if (c_stack) {
        *c_stack = '\0';
    }
    snprintf(ret_stacks->python, sizeof ret_stacks->python, "%s", text);
    strip_lines(ret_stacks->python);
    strip_lines(ret_stacks->c);
}

/** "; in hand: app GET /x (id), …" for an end that no thread of the worker saw coming. */
static void list_requests(const struct worker_process *process, char *text, size_t bytes) {
    unsigned used = atomic_load(&process->board->used), count = 0;
    size_t length = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < used && i < SCOREBOARD_SLOTS; i++) {
        const struct scoreboard_slot *slot = &process->board->slots[i];
        if (!slot_is_serving(activity_of(slot))) {
            continue;
        }
        if (count++ < LISTED_REQUESTS && length < bytes) {
            length += (size_t)snprintf(text + length, bytes - length, "%s%s: %s (%s)",
                                       length ? ", " : "; in hand: ", slot->facts.app,
                                       slot->facts.line, slot->facts.request_id);
        }
    }
    if (count > LISTED_REQUESTS && length < bytes) {
        snprintf(text + length, bytes - length, " and %u more", count - LISTED_REQUESTS);
    }
}

void last_words_log(const struct worker_process *process, int wait_status, char *why,
                    size_t why_bytes) {
    char end[PATH_MAX + 64], requests[2048] = "";
    struct stacks stacks;
    const struct scoreboard_slot *slot = fatal_slot(process);
    struct log_about about = {0};
    read_stacks(process, &stacks);
    describe_end(wait_status, stacks.extension, end, sizeof end);
    const char *loading = last_words_loading(process);
    if (loading) {
        about.app = loading;
        snprintf(why, why_bytes, "%s while loading %s", end, loading);
    } else if (slot && slot_is_serving(activity_of(slot))) {
        about.app = slot->facts.app;
        about.request_id = slot->facts.request_id;
        snprintf(why, why_bytes, "%s while serving %s", end, slot->facts.line);
    } else {
        list_requests(process, requests, sizeof requests);
        snprintf(why, why_bytes, "%s", end);
    }
    log_line(LOG_ERROR, "worker.crashed", &about, "worker %d %s%s%s%s%s%s", (int)process->pid, why,
             requests, *stacks.python ? "\n" : "", stacks.python, *stacks.c ? "\n" : "", stacks.c);
}
