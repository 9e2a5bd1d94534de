#include <criterion/criterion.h>

#include "fcgi_host/link/reload_outcome.h"

/* The names are part of the contract with users: `fcgi_host status --json`, "outcome". */
Test(reload_outcome, names_are_those_of_the_status) {
    cr_expect_str_eq(reload_outcome_name(RELOAD_OUTCOME_SWITCHED), "switched");
    cr_expect_str_eq(reload_outcome_name(RELOAD_OUTCOME_KEPT), "kept");
    cr_expect_str_eq(reload_outcome_name(RELOAD_OUTCOME_REPLACED), "replaced");
}

Test(reload_outcome, a_name_leads_back_to_its_outcome) {
    for (int i = RELOAD_OUTCOME_NONE; i <= RELOAD_OUTCOME_UNKNOWN; i++) {
        enum reload_outcome outcome = (enum reload_outcome)i;
        cr_expect_eq(reload_outcome_parse(reload_outcome_name(outcome)), outcome);
    }
}

Test(reload_outcome, a_foreign_name_is_none) {
    cr_expect_eq(reload_outcome_parse("swapped"), RELOAD_OUTCOME_NONE);
    cr_expect_eq(reload_outcome_parse(""), RELOAD_OUTCOME_NONE);
    cr_expect_str_eq(reload_outcome_name((enum reload_outcome)99), "");
}
