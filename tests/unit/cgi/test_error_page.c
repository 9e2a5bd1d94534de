#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/error_page.h"

static const char s_traceback[] = "Traceback (most recent call last):\n"
                                  "  File \"/srv/x.py\", line 1, in <module>\n"
                                  "ValueError: <script>alert('&')</script>\n";

Test(error_page, without_a_traceback_says_no_more_than_the_status) {
    struct response response;
    struct error err;
    char *body;
    size_t size;
    response_init(&response);
    cr_assert_eq(error_page_make(&response, "500 Internal Server Error", NULL, &body, &size, &err),
                 0);
    cr_assert_str_eq(body, "Internal Server Error\n");
    cr_assert_eq(size, strlen(body));
    cr_assert_eq(response.content_length, (int64_t)size);
    cr_assert_eq(response_end_head(&response, &err), 0);
    cr_assert_neq(memmem(response.head, response.size, "text/plain", 10), NULL);
    free(body);
    response_clear(&response);
}

Test(error_page, shows_a_traceback_escaped) {
    struct response response;
    struct error err;
    char *body;
    size_t size;
    response_init(&response);
    cr_assert_eq(
        error_page_make(&response, "500 Internal Server Error", s_traceback, &body, &size, &err),
        0);
    cr_assert_eq(strstr(body, "<script"), NULL);
    cr_assert_neq(strstr(body, "&lt;script&gt;alert(&#39;&amp;&#39;)"), NULL);
    cr_assert_neq(strstr(body, "File &quot;/srv/x.py&quot;, line 1, in &lt;module&gt;"), NULL);
    cr_assert_neq(strstr(body, "<p class=\"last\">ValueError: "), NULL);
    free(body);
    response_clear(&response);
}
