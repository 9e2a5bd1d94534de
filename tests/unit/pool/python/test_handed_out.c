#include "pool/python/py_compat.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "pool/python/handed_out.h"

static PyModuleDef s_definition = {PyModuleDef_HEAD_INIT, .m_name = "made", .m_size = -1};
static PyObject *s_globals;

static void run(const char *code) {
    PyObject *none = PyRun_String(code, Py_file_input, s_globals, s_globals);
    cr_assert_not_null(none, "%s", code);
    Py_DECREF(none);
}

/** A module with these contents, as CPython keeps it for the other interpreters. */
static void note(const char *code) {
    Py_InitializeEx(0);
    s_globals = PyDict_New();
    run(code);
    PyObject *module = PyModule_Create(&s_definition);
    cr_assert_not_null(module);
    s_definition.m_base.m_copy = PyDict_Copy(s_globals);
    cr_assert(eq(int, handed_out_note("made", module), 0));
}

/** @return the names of what has changed, with a space after each */
static const char *changed(void) {
    static char text[256];
    size_t count;
    const struct handed_out *items = handed_out_items(&count);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (handed_out_has_changed(&items[i])) {
            strcat(strcat(text, items[i].attribute), " ");
        }
    }
    return text;
}

Test(handed_out, containers_that_are_filled_have_changed) {
    note("import collections\n"
         "table, row, group, deep = {}, [], set(), ({'a': [1]},)\n"
         "order, constants = collections.OrderedDict(), {'one': [1], 'two': (2, {3})}\n");
    cr_expect_str_eq(changed(), "");
    run("table['key'] = 'value'; order['key'] = 1");
    cr_expect_str_eq(changed(), "table order ");
    run("row.append(1); group.add(1); deep[0]['a'].append(2)");
    cr_expect_str_eq(changed(), "table row group deep order ");
}

Test(handed_out, what_is_only_read_has_not_changed) {
    note("table, row, text, number = {'a': [1]}, [2.5], 'some', 1 << 80\n");
    run("[*table.items()], row[0] + 1, hash(text), sorted(row), table.get('b'), table.copy()\n");
    cr_expect_str_eq(changed(), "");
}

Test(handed_out, numbers_and_objects_that_attributes_are_set_to_are_seen) {
    note("import io\n"
         "reader = io.TextIOWrapper(io.BytesIO())\n"
         "error = OSError(1, 'text')\n");
    cr_expect_str_eq(changed(), "");
    run("error.filename = 'file'\n");
    cr_expect_str_eq(changed(), "error ");
    run("reader._CHUNK_SIZE = 17\n");
    cr_expect_str_eq(changed(), "reader error ");
}

Test(handed_out, a_module_is_noted_once) {
    note("table = {}\n");
    run("table['key'] = 1\n");
    note("table = {}\n");
    size_t count;
    handed_out_items(&count);
    cr_expect_str_eq(changed(), "table ");
}
