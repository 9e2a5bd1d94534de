#include "fcgi_host/cgi/csp.h"

#include "fcgi_host/base/text.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/** Take off the piece before the next `c`. @return whether there was one */
static bool next_piece(struct slice *rest, char c, struct slice *ret_piece) {
    if (rest->size == 0) {
        return false;
    }
    const char *end = memchr(rest->bytes, c, rest->size);
    size_t size = end ? (size_t)(end - rest->bytes) : rest->size;
    size_t used = end ? size + 1 : size;
    *ret_piece = (struct slice){rest->bytes, size};
    *rest = (struct slice){rest->bytes + used, rest->size - used};
    return true;
}

/** Take off the next word. @return whether there was one */
static bool next_word(struct slice *rest, struct slice *ret_word) {
    while (rest->size > 0 && is_space(*rest->bytes)) {
        rest->bytes++;
        rest->size--;
    }
    size_t size = 0;
    while (size < rest->size && !is_space(rest->bytes[size])) {
        size++;
    }
    *ret_word = (struct slice){rest->bytes, size};
    *rest = (struct slice){rest->bytes + size, rest->size - size};
    return size > 0;
}

static bool is_word(struct slice word, const char *text) {
    return word.size == strlen(text) && text_is_same_word(word.bytes, text, word.size);
}

static bool begins_with(struct slice word, const char *text) {
    size_t size = strlen(text);
    return word.size > size && text_is_same_word(word.bytes, text, size);
}

/** The first directive of that name. @return whether there is one; then its value */
static bool find_directive(struct slice policy, const char *name, struct slice *ret_value) {
    struct slice directive, word;
    while (next_piece(&policy, ';', &directive)) {
        if (next_word(&directive, &word) && is_word(word, name)) {
            *ret_value = directive;
            return true;
        }
    }
    return false;
}

static bool find_first_of(struct slice policy, const char *const *names, struct slice *ret_value) {
    for (; *names; names++) {
        if (find_directive(policy, *names, ret_value)) {
            return true;
        }
    }
    return false;
}

static bool has_word(struct slice list, const char *text) {
    struct slice word;
    while (next_word(&list, &word)) {
        if (is_word(word, text)) {
            return true;
        }
    }
    return false;
}

/** Whether a list of sources has the page's own origin. */
static bool has_self(struct slice list) {
    return has_word(list, "'self'") || has_word(list, "*") || has_word(list, "http:") ||
           has_word(list, "https:");
}

static bool has_hash(struct slice list) {
    struct slice word;
    while (next_word(&list, &word)) {
        if (begins_with(word, "'sha256-") || begins_with(word, "'sha384-") ||
            begins_with(word, "'sha512-")) {
            return true;
        }
    }
    return false;
}

/** @return whether a list has a nonce, the wanted one if `wanted` has one */
static bool find_nonce(struct slice list, struct slice wanted, struct slice *ret_nonce) {
    static const char start[] = "'nonce-";
    const size_t around = sizeof start; /* and a quote at the end */
    struct slice word;
    while (next_word(&list, &word)) {
        if (!begins_with(word, start) || word.size <= around || word.bytes[word.size - 1] != '\'' ||
            memchr(word.bytes, '"', word.size)) {
            continue;
        }
        struct slice nonce = {word.bytes + sizeof start - 1, word.size - around};
        if (wanted.size == 0 ||
            (wanted.size == nonce.size && memcmp(wanted.bytes, nonce.bytes, nonce.size) == 0)) {
            *ret_nonce = nonce;
            return true;
        }
    }
    return false;
}

static void add_script_sources(struct csp *csp, struct slice list) {
    struct slice nonce;
    bool has_nonce = find_nonce(list, (struct slice){NULL, 0}, &nonce);
    bool is_dynamic = has_word(list, "'strict-dynamic'");
    /* Next to a nonce or hash, 'unsafe-inline' counts for old browsers only. */
    bool allows_inline =
        has_word(list, "'unsafe-inline'") && !has_nonce && !has_hash(list) && !is_dynamic;
    csp->forbids_inline |= !allows_inline;
    csp->forbids_self |= is_dynamic || !has_self(list);
    if (allows_inline) {
        return;
    }
    if (find_nonce(list, csp->nonce, &nonce)) {
        csp->nonce = nonce;
    } else {
        csp->forbids_nonce = true;
    }
}

static void add_policy(struct csp *csp, struct slice policy) {
    static const char *const script[] = {"script-src-elem", "script-src", "default-src", NULL};
    static const char *const connect[] = {"connect-src", "default-src", NULL};
    struct slice list;
    if (find_first_of(policy, script, &list)) {
        add_script_sources(csp, list);
    }
    if (find_first_of(policy, connect, &list)) {
        csp->forbids_all |= !has_self(list);
    }
    if (find_directive(policy, "sandbox", &list)) {
        csp->forbids_all |=
            !has_word(list, "allow-scripts") || !has_word(list, "allow-same-origin");
    }
}

void csp_add(struct csp *csp, struct slice value) {
    struct slice policy;
    while (next_piece(&value, ',', &policy)) {
        add_policy(csp, policy);
    }
}

enum csp_way csp_way(const struct csp *csp) {
    if (csp->forbids_all) {
        return CSP_FORBIDDEN;
    }
    if (!csp->forbids_inline) {
        return CSP_INLINE;
    }
    if (!csp->forbids_nonce && csp->nonce.size > 0) {
        return CSP_NONCE;
    }
    return csp->forbids_self ? CSP_FORBIDDEN : CSP_SELF;
}
