#include "fcgi_host/wsgi/live.h"

#include "fcgi_host/wsgi/log.h"

void wsgi_set_live_hook(const struct wsgi_live_hook *hook) {
    wsgi_settings()->live_hook = *hook;
}

void live_begin_load(struct wsgi_loaded *loaded) {
    const struct wsgi_live_hook *hook = &wsgi_settings()->live_hook;
    loaded->is_live = hook->draw && hook->draw(loaded->config, &loaded->live_mark);
}

void live_begin_request(struct exchange *exchange, const struct wsgi_loaded *loaded) {
    if (loaded->is_live && live_page_is_asked(exchange->request)) {
        exchange->live = loaded;
    }
}

int live_end_head(struct exchange *exchange, struct error *err) {
    struct response *response = &exchange->response;
    int64_t length = response->content_length;
    if (exchange->live) {
        live_page_clear(&exchange->live_page);
        exchange->is_live_forbidden = live_page_make(response, exchange->live->live_mark,
                                                     &exchange->live_page) == LIVE_PAGE_FORBIDDEN;
        if (length >= 0) {
            response->content_length += (int64_t)exchange->live_page.tag_bytes;
        }
    }
    int result = response_end_head(response, err);
    response->content_length = length;
    return result;
}

int live_place(struct exchange *exchange, const void *block, size_t size, bool is_last,
               struct iovec ret_parts[LIVE_PARTS]) {
    if (exchange->live_page.tag && !exchange->is_head) {
        return live_page_place(&exchange->live_page, block, size, is_last, ret_parts);
    }
    ret_parts[0] = (struct iovec){(void *)block, size};
    return size > 0;
}

void live_log(struct wsgi_loaded *loaded, const struct exchange *exchange) {
    struct log_about about = wsgi_current_about(wsgi_current());
    if (exchange->is_live_forbidden && !loaded->has_logged_live) {
        loaded->has_logged_live = true;
        wsgi_log(LOG_WARN, "live.forbidden", &about,
                 "pages do not reload themselves: their Content-Security-Policy allows neither a "
                 "script in the page nor from their own origin, or not to connect to it");
    }
}
