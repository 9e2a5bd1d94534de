/** The status as a few lines that change. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/overview.h"
#include "tests/unit/status/document.h"

static const char BEFORE[] = "{\"uptime_s\":10,\"workers\":[{\"apps\":["
                             "{\"name\":\"blog\",\"state\":\"serving\",\"requests\":100},"
                             "{\"name\":\"shop\",\"state\":\"serving\",\"requests\":10}]}]}";
static const char NOW[] =
    "{\"version\":\"1\",\"python\":\"3.11.2\",\"pid\":7,\"uptime_s\":12,\"workers\":["
    "{\"rss_bytes\":1048576,\"process\":\"shared\",\"apps\":["
    "{\"name\":\"blog\",\"state\":\"serving\",\"requests\":110,\"in_flight\":1,\"generation\":2,"
    "\"latency_ms\":{\"p50\":1.5,\"p99\":9}},"
    "{\"name\":\"broken\",\"state\":\"failed\"},"
    "{\"name\":\"kept\",\"state\":\"serving\","
    "\"reload\":{\"last\":{\"outcome\":\"kept\",\"verdict\":\"\"}}},"
    "{\"name\":\"shop\",\"state\":\"serving\",\"requests\":20}]},"
    "{\"rss_bytes\":1048576,\"process\":\"shared\",\"apps\":["
    "{\"name\":\"blog\",\"state\":\"serving\",\"requests\":30,\"in_flight\":2,\"queued\":4,"
    "\"generation\":3,\"latency_ms\":{\"p50\":2.5,\"p99\":3},"
    "\"reload\":{\"last\":{\"outcome\":\"switched\",\"verdict\":\"clean\"}}}]}]}";

static void assert_overview(const char *before, const char *now, struct overview_room room,
                            const char *want) {
    json_t *before_json = before ? document_of(before) : NULL, *now_json = document_of(now);
    char *text = status_overview(before_json, now_json, &room);
    cr_assert_str_eq(text, want);
    free(text);
    json_decref(now_json);
    json_decref(before_json);
}

Test(overview, what_is_wrong_comes_first_and_then_the_busiest) {
    assert_overview(
        BEFORE, NOW, (struct overview_room){0},
        "fcgi_host 1  Python 3.11.2  process 7  up 12 s\n"
        "workers 2  2 MB  25.0 requests/s  3 in hand  4 queued\n"
        "\n"
        "  application  state     w     req/s   p50 ms   p99 ms  busy queued   gen  last reload\n"
        "! broken       failed    1       0.0      0.0      0.0     0      0     0  \n"
        "! kept         serving   1       0.0      0.0      0.0     0      0     0  kept\n"
        "  blog         serving   2      20.0      2.5      9.0     3      4     3  switched, "
        "clean\n"
        "  shop         serving   1       5.0      0.0      0.0     0      0     0  \n");
}

Test(overview, it_is_cut_to_the_terminal_s_room) {
    assert_overview(NULL, NOW, (struct overview_room){.lines = 2, .columns = 11},
                    "fcgi_host 1\nworkers 2  \n");
    assert_overview(NULL, "{\"version\":\"äöü\"}",
                    (struct overview_room){.lines = 1, .columns = 12}, "fcgi_host äö\n");
}

Test(overview, a_count_that_fell_is_no_rate) {
    assert_overview("{\"uptime_s\":1,\"workers\":[{\"apps\":[{\"name\":\"a\",\"requests\":9}]}]}",
                    "{\"uptime_s\":2,\"workers\":[{\"apps\":[{\"name\":\"a\",\"requests\":3,"
                    "\"state\":\"serving\"}]}]}",
                    (struct overview_room){.columns = 36},
                    "fcgi_host   Python   process 0  up 2\n"
                    "workers 1  0 MB  0.0 requests/s  0 i\n"
                    "\n"
                    "  application  state     w     req/s\n"
                    "  a            serving   1       0.0\n");
}

static const char RECENT[] =
    "{\"version\":\"1\",\"python\":\"3\",\"pid\":7,\"uptime_s\":12,"
    "\"history\":{\"step_s\":10,\"requests\":[0,0,10,80,40,45,3]},"
    "\"recent_reloads\":["
    "{\"age_s\":3.2,\"process\":\"shared\",\"app\":\"blog\",\"outcome\":\"switched\","
    "\"verdict\":\"clean\",\"total_ms\":12.3,\"cause\":\"changed: /a.py\"},"
    "{\"age_s\":100,\"process\":\"shared\",\"app\":null,\"outcome\":\"kept\","
    "\"why\":\"E: \\u001b[1m\",\"total_ms\":7,\"cause\":\"SIGHUP\"}]}";

Test(overview, the_last_minutes_are_drawn_and_the_last_reloads_told) {
    assert_overview(
        NULL, RECENT, (struct overview_room){.is_utf8 = true},
        "fcgi_host 1  Python 3  process 7  up 12 s\n"
        "workers 0  0 MB  0.0 requests/s  0 in hand  0 queued\n"
        "last 15 min   █▅  at most 8.0 requests/s\n"
        "\n"
        "  application  state     w     req/s   p50 ms   p99 ms  busy queued   gen  last reload\n"
        "\n"
        "  reloads\n"
        "      3 s ago  blog switched in 12 ms, clean  changed: /a.py\n"
        "    100 s ago  shared kept in 7 ms  E: \\x1b[1m\n");
}

Test(overview, nothing_is_drawn_where_it_would_not_show) {
    json_t *json = document_of(RECENT);
    char *text = status_overview(NULL, json, &(struct overview_room){0});
    cr_assert(text && !strstr(text, "last 15 min"));
    free(text);
    json_decref(json);
}

Test(overview, a_document_of_another_shape_is_an_empty_one) {
    static const char *const s_texts[] = {"{}", "[]", "1", "null", "{\"workers\":{\"apps\":[]}}"};
    for (size_t i = 0; i < sizeof s_texts / sizeof s_texts[0]; i++) {
        assert_overview(s_texts[i], s_texts[i], (struct overview_room){.lines = 1},
                        "fcgi_host   Python   process 0  up 0 s\n");
    }
}

Test(overview, no_text_of_the_document_is_an_escape_sequence) {
    json_t *json = document_of("{\"version\":\"\\u001b[31m\",\"workers\":[{\"apps\":[{\"name\":"
                               "\"\\u001b]0;x\\u0007\",\"state\":\"\\u009b1m\"}]}]}");
    char *text = status_overview(NULL, json, &(struct overview_room){0});
    cr_assert(text && !strpbrk(text, "\033\007"));
    cr_assert(!strstr(text, "\xc2\x9b"));
    free(text);
    json_decref(json);
}
