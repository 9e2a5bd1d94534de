#include "tests/support/serving.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

struct serving {
    char path[TEMPORARY_FOLDER_SIZE + 20];
    int listen_fd, stop_fd;
    struct intake *intake;
    serving_handler *handler;
    pthread_t intake_thread, threads[64];
    unsigned thread_count;
    _Atomic int tid;

    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct job *first, **last;
    bool is_over;
};

static void require(bool condition, const char *what) {
    if (!condition) {
        perror(what);
        abort();
    }
}

static void enqueue(void *ctx, struct request *request) {
    struct serving *s = ctx;
    if (s->thread_count == 0) {
        s->handler(request);
        return;
    }
    pthread_mutex_lock(&s->lock);
    request->job.next = NULL;
    *s->last = &request->job;
    s->last = &request->job.next;
    pthread_cond_signal(&s->ready);
    pthread_mutex_unlock(&s->lock);
}

static void *serve(void *arg) {
    struct serving *s = arg;
    pthread_mutex_lock(&s->lock);
    while (s->first || !s->is_over) {
        struct job *job = s->first;
        if (!job) {
            pthread_cond_wait(&s->ready, &s->lock);
            continue;
        }
        s->first = job->next;
        s->last = s->first ? s->last : &s->first;
        pthread_mutex_unlock(&s->lock);
        s->handler(request_of(job));
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void *run_intake(void *arg) {
    struct serving *s = arg;
    struct error err;
    s->tid = gettid();
    if (intake_run(s->intake, &err) < 0) {
        fprintf(stderr, "intake_run: %s\n", err.text);
        abort();
    }
    return NULL;
}

static void on_stop(void *ctx, int fd) {
    struct serving *s = ctx;
    intake_remove_fd(s->intake, fd);
    intake_stop_accepting(s->intake);
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(fd, 1024) == 0,
            path);
    return fd;
}

static struct serving *start(const struct intake_options *options, struct serving *s,
                             unsigned threads, serving_handler *handler) {
    struct intake_options full = options ? *options : (struct intake_options){0};
    full.listen_fd = s->listen_fd;
    full.max_connections = full.max_connections ? full.max_connections : 10000;
    full.max_requests = full.max_requests ? full.max_requests : 10000;
    full.header_timeout_ms = full.header_timeout_ms ? full.header_timeout_ms : 60000;
    full.max_header_bytes = full.max_header_bytes ? full.max_header_bytes : 65536;
    struct intake_hooks hooks = {.ctx = s, .request = enqueue};
    struct error err;
    s->intake = intake_new(&full, &hooks, &err);
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    require(s->intake && s->stop_fd >= 0 &&
                intake_add_fd(s->intake, s->stop_fd, on_stop, s, &err) == 0,
            "intake_new");
    s->handler = handler;
    s->thread_count = threads;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ready, NULL);
    for (unsigned i = 0; i < threads; i++) {
        require(pthread_create(&s->threads[i], NULL, serve, s) == 0, "pthread_create");
    }
    require(pthread_create(&s->intake_thread, NULL, run_intake, s) == 0, "pthread_create");
    return s;
}

struct serving *serving_start(const struct intake_options *options, unsigned threads,
                              serving_handler *handler) {
    static unsigned s_started; /* each has a socket of its own */
    struct serving *s = calloc(1, sizeof *s);
    require(s != NULL && threads <= 64, "serving_start");
    snprintf(s->path, sizeof s->path, "%s/socket-%u", temporary_folder(), s_started++);
    s->listen_fd = listen_at(s->path);
    return start(options, s, threads, handler);
}

struct serving *serving_start_beside(const struct serving *other, unsigned threads,
                                     serving_handler *handler) {
    struct serving *s = calloc(1, sizeof *s);
    require(s != NULL && threads <= 64, "serving_start");
    s->listen_fd = dup(other->listen_fd);
    require(s->listen_fd >= 0, "dup");
    return start(NULL, s, threads, handler);
}

void serving_stop_accepting(struct serving *s) {
    require(write(s->stop_fd, &(uint64_t){1}, 8) == 8, "eventfd");
}

static void finish(struct serving *s) {
    pthread_join(s->intake_thread, NULL);
    pthread_mutex_lock(&s->lock);
    s->is_over = true;
    pthread_cond_broadcast(&s->ready);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->thread_count; i++) {
        pthread_join(s->threads[i], NULL);
    }
    intake_free(s->intake);
    close(s->listen_fd);
    close(s->stop_fd);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->ready);
    free(s);
}

void serving_stop(struct serving *s) {
    serving_stop_accepting(s);
    finish(s);
}

void serving_kill(struct serving *s) {
    intake_stop(s->intake);
    finish(s);
}

const char *serving_path(const struct serving *s) {
    return s->path;
}
struct intake *serving_intake(struct serving *s) {
    return s->intake;
}
int serving_intake_tid(const struct serving *s) {
    while (s->tid == 0) {
        sched_yield();
    }
    return s->tid;
}
