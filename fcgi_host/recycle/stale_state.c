/* The check for stale extension state, asked at the moments of a reload. */
#include "pool/python/py_compat.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/recycle/recycle_internal.h"
#include "pool/base/clock.h"
#include "reload/stale/stale.h"

/** A call of stale.h, made on a thread of the generation in question. */
struct question {
    struct stale_check *check;
    void *old, *new;
    struct stale_report *report;
    uint64_t spent_ns; /* where there is no report, which says it */
};

static int ask_before_load(void *arg, struct error *err) {
    struct question *question = arg;
    uint64_t begun_ns = clock_now_ns();
    int outcome = stale_check_before_load(question->check, question->old, err);
    question->spent_ns = clock_now_ns() - begun_ns;
    return outcome;
}

static int ask_loaded(void *arg, struct error *err) {
    struct question *question = arg;
    return stale_check_loaded(question->check, question->old, question->new, &question->report,
                              err);
}

static int ask_after_end(void *arg, struct error *err) {
    struct question *question = arg;
    return stale_check_after_end(question->check, question->new, &question->report, err);
}

static const struct app_config *first_config(const struct recyclable *recyclable) {
    return recycle_application(recyclable, 0)->config;
}

/* ---- Verdicts ---- */

/** FNV-1a, 64 bits. */
static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/** Log a finding, as a warning only the first time: it is there after every reload. */
static void log_found(struct recyclable *recyclable, const struct log_about *about,
                      const char *text) {
    uint64_t hash = hash_of(text);
    bool is_told = false;
    pthread_mutex_lock(&recyclable->lock);
    for (unsigned i = 0; i < recyclable->told_count && !is_told; i++) {
        is_told = recyclable->told[i] == hash;
    }
    if (!is_told && recyclable->told_count < RECYCLE_TOLD_MAX) {
        recyclable->told[recyclable->told_count++] = hash;
    }
    pthread_mutex_unlock(&recyclable->lock);
    log_line(is_told ? LOG_DEBUG : LOG_WARN, "stale.found", about, "%s", text);
}

static void log_findings(struct recyclable *recyclable, const struct stale_report *report,
                         const struct log_about *about) {
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct stale_finding *finding = &report->findings[i];
        char place[64] = "", text[1024];
        if (finding->is_note || finding->verdict == VERDICT_CLEAN) {
            continue;
        }
        if (finding->image[0]) {
            snprintf(place, sizeof place, "+0x%llx", (unsigned long long)finding->offset);
        }
        snprintf(text, sizeof text, "%s: %s (%s%s) holds %s of %s, %s: %s",
                 finding->module[0] ? finding->module : "no module's variable", finding->symbol,
                 finding->image[0] ? finding->image : "a Python object", place, finding->holds,
                 finding->owner, finding->is_borrowed ? "borrowed" : "owned",
                 stale_verdict_name(finding->verdict));
        log_found(recyclable, about, text);
    }
}

/** @return the worst finding's `finding` (channel.h), malloc'ed; NULL: no extension's file has it
 */
static char *make_finding(const struct stale_report *report) {
    const struct stale_finding *worst =
        stale_findings_worst(report->findings, report->finding_count);
    const char *file = worst && *worst->image == '/' ? worst->image : NULL;
    for (size_t i = 0; worst && *worst->module && i < report->extension_count; i++) {
        const struct stale_extension *extension = &report->extensions[i];
        if (*extension->file == '/' && strcmp(extension->module, worst->module) == 0) {
            file = extension->file;
        }
    }
    if (!file) {
        return NULL;
    }
    char finding[CHANNEL_FINDING_BYTES];
    channel_name_finding(stale_verdict_name(worst->verdict), file, finding, sizeof finding);
    return strdup(finding);
}

void recycle_copy_finding(struct recyclable *recyclable, char *ret_finding, size_t finding_bytes) {
    pthread_mutex_lock(&recyclable->lock);
    snprintf(ret_finding, finding_bytes, "%s", recyclable->finding ? recyclable->finding : "");
    pthread_mutex_unlock(&recyclable->lock);
}

bool recycle_ask_move(struct recyclable *recyclable, bool is_shared, const char *why) {
    const struct recycle_options *options = &recyclable->recycle->options;
    char finding[CHANNEL_FINDING_BYTES];
    recycle_copy_finding(recyclable, finding, sizeof finding);
    if (*finding == '\0') {
        return false;
    }
    recycle_moving(recyclable->recycle, recyclable->interpreter);
    options->move_found(options->ctx, pool_interpreter_name(recyclable->interpreter), is_shared,
                        why, finding);
    return true;
}

/** The worst finding, in words. @return whether there is one that forbids recycling */
static bool name_worst(const struct stale_report *report, char *ret_text, size_t size) {
    const struct stale_finding *worst =
        stale_findings_worst(report->findings, report->finding_count);
    if (!worst) {
        return false;
    }
    const char *verdict = stale_verdict_name(worst->verdict);
    if (worst->image[0]) {
        snprintf(ret_text, size, "extension %s cannot be recycled: %s", worst->module, verdict);
    } else {
        snprintf(ret_text, size, "%s%s %s holds %s of %s and cannot be recycled: %s",
                 worst->module[0] ? "in module " : "an object that no module leads to:",
                 worst->module, worst->symbol, worst->holds, worst->owner, verdict);
    }
    return true;
}

void recycle_keep_report(struct recyclable *recyclable, struct stale_report *report,
                         const char *worst) {
    char *finding = worst ? make_finding(report) : NULL;
    pthread_mutex_lock(&recyclable->lock);
    if (worst) {
        snprintf(recyclable->unrecyclable, sizeof recyclable->unrecyclable, "%s", worst);
        free(recyclable->finding);
        recyclable->finding = finding;
    }
    snprintf(recyclable->verdict, sizeof recyclable->verdict, "%s",
             stale_verdict_name(report->verdict));
    struct stale_report *before = recyclable->report;
    recyclable->report = report;
    recyclable->checks.count++;
    recyclable->checks.last_ms =
        report->took_ms + (double)recyclable->checks.spent_ns / CLOCK_NS_PER_MS;
    recyclable->checks.total_ms += recyclable->checks.last_ms;
    recyclable->checks.spent_ns = 0;
    pthread_mutex_unlock(&recyclable->lock);
    stale_report_free(before);
}

/**
 * Log a report, keep it, and apply on_stale.
 * @return 0 go on, or -1 with ERR_FAILED: replace or refuse
 */
static int judge_report(struct recyclable *recyclable, struct stale_report *report,
                        uint64_t generation, enum log_level clean_level, struct error *err) {
    assert(report);
    const struct app_config *config = first_config(recyclable);
    const struct log_about about = {.app = config->name, .generation = generation};
    char worst[256];
    bool is_bad = name_worst(report, worst, sizeof worst);
    log_findings(recyclable, report, &about);
    if (is_bad) {
        log_found(recyclable, &about, worst);
    } else {
        log_line(clean_level, "stale.clean", &about, "%zu extensions, %.1f ms",
                 report->extension_count, report->took_ms);
    }
    recycle_keep_report(recyclable, report, is_bad ? worst : NULL);
    if (is_bad && config->on_stale != ON_STALE_WARN) {
        return error_set(err, ERR_FAILED, "%s", worst);
    }
    return 0;
}

bool recycle_refuses_stale(const struct recyclable *recyclable, const struct error *err) {
    return err->code == ERR_FAILED && first_config(recyclable)->on_stale == ON_STALE_REFUSE;
}

/** A check that could not be made is no verdict: the worker is replaced instead. */
static int note_unknown(const struct recyclable *recyclable, struct error *err) {
    const struct log_about about = {.app = first_config(recyclable)->name};
    error_prefix(err, "the check for stale extension state failed");
    log_line(LOG_WARN, "stale.unknown", &about, "%s", err->text);
    return -1;
}

/* ---- The moments ---- */

/** A step without a report has been made: its time counts for the next report. @tstate any */
static void note_step(struct recyclable *recyclable, uint64_t spent_ns) {
    pthread_mutex_lock(&recyclable->lock);
    recyclable->checks.spent_ns += spent_ns;
    pthread_mutex_unlock(&recyclable->lock);
}

void recycle_check_before_load(struct recyclable *recyclable, struct generation *serving) {
    struct error err;
    struct question question = {.check = recyclable->check,
                                .old = generation_interpreter_state(serving)};
    if (pool_run(serving, ask_before_load, &question, &err) != 0) {
        note_unknown(recyclable, &err);
    }
    note_step(recyclable, question.spent_ns);
}

/** @return the report, or NULL with `err` */
static struct stale_report *look_at_loaded(struct recyclable *recyclable,
                                           struct generation *serving, struct generation *next,
                                           struct error *err) {
    struct question question = {.check = recyclable->check,
                                .old = serving ? generation_interpreter_state(serving) : NULL,
                                .new = generation_interpreter_state(next)};
    if (pool_run(next, ask_loaded, &question, err) != 0) {
        note_unknown(recyclable, err);
        return NULL;
    }
    return question.report;
}

int recycle_check_loaded(struct recyclable *recyclable, struct generation *serving,
                         struct generation *next, struct error *err) {
    struct stale_report *report = look_at_loaded(recyclable, serving, next, err);
    return report ? judge_report(recyclable, report, generation_number(next), LOG_INFO, err) : -1;
}

static bool has_verdict(const struct stale_report *report, enum stale_verdict verdict) {
    for (size_t i = 0; i < report->finding_count; i++) {
        if (!report->findings[i].is_note && report->findings[i].verdict == verdict) {
            return true;
        }
    }
    return false;
}

int recycle_check_serving(struct recyclable *recyclable, struct generation *serving,
                          bool *ret_is_shared, struct error *err) {
    struct stale_report *report = look_at_loaded(recyclable, NULL, serving, err);
    *ret_is_shared = report && has_verdict(report, VERDICT_SHARED);
    return report ? judge_report(recyclable, report, generation_number(serving), LOG_DEBUG, err)
                  : -1;
}

int recycle_check_spare(struct recyclable *recyclable, struct generation *serving,
                        struct generation *spare, bool *ret_harms, struct error *err) {
    struct stale_report *report = look_at_loaded(recyclable, serving, spare, err);
    *ret_harms = !report || has_verdict(report, VERDICT_REINITIALISED);
    return report ? judge_report(recyclable, report, 0, LOG_DEBUG, err) : -1;
}

/** @return whether code that serves has loaded an extension that this report is about */
static bool have_met(struct recyclable *recyclable, const struct stale_report *report) {
    const struct stale_finding *worst =
        stale_findings_worst(report->findings, report->finding_count);
    bool have_met = false;
    pthread_mutex_lock(&recyclable->lock);
    const struct stale_report *before = recyclable->report;
    for (size_t i = 0; worst && before && i < before->extension_count; i++) {
        have_met |= strcmp(before->extensions[i].module, worst->module) == 0;
    }
    pthread_mutex_unlock(&recyclable->lock);
    return have_met;
}

/** Whoever serves here goes on only where the extension is new to it. @tstate none */
static void act_on_failed_load(struct recyclable *recyclable, struct stale_report *report) {
    struct error err;
    const struct generation *serving = pool_current(recyclable->interpreter);
    bool is_harmed = serving && have_met(recyclable, report);
    if (judge_report(recyclable, report, 0, LOG_DEBUG, &err) == 0 || !serving ||
        recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER)) {
        return;
    }
    recycle_ask_move(recyclable, is_harmed, err.text);
}

void recycle_load_failed(struct recycle *recycle, struct generation *generation) {
    struct error err;
    struct stale_report *report = NULL;
    struct recyclable *recyclable = recycle_find(recycle, generation_interpreter(generation));
    if (!recyclable || !recyclable->check) {
        return;
    }
    int outcome = stale_check_loaded(recyclable->check, NULL,
                                     generation_interpreter_state(generation), &report, &err);
    Py_BEGIN_ALLOW_THREADS;
    if (outcome != 0) {
        note_unknown(recyclable, &err);
    } else {
        act_on_failed_load(recyclable, report);
    }
    Py_END_ALLOW_THREADS;
}

void recycle_ending(struct recycle *recycle, struct generation *generation) {
    struct error err;
    struct recyclable *recyclable = recycle_find(recycle, generation_interpreter(generation));
    if (!recyclable || !recyclable->check) {
        return;
    }
    PyThreadState *tstate = PyThreadState_Get();
    if (sem_trywait(&recycle->end_turn) != 0) {
        /* Another interpreter is ending, which takes milliseconds. */
        PyEval_SaveThread();
        while (sem_wait(&recycle->end_turn) != 0) { /* EINTR */
        }
        PyEval_RestoreThread(tstate);
    }
    struct generation *serving = pool_current(recyclable->interpreter);
    uint64_t begun_ns = clock_now_ns();
    int outcome =
        stale_check_before_end(recyclable->check, PyThreadState_GetInterpreter(tstate),
                               serving ? generation_interpreter_state(serving) : NULL, &err);
    note_step(recyclable, clock_now_ns() - begun_ns);
    if (outcome != 0) {
        tstate = PyEval_SaveThread();
        note_unknown(recyclable, &err);
        PyEval_RestoreThread(tstate);
    }
}

int recycle_check_ended(struct recyclable *recyclable, struct generation *next, struct error *err) {
    struct question question = {.check = recyclable->check,
                                .new = generation_interpreter_state(next)};
    if (pool_run(next, ask_after_end, &question, err) != 0) {
        return note_unknown(recyclable, err);
    }
    return judge_report(recyclable, question.report, generation_number(next), LOG_INFO, err);
}

int recycle_check_after_end(struct recyclable *recyclable, struct generation *serving,
                            struct error *err) {
    if (!recyclable->check) {
        return 0;
    }
    struct question question = {.check = recyclable->check,
                                .new = serving ? generation_interpreter_state(serving) : NULL};
    int failed = serving ? pool_run(serving, ask_after_end, &question, err)
                         : error_set(err, ERR_CLOSED, "no generation serves");
    sem_post(&recyclable->recycle->end_turn);
    if (failed && err->code == ERR_CLOSED) {
        /* `serving` is being retired, too: the check after its end looks at its successor. */
        return 0;
    }
    if (failed) {
        return note_unknown(recyclable, err);
    }
    if (judge_report(recyclable, question.report, generation_number(serving), LOG_INFO, err) == 0) {
        return 0;
    }
    if (recycle_refuses_stale(recyclable, err)) {
        recycle_refuse(recyclable, err);
        return 0; /* the gate may open: nothing is let in */
    }
    return -1;
}
