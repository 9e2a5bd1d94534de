/* The words: HAProxy's configuration manual, "agent-check". */
#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/supervisor/agent_text.h"

static void expect(struct agent_look look, const char *expected) {
    char text[AGENT_TEXT_BYTES];
    agent_text(&look, text);
    cr_expect_str_eq(text, expected);
}

Test(agent_text, the_weight_goes_down_as_queues_fill_and_is_never_0) {
    expect((struct agent_look){.filled = 0}, "up ready 100%\n");
    expect((struct agent_look){.filled = 0.00001}, "up ready 99%\n");
    expect((struct agent_look){.filled = 0.5}, "up ready 50%\n");
    expect((struct agent_look){.filled = 0.999}, "up ready 1%\n");
    expect((struct agent_look){.filled = 1}, "up ready 1%\n");
    expect((struct agent_look){.filled = 7}, "up ready 1%\n");
    expect((struct agent_look){.filled = -1}, "up ready 100%\n");
}

Test(agent_text, it_says_why_no_requests_should_come) {
    expect((struct agent_look){.unready = "loading: blog, shop"}, "down # loading: blog, shop\n");
    expect((struct agent_look){.is_draining = true, .unready = "draining"}, "drain\n");
    expect((struct agent_look){.is_stopping = true, .is_draining = true, .unready = "draining"},
           "stopped # stopping\n");
}

Test(agent_text, it_is_one_line_whatever_names_applications_have) {
    char long_name[2 * AGENT_TEXT_BYTES], text[AGENT_TEXT_BYTES];
    expect((struct agent_look){.unready = "failed: a\nb\r\x7f\t"}, "down # failed: a?b???\n");
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    agent_text(&(struct agent_look){.unready = long_name}, text);
    cr_expect_eq(strlen(text), AGENT_TEXT_BYTES - 1);
    cr_expect_str_eq(text + AGENT_TEXT_BYTES - 3, "n\n");
}
