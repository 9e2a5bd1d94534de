/** When a worker tells what its application has imported: with a pool and a thread that are not
 *  there. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/worker/libraries.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

static struct app_config s_app;
static struct config s_config;
static struct worker_start s_start;
static struct application s_application;
static struct libraries s_libraries;
static struct channel_end s_supervisor;
static int s_received;
static const char *s_list; /* what is described */
static enum error_code s_fails;
static bool s_is_main, s_is_serving, s_has_threads;
static int s_held, s_lines;

/* ---- Fakes ---- */

int thread_start(void *(*function)(void *arg), void *arg, const char *name, struct error *err) {
    (void)name;
    if (!s_has_threads) {
        return error_set(err, ERR_SYSTEM, "no thread");
    }
    function(arg);
    return 0;
}

struct pool_interpreter *pool_app_interpreter(const struct pool_app *app) {
    return (struct pool_interpreter *)app;
}

bool pool_interpreter_is_main(const struct pool_interpreter *interpreter) {
    (void)interpreter;
    return s_is_main;
}

struct generation *pool_hold_current(struct pool_interpreter *interpreter) {
    s_held += s_is_serving;
    return s_is_serving ? (struct generation *)interpreter : NULL;
}

void generation_let_go(struct generation *generation) {
    (void)generation;
    s_held--;
}

int pool_run(struct generation *generation, int (*function)(void *arg, struct error *err),
             void *arg, struct error *err) {
    (void)generation;
    cr_expect_eq(s_held, 1);
    return s_fails ? error_set(err, s_fails, "why") : function(arg, err);
}

int wsgi_preload_describe(struct wsgi_modules *ret_list, struct error *err) {
    (void)err;
    *ret_list = (struct wsgi_modules){s_list ? strdup(s_list) : NULL, s_list ? strlen(s_list) : 0};
    return 0;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)slug, (void)about, (void)format;
    s_lines++;
}

/* ---- Fixture ---- */

static void set_up(void) {
    int ends[2];
    cr_assert_eq(channel_pair(ends, NULL), 0);
    s_supervisor = (struct channel_end){.fd = ends[0]};
    s_received = ends[1];
    s_app = (struct app_config){.name = (char *)"shop"};
    s_config = (struct config){
        .apps = &s_app, .app_count = 1, .process.preload = (char *)CONFIG_PRELOAD_AUTO};
    s_start = (struct worker_start){.config = &s_config};
    s_application.config = &s_app;
    s_application.pool_app = (struct pool_app *)&s_app; /* any address */
    s_is_main = s_is_serving = s_has_threads = true;
    s_list = "one";
    libraries_init(&s_libraries, &s_start, &s_supervisor);
}
TestSuite(libraries, .init = set_up, .timeout = 60);

/** @return what was told: within a static buffer; "": nothing */
static const char *told(void) {
    static char text[64];
    struct channel_message message;
    size_t size = 0;
    text[0] = '\0';
    if (channel_receive(s_received, &message, NULL) == 0) {
        cr_assert_eq(message.type, CHANNEL_LIBRARIES);
        char *bytes = channel_take_file(message.fd, &size, NULL);
        cr_assert_lt(size, sizeof text);
        memcpy(text, bytes, size + 1);
        free(bytes);
    }
    cr_expect_eq(s_held, 0);
    return text;
}

static void serve(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        libraries_request(&s_libraries, &s_application);
    }
}

Test(libraries, they_are_told_when_it_begins_to_serve_and_after_some_requests) {
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "one");
    s_list = "one two";
    serve(1);
    cr_expect_str_eq(told(), "");
    serve(1); /* the first has perhaps been answered */
    cr_expect_str_eq(told(), "one two");
    s_list = "one two three";
    serve(7);
    cr_expect_str_eq(told(), "");
    serve(1);
    cr_expect_str_eq(told(), "one two three");
    s_list = "one two three four";
    serve(89);
    cr_expect_str_eq(told(), "");
    serve(1);
    cr_expect_str_eq(told(), "one two three four");
    s_list = "one two three four five";
    serve(1000);
    cr_expect_str_eq(told(), "");
    libraries_stop(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "one two three four five");
}

Test(libraries, what_has_been_told_is_not_told_again) {
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "one");
    serve(100);
    libraries_stop(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "");
}

Test(libraries, a_worker_of_a_template_tells_when_requests_have_imported_more) {
    s_start.preloaded.modules = 5;
    libraries_init(&s_libraries, &s_start, &s_supervisor);
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "", "its template has them");
    serve(2);
    cr_expect_str_eq(told(), "one");
}

Test(libraries, nothing_is_told_where_nobody_wants_it) {
    s_config.process.preload = (char *)"a b";
    libraries_init(&s_libraries, &s_start, &s_supervisor);
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "");
    s_config.process.preload = (char *)CONFIG_PRELOAD_AUTO;
    s_config.app_count = 2;
    libraries_init(&s_libraries, &s_start, &s_supervisor);
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "");
}

Test(libraries, nothing_is_told_of_a_sub_interpreter_or_of_what_does_not_serve) {
    s_is_main = false;
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "");
    s_is_main = true;
    s_is_serving = false;
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "");
    s_is_serving = true;
    libraries_tell(&s_libraries, NULL);
    cr_expect_str_eq(told(), "");
    libraries_tell(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "one");
}

Test(libraries, it_is_tried_again_when_it_has_failed) {
    s_has_threads = false;
    libraries_tell(&s_libraries, &s_application);
    s_has_threads = true;
    s_fails = ERR_CLOSED; /* it ends: that is no failure */
    serve(2);
    cr_expect_eq(s_lines, 0);
    s_fails = ERR_PYTHON;
    serve(8);
    cr_expect_eq(s_lines, 1);
    cr_expect_str_eq(told(), "");
    s_fails = ERR_NONE;
    libraries_stop(&s_libraries, &s_application);
    cr_expect_str_eq(told(), "one");
}
