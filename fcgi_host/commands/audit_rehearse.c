#include "pool/python/py_compat.h"

#include "fcgi_host/commands/audit_rehearse.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_fault.h"
#include "fcgi_host/commands/audit_pool.h"
#include "fcgi_host/commands/audit_say.h"
#include "fcgi_host/wsgi/wsgi.h"

enum {
    LIVES_MAX = 4,
    THREADS = 4, /**< that ask at once; each has all requests to ask */
};

struct rehearsal {
    struct audit_pool in; /**< the first member */
    struct generation *lives[LIVES_MAX];
};

/* ---- Asking ---- */

/** A page that is asked of an interpreter. */
struct question {
    struct rehearsal *rehearsal;
    size_t life, request;
};

/** FNV-1a, 64 bits. */
static uint64_t hash_of(const char *bytes, size_t size) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void say_answer(const struct question *question, const char *bytes, size_t size) {
    char life[2] = {(char)('A' + question->life), '\0'}, request[24], hash[24];
    snprintf(request, sizeof request, "%zu", question->request);
    snprintf(hash, sizeof hash, "%016" PRIx64, hash_of(bytes, size));
    AUDIT_SAY(question->rehearsal->in.fd, "answer", life, request, hash, bytes);
}

/** What it raised is the answer. */
static void say_exception(const struct question *question, struct error *err) {
    char text[1024];
    audit_pool_say_frames(&question->rehearsal->in, err->text);
    snprintf(text, sizeof text, "it raises %s", audit_pool_last_line(err->text));
    say_answer(question, text, strlen(text));
}

static int answer_question(void *arg, struct error *err) {
    const struct question *question = arg;
    const struct audit_pool *in = &question->rehearsal->in;
    const char *path = in->target->requests->items[question->request];
    void *loaded = generation_loaded(question->rehearsal->lives[question->life], in->app);
    char *bytes;
    size_t size;
    if (wsgi_answer(loaded, path, &bytes, &size, err) == 0) {
        say_answer(question, bytes, size);
        free(bytes);
    } else {
        say_exception(question, err);
    }
    return 0;
}

/** On a thread made for this question. */
static void ask(struct rehearsal *rehearsal, size_t life, size_t request) {
    struct question question = {rehearsal, life, request};
    char at[1024];
    struct error err;
    snprintf(at, sizeof at, "%s of %c", rehearsal->in.target->requests->items[request],
             (char)('A' + life));
    AUDIT_SAY(rehearsal->in.fd, "ask", at);
    if (pool_run(rehearsal->lives[life], answer_question, &question, &err) != 0) {
        AUDIT_SAY(rehearsal->in.fd, "failed", at, err.text);
    }
}

static void ask_all(struct rehearsal *rehearsal, size_t life) {
    for (size_t i = 0; i < rehearsal->in.target->requests->count; i++) {
        ask(rehearsal, life, i);
    }
}

static void ask_all_backwards(struct rehearsal *rehearsal, size_t life) {
    for (size_t i = rehearsal->in.target->requests->count; i-- > 0;) {
        ask(rehearsal, life, i);
    }
}

struct asker {
    struct rehearsal *rehearsal;
    size_t lives, number;
    pthread_t thread;
    bool is_started;
};

static void *ask_beside_others(void *arg) {
    const struct asker *asker = arg;
    if (asker->number % 2) {
        ask_all_backwards(asker->rehearsal, asker->number % asker->lives);
    } else {
        ask_all(asker->rehearsal, asker->number % asker->lives);
    }
    return NULL;
}

/** Ask everything of the first interpreters from several threads at once. */
static void ask_at_once(struct rehearsal *rehearsal, size_t lives) {
    struct asker askers[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){.rehearsal = rehearsal, .lives = lives, .number = i};
        askers[i].is_started =
            pthread_create(&askers[i].thread, NULL, ask_beside_others, &askers[i]) == 0;
    }
    for (size_t i = 0; i < THREADS; i++) {
        if (askers[i].is_started) {
            pthread_join(askers[i].thread, NULL);
        }
    }
}

/* ---- Orders ---- */

static int load(struct rehearsal *rehearsal, size_t life) {
    char step[] = "load A";
    step[sizeof step - 2] = (char)('A' + life);
    return audit_pool_build(&rehearsal->in, step, &rehearsal->lives[life]);
}

static void end(struct rehearsal *rehearsal, size_t life) {
    char step[] = "end A";
    step[sizeof step - 2] = (char)('A' + life);
    audit_pool_end(&rehearsal->in, step, &rehearsal->lives[life]);
}

static int run_plain(struct rehearsal *rehearsal) {
    if (load(rehearsal, 0) != 0) {
        return -1;
    }
    ask_all(rehearsal, 0);
    return 0;
}

/** An answer that depends on what was asked before, or changes by itself, shows here. */
static int run_plain_again(struct rehearsal *rehearsal) {
    if (load(rehearsal, 0) != 0) {
        return -1;
    }
    ask_all_backwards(rehearsal, 0);
    ask_all(rehearsal, 0);
    ask_at_once(rehearsal, 1);
    return 0;
}

/** As reloads go: the next one beside the one that serves, one of them given up. */
static int run_reloads(struct rehearsal *rehearsal) {
    if (load(rehearsal, 0) != 0) {
        return -1;
    }
    ask_all(rehearsal, 0);
    if (load(rehearsal, 1) != 0) {
        return -1;
    }
    ask_all(rehearsal, 1);
    ask_all(rehearsal, 0);
    end(rehearsal, 0);
    ask_all(rehearsal, 1);
    if (load(rehearsal, 2) != 0) {
        return -1;
    }
    end(rehearsal, 2); /* given up: it has answered nothing */
    ask_all(rehearsal, 1);
    if (load(rehearsal, 3) != 0) {
        return -1;
    }
    ask_all(rehearsal, 3);
    ask_all(rehearsal, 1);
    end(rehearsal, 1);
    ask_all(rehearsal, 3);
    end(rehearsal, 3);
    return 0;
}

/** Two applications: both have loaded before one is asked, and the second is asked first. */
static int run_side_by_side(struct rehearsal *rehearsal) {
    if (load(rehearsal, 0) != 0 || load(rehearsal, 1) != 0) {
        return -1;
    }
    ask_all_backwards(rehearsal, 1);
    ask_all_backwards(rehearsal, 0);
    end(rehearsal, 1);
    ask_all_backwards(rehearsal, 0);
    if (load(rehearsal, 2) != 0) {
        return -1;
    }
    end(rehearsal, 0);
    ask_all_backwards(rehearsal, 2);
    end(rehearsal, 2);
    return 0;
}

static int run_threads(struct rehearsal *rehearsal) {
    if (load(rehearsal, 0) != 0 || load(rehearsal, 1) != 0) {
        return -1;
    }
    ask_at_once(rehearsal, 2);
    end(rehearsal, 1);
    ask_at_once(rehearsal, 1);
    end(rehearsal, 0);
    return 0;
}

void audit_rehearse(const struct audit_target *target, enum audit_way way, int fd) {
    static int (*const s_orders[AUDIT_WAYS])(struct rehearsal * rehearsal) = {
        [AUDIT_PLAIN] = run_plain,     [AUDIT_PLAIN_AGAIN] = run_plain_again,
        [AUDIT_RELOADS] = run_reloads, [AUDIT_SIDE_BY_SIDE] = run_side_by_side,
        [AUDIT_THREADS] = run_threads,
    };
    static struct rehearsal s_rehearsal; /* outlives this function: threads may still use it */
    bool is_plain = way == AUDIT_PLAIN || way == AUDIT_PLAIN_AGAIN;
    s_rehearsal.in = (struct audit_pool){.target = target, .fd = fd};
    audit_fault_watch(fd);
    AUDIT_SAY(fd, "step", "start");
    if (target->fills_memory) {
        PyMem_SetupDebugHooks(); /* what is freed is overwritten */
    }
    if (audit_pool_start(&s_rehearsal.in, is_plain ? AUDIT_IN_MAIN : AUDIT_IN_SUB) != 0) {
        AUDIT_SAY(fd, "failed", "start", s_rehearsal.in.err.text);
    } else {
        s_orders[way](&s_rehearsal);
    }
    AUDIT_SAY(fd, "done");
}
