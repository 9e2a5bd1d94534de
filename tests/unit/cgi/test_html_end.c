/* Where WHATWG HTML's tokenizer sees the end tag of body. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/html_end.h"

/* The offset behind `</body>` when the page comes in blocks of `step` bytes; -1: none. */
static long find(const char *page, size_t step) {
    struct html_end end = {0};
    size_t size = strlen(page), behind;
    for (size_t at = 0; at < size; at += step) {
        size_t count = size - at < step ? size - at : step;
        if (html_end_find(&end, page + at, count, &behind)) {
            return (long)(at + behind);
        }
    }
    return -1;
}

/* `^` marks the place in the page. */
static void expect(const char *marked) {
    char *page = strdup(marked), *mark = strchr(page, '^');
    long expected = mark ? mark - page : -1;
    if (mark) {
        memmove(mark, mark + 1, strlen(mark));
    }
    for (size_t step = 1; step <= strlen(page) + 1; step++) {
        cr_expect_eq(find(page, step), expected, "%s: at %ld in blocks of %zu", marked,
                     find(page, step), step);
    }
    free(page);
}

Test(html_end, is_behind_the_end_tag_of_body_however_it_is_written_and_split) {
    expect("<html><body><p>x</p></body>^</html>");
    expect("</BODY>^");
    expect("</Body >^</html>");
    expect("</body\n\t>^");
    expect("</body class=\"a>b\">^ and </body>");
    expect("<</body>^");
    expect("</body/>^");
    expect("a < b </ body> </body>^");
}

Test(html_end, is_nowhere_in_a_page_without_it) {
    expect("");
    expect("<p>a fragment");
    expect("</bodys></bod></ody></body");
    expect("&lt;/body>");
    expect("<body>");
}

Test(html_end, is_not_in_comments_and_declarations) {
    expect("<!-- </body> --></body>^");
    expect("<!-- </body> -- > </body> --!></body>^");
    expect("<!--></body>^ -->");
    expect("<!---></body>^ -->");
    expect("<!----></body>^");
    expect("<!DOCTYPE html></body>^");
    expect("<!></body>^");
    expect("<?php ?></body>^");
    expect("<?php </body>");
    expect("<!-- </body> ");
}

Test(html_end, is_not_in_the_text_of_scripts_and_the_like) {
    expect("<script>var end = '</body>';</script></body>^");
    expect("<SCRIPT type=module>a</body>b</sCript ></body>^");
    expect("<script></scriptx></body></script\n></body>^");
    expect("<script>a<</script></body>^");
    expect("<style>/*</body>*/</style><title></body></title></body>^");
    expect("<textarea></body></textarea></body>^");
    expect("<noscript></body></noscript></body>^");
    expect("<scripts></body>^");
    expect("<script></body>");
}

Test(html_end, is_not_in_values_of_attributes) {
    expect("<a title=\"</body>\"></body>^");
    expect("<a title='</body>' x></body>^");
    expect("<a title = \"'</body>\"></body>^");
    expect("<a title=it's></body>^");
    expect("<a title=x=\"y></body>^\">");
    expect("<a \"></body>^");
    expect("<br/></body>^");
}
