#include "fcgi_host/link/c_stack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int s_fd;

static void end_by(int signal_number) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void write_and_end(int signal_number) {
    c_stack_write(s_fd, __builtin_return_address(0));
    c_stack_write(s_fd, __builtin_return_address(0)); /* nothing more */
    end_by(signal_number);
}

/** As faulthandler's: for the handler before it. */
static void raise_again(int signal_number) {
    signal(signal_number, write_and_end);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, signal_number);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    raise(signal_number);
}

static void crash(void (*handler)(int)) {
    volatile int *wrong = mmap(NULL, sizeof *wrong, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    c_stack_prepare();
    signal(SIGSEGV, handler);
    *wrong = 1;
}

/** What a child writes that crashes in this program. */
static const char *text_of_crash(void (*handler)(int)) {
    static char s_text[65536];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        s_fd = ends[1];
        crash(handler);
        _exit(0);
    }
    close(ends[1]);
    size_t size = 0;
    ssize_t count;
    while ((count = read(ends[0], s_text + size, sizeof s_text - 1 - size)) > 0) {
        size += (size_t)count;
    }
    close(ends[0]);
    s_text[size] = '\0';
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %x", status);
    return s_text;
}

static void expect_to_begin_here(const char *text) {
    char first[4096];
    snprintf(first, sizeof first, "\n" C_STACK_HEADING "  Binary file \"%s\", at +0x",
             program_invocation_name);
    cr_expect_eq(strncmp(text, first, strlen(first)), 0, "%s", text);
    cr_expect_null(strstr(text + 2, C_STACK_HEADING), "written twice: %s", text);
}

Test(c_stack, begins_where_the_signal_came) {
    expect_to_begin_here(text_of_crash(write_and_end));
}

Test(c_stack, begins_there_when_a_handler_has_raised_it_again) {
    expect_to_begin_here(text_of_crash(raise_again));
}

#define FRAME(file) "  Binary file \"" file "\", at +0x1139\n"

Test(c_stack, the_innermost_extension_is_found) {
    static const struct {
        const char *text, *file;
    } cases[] = {
        {"", ""},
        {C_STACK_HEADING, ""},
        {C_STACK_HEADING FRAME("/lib/libc.so.6") FRAME("/x/foo.cpython-314-x86_64-linux-gnu.so")
             FRAME("/x/bar.abi3.so"),
         "/x/foo.cpython-314-x86_64-linux-gnu.so"},
        {C_STACK_HEADING FRAME("/x/bar.abi3.so") FRAME("/usr/lib/libpython3.11.so.1.0"),
         "/x/bar.abi3.so"},
        {C_STACK_HEADING FRAME("/x/lib/plain.so"), "/x/lib/plain.so"},
        {C_STACK_HEADING FRAME("/x/libxml2mod.cpython-313-x86_64-linux-gnu.so"),
         "/x/libxml2mod.cpython-313-x86_64-linux-gnu.so"},
        {C_STACK_HEADING FRAME("/x/libfoo.so") FRAME("/lib/libc.so.6") FRAME("/usr/bin/fcgi_host"),
         ""},
        {"Fatal Python error\n" FRAME("/x/before.abi3.so") "\n" C_STACK_HEADING FRAME(
             "/lib/libc.so.6"),
         ""},
        {C_STACK_HEADING "  Binary file \"/x/cut_o", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char file[128];
        c_stack_find_extension(cases[i].text, file, sizeof file);
        cr_expect_str_eq(file, cases[i].file, "of %s", cases[i].text);
    }
}
