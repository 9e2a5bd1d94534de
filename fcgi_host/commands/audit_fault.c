#include "fcgi_host/commands/audit_fault.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <string.h>

#include "fcgi_host/commands/audit_say.h"

enum { FRAMES_MAX = 128 };

static int s_fd;

/* The process is lost anyway: the dynamic linker may be asked from the handler, and if its lock is
 * taken, the process hangs, which the parent ends. */
static void say_images(int number) {
    void *frames[FRAMES_MAX];
    const char *before = "";
    int count = backtrace(frames, FRAMES_MAX);
    for (int i = 0; i < count; i++) {
        Dl_info image;
        if (dladdr(frames[i], &image) && image.dli_fname && strcmp(image.dli_fname, before) != 0) {
            before = image.dli_fname;
            AUDIT_SAY(s_fd, "fault", before);
        }
    }
    raise(number); /* as it would have been: what was sent does not come again by itself */
}

void audit_fault_watch(int fd) {
    static const int s_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    void *frame;
    s_fd = fd;
    backtrace(&frame, 1); /* loads the unwinder now */
    struct sigaction action = {.sa_handler = say_images, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof s_signals / sizeof *s_signals; i++) {
        sigaction(s_signals[i], &action, NULL);
    }
}
