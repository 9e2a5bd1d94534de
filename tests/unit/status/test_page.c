/** The status as a page. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/page.h"
#include "tests/unit/status/document.h"

static char *s_page;

static void show(json_t *json) {
    free(s_page);
    s_page = status_page(json, false);
    json_decref(json);
}

static void make_page(void) {
    show(document());
}

static void free_page(void) {
    free(s_page);
}

TestSuite(page, .init = make_page, .fini = free_page);

/* @return where a text is in the page */
static const char *assert_has(const char *text) {
    const char *found = strstr(s_page, text);
    cr_assert_not_null(found, "no %s in\n%s", text, s_page);
    return found;
}

static void assert_has_not(const char *text) {
    cr_assert_null(strstr(s_page, text), "%s is in\n%s", text, s_page);
}

/* A document with one worker of one application, about which `more` is said. */
static void show_application(const char *more) {
    char text[2048];
    snprintf(text, sizeof text,
             "{\"processes\":[{\"process\":\"shared\",\"workers\":1}],"
             "\"workers\":[{\"process\":\"shared\",\"state\":\"serving\",\"apps\":["
             "{\"name\":\"blog\",\"state\":\"serving\"%s}]}]}",
             more);
    show(document_of(text));
}

static void show_application_of(const char *state) {
    char text[256];
    snprintf(text, sizeof text,
             "{\"workers\":[{\"process\":\"shared\",\"state\":\"%s\",\"apps\":["
             "{\"name\":\"blog\",\"state\":\"%s\"}]}]}",
             state, state);
    show(document_of(text));
}

Test(page, a_head_tells_of_the_host) {
    assert_has("version 0.1.0 · Python 3.11.2 · process 4711 · up 2 h · refreshed every 5 seconds");
    assert_has("<meta http-equiv=\"refresh\" content=\"5\">");
}

Test(page, a_page_that_is_to_be_still_does_not_refresh_itself) {
    json_t *json = document();
    free(s_page);
    s_page = status_page(json, true);
    json_decref(json);
    assert_has_not("http-equiv");
    assert_has("<a href=\"?\">refresh every 5 seconds</a>");
}

Test(page, tiles_add_up_the_workers) {
    assert_has("<b>2</b>workers</div>");
    assert_has("<b>2</b>applications</div>");
    assert_has("<b>1234567</b>requests</div>");
    assert_has("<b>2</b>running</div>");
    assert_has("<b>5</b>queued</div>");
    assert_has("<b>1</b><span class=\"bad\">failed</span></div>");
}

Test(page, what_is_wrong_comes_first_with_links) {
    const char *failed =
        assert_has("<li><a href=\"#app0\">&lt;&quot;blog&quot; \\ &amp; co&gt;</a> "
                   "does not serve: <b>RuntimeError: no &lt;door&gt;");
    const char *task = assert_has("<li>Task digest failed: <b>ValueError: &lt;no&gt;</b></li>");
    const char *row = assert_has("<tr id=\"app0\"><td class=\"app\"><b>&lt;&quot;blog&quot;");
    cr_assert(failed < task && task < row);
    cr_assert_lt(row, assert_has("<tr id=\"app1\"><td class=\"app\"><b>shop</b>"));
    assert_has_not("Nothing is wrong");
}

Test(page, it_says_so_when_nothing_is_wrong) {
    show_application("");
    assert_has("<span class=\"good\">Nothing is wrong:</span> 1 application serves</p>");
    assert_has_not("To look at");
}

Test(page, an_application_that_serves_its_old_code_is_to_look_at) {
    show_application(",\"reload\":{\"last\":{\"outcome\":\"kept\",\"cause\":\"changed: /a.py\","
                     "\"why\":\"NameError: x\"}}");
    assert_has("<a href=\"#app0\">blog</a> serves its old code: <b>NameError: x</b> <span "
               "class=\"soft\">(changed: /a.py)</span></li>");
}

Test(page, what_the_check_has_found_is_to_look_at) {
    show_application(",\"reload\":{\"last\":{\"outcome\":\"switched\",\"verdict\":\"dangling\"}}");
    assert_has("not clean after its last reload: <span class=\"bad\" "
               "title=\"still points at memory that has been freed\">dangling</span>");
    show_application(",\"reload\":{\"last\":{\"outcome\":\"switched\","
                     "\"verdict\":\"reinitialised\"}}");
    assert_has("Nothing is wrong");
}

Test(page, a_worker_that_does_not_answer_is_to_look_at) {
    show(document_of("{\"workers\":[{\"pid\":7,\"process\":\"shared\",\"state\":\"stuck\"}]}"));
    assert_has("<li>Worker 7 of process shared does not answer</li>");
}

/* A document of one worker with applications that have kept their old code. */
static const char KEPT[] =
    "{\"workers\":[{\"process\":\"shared\",\"apps\":["
    "{\"name\":\"a\",\"state\":\"serving\",\"reload\":{\"last\":"
    "{\"outcome\":\"kept\",\"cause\":\"SIGHUP\",\"why\":\"b does not load\"}}},"
    "{\"name\":\"b\",\"state\":\"serving\",\"reload\":{\"last\":"
    "{\"outcome\":\"kept\",\"cause\":\"SIGHUP\",\"why\":\"b does not load\"}}}]},"
    "{\"process\":\"c\",\"apps\":["
    "{\"name\":\"c\",\"state\":\"serving\",\"reload\":{\"last\":"
    "{\"outcome\":\"kept\",\"cause\":\"SIGHUP\",\"why\":\"c does not load\"}}}]}]}";

Test(page, applications_that_serve_old_code_for_one_reason_are_one_item) {
    show(document_of(KEPT));
    assert_has("<li><a href=\"#app0\">a</a>, <a href=\"#app1\">b</a> serve their old code: "
               "<b>b does not load</b> <span class=\"soft\">(SIGHUP)</span></li>\n"
               "<li><a href=\"#app2\">c</a> serves its old code: <b>c does not load</b> "
               "<span class=\"soft\">(SIGHUP)</span></li>\n</ul>");
}

/* A document of two workers of an application. */
static void show_two(const char *first, const char *second) {
    char text[2048];
    snprintf(text, sizeof text, "{\"workers\":[{\"process\":\"p\",%s},{\"process\":\"p\",%s}]}",
             first, second);
    show(document_of(text));
}

Test(page, a_worker_that_drains_tells_of_numbers_only) {
    show_two("\"state\":\"draining\",\"apps\":[{\"name\":\"a\",\"state\":\"draining\","
             "\"requests\":5,\"in_flight\":1,\"generation\":9,\"reload\":{\"last\":"
             "{\"outcome\":\"replaced\",\"verdict\":\"stale\"}}}]",
             "\"state\":\"serving\",\"apps\":[{\"name\":\"a\",\"state\":\"serving\","
             "\"requests\":2,\"generation\":1}]");
    assert_has("Nothing is wrong:</span> 1 application serves</p>");
    assert_has("data-l=\"Generation\">1</td><td class=\"n\" data-l=\"Requests\">7</td>"
               "<td class=\"n\" data-l=\"Running\">1</td>");
    assert_has_not("stale");
}

Test(page, an_application_that_only_drains_is_shown) {
    show_application_of("draining");
    assert_has("<b>blog</b> <span class=\"busy\"");
}

Test(page, what_is_wrong_in_one_worker_hides_nothing_of_another) {
    static const char kept[] = "\"apps\":[{\"name\":\"a\",\"state\":\"serving\",\"reload\":"
                               "{\"last\":{\"outcome\":\"kept\",\"cause\":\"new\","
                               "\"why\":\"E: x\"}}}]";
    static const char stale[] = "\"apps\":[{\"name\":\"a\",\"state\":\"serving\",\"reload\":"
                                "{\"last\":{\"outcome\":\"switched\",\"cause\":\"old\","
                                "\"verdict\":\"stale\"}}}]";
    show_two(kept, stale);
    for (int i = 0; i < 2; i++) {
        assert_has("a</a> serves its old code: <b>E: x</b> <span class=\"soft\">(new)</span>");
        assert_has("a</a> has extension modules that were not clean");
        show_two(stale, kept);
    }
}

Test(page, a_document_that_could_not_be_made_is_no_good_news) {
    show(document_of("{}"));
    assert_has("<span class=\"bad\">The status could not be made.</span>");
    assert_has_not("Nothing is wrong");
    show(document_of("{\"workers\":[],\"asleep\":[{\"process\":\"x\"},{\"process\":\"y\"}]}"));
    assert_has("0 applications serve, 2 process groups are asleep</p>");
}

Test(page, thousands_of_applications_are_neither_slow_nor_all_shown) {
    enum { COUNT = 100000 };
    json_t *apps = json_array(), *workers = json_array(), *json = json_object();
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        json_array_append_new(apps, json_pack("{s:s, s:s, s:{s:{s:s, s:s}}}", "name", name, "state",
                                              "serving", "reload", "last", "outcome",
                                              i % 2 ? "kept" : "switched", "why", name));
    }
    json_array_append_new(workers, json_pack("{s:s, s:o}", "process", "p", "apps", apps));
    json_object_set_new(json, "workers", workers);
    show(json);
    assert_has("<b>x999</b>");
    assert_has_not("<b>x0</b>");
    assert_has_not("<b>x1001</b>");
    assert_has("and 99500 more, which the JSON tells of");
}

Test(page, the_last_minutes_are_plots) {
    assert_has("<figcaption>Requests<b>120.0/s</b></figcaption>"); /* 600 in 5 s */
    assert_has("at most 240.0/s");
    assert_has("M174 47.0h.1L176 24.5L178 2.0L180 24.5"); /* 0, 120, 240, 120 */
    assert_has("<figcaption>p50, p99<b>1.2 ms, 12.0 ms</b></figcaption>");
    assert_has("<path class=\"line\" d=\"M176 "); /* no request, no time */
    assert_has("<figcaption>Memory<b>45 MB</b></figcaption>");
}

/* The requests a second of a history, as they are shown. */
static void assert_rate(const char *uptime_and_history, const char *rate) {
    char text[512], want[64];
    snprintf(text, sizeof text, "{\"workers\":[],%s}", uptime_and_history);
    snprintf(want, sizeof want, "Requests<b>%s/s</b>", rate);
    show(document_of(text));
    assert_has(want);
}

Test(page, a_step_that_has_just_begun_is_no_rate) {
    assert_rate("\"uptime_s\":99,\"history\":{\"step_s\":10,\"last_s\":0.05,"
                "\"requests\":[1000,1000,5]}",
                "100.0");
    assert_rate("\"uptime_s\":99,\"history\":{\"step_s\":10,\"last_s\":4,"
                "\"requests\":[1000,1000,200]}",
                "50.0");
}

Test(page, the_first_step_is_as_long_as_the_host_has_been_there) {
    assert_rate("\"uptime_s\":4,\"history\":{\"step_s\":10,\"last_s\":9,\"requests\":[400]}",
                "100.0");
    assert_rate("\"uptime_s\":5,\"history\":{\"step_s\":10,\"last_s\":1,"
                "\"requests\":[400,100]}",
                "100.0");
}

Test(page, reloads_are_marks_in_the_plots_while_they_are_in_there) {
    assert_has("<path class=\"mark good\" d=\"M177.5 0v48\"/>"); /* 12.5 s ago */
    assert_has_not("mark bad");                                  /* 1072.5 s ago */
}

Test(page, the_last_reloads_are_a_list) {
    assert_has("<li class=\"good\"><span class=\"when\" title=\"2026-11-24T13:50:00Z\">12 s ago"
               "</span> <b>shop</b> <span class=\"good\" "
               "title=\"the new code serves, in the same process\">switched</span> in 432 ms, "
               "2 workers, check: <span class=\"good\" "
               "title=\"nothing of an interpreter that has ended is left\">clean</span>");
    assert_has("<b>shared</b> (process) <span class=\"bad\"");
    assert_has(
        "<br><span class=\"bad path\">shop does not load in the new worker; the old one goes "
        "on</span></li>");
}

Test(page, a_process_group_has_a_table_and_its_workers) {
    assert_has("<h2>Process shared <span class=\"soft small\">1 worker · 45 MB</span></h2>");
    assert_has("<li>Worker 4712 <span class=\"good\">serving</span> <span class=\"soft\">"
               "1234567 requests · 45 MB · 9 connections, 4 idle</span> · "
               "<span class=\"busy\">1 interpreter could not be ended</span>");
    assert_has(
        "<h2>Process blog <span class=\"soft small\">0 workers · 0 MB</span></h2>\n"
        "<ul class=\"workers small\">\n<li>Worker 4713 <span class=\"busy\">starting</span>");
    assert_has(
        "<th>Application</th><th>Reload</th>"
        "<th class=\"n\">Generation</th><th class=\"n\">Requests</th>"
        "<th class=\"n\">Running</th><th class=\"n\">Queued</th><th class=\"n\">Rejected</th>"
        "<th class=\"n\" title=\"half of the responses took no longer\">p50, ms</th>"
        "<th class=\"n\" title=\"of a hundred responses, one took longer\">p99, ms</th>"
        "</tr>");
}

Test(page, an_application_has_a_row) {
    assert_has("<b>shop</b> <span class=\"good\">serving</span> "
               "<span class=\"soft small\">4bf92f35</span>");
    assert_has("<td class=\"n\" data-l=\"Generation\">3</td>"
               "<td class=\"n\" data-l=\"Requests\">1234000</td>"
               "<td class=\"n\" data-l=\"Running\">2</td><td class=\"n\" data-l=\"Queued\">5</td>"
               "<td class=\"n\" data-l=\"Rejected\">7</td>"
               "<td class=\"n\" data-l=\"p50, ms\">1.2</td>"
               "<td class=\"n\" data-l=\"p99, ms\">120.1</td></tr>");
    assert_has(
        "by a new worker</span> <span class=\"soft path\">(runs in the main interpreter)</span>");
    assert_has("lxml.etree <span class=\"bad\" title=\"still holds objects of an interpreter that "
               "has ended\">stale</span> <span class=\"soft\">(2 findings)</span>");
    assert_has("<summary>1 extension module <span class=\"good\">clean</span></summary>_decimal");
    assert_has("interpreter main, own GIL, here since 2026-11-24T13:49:00Z: lxml.etree refuses "
               "&lt;sub&gt;</span>");
}

Test(page, an_application_is_one_row_over_all_workers) {
    show(document_of("{\"workers\":["
                     "{\"process\":\"shared\",\"apps\":[{\"name\":\"a\",\"state\":\"serving\","
                     "\"requests\":3,\"generation\":2,\"latency_ms\":{\"p99\":7}}]},"
                     "{\"process\":\"shared\",\"apps\":[{\"name\":\"a\",\"state\":\"serving\","
                     "\"requests\":4,\"generation\":1,\"latency_ms\":{\"p99\":9}}]}]}"));
    assert_has("data-l=\"Generation\">2</td><td class=\"n\" data-l=\"Requests\">7</td>");
    assert_has("data-l=\"p99, ms\">9.0</td>");
    assert_has("<b>1</b>applications</div>");
    assert_has_not("app1");
}

Test(page, a_worker_that_loads_hides_none_that_has_failed) {
    show(document_of("{\"workers\":["
                     "{\"process\":\"a\",\"apps\":[{\"name\":\"a\",\"state\":\"loading\"}]},"
                     "{\"process\":\"a\",\"apps\":[{\"name\":\"a\",\"state\":\"failed\","
                     "\"error\":\"E: x\"}]},"
                     "{\"process\":\"a\",\"apps\":[{\"name\":\"a\",\"state\":\"loading\"}]}]}"));
    assert_has("a</a> does not serve in 1 of 3 workers: <b>E: x</b></li>");
}

Test(page, process_groups_with_something_wrong_come_first) {
    show(document_of("{\"processes\":[{\"process\":\"one\"},{\"process\":\"two\"},"
                     "{\"process\":\"three\"},{\"process\":\"four\"}],"
                     "\"asleep\":[{\"process\":\"four\",\"applications\":\"d\"}],\"workers\":["
                     "{\"process\":\"one\",\"apps\":[{\"name\":\"a\",\"state\":\"serving\"}]},"
                     "{\"process\":\"two\",\"apps\":[{\"name\":\"b\",\"state\":\"serving\"}]},"
                     "{\"process\":\"three\",\"apps\":[{\"name\":\"c\",\"state\":\"failed\"}]}]}"));
    const char *one = assert_has("<h2>Process one "), *two = assert_has("<h2>Process two ");
    cr_assert(assert_has("<h2>Process three ") < one && one < two);
    assert_has("<p>Process four is asleep <span class=\"soft\">(d)</span></p>");
    assert_has_not("<h2>Process four ");
}

Test(page, what_applications_chose_is_escaped) {
    assert_has("<b>&lt;&quot;blog&quot; \\ &amp; co&gt;</b>");
    assert_has("changed: /srv/shop/&lt;views&gt;.py");
    assert_has("     1500 ms  shop  GET /basket?a=&lt;b&gt;&amp;c=&quot;d&quot;  4712-1\n");
    assert_has_not("<door>");
}

Test(page, without_a_document_it_is_empty) {
    show(NULL);
    assert_has("<b>0</b>workers</div>");
    assert_has("The status could not be made.");
    assert_has_not("<h2>");
    assert_has_not("<svg");
}
