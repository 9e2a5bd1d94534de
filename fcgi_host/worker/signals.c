#include "fcgi_host/worker/signals.h"

#include <signal.h>
#include <stddef.h>

static void ignore_signal(int signal_number) {
    (void)signal_number;
}

void signals_leave_to_supervisor(void) {
    static const int s_signals[] = {SIGTERM, SIGINT,    SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2,
                                    SIGALRM, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR};
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof s_signals / sizeof s_signals[0]; i++) {
        sigaction(s_signals[i], &action, NULL);
    }
}
