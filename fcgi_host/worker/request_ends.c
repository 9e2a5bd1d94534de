#include "fcgi_host/worker/request_ends.h"

#include "fcgi_host/app/application.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/latency.h"
#include "fcgi_host/worker/access_log.h"
#include "fcgi_host/worker/history_steps.h"
#include "pool/base/clock.h"

/** Serving threads call it attached: no lock. */
static void count(struct application *application, const struct request_times *times,
                  uint64_t ended_ns) {
    latency_add(application->latency, times->total_ns);
    time_histogram_add(&application->durations, times->total_ns);
    time_histogram_add(&application->queue_waits, times->queue_ns);
    time_histogram_add(&application->gil_waits, times->gil_ns);
    history_steps_ended(times, ended_ns);
}

static void note_end(const struct request *request, enum request_end end) {
    uint64_t ended_ns = clock_now_ns();
    if (request->account.begun_ns) {
        struct request_times times = request_times(request, ended_ns);
        count(request->application, &times, ended_ns);
    }
    access_log_note(request, end, ended_ns);
}

void request_ends_watch(void) {
    request_tell_ends(note_end);
}
