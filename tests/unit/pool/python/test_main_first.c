#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "pool/python/py_compat.h"
#include "tests/support/pool_fixture.h"

#define ON_PATH "import sys\nsys.path.insert(0, '" TEST_EXTENSIONS "')\n"

static const char *s_single = ON_PATH "import single_phase as s\n"
                                      "def f():\n"
                                      "    try: s.fail()\n"
                                      "    except s.Error as e: return 'caught'\n"
                                      "def n(): return s.times_initialised()\n";

Test(main_first, a_single_phase_extension_is_initialised_once_whichever_interpreter_ends) {
    struct pool *pool = fixture_start();
    struct pool_app *a = fixture_app(pool, "a", &s_single, 1, 10);
    struct pool_app *b = fixture_app(pool, "b", &s_single, 1, 10);
    fixture_reload(a);
    fixture_reload(b);
    for (int i = 0; i < 4; i++) {
        fixture_reload(i % 2 ? a : b);
        cr_expect_str_eq(fixture_call(a, "f"), "caught");
        cr_expect_str_eq(fixture_call(b, "f"), "caught");
    }
    cr_expect_str_eq(fixture_call(a, "n"), "1");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, the_module_that_was_made_first_does_not_end) {
    static const char *s_freeing = ON_PATH "import freeing\n"
                                           "def n(): return freeing.times_ended()\n";
    struct pool *pool = fixture_start();
    struct pool_app *a = fixture_app(pool, "a", &s_freeing, 1, 10);
    fixture_reload(a);
    cr_expect_str_eq(fixture_call(a, "n"), "0");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, nothing_of_the_application_s_search_path_stays_in_the_main_interpreter) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    const char *nothing = "";
    struct generation *in_main =
        fixture_reload(fixture_app_in(main_interpreter, "m", &nothing, 1, 10));
    struct pool_app *a = fixture_app(pool, "a", &s_single, 1, 10);
    fixture_reload(a);
    cr_expect_str_eq(fixture_call(a, "f"), "caught");
    cr_expect_str_eq(fixture_eval(in_main, "'" TEST_EXTENSIONS "' in sys.path"), "False");
    cr_expect_str_eq(fixture_eval(in_main, "[m for m in sys.modules if 'single' in m]"), "[]");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, the_search_path_is_lent_to_one_thread_only) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    const char *nothing = "import sys";
    struct generation *in_main =
        fixture_reload(fixture_app_in(main_interpreter, "m", &nothing, 1, 10));
    fixture_reload(fixture_app(pool, "a", &s_single, 1, 10));
    /* A module that another thread has loaded from the same folder meanwhile is not forgotten. */
    cr_expect_str_eq(fixture_eval(in_main, "'bystander' in sys.modules"), "True");
    cr_expect_str_eq(fixture_eval(in_main, "sys.modules['bystander'].saw_the_folder"), "False");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, an_application_in_the_main_interpreter_may_be_the_first) {
    struct pool *pool = fixture_start();
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    struct pool_app *m = fixture_app_in(main_interpreter, "m", &s_single, 1, 10);
    struct pool_app *a = fixture_app(pool, "a", &s_single, 1, 10);
    fixture_reload(m);
    fixture_reload(a);
    fixture_reload(a);
    cr_expect_str_eq(fixture_call(m, "f"), "caught");
    cr_expect_str_eq(fixture_call(a, "f"), "caught");
    cr_expect_str_eq(fixture_call(m, "n"), "1");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, loading_fails_with_refused_when_an_extension_refuses) {
    struct pool *pool = fixture_start();
    const char *source = ON_PATH "import refuses";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation;
    struct error err = {0};
    cr_assert(eq(int, pool_build(pool_app_interpreter(app), 10000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_REFUSED));
    cr_expect(strstr(err.text, "refuses refuses sub-interpreters (only in the main") == err.text,
              "%s", err.text);
    cr_expect(strstr(err.text, "Traceback") != NULL, "%s", err.text);
    pool_free(pool);
}

Test(main_first, a_refusal_behind_another_exception_is_still_one) {
    struct pool *pool = fixture_start();
    const char *source = ON_PATH "try: import refuses\n"
                                 "except ImportError: raise RuntimeError('no x') from None\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation;
    struct error err = {0};
    cr_assert(eq(int, pool_build(pool_app_interpreter(app), 10000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_REFUSED), "%s", err.text);
    pool_free(pool);
}

Test(main_first, a_refusal_that_the_application_caught_is_told) {
    struct pool *pool = fixture_start();
    const char *source = ON_PATH "try: import refuses\n"
                                 "except ImportError: pass\n";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct pool_refusal refusal;
    cr_assert(generation_refusal(generation, 0, &refusal));
    cr_expect_str_eq(refusal.module, "refuses");
    cr_expect_not_null(strstr(refusal.file, "/refuses."));
    cr_expect_str_eq(refusal.message, "only in the main interpreter, please");
    cr_expect(not(generation_refusal(generation, 1, &refusal)));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, a_refusal_while_serving_is_told) {
    struct pool *pool = fixture_start();
    const char *source = ON_PATH "def f(): import refuses";
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation = fixture_reload(app);
    struct pool_refusal refusal;
    cr_expect(not(generation_refusal(generation, 0, &refusal)));
    cr_expect_str_eq(fixture_call(app, "f"), "ImportError: only in the main interpreter, please");
    cr_expect(generation_refusal(generation, 0, &refusal));
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, a_broken_application_is_not_a_refusal) {
    static const char *const sources[] = {
        "import a_module_that_is_not_there",
        "import json; json.there_is_no_such_thing",
        "def :",
        "try:\n"
        "    import sys; sys.path.insert(0, '" TEST_EXTENSIONS "'); import refuses\n"
        "except ImportError: pass\n"
        "1 / 0\n",
        /* A file that the dynamic linker does not take. */
        "import importlib.machinery as m, importlib.util as u, tempfile\n"
        "f = tempfile.NamedTemporaryFile(suffix='.so'); f.write(b'no ELF'); f.flush(); p = f.name\n"
        "u.module_from_spec(m.ModuleSpec('broken', m.ExtensionFileLoader('broken', p), origin=p))",
        /* A library that is no extension of this name. */
        "import importlib.machinery as m, importlib.util as u, glob\n"
        "p = glob.glob('" TEST_EXTENSIONS "/single_phase.*so')[0]\n"
        "u.module_from_spec(m.ModuleSpec('other', m.ExtensionFileLoader('other', p), origin=p))",
    };
    struct pool *pool = fixture_start();
    const char *source;
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct generation *generation;
        struct error err = {0};
        source = sources[i];
        cr_assert(eq(int, pool_build(pool_app_interpreter(app), 10000, &generation, &err), -1));
        cr_expect(eq(int, err.code, ERR_PYTHON), "%s", err.text);
    }
    pool_free(pool);
}

/** Refused by extensions that people use, where a plain Python can import them. */
static void expect_refusal(const char *source) {
    struct pool *pool = fixture_start();
    const char *nothing = "";
    struct pool_interpreter *main_interpreter =
        fixture_interpreter(pool, "m", true, POOL_GIL_SHARED);
    char import[512];
    snprintf(import, sizeof import,
             "__import__('subprocess').call([__import__('sys').executable, '-c', '%s'], stderr=-3)",
             source);
    struct generation *in_main =
        fixture_reload(fixture_app_in(main_interpreter, "m", &nothing, 1, 10));
    if (strcmp(fixture_eval(in_main, import), "0") != 0) {
        pool_stop(pool, 1000);
        pool_free(pool);
        cr_skip_test("this Python has no package for: %s", source);
    }
    struct pool_app *app = fixture_app(pool, "a", &source, 1, 10);
    struct generation *generation;
    struct error err = {0};
    int built = pool_build(pool_app_interpreter(app), 10000, &generation, &err);
    /* Debian's numpy for 3.13, and its cryptography for 3.14, warn, or bear it. */
    bool may_be_built = Py_Version >= 0x030D0000;
    cr_expect(may_be_built || built == -1);
    cr_expect(built == 0 || err.code == ERR_REFUSED, "%s", err.text);
    if (built == 0) {
        pool_discard(generation);
    }
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    pool_free(pool);
}

Test(main_first, numpy_refuses_where_it_is_installed) {
    expect_refusal("import numpy");
}

Test(main_first, lxml_refuses_where_it_is_installed) {
    expect_refusal("import lxml.etree");
}

Test(main_first, cryptography_refuses_where_it_is_installed) {
    expect_refusal("from cryptography.hazmat.bindings import _rust");
}

Test(main_first, with_a_gil_of_its_own_an_extension_that_does_not_support_it_is_a_refusal) {
    if (!PY_HAS_OWN_GIL) {
        cr_skip_test("no interpreter has its own GIL in this Python");
    }
    struct pool *pool = fixture_start();
    struct pool_interpreter *own = fixture_interpreter(pool, "own", false, POOL_GIL_OWN);
    fixture_app_in(own, "a", &s_single, 1, 10);
    struct generation *generation;
    struct error err = {0};
    cr_assert(eq(int, pool_build(own, 10000, &generation, &err), -1));
    cr_expect(eq(int, err.code, ERR_REFUSED), "%s", err.text);
    pool_free(pool);
}
