#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reload/stale/stale.h"
#include "tests/support/temporary_folder.h"

static char s_path[TEMPORARY_FOLDER_SIZE + 16];

/** In place: the file that is loaded is what it was, or is again. */
static void write_library(void) {
    char buffer[1 << 16];
    size_t bytes;
    FILE *from = fopen(TEST_EXTENSIONS "/watcher" TEST_EXTENSION_SUFFIX, "rb");
    FILE *file = fopen(s_path, "wb");
    while (from && file && (bytes = fread(buffer, 1, sizeof buffer, from)) > 0) {
        fwrite(buffer, 1, bytes, file);
    }
    if (!from || fclose(from) != 0 || !file || fclose(file) != 0) {
        _exit(1);
    }
}

/** @return how the check ends after a look before the end which was not possible, if `is_cut` */
static int end_interpreter(bool is_cut) {
    struct error err;
    struct stale_report *report = NULL;
    Py_InitializeEx(0);
    PyThreadState *main = PyThreadState_Get(), *old = Py_NewInterpreter();
    PyInterpreterState *old_state = PyThreadState_GetInterpreter(old);
    PyInterpreterState *serving = PyThreadState_GetInterpreter(main);
    bool is_loaded = dlopen(s_path, RTLD_LAZY | RTLD_LOCAL) != NULL;
    struct stale_check *check = stale_check_new(&err);
    if (!is_loaded || !check || (is_cut && truncate(s_path, 0) != 0) ||
        stale_check_before_end(check, old_state, serving, &err) != (is_cut ? -1 : 0)) {
        _exit(2);
    }
    if (is_cut) {
        write_library();
    }
    Py_EndInterpreter(old);
    PyThreadState_Swap(main);
    int result = stale_check_after_end(check, serving, &report, &err);
    if (result != 0 && err.code != ERR_SYSTEM) {
        _exit(3);
    }
    return result == 0 && report && report->verdict == VERDICT_CLEAN ? 0 : 10;
}

/** In a child, where the end of the process does not run the functions of the library. */
static int end_in_child(bool is_cut) {
    int status;
    snprintf(s_path, sizeof s_path, "%s/library.so", temporary_folder());
    pid_t child = fork();
    if (child == 0) {
        write_library();
        _exit(end_interpreter(is_cut));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

Test(stale_end, an_interpreter_that_was_looked_at_before_its_end_has_a_report_after_it) {
    cr_assert_eq(end_in_child(false), 0);
}

Test(stale_end, what_could_not_be_looked_at_before_the_end_is_not_clean_after_it) {
    cr_assert_eq(end_in_child(true), 10);
}
