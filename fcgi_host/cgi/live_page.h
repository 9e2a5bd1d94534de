/**
 * The script that keeps a page in the browser fresh (`live = on`): which responses get it, and
 * where in the page it stands.
 *
 * It is added to HTML (text/html in an encoding that ASCII is part of) that answers a GET for a
 * page: a document or a frame, as far as the browser says what it is for (Sec-Fetch-Dest).  Other
 * responses are left alone: what is encoded (Content-Encoding), a part (206), a download
 * (Content-Disposition: attachment), a file that the web server sends, no body, and what a
 * Content-Security-Policy in the head keeps scripts out of.
 *
 * The script stands behind `</body>`, or at the end where there is none; nothing is held back
 * meanwhile.  Content-Length grows by the script, for HEAD as for GET (RFC 9110 §8.6).  ETag and
 * Last-Modified are left out, since they are of the page without it: a browser that was answered
 * 304 would go on showing the script of older code.
 *
 * @thread one at a time  @tstate any; needs no Python
 */
#ifndef FCGI_HOST_CGI_LIVE_PAGE_H
#define FCGI_HOST_CGI_LIVE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgi_host/cgi/html_end.h"
#include "fcgi_host/cgi/response.h"

/** Paths that are the host's when `live` is on: the stream of events, and the script. */
#define LIVE_PATH "/.fcgi_host/live"
#define LIVE_SCRIPT_PATH "/.fcgi_host/live.js"

enum {
    /** What the place of a block and the script are at most: before, script, behind. */
    LIVE_PARTS = 3,
};

/** What a page came from: an application's place on the board of states, and its state
 *  (link/live_board.h).  As text: "SLOT-STATE". */
struct live_mark {
    int slot;
    uint64_t state;
};

/** A page that gets the script. */
struct live_page {
    char *tag; /**< malloc'ed: the script element */
    size_t tag_bytes;
    bool is_placed;
    struct html_end end;
};

/** The script that LIVE_SCRIPT_PATH answers with. NUL-terminated */
const char *live_page_script(void);

/** @return whether it is a request for a page: GET or HEAD, and not from a script
 *  @thread any that may use the request */
bool live_page_is_asked(const struct request *request);

enum live_page_answer {
    LIVE_PAGE_NONE,      /**< the response is left alone; so it is after an error (no memory) */
    LIVE_PAGE_FORBIDDEN, /**< the same, because of its Content-Security-Policy */
    LIVE_PAGE_MADE,
};
/**
 * Decide about the response to such a request, whose headers are complete and not ended.
 * @param response  of a page that is made, ETag and Last-Modified are left out;
 *                  its content_length stays that of the page without the script
 * @param[out] ret_page  after LIVE_PAGE_MADE, the caller's: live_page_clear()
 */
enum live_page_answer live_page_make(struct response *response, struct live_mark mark,
                                     struct live_page *ret_page);
/** Free what a page has; all zero is fine. */
void live_page_clear(struct live_page *page);

/**
 * Put the script into the next block of the page, if it belongs there.
 * @param is_last  nothing follows
 * @param[out] ret_parts  the block, and the script before, in or behind it
 * @return how many parts
 */
int live_page_place(struct live_page *page, const void *block, size_t size, bool is_last,
                    struct iovec ret_parts[LIVE_PARTS]);

/** Put the script at the end of a page of the host's own, as a new malloc'ed text in place of it;
 *  out of memory: the page stays as it is. */
void live_page_append(struct live_mark mark, char **text, size_t *size);

#endif
