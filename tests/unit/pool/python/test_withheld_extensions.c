#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pool/python/withheld_extensions.h"

static const char MARKUP[] = "markupsafe._speedups";

Test(withheld_extensions, have_a_single_phase_extension_of_markupsafe) {
    cr_expect(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/single_phase.so"));
}

Test(withheld_extensions, do_not_have_it_where_it_is_multi_phase) {
    cr_expect(not(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/gilstate.so")));
}

Test(withheld_extensions, do_not_have_others) {
    cr_expect(not(withheld_extensions_have("single_phase", TEST_EXTENSIONS "/single_phase.so")));
}

Test(withheld_extensions, do_not_have_what_the_audit_was_asked_about) {
    withheld_extensions_except(MARKUP);
    cr_expect(not(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/single_phase.so")));
}
