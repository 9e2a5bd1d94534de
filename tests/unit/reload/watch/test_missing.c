#include "reload/watch/missing.h"

#include <criterion/criterion.h>

static bool may_be(const char *error_text, const char *path) {
    struct missing missing;
    missing_find(&missing, error_text);
    return missing_may_be(&missing, path);
}

/* As CPython 3.11 to 3.13 word them. */
#define NO_MODULE "Traceback …\nModuleNotFoundError: No module named 'shop.prices'"
#define NO_NAME "ImportError: cannot import name 'views' from 'blog' (/srv/blog/__init__.py)"
#define NO_FILE "FileNotFoundError: [Errno 2] No such file or directory: '/srv/conf/site.ini'"

Test(missing, the_module_s_file_in_any_form_is_what_was_missing) {
    cr_expect(may_be(NO_MODULE, "/srv/shop/prices.py"));
    cr_expect(may_be(NO_MODULE, "/srv/shop/prices.pyc"));
    cr_expect(may_be(NO_MODULE, "/srv/shop/prices.cpython-311-x86_64-linux-gnu.so"));
    cr_expect(may_be(NO_MODULE, "/srv/shop/prices"));
    cr_expect(may_be(NO_MODULE, "/srv/shop"));
    cr_expect(may_be(NO_MODULE, "/srv/shop/prices/__init__.py"));
    cr_expect(may_be(NO_NAME, "/srv/blog/views.py"));
    cr_expect(may_be(NO_FILE, "/srv/conf/site.ini"));
}

Test(missing, other_names_are_not) {
    static const char *const others[] = {
        "/srv/shop/__pycache__",
        "/srv/shop/prices.py.dpkg-new",
        "/srv/shop/prices.py~",
        "/srv/another_site",
        "/srv/shop/other.py",
        "/srv/shop/prices2.py",
        "/srv/shop/prices.txt",
        "/srv/other/__init__.py",
        "/srv/xprices/__init__.py",
        "/srv/shop/prices/other/new.py",
        "__init__.py",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_not(may_be(NO_MODULE, others[i]), "%s", others[i]);
    }
    cr_expect_not(may_be(NO_FILE, "/srv/conf/site.ini.dpkg-new"));
}

Test(missing, all_that_a_traceback_names_count) {
    const char *text = "No module named 'ujson'\n\nDuring handling …\nNo module named \"json5\"";
    cr_expect(may_be(text, "/srv/ujson.py"));
    cr_expect(may_be(text, "/srv/json5.py"));
}

Test(missing, where_no_name_is_known_any_source_counts_and_no_folder) {
    cr_expect(may_be("SystemExit: 1", "/srv/any.py"));
    cr_expect(may_be("No module named", "/srv/any.py"));
    cr_expect_not(may_be("SystemExit: 1", "/srv/any"));
    cr_expect_not(may_be("SystemExit: 1", "/srv/any.py.dpkg-new"));
}
