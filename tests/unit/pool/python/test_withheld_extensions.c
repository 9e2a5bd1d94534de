#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "pool/python/withheld_extensions.h"
#include "tests/support/temporary_folder.h"

static const char MARKUP[] = "markupsafe._speedups";

Test(withheld_extensions, have_a_single_phase_extension_of_markupsafe) {
    cr_expect(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/single_phase.so"));
}

Test(withheld_extensions, do_not_have_it_where_it_is_multi_phase) {
    cr_expect(not(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/gilstate.so")));
}

/* PEP 793: such a file may have no other sign of its initialisation. */
Test(withheld_extensions, do_not_have_it_where_it_exports_slots) {
    static const char image[] = "\0PyModExport__speedups\0PyModule_GetState";
    char path[TEMPORARY_FOLDER_SIZE + 16];
    snprintf(path, sizeof path, "%s/withheld.so", temporary_folder());
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(ge(int, fd, 0));
    cr_expect(eq(long, write(fd, image, sizeof image), sizeof image));
    cr_expect(not(withheld_extensions_have(MARKUP, path)));
    close(fd);
}

Test(withheld_extensions, do_not_have_others) {
    cr_expect(not(withheld_extensions_have("single_phase", TEST_EXTENSIONS "/single_phase.so")));
}

Test(withheld_extensions, do_not_have_what_the_audit_was_asked_about) {
    withheld_extensions_except(MARKUP);
    cr_expect(not(withheld_extensions_have(MARKUP, TEST_EXTENSIONS "/single_phase.so")));
}
