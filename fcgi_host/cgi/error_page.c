#include "fcgi_host/cgi/error_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/html.h"

static const char s_page_start[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
static const char s_page_style[] =
    "</title><style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;border-left:4px solid #c00;padding:1rem;overflow-x:auto;"
    "white-space:pre-wrap;font-size:14px}.last{color:#c00;font-weight:bold}</style></head>"
    "<body><h1>";
static const char s_page_end[] =
    "</pre><p>This page is shown because <code>dev</code> is on.</p></body></html>\n";

/* Where the last line begins: the exception itself, which comes first on the page. */
static size_t last_line(const char *text, size_t size) {
    size_t at = size;
    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    return at;
}

static void put_traceback_page(FILE *out, const char *status, const char *traceback) {
    size_t size = strlen(traceback);
    while (size > 0 && traceback[size - 1] == '\n') {
        size--;
    }
    size_t last = last_line(traceback, size);
    fputs(s_page_start, out);
    html_put_text(out, status, strlen(status));
    fputs(s_page_style, out);
    html_put_text(out, status, strlen(status));
    fputs("</h1><p class=\"last\">", out);
    html_put_text(out, traceback + last, size - last);
    fputs("</p><pre>", out);
    html_put_text(out, traceback, size);
    fputs(s_page_end, out);
}

static int set_head(struct response *response, const char *status, bool is_html, size_t body_bytes,
                    struct error *err) {
    const char *type = is_html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
    if (response_set_status(response, slice_of(status), err) < 0 ||
        response_add_header(response, slice_of("Content-Type"), slice_of(type), err) < 0 ||
        response_add_header(response, slice_of("Cache-Control"), slice_of("no-store"), err) < 0) {
        return -1;
    }
    response->content_length = (int64_t)body_bytes;
    return 0;
}

int error_page_make(struct response *response, const char *status, const char *traceback,
                    char **ret_body, size_t *ret_body_bytes, struct error *err) {
    *ret_body = NULL;
    FILE *out = open_memstream(ret_body, ret_body_bytes);
    if (out && traceback) {
        put_traceback_page(out, status, traceback);
    } else if (out) {
        fprintf(out, "%s\n", status + 4); /* without the number */
    }
    int result = out && fclose(out) == 0
                     ? set_head(response, status, traceback != NULL, *ret_body_bytes, err)
                     : error_set(err, ERR_MEMORY, "out of memory for an error page");
    if (result < 0) {
        free(*ret_body);
        *ret_body = NULL;
    }
    return result;
}
