#include "fcgi_host/supervisor/last_words.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"

enum {
    STACK_BYTES = 6000,  /**< of faulthandler's text: its beginning is the innermost frame */
    LISTED_REQUESTS = 8, /**< requests listed of a worker that was killed */
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
        if (activity_of(slot) != SLOT_SERVING) {
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
        return activity_of(slot) == SLOT_SERVING ? slot->facts.app : NULL;
    }
    return WIFEXITED(wait_status) ? only_one_serving(process) : NULL;
}

static void describe_end(int wait_status, char *text, size_t bytes) {
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        snprintf(text, bytes, "died of SIG%s%s", name ? name : "?",
                 WTERMSIG(wait_status) == SIGKILL ? " (killed, or out of memory)" : "");
    } else {
        snprintf(text, bytes, "exited with status %d", WEXITSTATUS(wait_status));
    }
}

/** What faulthandler wrote. @return its length */
static size_t read_stack(const struct worker_process *process, char *text, size_t bytes) {
    ssize_t size = pread(process->last_words_fd, text, bytes - 1, 0);
    size_t length = size > 0 ? (size_t)size : 0;
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    text[length] = '\0';
    return length;
}

/** "; in hand: app GET /x (id), …" for an end that no thread of the worker saw coming. */
static void list_requests(const struct worker_process *process, char *text, size_t bytes) {
    unsigned used = atomic_load(&process->board->used), count = 0;
    size_t length = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < used && i < SCOREBOARD_SLOTS; i++) {
        const struct scoreboard_slot *slot = &process->board->slots[i];
        if (activity_of(slot) != SLOT_SERVING) {
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
    char end[64], stack[STACK_BYTES], requests[2048] = "";
    const struct scoreboard_slot *slot = fatal_slot(process);
    struct log_about about = {0};
    describe_end(wait_status, end, sizeof end);
    size_t stack_bytes = read_stack(process, stack, sizeof stack);
    const char *loading = last_words_loading(process);
    if (loading) {
        about.app = loading;
        snprintf(why, why_bytes, "%s while loading %s", end, loading);
    } else if (slot && activity_of(slot) == SLOT_SERVING) {
        about.app = slot->facts.app;
        about.request_id = slot->facts.request_id;
        snprintf(why, why_bytes, "%s while serving %s", end, slot->facts.line);
    } else {
        list_requests(process, requests, sizeof requests);
        snprintf(why, why_bytes, "%s", end);
    }
    log_line(LOG_ERROR, "worker.crashed", &about, "worker %d %s%s%s%s", (int)process->pid, why,
             requests, stack_bytes ? "\n" : "", stack);
}
