/** Which responses are dropped, and which refusals are told to the supervisor. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/fastcgi/connection.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/withheld.h"

static struct app_config s_config = {.name = (char *)"blog", .queue = 2};
static struct application *s_application;
static struct applications s_applications = {.apps = &s_application, .app_count = 1};
static struct connection *s_connection;
static struct param s_method = {.name = "REQUEST_METHOD", .name_bytes = 14};

static void set_method(const char *method) {
    s_method.value = method;
    s_method.value_bytes = (uint32_t)strlen(method);
}

static void set_up(void) {
    s_application = application_new(&s_config, NULL, false, 0);
    s_connection = calloc(1, sizeof *s_connection);
    cr_assert(s_application && s_connection);
    atomic_store(&s_application->generation, 1);
    s_connection->reader.phase = READER_ENDED;
    s_connection->request = (struct request){.connection = s_connection,
                                             .params = &s_method,
                                             .param_count = 1,
                                             .application = s_application};
    set_method("GET");
}

static void tear_down(void) {
    application_free(s_application);
    free(s_connection);
}

TestSuite(withheld, .init = set_up, .fini = tear_down);

static struct withheld s_withheld;

static bool wants(void) {
    return withheld_wants(&s_withheld, &s_connection->request, true);
}

Test(withheld, a_failure_is_the_applications_when_no_move_is_under_way) {
    cr_expect_not(withheld_wants(&s_withheld, &s_connection->request, false));
    atomic_store(&s_application->is_moving, true);
    cr_expect(withheld_wants(&s_withheld, &s_connection->request, false));
    withheld_end(&s_withheld);
    cr_expect_not(wants());
}

Test(withheld, methods_that_are_safe) {
    static const char *const s_safe[] = {"GET", "HEAD", "OPTIONS"};
    static const char *const s_others[] = {"POST", "PUT", "DELETE", "PATCH", "get", "GETS", ""};
    for (size_t i = 0; i < sizeof s_safe / sizeof *s_safe; i++) {
        set_method(s_safe[i]);
        cr_expect(wants(), "%s", s_safe[i]);
    }
    for (size_t i = 0; i < sizeof s_others / sizeof *s_others; i++) {
        set_method(s_others[i]);
        cr_expect_not(wants(), "%s", s_others[i]);
    }
}

Test(withheld, a_request_is_run_twice_at_most) {
    s_connection->request.was_given_up = true;
    cr_expect_not(wants());
}

Test(withheld, something_was_sent) {
    s_connection->response.has_sent = true;
    cr_expect_not(wants());
}

Test(withheld, a_body_that_was_read_or_is_still_to_come) {
    s_connection->reader.body_received = 4;
    cr_expect_not(wants(), "the application has it");
    s_connection->reader.buffer.body_end = 4;
    cr_expect(wants(), "it is in the buffer");
    s_connection->reader.phase = READER_STDIN;
    s_connection->reader.params.content_length = 5;
    cr_expect_not(wants(), "a byte is missing");
}

Test(withheld, an_abort) {
    s_connection->reader.is_aborted = true;
    cr_expect_not(wants());
}

Test(withheld, as_many_as_the_queue_holds) {
    atomic_store(&s_application->withheld, 1);
    cr_expect(wants());
    atomic_store(&s_application->withheld, 2);
    cr_expect_not(wants());
}

Test(withheld, a_generation_for_which_no_process_was_found) {
    atomic_store(&s_application->is_moving, true);
    withheld_end_move(&s_applications, "another");
    cr_expect(atomic_load(&s_application->is_moving));
    cr_expect(wants());
    withheld_end_move(&s_applications, "blog");
    cr_expect_not(atomic_load(&s_application->is_moving));
    cr_expect_not(wants());
    atomic_store(&s_application->generation, 2);
    cr_expect(wants(), "its files have changed");
    atomic_store(&s_application->generation, 1);
    atomic_store(&s_application->stays_until_ns, 0);
    cr_expect(wants(), "some time has passed");
}
