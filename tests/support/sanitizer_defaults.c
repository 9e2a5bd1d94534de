/*
 * The sanitizers' options in the program itself.  Built in, since web servers start it with an
 * environment of their own; reports go to files, since they may throw its stderr away.  The test
 * sanitizer.no_report fails when there is one.  (gcc's UBSan writes to stderr all the same; it
 * ends the worker, and no test takes a crash for a success.)
 */
#include <sys/stat.h>

#define REPORT "log_path=" SANITIZER_REPORTS "/report:log_exe_name=1:"

const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__ubsan_default_options(void);
const char *__tsan_default_options(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void) {
    /* The program gives its threads alternate signal stacks; the sanitizer would free them. */
    return REPORT "abort_on_error=1:detect_stack_use_after_return=1:use_sigaltstack=0";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void) {
    return "suppressions=" SANITIZER_SUPPRESSIONS "/lsan.txt:print_suppressions=0";
}

__attribute__((visibility("default"))) const char *__ubsan_default_options(void) {
    return REPORT "abort_on_error=1:print_stacktrace=1";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void) {
    return REPORT "halt_on_error=1:suppressions=" SANITIZER_SUPPRESSIONS "/tsan.txt";
}

/* The folder must exist before the first report. */
__attribute__((constructor)) static void prepare(void) {
    mkdir(SANITIZER_REPORTS, 0777);
}
