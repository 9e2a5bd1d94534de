#include "fcgi_host/cgi/live_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embedded/live_js.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/cgi/csp.h"

enum { STATUS_PARTIAL = 206 };

const char *live_page_script(void) {
    return live_js;
}

/* ---- Which responses ---- */

static bool is_word(struct slice text, const char *word) {
    return text.size == strlen(word) && text_is_same_word(text.bytes, word, text.size);
}

static bool begins_with(struct slice text, const char *word) {
    size_t size = strlen(word);
    return text.size >= size && text_is_same_word(text.bytes, word, size);
}

bool live_page_is_asked(const struct request *request) {
    const struct param *method = request_param(request, "REQUEST_METHOD");
    const struct param *purpose = request_param(request, "HTTP_SEC_FETCH_DEST");
    bool is_page = !purpose || param_is(purpose, "document") || param_is(purpose, "iframe");
    return request->role == ROLE_RESPONDER && is_page &&
           (param_is(method, "GET") || param_is(method, "HEAD")) &&
           !param_is(request_param(request, "HTTP_X_REQUESTED_WITH"), "XMLHttpRequest");
}

/** The text without blanks around it. */
static struct slice trim(struct slice text) {
    while (text.size > 0 && (*text.bytes == ' ' || *text.bytes == '\t')) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 &&
           (text.bytes[text.size - 1] == ' ' || text.bytes[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

/** The piece before the next `c`, and what is left. */
static struct slice cut(struct slice *rest, char c) {
    const char *end = rest->size ? memchr(rest->bytes, c, rest->size) : NULL;
    size_t size = end ? (size_t)(end - rest->bytes) : rest->size;
    struct slice piece = {rest->bytes, size};
    size += end ? 1 : 0;
    *rest = (struct slice){rest->bytes + size, rest->size - size};
    return piece;
}

/** Whether an ASCII script can stand in text of this encoding (WHATWG Encoding, its labels). */
static bool is_ascii_compatible(struct slice charset) {
    static const char *const others[] = {
        "utf-16",     "utf-32",  "utf-7",     "utf16",     "utf32",      "ucs-2",
        "ucs-4",      "unicode", "csunicode", "iso-10646", "iso-2022",   "csiso2022",
        "hz-gb-2312", "ebcdic",  "cp037",     "ibm037",    "replacement"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (begins_with(charset, others[i])) {
            return false;
        }
    }
    return true;
}

/** Whether a Content-Type is that of a page. */
static bool is_html(struct slice value) {
    if (!is_word(trim(cut(&value, ';')), "text/html")) {
        return false;
    }
    while (value.size > 0) {
        struct slice parameter = cut(&value, ';');
        struct slice name = trim(cut(&parameter, '='));
        struct slice charset = trim(parameter);
        if (charset.size > 0 && *charset.bytes == '"') {
            charset.bytes++;
            charset.size--;
        }
        if (is_word(name, "charset") && !is_ascii_compatible(charset)) {
            return false;
        }
    }
    return true;
}

/** What the headers say. */
struct verdict {
    bool is_html, is_other;
    struct csp csp;
};

static void judge_header(struct verdict *verdict, struct slice name, struct slice value) {
    if (is_word(name, "content-type")) {
        verdict->is_other |= verdict->is_html || !is_html(value);
        verdict->is_html = true;
    } else if (is_word(name, "content-encoding")) {
        verdict->is_other |= !is_word(value, "identity");
    } else if (is_word(name, "content-range")) {
        verdict->is_other = true;
    } else if (is_word(name, "content-disposition")) {
        verdict->is_other |= begins_with(value, "attachment");
    } else if (is_word(name, "content-security-policy")) {
        csp_add(&verdict->csp, value);
    }
}

/** The next "Name: value\r\n" of a head, and what is left. @return the whole line's bytes, or 0 */
static size_t next_header(struct slice *rest, struct slice *ret_name, struct slice *ret_value) {
    const char *end = rest->size ? memmem(rest->bytes, rest->size, "\r\n", 2) : NULL;
    if (!end) {
        return 0;
    }
    struct slice line = {rest->bytes, (size_t)(end - rest->bytes)};
    size_t size = line.size + 2;
    *rest = (struct slice){rest->bytes + size, rest->size - size};
    *ret_name = cut(&line, ':');
    *ret_value = trim(line);
    return size;
}

static void judge_head(const struct response *response, struct verdict *ret_verdict) {
    struct slice rest = {response->head, response->size}, name, value;
    *ret_verdict = (struct verdict){0};
    while (next_header(&rest, &name, &value) > 0) {
        judge_header(ret_verdict, name, value);
    }
}

/** The headers that tell one version of a page from another. */
static void drop_validators(struct response *response) {
    struct slice rest = {response->head, response->size}, name, value;
    size_t size;
    while ((size = next_header(&rest, &name, &value)) > 0) {
        if (is_word(name, "etag") || is_word(name, "last-modified")) {
            char *line = response->head + (rest.bytes - response->head) - size;
            memmove(line, rest.bytes, rest.size);
            rest.bytes = line;
            response->size -= size;
        }
    }
}

/* ---- The script ---- */

static int print_tag(FILE *out, const struct csp *csp, struct live_mark mark) {
    enum csp_way way = csp_way(csp);
    fputs("<script", out);
    if (way == CSP_NONCE) {
        fprintf(out, " nonce=\"%.*s\"", (int)csp->nonce.size, csp->nonce.bytes);
    } else if (way == CSP_SELF) {
        fputs(" src=\"" LIVE_SCRIPT_PATH "\"", out);
    }
    fprintf(out, " data-live=\"%d-%" PRIu64 "\">%s</script>\n", mark.slot, mark.state,
            way == CSP_SELF ? "" : live_js);
    return fclose(out);
}

static char *make_tag(const struct csp *csp, struct live_mark mark, size_t *ret_size) {
    char *tag = NULL;
    FILE *out = open_memstream(&tag, ret_size);
    if (!out || print_tag(out, csp, mark) != 0) {
        free(tag);
        return NULL;
    }
    return tag;
}

enum live_page_answer live_page_make(struct response *response, struct live_mark mark,
                                     struct live_page *ret_page) {
    struct verdict verdict;
    if (!response_status_has_body(response->status) || response->status == STATUS_PARTIAL ||
        response->names_file || response->content_length == 0) {
        return LIVE_PAGE_NONE;
    }
    judge_head(response, &verdict);
    if (!verdict.is_html || verdict.is_other) {
        return LIVE_PAGE_NONE;
    }
    if (csp_way(&verdict.csp) == CSP_FORBIDDEN) {
        return LIVE_PAGE_FORBIDDEN;
    }
    *ret_page = (struct live_page){0};
    ret_page->tag = make_tag(&verdict.csp, mark, &ret_page->tag_bytes);
    if (!ret_page->tag) {
        return LIVE_PAGE_NONE;
    }
    drop_validators(response);
    return LIVE_PAGE_MADE;
}

void live_page_clear(struct live_page *page) {
    free(page->tag);
    *page = (struct live_page){0};
}

int live_page_place(struct live_page *page, const void *block, size_t size, bool is_last,
                    struct iovec ret_parts[LIVE_PARTS]) {
    size_t before = size;
    int count = 0;
    bool is_here = !page->is_placed && (html_end_find(&page->end, block, size, &before) || is_last);
    if (before > 0) {
        ret_parts[count++] = (struct iovec){(void *)block, before};
    }
    if (is_here) {
        ret_parts[count++] = (struct iovec){page->tag, page->tag_bytes};
        page->is_placed = true;
    }
    if (size > before) {
        ret_parts[count++] = (struct iovec){(char *)block + before, size - before};
    }
    return count;
}

void live_page_append(struct live_mark mark, char **text, size_t *size) {
    static const struct csp s_none;
    size_t tag_bytes;
    char *tag = make_tag(&s_none, mark, &tag_bytes);
    char *all = tag ? realloc(*text, *size + tag_bytes) : NULL;
    if (all) {
        memcpy(all + *size, tag, tag_bytes);
        *text = all;
        *size += tag_bytes;
    }
    free(tag);
}
