#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "pool/base/clock.h"
#include "pool/queue.h"

enum { CREW = 3, HANG_MS = 20000 };

static struct queue s_queue;
static struct queue_thread s_servers[CREW];
static struct queue_thread *s_crew[CREW] = {&s_servers[0], &s_servers[1], &s_servers[2]};
static struct job s_jobs[8];

static void set_up(unsigned threads, unsigned limit) {
    cr_assert(eq(int, queue_init(&s_queue, threads, limit), 0));
    for (int i = 0; i < CREW; i++) {
        cr_assert(eq(int, queue_thread_init(&s_servers[i], &s_queue), 0));
    }
}

/** How many times a server was woken and has not noticed yet. */
static int wakes(int index) {
    int value;
    sem_getvalue(&s_servers[index].wake, &value);
    return value;
}

static int all_wakes(void) {
    return wakes(0) + wakes(1) + wakes(2);
}

static void push(int index) {
    cr_assert(eq(int, queue_push(&s_queue, &s_jobs[index], true), ERR_NONE));
}

Test(queue, jobs_come_out_in_the_order_they_went_in) {
    set_up(1, 10);
    for (int i = 0; i < 5; i++) {
        push(i);
    }
    queue_set_crew(&s_queue, s_crew, 1);
    cr_assert(queue_wait(&s_servers[0]));
    cr_expect(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    for (int i = 1; i < 5; i++) {
        cr_expect(eq(ptr, queue_next(&s_servers[0]), &s_jobs[i]));
    }
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
}

Test(queue, before_anybody_serves_as_many_wait_as_threads_and_limit_together) {
    set_up(2, 1);
    push(0);
    push(1);
    push(2);
    cr_expect(eq(int, queue_push(&s_queue, &s_jobs[3], true), ERR_BUSY));
    cr_expect(eq(u64, s_queue.rejected, 1));
}

Test(queue, the_limit_counts_jobs_that_wait_beyond_the_threads) {
    set_up(1, 2);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    push(1);
    push(2);
    cr_expect(eq(int, queue_push(&s_queue, &s_jobs[3], true), ERR_BUSY));
    cr_assert(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1]));
    push(3);
}

Test(queue, a_job_that_is_to_run_once_more_does_not_count) {
    set_up(1, 2);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    push(1);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    s_servers[0].is_uncounted = true;
    cr_expect(eq(u64, queue_counts(&s_queue).finished, 0));
    cr_assert(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1]));
    cr_expect(eq(u64, queue_counts(&s_queue).finished, 0));
    cr_expect(eq(u64, queue_finished(&s_servers[0]), 1), "threads give way to one that works");
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    cr_expect(eq(u64, queue_counts(&s_queue).finished, 1));
}

Test(queue, with_a_limit_of_zero_a_job_is_taken_only_by_a_free_thread) {
    set_up(1, 0);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_expect(eq(int, queue_push(&s_queue, &s_jobs[1], true), ERR_BUSY));
}

Test(queue, jobs_of_an_old_crew_do_not_count_against_the_new_one) {
    set_up(1, 0);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    queue_set_crew(&s_queue, s_crew + 1, 1);
    push(1);
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    cr_expect(eq(u32, s_queue.in_flight, 0));
    cr_expect(eq(int, queue_push(&s_queue, &s_jobs[2], true), ERR_BUSY));
}

Test(queue, only_one_thread_is_on_its_way_at_a_time) {
    set_up(3, 10);
    queue_set_crew(&s_queue, s_crew, 3);
    push(0);
    push(1);
    push(2);
    cr_expect(eq(int, all_wakes(), 1));
    cr_assert(queue_wait(&s_servers[0]));
    cr_expect(eq(int, all_wakes(), 0), "it is still in line until it has attached");
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    cr_expect(eq(int, all_wakes(), 1), "it brings the next one into line");
    cr_assert(queue_wait(&s_servers[1]));
    cr_assert(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1]));
    cr_expect(eq(int, all_wakes(), 0));
    cr_assert(eq(ptr, queue_first(&s_servers[1]), &s_jobs[2]));
    cr_expect(eq(int, all_wakes(), 0), "nothing waits");
}

Test(queue, the_thread_that_went_to_sleep_last_is_woken_first) {
    set_up(3, 10);
    queue_set_crew(&s_queue, s_crew, 3);
    push(0);
    push(1);
    cr_assert(queue_wait(&s_servers[0]));
    queue_first(&s_servers[0]);
    cr_assert(queue_wait(&s_servers[1]));
    queue_first(&s_servers[1]);
    cr_assert(eq(ptr, queue_next(&s_servers[0]), NULL));
    cr_assert(eq(ptr, queue_next(&s_servers[1]), NULL));
    push(2);
    cr_expect(eq(int, wakes(1), 1));
    cr_expect(eq(int, all_wakes(), 1));
}

Test(queue, a_thread_that_finds_its_job_taken_goes_back_to_sleep) {
    set_up(2, 10);
    queue_set_crew(&s_queue, s_crew, 2);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    push(1);
    cr_assert(eq(int, wakes(1), 1));
    cr_assert(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1]));
    cr_assert(eq(ptr, queue_next(&s_servers[0]), NULL));
    /* It looks, sleeps again, and is dismissed there: queue_wait() returns only then. */
    sem_post(&s_servers[1].wake);
    queue_set_crew(&s_queue, NULL, 0);
    cr_expect(not(queue_wait(&s_servers[1])));
    cr_expect(not(queue_wait(&s_servers[0])));
}

Test(queue, jobs_pushed_without_waking_wake_one_thread_at_the_end) {
    set_up(3, 10);
    queue_set_crew(&s_queue, s_crew, 3);
    queue_push(&s_queue, &s_jobs[0], false);
    queue_push(&s_queue, &s_jobs[1], false);
    cr_expect(eq(int, all_wakes(), 0));
    queue_wake(&s_queue);
    cr_expect(eq(int, all_wakes(), 1));
    queue_wake(&s_queue);
    cr_expect(eq(int, all_wakes(), 1));
}

Test(queue, behind_a_closed_gate_jobs_wait_and_none_starts) {
    set_up(2, 10);
    queue_set_crew(&s_queue, s_crew, 2);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    queue_gate_close(&s_queue);
    queue_gate_close(&s_queue);
    push(1);
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    cr_expect(eq(int, all_wakes(), 0));
    queue_gate_open(&s_queue);
    cr_expect(eq(int, all_wakes(), 0), "gates nest");
    queue_gate_open(&s_queue);
    cr_expect(eq(int, wakes(0), 1));
    cr_assert(queue_wait(&s_servers[0]));
    cr_expect(eq(ptr, queue_first(&s_servers[0]), &s_jobs[1]));
}

Test(queue, a_gate_that_closes_while_a_thread_is_in_line_stops_it) {
    set_up(1, 10);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    queue_gate_close(&s_queue);
    cr_expect(eq(ptr, queue_first(&s_servers[0]), NULL));
    queue_gate_open(&s_queue);
    cr_assert(queue_wait(&s_servers[0]));
    cr_expect(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
}

Test(queue, waiting_jobs_go_to_a_new_crew) {
    set_up(1, 10);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    queue_set_crew(&s_queue, s_crew + 1, 1);
    cr_expect(not(queue_wait(&s_servers[0])), "the one in line is dismissed");
    cr_expect(eq(int, wakes(1), 1));
    cr_assert(queue_wait(&s_servers[1]));
    cr_expect(eq(ptr, queue_first(&s_servers[1]), &s_jobs[0]));
}

Test(queue, a_thread_dismissed_while_it_attaches_gets_no_job) {
    set_up(1, 10);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    queue_clear_crew(&s_queue, s_crew);
    cr_expect(eq(ptr, queue_first(&s_servers[0]), NULL));
    cr_expect(not(queue_wait(&s_servers[0])));
    cr_expect(eq(u32, s_queue.queued, 1));
}

Test(queue, clearing_another_crew_changes_nothing) {
    set_up(1, 10);
    queue_set_crew(&s_queue, s_crew, 1);
    queue_clear_crew(&s_queue, s_crew + 1);
    push(0);
    cr_expect(queue_wait(&s_servers[0]));
}

Test(queue, a_server_that_never_was_in_a_crew_can_be_dismissed) {
    set_up(1, 10);
    queue_thread_dismiss(&s_servers[2]);
    queue_thread_dismiss(&s_servers[2]);
    cr_expect(not(queue_wait(&s_servers[2])));
    cr_expect(eq(int, wakes(2), 0));
}

Test(queue, refusing_hands_out_what_waits_and_answers_with_its_code) {
    set_up(1, 10);
    push(0);
    push(1);
    struct job *jobs = queue_refuse(&s_queue, ERR_FAILED, true);
    cr_assert(eq(ptr, jobs, &s_jobs[0]));
    cr_assert(eq(ptr, jobs->next, &s_jobs[1]));
    cr_expect(eq(ptr, jobs->next->next, NULL));
    cr_expect(eq(int, queue_push(&s_queue, &s_jobs[2], true), ERR_FAILED));
    cr_expect(eq(u64, s_queue.rejected, 0), "only a full queue counts as rejecting");
    queue_refuse(&s_queue, ERR_NONE, true);
    push(2);
}

Test(queue, a_job_whose_server_is_given_up_is_not_waited_for) {
    const struct timespec now = {0, 0};
    set_up(1, 10);
    queue_set_crew(&s_queue, s_crew, 1);
    push(0);
    cr_assert(queue_wait(&s_servers[0]));
    cr_assert(eq(ptr, queue_first(&s_servers[0]), &s_jobs[0]));
    queue_thread_give_up(&s_servers[0]);
    queue_thread_give_up(&s_servers[0]);
    cr_expect(queue_thread_is_given_up(&s_servers[0]));
    cr_expect(eq(u32, queue_counts(&s_queue).in_flight, 0));
    cr_expect(queue_wait_drained(&s_queue, &now));
    push(1);
    cr_expect(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1]), "it serves again if it comes back");
    cr_expect(not(queue_thread_is_given_up(&s_servers[0])));
    cr_expect(eq(u32, queue_counts(&s_queue).in_flight, 1));
}

Test(queue, a_server_without_a_job_is_not_given_up) {
    set_up(1, 10);
    queue_thread_give_up(&s_servers[0]);
    cr_expect(not(queue_thread_is_given_up(&s_servers[0])));
    cr_expect(eq(u32, queue_counts(&s_queue).in_flight, 0));
}

Test(queue, waiting_until_it_is_drained_ends_at_the_deadline) {
    set_up(1, 10);
    struct timespec now = clock_deadline(0);
    cr_expect(queue_wait_drained(&s_queue, &now));
    push(0);
    cr_expect(not(queue_wait_drained(&s_queue, &now)));
}

/* ---- Many threads ---- */

enum { PUSHERS = 3, SERVERS = 4, CREWS = 200, PUSHED = 20000 };

struct counted_job {
    struct job job;
    unsigned taken; /**< changed by whoever has the job */
};

static struct counted_job *s_counted;
static uint64_t s_pushed_by[PUSHERS];

static void *push_many(void *arg) {
    size_t me = (size_t)arg;
    unsigned seed = (unsigned)me;
    for (unsigned i = 0; i < PUSHED; i++) {
        struct job *job = &s_counted[me * PUSHED + i].job;
        bool wake = rand_r(&seed) % 2;
        while (queue_push(&s_queue, job, wake) == ERR_BUSY) {
            queue_wake(&s_queue);
            sched_yield();
        }
        s_pushed_by[me]++;
    }
    queue_wake(&s_queue);
    return NULL;
}

static void *serve(void *arg) {
    struct queue_thread *server = arg;
    while (queue_wait(server)) {
        struct job *job = queue_first(server);
        while (job) {
            ((struct counted_job *)job)->taken++;
            job = queue_next(server);
        }
    }
    return NULL;
}

Test(queue, no_job_is_forgotten_while_crews_come_and_go, .timeout = 100) {
    static struct queue_thread servers[CREWS][SERVERS];
    static struct queue_thread *crews[CREWS][SERVERS];
    static pthread_t threads[CREWS][SERVERS];
    pthread_t pushers[PUSHERS];
    s_counted = calloc((size_t)PUSHERS * PUSHED, sizeof *s_counted);
    cr_assert_not_null(s_counted);
    set_up(SERVERS, 16);
    for (size_t i = 0; i < PUSHERS; i++) {
        pthread_create(&pushers[i], NULL, push_many, (void *)i);
    }
    for (int crew = 0; crew < CREWS; crew++) {
        for (int i = 0; i < SERVERS; i++) {
            queue_thread_init(&servers[crew][i], &s_queue);
            crews[crew][i] = &servers[crew][i];
            pthread_create(&threads[crew][i], NULL, serve, crews[crew][i]);
        }
        bool is_gated = crew % 3 == 0;
        if (is_gated) {
            queue_gate_close(&s_queue);
        }
        queue_set_crew(&s_queue, crews[crew], SERVERS);
        if (is_gated) {
            queue_gate_open(&s_queue);
        }
        for (int i = 0; crew > 0 && i < SERVERS; i++) {
            pthread_join(threads[crew - 1][i], NULL);
        }
    }
    for (size_t i = 0; i < PUSHERS; i++) {
        pthread_join(pushers[i], NULL);
    }
    struct timespec deadline = clock_deadline(HANG_MS);
    cr_assert(queue_wait_drained(&s_queue, &deadline), "a job waits and nobody comes");
    queue_set_crew(&s_queue, NULL, 0);
    for (int i = 0; i < SERVERS; i++) {
        pthread_join(threads[CREWS - 1][i], NULL);
    }
    for (size_t i = 0; i < (size_t)PUSHERS * PUSHED; i++) {
        cr_assert(eq(u32, s_counted[i].taken, 1));
    }
    cr_expect(eq(u64, s_queue.finished, (uint64_t)PUSHERS * PUSHED));
    queue_destroy(&s_queue);
}
