#include "fcgi_host/app/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fcgi_host/app/faulthandler.h"
#include "fcgi_host/link/c_stack.h"
#include "fcgi_host/link/scoreboard.h"

/** faulthandler's alternate stack has SIGSTKSZ (8 KiB), which newer processors' registers nearly
 *  fill. */
enum { ALTERNATE_STACK_BYTES = 64 * 1024 };

static pthread_key_t s_stack_key;
static _Thread_local bool tl_has_stack;

static int s_last_words_fd;

/* faulthandler has written the Python stack, put this handler back and raised the signal again. */
static void note_fatal(int signal_number) {
    scoreboard_note_fatal(signal_number);
    c_stack_write(s_last_words_fd, __builtin_return_address(0));
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
    raise(signal_number); /* delivered when this returns */
}

int crash_start(int last_words_fd, struct error *err) {
    static const int s_fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_handler = note_fatal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    s_last_words_fd = last_words_fd;
    c_stack_prepare();
    for (size_t i = 0; i < sizeof s_fatal / sizeof s_fatal[0]; i++) {
        sigaction(s_fatal[i], &action, NULL);
    }
    return faulthandler_enable(last_words_fd, err);
}

static void free_stack(void *stack) {
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(stack, ALTERNATE_STACK_BYTES);
}

static void make_stack_key(void) {
    pthread_key_create(&s_stack_key, free_stack);
}

void crash_thread_start(void) {
    static pthread_once_t s_once = PTHREAD_ONCE_INIT;
    if (tl_has_stack) {
        return;
    }
    tl_has_stack = true;
    stack_t present;
    if (sigaltstack(NULL, &present) || !(present.ss_flags & SS_DISABLE)) {
        return; /* the thread has an alternate stack already (a sanitizer's) */
    }
    pthread_once(&s_once, make_stack_key);
    void *stack = mmap(NULL, ALTERNATE_STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        return; /* no last words when the thread's own stack is exhausted */
    }
    const stack_t alternate = {.ss_sp = stack, .ss_size = ALTERNATE_STACK_BYTES};
    if (sigaltstack(&alternate, NULL)) {
        munmap(stack, ALTERNATE_STACK_BYTES);
        return;
    }
    pthread_setspecific(s_stack_key, stack);
}
