/*
 * Checks for stale state keep what they find while other threads ask for the strategy and write the
 * status: each of these must see one finding whole.
 *
 *   stress_recycle [ROUNDS]
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json_read.h"
#include "reload/stale/stale.h"
#include "tests/support/recycle_fixture.h"

enum { ASKERS = 3, WRITERS = 2 };

static unsigned s_rounds = 20000; /* of each thread */
static atomic_uint s_reading = ASKERS + WRITERS;
static struct recycle_fixture s;

/** A finding is one letter, many times; its length tells the letter. */
static void make_finding(char finding[RECYCLE_WHY_BYTES], unsigned round) {
    size_t length = 100 + round % 26 * 10;
    memset(finding, 'a' + (int)(round % 26), length);
    finding[length] = '\0';
}

static bool is_whole(const char *finding) {
    char whole[RECYCLE_WHY_BYTES];
    make_finding(whole, (unsigned)(finding[0] - 'a'));
    return strcmp(finding, whole) == 0;
}

static void *ask_strategy(void *arg) {
    (void)arg;
    for (unsigned round = 0; round < s_rounds; round++) {
        char why[RECYCLE_WHY_BYTES];
        assert(recycle_strategy(&s.recyclable, why, sizeof why) == STRATEGY_WORKER);
        assert(is_whole(why));
    }
    atomic_fetch_sub(&s_reading, 1);
    return NULL;
}

static void *write_status(void *arg) {
    (void)arg;
    for (unsigned round = 0; round < s_rounds; round++) {
        struct json_writer writer = {0};
        json_begin_object(&writer, NULL);
        recycle_write_strategy(&s.recycle, s.applications[0], NULL, &writer);
        json_begin_array(&writer, "extensions");
        recycle_write_extensions(&s.recycle, s.applications[0], &writer);
        json_end_array(&writer);
        json_end_object(&writer);
        assert(!writer.failed);
        json_t *json = json_parse(writer.text, strlen(writer.text), NULL);
        assert(json && is_whole(json_get_string(json, "why")));
        json_decref(json);
        free(writer.text);
    }
    atomic_fetch_sub(&s_reading, 1);
    return NULL;
}

static struct stale_report *make_report(unsigned round) {
    struct stale_report *report = calloc(1, sizeof *report);
    assert(report);
    report->verdict = round % 2 ? VERDICT_CLEAN : VERDICT_CLEAN + 1;
    report->extension_count = round % 3;
    report->extensions = calloc(report->extension_count + 1, sizeof *report->extensions);
    assert(report->extensions);
    for (size_t i = 0; i < report->extension_count; i++) {
        report->extensions[i].module = strdup("blog._speedups");
        report->extensions[i].file = strdup("/srv/blog/_speedups.so");
        assert(report->extensions[i].module && report->extensions[i].file);
    }
    return report;
}

int main(int argc, char **argv) {
    s_rounds = argc > 1 ? (unsigned)atoi(argv[1]) : s_rounds;
    char finding[RECYCLE_WHY_BYTES];
    pthread_t threads[ASKERS + WRITERS];
    recycle_fixture_start(&s, false, (const char *const[]){"blog"}, 1);
    make_finding(finding, 0);
    recycle_keep_report(&s.recyclable, make_report(0), finding);
    for (size_t i = 0; i < ASKERS + WRITERS; i++) {
        int problem =
            pthread_create(&threads[i], NULL, i < ASKERS ? ask_strategy : write_status, NULL);
        assert(!problem);
    }
    for (unsigned round = 1; atomic_load(&s_reading) > 0; round++) {
        make_finding(finding, round);
        recycle_keep_report(&s.recyclable, make_report(round), finding);
    }
    for (size_t i = 0; i < ASKERS + WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    stale_check_free(s.recyclable.check);
    stale_report_free(s.recyclable.report);
    return 0;
}
