/** The sentence that `systemctl status` shows. */
#include <criterion/criterion.h>

#include "fcgi_host/supervisor/service_status.h"

static const char *sentence(const struct service_facts *facts) {
    static char text[SERVICE_STATUS_BYTES];
    service_status_write(facts, text, sizeof text);
    return text;
}

Test(service_status, counts_and_the_last_reload) {
    cr_expect_str_eq(
        sentence(&(struct service_facts){
            .applications = 2, .workers = 3, .amiss = "", .last = "last reload of blog: switched"}),
        "2 applications, 3 workers; last reload of blog: switched");
}

Test(service_status, one_is_not_many_and_nothing_is_said_of_nothing) {
    cr_expect_str_eq(
        sentence(&(struct service_facts){.applications = 1, .workers = 1, .amiss = "", .last = ""}),
        "1 application, 1 worker");
    cr_expect_str_eq(
        sentence(&(struct service_facts){.has_scripts = true, .amiss = "", .last = ""}),
        "0 applications and scripts, 0 workers");
}

Test(service_status, what_is_amiss_comes_first) {
    cr_expect_str_eq(sentence(&(struct service_facts){.applications = 2,
                                                      .workers = 1,
                                                      .amiss = "failed: shop",
                                                      .last = "last reload of blog: kept"}),
                     "2 applications, 1 worker; failed: shop; last reload of blog: kept");
}

/** sd_notify(3): assignments are separated by newlines, STATUS= is UTF-8. */
Test(service_status, is_one_line_of_utf8_however_long_a_name_is) {
    static char name[2 * SERVICE_STATUS_BYTES];
    memset(name, '\xC3', sizeof name - 1);
    for (size_t i = 1; i < sizeof name - 1; i += 2) {
        name[i] = '\xA4';
    }
    const char *text = sentence(&(struct service_facts){.amiss = "a\nb\x80", .last = name});
    cr_expect_eq(strncmp(text, "0 applications, 0 workers; a b?; \xC3\xA4", 34), 0, "%s", text);
    cr_expect_eq(strlen(text), SERVICE_STATUS_BYTES - 1);
    unsigned char last = (unsigned char)text[SERVICE_STATUS_BYTES - 2];
    cr_expect(last == '?' || last == 0xA4, "%x", last);
}
