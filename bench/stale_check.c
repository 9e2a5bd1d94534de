/*
 * stale_check - what the check for stale extension state costs beside loading the application.
 *
 * For each workload (Python statements that import it) it loads two generations, one beside the
 * other, and times the load of the second, the look before it, and the check before the switch and
 * after the end of the first; the best of ROUNDS.  "first" is the check of the very first
 * generation, once, and "ending" is the end itself, whose frees are watched; both are no part of
 * the sum.  The GIL is held while checking: nothing is
 * served.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "reload/stale/stale.h"
#include "tests/support/pool_fixture.h"

enum { ROUNDS = 5 };

static const struct {
    const char *name, *source;
} s_workloads[] = {
    {"hello", "def application(environ, start_response): return []\n"},
    {"flask", "import flask\napplication = flask.Flask('x')\n"},
    {"django",
     "import django.conf\n"
     "django.conf.settings.configure(DEBUG=False, ROOT_URLCONF='x', ALLOWED_HOSTS=['*'],\n"
     "    SECRET_KEY='x', INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth'])\n"
     "import django.core.wsgi\n"
     "application = django.core.wsgi.get_wsgi_application()\n"},
    {"django+psycopg2",
     "import django.conf\n"
     "django.conf.settings.configure(DEBUG=False, ROOT_URLCONF='x', ALLOWED_HOSTS=['*'],\n"
     "    SECRET_KEY='x', INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth'],\n"
     "    DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql'}})\n"
     "import django.core.wsgi, psycopg2\n"
     "application = django.core.wsgi.get_wsgi_application()\n"},
};

static struct stale_check *s_check;
static struct generation *s_old, *s_new;
static double s_end_ms;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* other processes do not matter */
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int before_load(void *arg, struct error *err) {
    double started = now_ms();
    int failed = stale_check_before_load(s_check, generation_interpreter_state(s_old), err);
    *(double *)arg = now_ms() - started;
    return failed;
}

static int loaded(void *arg, struct error *err) {
    struct stale_report *report;
    double started = now_ms();
    int failed = stale_check_loaded(s_check, s_old ? generation_interpreter_state(s_old) : NULL,
                                    generation_interpreter_state(s_new), &report, err);
    *(double *)arg = now_ms() - started;
    if (!failed) {
        stale_report_free(report);
    }
    return failed;
}

static int after_end(void *arg, struct error *err) {
    struct stale_report *report;
    double started = now_ms();
    int failed = stale_check_after_end(s_check, generation_interpreter_state(s_new), &report, err);
    *(double *)arg = now_ms() - started;
    if (!failed) {
        stale_report_free(report);
    }
    return failed;
}

static bool before_end(void *ctx, struct generation *generation) {
    (void)ctx;
    struct error err;
    double started = now_ms();
    if (generation == s_old) {
        stale_check_before_end(s_check, generation_interpreter_state(s_old),
                               generation_interpreter_state(s_new), &err);
        s_end_ms = now_ms() - started;
    }
    return true;
}

static void run(struct generation *on, int (*function)(void *arg, struct error *err),
                double *ret_ms) {
    struct error err;
    if (pool_run(on, function, ret_ms, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

static void keep_best(double *best, double value) {
    *best = *best == 0 || value < *best ? value : *best;
}

static void measure(struct pool *pool, size_t index) {
    const char *source = s_workloads[index].source;
    struct pool_app *app = fixture_app(pool, s_workloads[index].name, &source, 1, 1);
    double load = 0, first, before = 0, check = 0, end = 0, ending = 0, ms, after;
    struct error err;
    s_new = fixture_build(app);
    run(s_new, loaded, &first);
    s_old = s_new;
    pool_publish(s_old, &err);
    for (int i = 0; i < ROUNDS; i++) {
        run(s_old, before_load, &ms);
        keep_best(&before, ms);
        double started = now_ms();
        s_new = fixture_build(app);
        keep_best(&load, now_ms() - started);
        run(s_new, loaded, &ms);
        keep_best(&check, ms);
        pool_publish(s_new, &err);
        started = now_ms();
        pool_retire(s_old, 1000);
        keep_best(&ending, now_ms() - started - s_end_ms);
        run(s_new, after_end, &after);
        keep_best(&end, s_end_ms + after);
        s_old = s_new;
    }
    printf("%-18s %9.1f %9.2f %9.2f %9.2f %9.2f %9.2f %8.1f %%\n", s_workloads[index].name, load,
           first, before, check, end, ending, 100 * (before + check + end) / load);
    fflush(stdout);
    pool_retire(s_old, 1000);
    s_old = s_new = NULL;
}

int main(void) {
    struct error err;
    s_check = stale_check_new(&err);
    fixture_may_end = before_end;
    struct pool *pool = fixture_start();
    printf("%-18s %9s %9s %9s %9s %9s %9s %10s\n", "workload", "load ms", "first", "before",
           "switch", "end", "ending", "of load");
    for (size_t i = 0; i < sizeof s_workloads / sizeof s_workloads[0]; i++) {
        measure(pool, i);
    }
    return 0;
}
