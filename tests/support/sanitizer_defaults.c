/*
 * The sanitizers' options in the program itself.  Built in, since web servers start it with an
 * environment of their own; reports go to files, since they may throw its stderr away.  The test
 * sanitizer.no_report fails when there is one.  (gcc's UBSan writes to stderr all the same; it
 * ends the worker, and no test takes a crash for a success.)
 *
 * A web server that root has started runs the program as another user, who may not be able to look
 * into the build tree: the reports have a folder of their own that everybody may write to, and
 * what is suppressed is in the program, too.
 */
#include <sys/stat.h>

#define REPORT "log_path=" SANITIZER_REPORTS "/report:log_exe_name=1:"

/* The text of a file, as a string. */
#define TEXT_OF_FILE(name, path)                                                                   \
    __asm__(".pushsection .rodata\n" #name ": .incbin \"" path "\"\n.byte 0\n.popsection");        \
    extern const char name[] __attribute__((visibility("hidden")))

TEXT_OF_FILE(s_lsan_suppressions, SANITIZER_SUPPRESSIONS "/lsan.txt");
TEXT_OF_FILE(s_tsan_suppressions, SANITIZER_SUPPRESSIONS "/tsan.txt");

const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__ubsan_default_options(void);
const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__asan_default_options(void) {
    /* The program gives its threads alternate signal stacks; the sanitizer would free them. */
    return REPORT "abort_on_error=1:detect_stack_use_after_return=1:use_sigaltstack=0";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void) {
    return "print_suppressions=0";
}

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return s_lsan_suppressions;
}

__attribute__((visibility("default"))) const char *__ubsan_default_options(void) {
    return REPORT "abort_on_error=1:print_stacktrace=1";
}

__attribute__((visibility("default"))) const char *__tsan_default_options(void) {
    /* The supervisor has threads and forks workers, which start theirs. */
    return REPORT "halt_on_error=1:die_after_fork=0";
}

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void) {
    return s_tsan_suppressions;
}

/* The folder must exist before the first report. */
__attribute__((constructor)) static void prepare(void) {
    mkdir(SANITIZER_REPORTS, 0777);
    chmod(SANITIZER_REPORTS, 01777); /* whoever came first, whatever the umask was */
}
