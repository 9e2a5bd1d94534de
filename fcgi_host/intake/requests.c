/* A request whose header is complete goes to a serving thread. */
#include <string.h>

#include "fcgi_host/intake/intake_internal.h"
#include "pool/base/clock.h"

static void make_id(struct intake_requests *requests, char *ret) {
    char digits[24];
    size_t count = 0;
    for (uint64_t n = ++requests->counter; n > 0; n /= 10) {
        digits[count++] = (char)('0' + n % 10);
    }
    memcpy(ret, requests->id_prefix, requests->id_prefix_bytes);
    ret += requests->id_prefix_bytes;
    while (count > 0) {
        *ret++ = digits[--count];
    }
    *ret = '\0';
}

static void fill_request(struct intake_requests *requests, struct connection *c) {
    struct request *request = &c->request;
    const struct record_reader *reader = &c->reader;
    request->params = reader->params.items;
    request->param_count = reader->params.count;
    request->role = reader->role;
    request->fcgi_id = reader->id;
    request->keep_connection = reader->keep_connection;
    request->content_length = reader->params.content_length;
    request->accepted_ns = clock_now_ns();
    request->application = NULL;
    request->hold = NULL;
    request->was_given_up = false;
    request->account = (struct request_account){0};
    request->script_name = request->path_info = (struct slice){NULL, 0};
    request->path_storage = NULL;
    make_id(requests, request->id);
}

static void call_hook(struct intake_requests *requests, struct request *request) {
    if (!requests->is_in_batch) {
        requests->is_in_batch = true;
        if (requests->hooks.batch_begin) {
            requests->hooks.batch_begin(requests->hooks.ctx);
        }
    }
    atomic_fetch_add_explicit(&requests->given_count, 1, memory_order_relaxed);
    requests->hooks.request(requests->hooks.ctx, request);
}

void intake_end_batch(struct intake *intake) {
    struct intake_requests *requests = &intake->requests;
    if (requests->is_in_batch) {
        requests->is_in_batch = false;
        if (requests->hooks.batch_end) {
            requests->hooks.batch_end(requests->hooks.ctx);
        }
    }
}

void intake_give_to_server(struct intake *intake, struct intake_connection *c) {
    deadline_stop(&c->deadline);
    bool body_follows = !record_reader_body_is_complete(&c->base.reader);
    if (body_follows) {
        /* Otherwise each piece of the body would wake this thread for nothing. */
        intake_unregister(intake, c);
    }
    if (c->waits_to_send) {
        intake_set_events(intake, c, false);
        if (c->base.fd < 0) {
            return;
        }
    }
    size_t room = body_follows ? INTAKE_SERVING_ROOM_BYTES : INTAKE_ABORT_ROOM_BYTES;
    if (record_reader_reserve(&c->base.reader, room) < 0) {
        intake_close(intake, c);
        return;
    }
    fill_request(&intake->requests, &c->base);
    c->is_kept = true;
    c->drained_bytes = 0;
    int owner = OWNER_SERVING;
    if (c->base.is_registered && c->may_be_readable) {
        /* An edge that has not been followed up yet counts as an edge during the service. */
        owner = c->trusts_short ? OWNER_SERVING_EDGE : OWNER_SERVING_HANG_UP;
    }
    atomic_store_explicit(&c->base.owner, owner, memory_order_relaxed);
    deference_begin(&intake->returns.deference);
    call_hook(&intake->requests, &c->base.request);
}
