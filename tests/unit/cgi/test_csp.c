/* Expected results: CSP Level 3, §6.7.3 (Element Matching Algorithms), §2.2.2 (parsing). */
#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/cgi/csp.h"

static struct csp s_csp;

static enum csp_way way_of(const char *policy) {
    s_csp = (struct csp){0};
    csp_add(&s_csp, slice_of(policy));
    return csp_way(&s_csp);
}

static void expect_each(enum csp_way way, const char *const *policies, size_t count) {
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(way_of(policies[i]), way, "%s: %d", policies[i], (int)way_of(policies[i]));
    }
}
#define EXPECT(way, ...)                                                                           \
    do {                                                                                           \
        static const char *const policies[] = {__VA_ARGS__};                                       \
        expect_each(way, policies, sizeof policies / sizeof *policies);                            \
    } while (0)

Test(csp, a_script_in_the_page_where_nothing_forbids_it) {
    EXPECT(CSP_INLINE, "", ";", "img-src 'self'", "frame-ancestors 'none'; object-src 'none'",
           "script-src 'unsafe-inline'; connect-src 'self'", "default-src 'self' 'unsafe-inline'",
           "default-src * 'unsafe-inline'", "DEFAULT-SRC 'SELF' 'UNSAFE-INLINE'",
           "default-src 'none'; script-src-elem 'unsafe-inline'; connect-src *",
           "sandbox allow-scripts allow-same-origin");
}

Test(csp, a_script_from_the_origin_where_scripts_in_the_page_are_forbidden) {
    EXPECT(CSP_SELF, "default-src 'self'", "script-src 'self'",
           "script-src http: https:", "script-src 'none'; script-src-elem 'self'",
           "script-src 'self'; script-src 'none'",
           "script-src 'self' 'unsafe-inline' 'sha256-AAAA'",
           "default-src 'none'; script-src *; connect-src 'self'");
}

Test(csp, the_nonce_of_the_page) {
    EXPECT(CSP_NONCE, "script-src 'nonce-abc'", "script-src 'nonce-abc' 'strict-dynamic'",
           "script-src 'self' 'unsafe-inline' 'nonce-abc'", "default-src 'self' 'nonce-abc'");
    way_of("script-src 'self' 'nonce-R+/_-='");
    cr_expect_eq(s_csp.nonce.size, 6);
    cr_expect_arr_eq(s_csp.nonce.bytes, "R+/_-=", 6);
}

Test(csp, nothing_where_neither_is_allowed_or_the_stream_is_not) {
    EXPECT(CSP_FORBIDDEN, "default-src 'none'", "script-src 'none'",
           "script-src https://cdn.example", "script-src 'sha256-AAAA'",
           "script-src 'strict-dynamic'", "script-src 'self' 'strict-dynamic'",
           "script-src 'unsafe-inline'; connect-src 'none'",
           "script-src 'self'; connect-src https://api.example", "sandbox", "sandbox allow-scripts",
           "default-src 'nonce-abc'", "script-src 'nonce-'");
}

Test(csp, every_policy_counts) {
    EXPECT(CSP_SELF, "script-src 'unsafe-inline' 'self', script-src 'self'");
    EXPECT(CSP_NONCE, "script-src 'nonce-a', script-src 'nonce-a' 'nonce-b'",
           "script-src 'nonce-a', script-src 'unsafe-inline'");
    EXPECT(CSP_FORBIDDEN, "script-src 'nonce-a', script-src 'nonce-b'",
           "script-src 'unsafe-inline', script-src 'self'", "img-src *, script-src 'none'");
    s_csp = (struct csp){0};
    csp_add(&s_csp, slice_of("script-src 'self'"));
    csp_add(&s_csp, slice_of("connect-src 'none'"));
    cr_expect_eq(csp_way(&s_csp), CSP_FORBIDDEN);
}
