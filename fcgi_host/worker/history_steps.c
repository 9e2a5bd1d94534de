#include "fcgi_host/worker/history_steps.h"

#include "fcgi_host/link/history.h"

static const struct channel_end *s_supervisor;

void history_steps_use(const struct channel_end *supervisor) {
    s_supervisor = supervisor;
}

static void tell(void) {
    struct error err; /* of no interest: the supervisor is busy, and another step comes */
    channel_send(s_supervisor->fd, &(struct channel_outgoing){.type = CHANNEL_STEP}, &err);
}

void history_steps_arrived(const struct request *request) {
    if (history_note_arrival(request->accepted_ns)) {
        tell();
    }
}

void history_steps_ended(const struct request_times *times, uint64_t ended_ns) {
    if (history_note_request(ended_ns, times->total_ns, times->queue_ns)) {
        tell();
    }
}
