#include "fcgi_host/fastcgi/request.h"

struct request_times request_times(const struct request *request, uint64_t ended_ns) {
    const struct request_account *account = &request->account;
    struct request_times times = {.total_ns = ended_ns - request->accepted_ns};
    if (account->begun_ns) {
        times.queue_ns = account->begun_ns - request->accepted_ns;
        /* The thread may have been woken for an earlier request that another one has taken. */
        times.gil_ns =
            account->gil_wait_ns < times.queue_ns ? account->gil_wait_ns : times.queue_ns;
    } else {
        times.queue_ns = times.total_ns;
    }
    return times;
}
