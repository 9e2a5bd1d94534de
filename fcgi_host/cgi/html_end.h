/**
 * Where the body of an HTML page ends: behind its `</body>`, found in blocks as they are sent,
 * wherever one block ends and the next begins.  `</body>` in comments, scripts, other raw text and
 * values of attributes is none.
 *
 * Follows: WHATWG HTML, "Tokenization" (the part that matters here).
 * @thread one at a time  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_HTML_END_H
#define FCGI_HOST_CGI_HTML_END_H

#include <stdbool.h>
#include <stddef.h>

enum {
    /** The longest name that matters is "noframes"; of longer ones this much is kept. */
    HTML_NAME_BYTES = 12,
};

/** All zero: the start of a page. */
struct html_end {
    int state;
    bool is_end_tag;
    char quote;
    unsigned dashes; /**< at the end of what was seen of a comment */
    size_t name_bytes;
    char name[HTML_NAME_BYTES]; /**< of the tag, in lower case */
    char raw[HTML_NAME_BYTES];  /**< within this element everything is text until its end tag */
    size_t raw_bytes;
};

/**
 * Look at the next block of the page.
 * @param[out] ret_behind  the offset behind `</body>` in this block
 * @return whether that ends in this block; do not call it again then
 */
bool html_end_find(struct html_end *end, const char *bytes, size_t size, size_t *ret_behind);

#endif
