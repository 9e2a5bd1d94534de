/** The status as a page. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/page.h"
#include "tests/unit/status/document.h"

static char *s_page;

static void make_page(void) {
    json_t *json = document();
    s_page = status_page(json);
    json_decref(json);
}

static void free_page(void) {
    free(s_page);
}

TestSuite(page, .init = make_page, .fini = free_page);

static void assert_has(const char *text) {
    cr_assert_not_null(strstr(s_page, text), "no %s in\n%s", text, s_page);
}

Test(page, a_head_tells_of_the_host) {
    assert_has("version 0.1.0 · Python 3.11.2 · process 4711 · up 2 h</p>");
    assert_has("Last worker replacement: <span class=\"bad\">kept</span> in 1235 ms "
               "(asked for: fcgi_host reload) <span class=\"soft\">2026-11-24T13:53:01Z</span><br>"
               "<span class=\"bad\">shop does not load in the new worker; the old one goes on"
               "</span></p>");
}

Test(page, tiles_add_up_the_workers) {
    assert_has("<b>2</b>workers</div>");
    assert_has("<b>2</b>applications</div>");
    assert_has("<b>1234567</b>requests</div>");
    assert_has("<b>2</b>running</div>");
    assert_has("<b>5</b>queued</div>");
    assert_has("<b>1</b><span class=\"bad\">failed</span></div>");
}

Test(page, a_worker_has_a_line_and_a_table) {
    assert_has("<h2>Worker 4712 <span class=\"good\">serving</span> "
               "<span class=\"soft small\">process shared</span></h2><p class=\"soft small\">"
               "1234567 requests · 45 MB resident · 9 connections, 4 of them idle · 1 zombies</p>");
    assert_has("<h2>Worker 4713 <span class=\"busy\">starting</span> "
               "<span class=\"soft small\">process blog</span></h2>");
    assert_has(
        "<tr><th>Application</th><th>State</th><th>Interpreter</th>"
        "<th class=\"n\">Generation</th><th class=\"n\">Requests</th><th class=\"n\">Running</th>"
        "<th class=\"n\">Queued</th><th class=\"n\">Rejected</th>"
        "<th class=\"n\" title=\"half of the responses took no longer\">p50, ms</th>"
        "<th class=\"n\" title=\"of a hundred responses, one took longer\">p99, ms</th>"
        "<th>Reload</th></tr>\n");
}

Test(page, an_application_has_a_row) {
    assert_has("<span class=\"good\">serving</span></td><td>shop</td>"
               "<td class=\"n\">3</td><td class=\"n\">1234000</td><td class=\"n\">2</td>"
               "<td class=\"n\">5</td><td class=\"n\">7</td><td class=\"n\">1.2</td>"
               "<td class=\"n\">120.1</td><td class=\"small\">");
    assert_has("<span title=\"runs in the main interpreter\">worker</span></td>");
    assert_has("<span class=\"good\">switched</span> in 432 ms, <span class=\"good\">clean</span>");
    assert_has("<summary>2 extension modules</summary>_decimal <span class=\"good\">clean</span>");
    assert_has("<td>main<br>own GIL</td>");
    assert_has("in the main interpreter of process &lt;&quot;blog&quot; \\ &amp; co&gt; since "
               "2026-11-24T13:49:00Z: lxml.etree refuses "
               "&lt;sub&gt;</span>");
}

Test(page, what_applications_chose_is_escaped) {
    assert_has("<b>&lt;&quot;blog&quot; \\ &amp; co&gt;</b>");
    assert_has("RuntimeError: no &lt;door&gt;");
    assert_has("     1500 ms  shop  GET /basket?a=&lt;b&gt;&amp;c=&quot;d&quot;  4712-1\n");
    cr_assert_null(strstr(s_page, "<door>"));
}

Test(page, without_a_document_it_is_empty) {
    char *page = status_page(NULL);
    cr_assert_not_null(strstr(page, "<b>0</b>workers</div>"));
    cr_assert_null(strstr(page, "<h2>"));
    free(page);
}
