/* Versions as Py_Version has them: CPython C API, "API and ABI Versioning". */
#include "pool/python/py_compat.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "pool/python/cpython_layouts.h"

enum {
    WORDS = 512,    /**< more than the offsets have in any version, less than _PyRuntime */
    FIRST_SIZE = 3, /**< of _PyRuntimeState, behind cookie, version, free_threaded */
};

/** debug_offsets are the first member. */
extern uint64_t _PyRuntime[];

static char s_why[256];

static bool agree(unsigned long built, unsigned long running) {
    s_why[0] = '\0';
    return cpython_layouts_agree(built, running, _PyRuntime, s_why, sizeof s_why);
}

Test(cpython_layouts, the_python_that_it_was_built_for_is_known) {
    cr_expect(agree(PY_VERSION_HEX, Py_Version), "%s", s_why);
    cr_expect_null(cpython_layouts_unknown());
}

Test(cpython_layouts, a_patch_level_that_nobody_has_compared_is_not_known) {
    cr_expect(not(agree(0x030c0af0, 0x030c63f0)));
    cr_expect_str_eq(s_why, "built for CPython 3.12.10, runs with 3.12.99: "
                            "whether its structures are the same is not known");
    cr_expect(not(agree(0x030f00f0, 0x030f01f0)));
}

Test(cpython_layouts, another_minor_version_is_not_known) {
    cr_expect(not(agree(0x030c03f0, 0x030b03f0)));
}

/* 3.14.5 went back to the collector of 3.13, in a structure of the same size. */
Test(cpython_layouts, the_two_collectors_of_3_14_are_never_taken_for_each_other) {
    cr_expect(not(agree(0x030e08f0, 0x030e03f0)));
    cr_expect_str_eq(s_why, "built for CPython 3.14.8, runs with 3.14.3: "
                            "whether its structures are the same is not known");
    cr_expect(not(agree(0x030e04f0, 0x030e05f0)));
}

Test(cpython_layouts, a_version_before_its_release_is_not_known) {
    cr_expect(not(agree(0x030e06f0, 0x030e06c1)));
    cr_expect_str_eq(s_why, "built for CPython 3.14.6, runs with 3.14.6 before its release: "
                            "whether its structures are the same is not known");
}

#if PY_VERSION_HEX < 0x030D0000
Test(cpython_layouts, patch_levels_that_were_compared_are_known) {
    cr_expect(agree(0x030b02f0, 0x030b07f0), "%s", s_why);
    cr_expect(agree(0x030c0af0, 0x030c01f0), "%s", s_why);
}
#else
/* Whatever version the offsets are said to be of, they are those of this program's headers. */
Test(cpython_layouts, patch_levels_that_were_compared_are_known_where_the_library_tells_the_same) {
    cr_expect(agree(0x030d05f0, 0x030d0ff0), "%s", s_why);
}

Test(cpython_layouts, what_the_library_tells_to_be_elsewhere_is_named) {
    uint64_t offsets[WORDS];
    char text[256];
    memcpy(offsets, _PyRuntime, sizeof offsets);
    snprintf(text, sizeof text,
             "built for CPython 3.13.5, runs with 3.13.15: "
             "the size of _PyRuntimeState is %llu there, not %llu",
             (unsigned long long)offsets[FIRST_SIZE] + 8, (unsigned long long)offsets[FIRST_SIZE]);
    offsets[FIRST_SIZE] += 8;
    cr_expect(not(cpython_layouts_agree(0x030d05f0, 0x030d0ff0, offsets, s_why, sizeof s_why)));
    cr_expect_str_eq(s_why, text);
}
#endif
