#include "fcgi_host/worker/withheld.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/cgi/method.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/away.h"
#include "fcgi_host/worker/handover.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/stopping.h"
#include "fcgi_host/worker/submit.h"
#include "pool/base/clock.h"
#include "pool/pool.h"

/** What did not load in a process of its own is tried there again with the next edit, or after this
 *  time: it may have been a database that was away.  Each try costs a process that loads it. */
#define STAYS_NS (30 * CLOCK_NS_PER_S)

/** Each request may meet the refusal again, until the move is over. */
#define TELL_AGAIN_NS CLOCK_NS_PER_S

/* ---- Moves ---- */

static bool stays(const struct application *application, uint64_t generation) {
    return atomic_load(&application->stays_generation) == generation &&
           clock_now_ns() < atomic_load(&application->stays_until_ns);
}

bool withheld_can_move(const struct application *application) {
    return strlen(application->config->name) < CHANNEL_NAME_BYTES;
}

bool withheld_begin_move(const struct generation *generation) {
    struct pool_interpreter *interpreter = generation_interpreter(generation);
    uint64_t now_ns = clock_now_ns();
    bool is_due = false;
    if (pool_interpreter_is_main(interpreter) || pool_current(interpreter) != generation) {
        return false; /* no refusal of sub-interpreters; or the next generation serves */
    }
    for (size_t i = 0; i < pool_interpreter_app_count(interpreter); i++) {
        struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
        if (stays(application, generation_number(generation)) || !withheld_can_move(application)) {
            return false;
        }
        bool was_moving = atomic_exchange(&application->is_moving, true);
        if (!was_moving || now_ns - atomic_load(&application->move_told_ns) > TELL_AGAIN_NS) {
            atomic_store(&application->move_told_ns, now_ns);
            is_due = true;
        }
    }
    return is_due;
}

void withheld_expect_move(struct application *application) {
    atomic_store(&application->is_moving, withheld_can_move(application));
}

/** @param ctx  the interpreter's name; "": any */
static void end_move(void *ctx, struct application *application) {
    const char *interpreter = ctx;
    if (!*interpreter || strcmp(application_interpreter(application->config), interpreter) == 0) {
        atomic_store(&application->stays_until_ns, clock_now_ns() + STAYS_NS);
        atomic_store(&application->stays_generation, atomic_load(&application->generation));
        atomic_store(&application->is_moving, false);
    }
}

void withheld_end_move(const struct applications *applications, const char *interpreter) {
    applications_each(applications, end_move, (void *)interpreter);
}

/* ---- On a thread of the generation ---- */

static uint64_t deadline_of(const struct request *request) {
    unsigned timeout_s = request->application->config->request_timeout_s;
    return timeout_s ? request->accepted_ns + timeout_s * CLOCK_NS_PER_S : UINT64_MAX;
}

bool withheld_wants(struct withheld *withheld, const struct request *request,
                    bool has_met_refusal) {
    const struct application *application = request->application;
    return (has_met_refusal || atomic_load(&application->is_moving)) &&
           !atomic_load(&withheld->is_over) && !request->was_given_up && method_is_safe(request) &&
           request_is_whole(request) && clock_now_ns() < deadline_of(request) &&
           !stays(application, atomic_load(&application->generation)) &&
           atomic_load(&application->withheld) < application->config->queue;
}

void withheld_end(struct withheld *withheld) {
    atomic_store(&withheld->is_over, true);
}

void withheld_add(struct withheld *withheld, struct request *request, const char *line) {
    struct application *application = request->application;
    const struct log_about about = {.app = application->config->name, .request_id = request->id};
    log_line(LOG_INFO, "request.withheld", &about, "%s: waits for a process of its own", line);
    atomic_fetch_add(&application->withheld, 1);
    pthread_mutex_lock(&withheld->lock);
    request->job.next = NULL;
    *withheld->arriving_tail = &request->job;
    withheld->arriving_tail = &request->job.next;
    pthread_mutex_unlock(&withheld->lock);
    eventfd_write(withheld->arrival_fd, 1); /* a full counter wakes as well */
}

void withheld_application_stays(struct withheld *withheld, struct application *application) {
    if (atomic_exchange(&application->is_moving, false) && withheld) {
        eventfd_write(withheld->arrival_fd, 1);
    }
}

/* ---- On the intake thread ---- */

static void arm_timer(const struct withheld *withheld) {
    uint64_t nearest_ns = UINT64_MAX;
    for (struct job *job = withheld->waiting; job; job = job->next) {
        uint64_t deadline_ns = deadline_of(request_of(job));
        nearest_ns = deadline_ns < nearest_ns ? deadline_ns : nearest_ns;
    }
    struct itimerspec timer = {0}; /* never */
    if (nearest_ns != UINT64_MAX) {
        timer.it_value = clock_timespec(nearest_ns);
    }
    timerfd_settime(withheld->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/** Nobody waits for anything of the request any more. */
static void take_out(struct request *request) {
    request_unwatch_client(request);
    request->job.next = NULL;
}

/** One that was taken out has gone on: a script whose last request it was may be freed. */
static void count_out(struct application *application) {
    atomic_fetch_sub(&application->withheld, 1);
}

/** Send a request where it belongs now. @return whether it is known where */
static bool go_on(const struct withheld *withheld, struct request *request) {
    struct application *application = request->application;
    const char *name = application->config->name;
    size_t place = applications_place_named(withheld->applications, name);
    bool is_away = away_is(withheld->away, place, name);
    bool is_stopping = withheld->stopping->is_begun, has_left = application->has_left;
    if (!is_away && !is_stopping && !has_left && atomic_load(&application->is_moving)) {
        return false;
    }
    take_out(request);
    request->was_given_up = true; /* once: what it gets now is sent */
    if (is_away) {
        away_pass(withheld->away, place, name, request);
    } else if (is_stopping && intake_bequeath_request(withheld->handover->intake, request)) {
    } else if (!has_left) {
        submit_request(application, request);
    } else if (application->is_script && withheld->applications->scripts) {
        scripts_submit(withheld->applications->scripts, name, request); /* it has come back */
    } else {
        reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
    }
    count_out(application);
    return true;
}

/** Tell `withheld->watch` of the client's doings. */
static void watch_client(struct withheld *withheld, struct request *request) {
    request->hold = &withheld->watch;
    request_watch_client(request);
    request->hold = NULL;
}

static bool end_if_gone(struct request *request) {
    struct application *application = request->application;
    if (!request_is_client_gone(request)) {
        return false;
    }
    take_out(request);
    request_finish(request, REQUEST_COMPLETE, 0);
    count_out(application);
    return true;
}

static bool end_if_late(struct request *request, uint64_t now_ns) {
    if (now_ns < deadline_of(request)) {
        return false;
    }
    struct application *application = request->application;
    const struct log_about about = {.app = application->config->name, .request_id = request->id};
    log_line(LOG_ERROR, "request.timeout", &about,
             "ran out of its %u s while it waited for a process of its own",
             application->config->request_timeout_s);
    take_out(request);
    reply_status(request, "504 Gateway Timeout", NULL, NULL);
    count_out(application);
    return true;
}

/** What is looked for in all that wait. */
enum look { LOOK_GO_ON, LOOK_GONE, LOOK_LATE };

static bool has_left(struct withheld *withheld, struct request *request, enum look look) {
    switch (look) {
    case LOOK_GO_ON:
        return go_on(withheld, request);
    case LOOK_GONE:
        return end_if_gone(request);
    case LOOK_LATE:
        return end_if_late(request, clock_now_ns());
    }
    return false;
}

static void look_at_all(struct withheld *withheld, enum look look) {
    struct job **link = &withheld->waiting;
    while (*link) {
        struct job *job = *link, *next = job->next;
        if (has_left(withheld, request_of(job), look)) {
            *link = next;
        } else {
            link = &job->next;
        }
    }
    arm_timer(withheld);
}

void withheld_go_on(struct withheld *withheld) {
    look_at_all(withheld, LOOK_GO_ON);
}

void withheld_client_event(struct withheld *withheld) {
    if (atomic_exchange(&withheld->watch.has_peer_event, false)) {
        look_at_all(withheld, LOOK_GONE);
    }
}

static void reset(int fd) {
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
}

static void take_arriving(void *ctx, int fd) {
    struct withheld *withheld = ctx;
    struct job **last = &withheld->waiting;
    reset(fd);
    while (*last) {
        last = &(*last)->next;
    }
    pthread_mutex_lock(&withheld->lock);
    *last = withheld->arriving;
    withheld->arriving = NULL;
    withheld->arriving_tail = &withheld->arriving;
    pthread_mutex_unlock(&withheld->lock);
    for (struct job *job = *last; job; job = job->next) {
        watch_client(withheld, request_of(job));
    }
    look_at_all(withheld, LOOK_GO_ON);
    withheld_client_event(withheld);
}

static void end_late(void *ctx, int fd) {
    reset(fd);
    look_at_all(ctx, LOOK_LATE);
}

int withheld_init(struct withheld *withheld, struct error *err) {
    pthread_mutex_init(&withheld->lock, NULL);
    withheld->arriving_tail = &withheld->arriving;
    withheld->arrival_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    withheld->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return withheld->arrival_fd < 0 || withheld->timer_fd < 0
               ? error_set_errno(err, errno, "eventfd, timerfd")
               : 0;
}

int withheld_attach(struct withheld *withheld, struct intake *intake, struct error *err) {
    return intake_add_fd(intake, withheld->arrival_fd, take_arriving, withheld, err) ||
                   intake_add_fd(intake, withheld->timer_fd, end_late, withheld, err)
               ? -1
               : 0;
}
