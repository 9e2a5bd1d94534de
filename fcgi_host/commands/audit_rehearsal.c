#include "fcgi_host/commands/audit_rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_process.h"

/** Of each side of a difference so much is shown, and a little of what is before it. */
enum {
    SHOWN_BYTES = 160,
    BEFORE_BYTES = 40,
    STATUS_BYTES = 4, /**< "200 " */
};

static const char *const s_names[AUDIT_WAYS] = {
    [AUDIT_PLAIN] = "plain",     [AUDIT_PLAIN_AGAIN] = "plain, again",
    [AUDIT_RELOADS] = "reloads", [AUDIT_SIDE_BY_SIDE] = "side by side",
    [AUDIT_THREADS] = "threads",
};

/* ---- Answers ---- */

static int set_text(char **text, const char *value, struct error *err) {
    free(*text);
    *text = strdup(value);
    return *text ? 0 : error_set(err, ERR_MEMORY, "out of memory");
}

static int expect_answer(struct audit_answer *answer, char **fields, struct error *err) {
    snprintf(answer->hash, sizeof answer->hash, "%s", fields[3]);
    return set_text(&answer->text, fields[4], err);
}

/** Note the first answer of a process that is not the expected one. */
static int note_difference(struct audit_run *run, const struct audit_answer *expected,
                           const char *request, char **fields, struct error *err) {
    size_t at = 0;
    while (expected->text[at] && expected->text[at] == fields[4][at]) {
        at++;
    }
    at = at > BEFORE_BYTES ? at - BEFORE_BYTES : 0;
    char got[SHOWN_BYTES], wanted[SHOWN_BYTES];
    bool is_beyond = !expected->text[at] && !fields[4][at]; /* of what was passed on */
    snprintf(wanted, sizeof wanted, "%s", is_beyond ? "another end" : expected->text + at);
    snprintf(got, sizeof got, "%s", is_beyond ? "another end" : fields[4] + at);
    snprintf(run->asked, sizeof run->asked, "%s of %s", request, fields[1]);
    snprintf(run->differs_after, sizeof run->differs_after, "%s", run->step);
    return set_text(&run->expected, wanted, err) || set_text(&run->got, got, err);
}

/** Of an answer that is not always the same the status is compared. */
static bool is_same(const struct audit_answer *answer, char **fields) {
    return answer->is_unsteady ? strncmp(answer->text, fields[4], STATUS_BYTES) == 0
                               : strcmp(answer->hash, fields[3]) == 0;
}

int audit_rehearsal_take(struct audit_result *result, enum audit_way way, char **fields,
                         struct error *err) {
    struct audit_rehearsal *rehearsal = &result->rehearsal;
    struct audit_run *run = &result->runs[way];
    size_t request = strtoul(fields[2], NULL, 10);
    if (request >= rehearsal->count) {
        return error_set(err, ERR_PROTOCOL, "the audit's process answers what was not asked");
    }
    struct audit_answer *answer = &rehearsal->answers[request];
    if (way == AUDIT_PLAIN) {
        return expect_answer(answer, fields, err);
    }
    if (!answer->text || run->got || is_same(answer, fields)) {
        if (!run->got) {
            string_list_clear(&run->frames); /* of an exception that was expected */
        }
        return 0;
    }
    if (way == AUDIT_PLAIN_AGAIN) {
        answer->is_unsteady = true;
        return 0;
    }
    return note_difference(run, answer, rehearsal->requests[request], fields, err);
}

/* ---- Running ---- */

static int prepare(struct audit_rehearsal *rehearsal, const struct audit_target *target,
                   struct error *err) {
    rehearsal->requests = target->requests->items;
    rehearsal->count = target->requests->count;
    rehearsal->answers = calloc(rehearsal->count + 1, sizeof *rehearsal->answers);
    return rehearsal->answers ? 0 : error_set(err, ERR_MEMORY, "out of memory");
}

static bool has_shown(const struct audit_run *run) {
    return run->was_run && (run->got || run->has_crashed || run->failed_at[0] || !run->is_done);
}

static const char *outcome_of(const struct audit_run *run) {
    return run->has_timed_out  ? "hangs"
           : run->has_crashed  ? "crashes"
           : run->failed_at[0] ? "fails"
           : run->got          ? "differs"
                               : "same";
}

/** What is expected: the answers of the main interpreter, in two processes. */
static int run_plain(struct audit_result *result, struct audit_target *target, unsigned timeout_s,
                     struct error *err) {
    if (audit_process_run(result, target, AUDIT_PLAIN, timeout_s, err) != 0) {
        return -1;
    }
    if (has_shown(&result->runs[AUDIT_PLAIN])) {
        /* An allocator that overwrites what is freed shows faults of its own: without it, then. */
        target->fills_memory = false;
        audit_run_clear(&result->runs[AUDIT_PLAIN]);
        if (audit_process_run(result, target, AUDIT_PLAIN, timeout_s, err) != 0) {
            return -1;
        }
    }
    result->rehearsal.is_filled = target->fills_memory;
    return audit_process_run(result, target, AUDIT_PLAIN_AGAIN, timeout_s, err);
}

static int blame(struct audit_result *result, const struct audit_run *run, struct error *err) {
    char text[1024];
    struct audit_extension *extension = audit_result_culprit(result, run, err);
    if (!extension) {
        return 0;
    }
    audit_rehearsal_explain(result, (enum audit_way)(run - result->runs), text, sizeof text);
    return audit_result_blame(extension, run->has_crashed ? VERDICT_CRASHES : VERDICT_BREAKS, text,
                              err);
}

int audit_rehearsal_run(struct audit_result *result, const struct audit_target *target,
                        unsigned timeout_s, struct error *err) {
    struct audit_target own = *target;
    own.fills_memory = true;
    if (prepare(&result->rehearsal, target, err) != 0 ||
        run_plain(result, &own, timeout_s, err) != 0) {
        return -1;
    }
    if (has_shown(&result->runs[AUDIT_PLAIN])) {
        return 0; /* there is nothing to compare with */
    }
    for (int way = AUDIT_RELOADS; way < AUDIT_WAYS; way++) {
        struct audit_run *run = &result->runs[way];
        if (audit_process_run(result, &own, (enum audit_way)way, timeout_s, err) != 0 ||
            (has_shown(run) && blame(result, run, err) != 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- What it has shown ---- */

bool audit_rehearsal_has_failed(const struct audit_result *result, enum audit_way *ret_way) {
    for (int way = AUDIT_RELOADS; way < AUDIT_WAYS; way++) {
        if (has_shown(&result->runs[way])) {
            if (ret_way) {
                *ret_way = (enum audit_way)way;
            }
            return true;
        }
    }
    return false;
}

void audit_rehearsal_explain(const struct audit_result *result, enum audit_way way, char *ret_text,
                             size_t text_bytes) {
    const struct audit_run *run = &result->runs[way];
    if (run->got) {
        snprintf(ret_text, text_bytes, "rehearsal \"%s\", %s after \"%s\": %s; plain: %s",
                 s_names[way], run->asked, run->differs_after, run->got, run->expected);
    } else {
        snprintf(ret_text, text_bytes, "rehearsal \"%s\", after \"%s\"%s%s: %s", s_names[way],
                 run->step, *run->asked ? ", asked for " : "", run->asked, run->error);
    }
}

static const char *culprit_name(const struct audit_result *result, const struct audit_run *run) {
    struct error err;
    const struct audit_extension *extension =
        has_shown(run) ? audit_result_culprit((struct audit_result *)result, run, &err) : NULL;
    return extension ? extension->module : NULL;
}

static void add_order(struct json_writer *writer, const struct audit_result *result,
                      const char *name, const struct audit_run *run) {
    bool has = has_shown(run);
    json_begin_object(writer, NULL);
    json_add_string(writer, "order", name);
    json_add_string(writer, "outcome", outcome_of(run));
    json_add_string(writer, "after", has ? (run->got ? run->differs_after : run->step) : NULL);
    json_add_string(writer, "request", has && *run->asked ? run->asked : NULL);
    json_add_string(writer, "expected", run->expected);
    json_add_string(writer, "got", run->got ? run->got : *run->error ? run->error : NULL);
    json_add_string(writer, "extension", culprit_name(result, run));
    json_end_object(writer);
}

void audit_rehearsal_json(struct json_writer *writer, const struct audit_result *result) {
    const struct audit_rehearsal *rehearsal = &result->rehearsal;
    json_begin_object(writer, "rehearsal");
    json_add_string(writer, "memory", rehearsal->is_filled ? "filled" : "as it is");
    json_begin_array(writer, "unsteady");
    for (size_t i = 0; i < rehearsal->count; i++) {
        if (rehearsal->answers[i].is_unsteady) {
            json_add_string(writer, NULL, rehearsal->requests[i]);
        }
    }
    json_end_array(writer);
    json_begin_array(writer, "orders");
    for (int way = AUDIT_PLAIN; way < AUDIT_WAYS; way++) {
        if (result->runs[way].was_run && way != AUDIT_PLAIN_AGAIN) {
            add_order(writer, result, s_names[way], &result->runs[way]);
        }
    }
    json_end_array(writer);
    json_end_object(writer);
}

void audit_rehearsal_print(const struct audit_result *result) {
    const struct audit_rehearsal *rehearsal = &result->rehearsal;
    for (int way = AUDIT_PLAIN; way < AUDIT_WAYS; way++) {
        const struct audit_run *run = &result->runs[way];
        char text[1024] = "as in one plain interpreter";
        if (!run->was_run || way == AUDIT_PLAIN_AGAIN || (way == AUDIT_PLAIN && !has_shown(run))) {
            continue;
        }
        if (has_shown(run)) {
            audit_rehearsal_explain(result, (enum audit_way)way, text, sizeof text);
        }
        printf("  %s: %s\n", s_names[way], text);
    }
    for (size_t i = 0; i < rehearsal->count; i++) {
        if (rehearsal->answers[i].is_unsteady) {
            printf("  %s is not always answered in the same way: only the status is compared\n",
                   rehearsal->requests[i]);
        }
    }
}

void audit_rehearsal_clear(struct audit_rehearsal *rehearsal) {
    for (size_t i = 0; i < rehearsal->count; i++) {
        free(rehearsal->answers[i].text);
    }
    free(rehearsal->answers);
    *rehearsal = (struct audit_rehearsal){0};
}
