#include "pool/queue.h"

#include <assert.h>
#include <errno.h>

#include "pool/base/clock.h"

int queue_init(struct queue *queue, unsigned threads, unsigned limit) {
    *queue = (struct queue){.threads = threads, .limit = limit};
    queue->tail = &queue->head;
    return clock_lock_init(&queue->lock, &queue->drained);
}

void queue_destroy(struct queue *queue) {
    assert(!queue->head && !queue->crew);
    pthread_cond_destroy(&queue->drained);
    pthread_mutex_destroy(&queue->lock);
}

/** Rule 1 of queue.h. @return the thread to wake after the lock is released, or NULL */
static struct queue_thread *next_in_line_locked(struct queue *queue) {
    struct queue_thread *thread = queue->idle;
    if (!thread || !queue->head || queue->gate || queue->in_line) {
        return NULL;
    }
    queue->idle = thread->next_idle;
    queue->in_line = thread;
    thread->is_woken = true;
    return thread;
}

/** Not under the lock, which the woken thread takes first.  Its memory lasts: it does not leave
 *  before it has taken the post that `is_woken` announced. */
static void wake(struct queue_thread *thread) {
    if (thread) {
        sem_post(&thread->wake);
    }
}

static void sleep_locked(struct queue_thread *thread) {
    thread->next_idle = thread->queue->idle;
    thread->queue->idle = thread;
}

static void append_locked(struct queue_thread **list, struct queue_thread *thread) {
    while (*list) {
        list = &(*list)->next_idle;
    }
    thread->next_idle = NULL;
    *list = thread;
}

/** The thread to start, because no idle one is left for the next job; NULL: none. */
static struct queue_thread *next_to_start_locked(struct queue *queue) {
    struct queue_thread *thread = queue->idle ? NULL : queue->postponed;
    if (thread) {
        queue->postponed = thread->next_idle;
        thread->is_postponed = false;
    }
    return thread;
}

static struct job *take_locked(struct queue *queue, struct queue_thread *thread) {
    struct job *job = queue->head;
    if (!job || queue->gate) {
        sleep_locked(thread);
        return NULL;
    }
    queue->head = job->next;
    if (!queue->head) {
        queue->tail = &queue->head;
    }
    job->next = NULL;
    queue->queued--;
    queue->busy++;
    queue->in_flight++;
    thread->is_busy = true;
    return job;
}

static void note_drained_locked(struct queue *queue) {
    if (!queue->head && !queue->in_flight) {
        pthread_cond_broadcast(&queue->drained);
    }
}

enum error_code queue_push(struct queue *queue, struct job *job, bool wake_now) {
    struct queue_thread *next = NULL;
    pthread_mutex_lock(&queue->lock);
    enum error_code code = queue->refusing;
    if (code == ERR_NONE && queue->busy + queue->queued >= queue->threads + queue->limit) {
        code = ERR_BUSY;
        queue->rejected++;
    }
    if (code == ERR_NONE) {
        job->next = NULL;
        *queue->tail = job;
        queue->tail = &job->next;
        queue->queued++;
        next = wake_now ? next_in_line_locked(queue) : NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    wake(next);
    return code;
}

void queue_wake(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    struct queue_thread *next = next_in_line_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    wake(next);
}

static struct job *take_waiting_locked(struct queue *queue) {
    struct job *jobs = queue->head;
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->queued = 0;
    note_drained_locked(queue);
    return jobs;
}

struct job *queue_take_waiting(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    struct job *jobs = take_waiting_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    return jobs;
}

struct job *queue_refuse(struct queue *queue, enum error_code code, bool take) {
    pthread_mutex_lock(&queue->lock);
    queue->refusing = code;
    struct job *jobs = code != ERR_NONE && take ? take_waiting_locked(queue) : NULL;
    pthread_mutex_unlock(&queue->lock);
    return jobs;
}

void queue_gate_close(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    queue->gate++;
    pthread_mutex_unlock(&queue->lock);
}

void queue_gate_open(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    assert(queue->gate > 0);
    queue->gate--;
    struct queue_thread *next = next_in_line_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    wake(next);
}

/** @return the list of threads to wake; all are dismissed and know that a post will come */
static struct queue_thread *dismiss_crew_locked(struct queue *queue) {
    for (size_t i = 0; i < queue->crew_count; i++) {
        queue->crew[i]->is_dismissed = true;
    }
    /* Sleeping threads are woken to leave; those in line or busy look before they sleep again. */
    struct queue_thread *asleep = queue->idle;
    for (struct queue_thread *thread = asleep; thread; thread = thread->next_idle) {
        thread->is_woken = true;
    }
    queue->crew = NULL;
    queue->crew_count = 0;
    queue->idle = NULL;
    queue->in_line = NULL;
    queue->postponed = NULL;
    queue->busy = 0;
    return asleep;
}

static void wake_all(struct queue_thread *asleep) {
    while (asleep) {
        struct queue_thread *thread = asleep;
        asleep = thread->next_idle; /* once woken it may be gone */
        wake(thread);
    }
}

void queue_set_crew(struct queue *queue, struct queue_thread **crew, size_t count) {
    pthread_mutex_lock(&queue->lock);
    struct queue_thread *leaving = dismiss_crew_locked(queue);
    queue->crew = crew;
    queue->crew_count = count;
    for (size_t i = count; i-- > 0;) {
        if (!crew[i]->is_postponed) {
            sleep_locked(crew[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (crew[i]->is_postponed) {
            append_locked(&queue->postponed, crew[i]);
        }
    }
    struct queue_thread *next = next_in_line_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    wake(next); /* first: a job may be waiting for it */
    wake_all(leaving);
}

void queue_clear_crew(struct queue *queue, struct queue_thread **crew) {
    struct queue_thread *leaving = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->crew == crew) {
        leaving = dismiss_crew_locked(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    wake_all(leaving);
}

bool queue_wait_drained(struct queue *queue, const struct timespec *deadline) {
    pthread_mutex_lock(&queue->lock);
    int failure = 0;
    while ((queue->head || queue->in_flight) && failure != ETIMEDOUT) {
        failure = pthread_cond_timedwait(&queue->drained, &queue->lock, deadline);
    }
    bool is_drained = !queue->head && !queue->in_flight;
    pthread_mutex_unlock(&queue->lock);
    return is_drained;
}

struct queue_counts queue_counts(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    struct queue_counts counts = {
        .finished = queue->finished - queue->uncounted,
        .rejected = queue->rejected,
        .in_flight = queue->in_flight,
        .queued = queue->queued,
    };
    pthread_mutex_unlock(&queue->lock);
    return counts;
}

int queue_thread_init(struct queue_thread *thread, struct queue *queue) {
    *thread = (struct queue_thread){.queue = queue};
    return sem_init(&thread->wake, 0, 0) == 0 ? 0 : errno;
}

void queue_thread_destroy(struct queue_thread *thread) {
    sem_destroy(&thread->wake);
}

void queue_thread_postpone(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    pthread_mutex_lock(&queue->lock);
    thread->is_postponed = true;
    bool is_in_crew = false;
    for (size_t i = 0; i < queue->crew_count; i++) {
        is_in_crew |= queue->crew[i] == thread;
    }
    if (is_in_crew) {
        append_locked(&queue->postponed, thread);
    }
    pthread_mutex_unlock(&queue->lock);
}

void queue_thread_join(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    struct queue_thread *next = NULL;
    pthread_mutex_lock(&queue->lock);
    if (!thread->is_dismissed) {
        append_locked(&queue->idle, thread); /* its caches are cold */
        next = next_in_line_locked(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    wake(next);
}

void queue_thread_dismiss(struct queue_thread *thread) {
    pthread_mutex_lock(&thread->queue->lock);
    bool is_asleep = !thread->is_dismissed;
    thread->is_dismissed = true;
    thread->is_woken |= is_asleep;
    pthread_mutex_unlock(&thread->queue->lock);
    if (is_asleep) {
        wake(thread);
    }
}

bool queue_thread_is_busy(struct queue_thread *thread) {
    pthread_mutex_lock(&thread->queue->lock);
    bool is_busy = thread->is_busy;
    pthread_mutex_unlock(&thread->queue->lock);
    return is_busy;
}

void queue_thread_give_up(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    pthread_mutex_lock(&queue->lock);
    if (thread->is_busy && !thread->is_given_up) {
        thread->is_given_up = true;
        queue->in_flight--;
        note_drained_locked(queue);
    }
    pthread_mutex_unlock(&queue->lock);
}

bool queue_thread_is_given_up(struct queue_thread *thread) {
    pthread_mutex_lock(&thread->queue->lock);
    bool is_given_up = thread->is_given_up;
    pthread_mutex_unlock(&thread->queue->lock);
    return is_given_up;
}

/** @return whether a post will or may come; false: the thread may leave */
static bool is_post_due(struct queue_thread *thread) {
    pthread_mutex_lock(&thread->queue->lock);
    bool is_due = thread->is_woken || !thread->is_dismissed;
    pthread_mutex_unlock(&thread->queue->lock);
    return is_due;
}

bool queue_wait(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    while (is_post_due(thread)) {
        while (sem_wait(&thread->wake) != 0) {
            assert(errno == EINTR);
        }
        bool has_work = false;
        pthread_mutex_lock(&queue->lock);
        thread->is_woken = false;
        if (!thread->is_dismissed) {
            has_work = queue->head && !queue->gate;
            if (!has_work) { /* another thread was faster: no need to ask for the GIL */
                queue->in_line = NULL;
                sleep_locked(thread);
            }
        }
        pthread_mutex_unlock(&queue->lock);
        if (has_work) {
            return true;
        }
    }
    return false;
}

uint64_t queue_finished(struct queue_thread *thread) {
    pthread_mutex_lock(&thread->queue->lock);
    uint64_t finished = thread->queue->finished;
    pthread_mutex_unlock(&thread->queue->lock);
    return finished;
}

bool queue_gives_way(struct queue_thread *thread, uint64_t finished) {
    struct queue *queue = thread->queue;
    pthread_mutex_lock(&queue->lock);
    bool gives_way = !thread->is_dismissed && queue->busy > 0 && queue->finished != finished;
    pthread_mutex_unlock(&queue->lock);
    return gives_way;
}

struct job *queue_first(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    struct job *job = NULL;
    struct queue_thread *next = NULL;
    pthread_mutex_lock(&queue->lock);
    if (!thread->is_dismissed) {
        queue->in_line = NULL;
        job = take_locked(queue, thread);
        next = next_in_line_locked(queue);
        thread->to_start = job ? next_to_start_locked(queue) : NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    wake(next);
    return job;
}

struct job *queue_next(struct queue_thread *thread) {
    struct queue *queue = thread->queue;
    struct job *job = NULL;
    struct queue_thread *next = NULL;
    pthread_mutex_lock(&queue->lock);
    thread->is_busy = false;
    if (!thread->is_given_up) {
        queue->in_flight--;
    }
    thread->is_given_up = false;
    queue->finished++;
    queue->uncounted += thread->is_uncounted;
    thread->is_uncounted = false;
    if (!thread->is_dismissed) {
        queue->busy--;
        job = take_locked(queue, thread);
        next = next_in_line_locked(queue);
        thread->to_start = job ? next_to_start_locked(queue) : NULL;
    }
    if (!job) {
        note_drained_locked(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    wake(next);
    return job;
}
