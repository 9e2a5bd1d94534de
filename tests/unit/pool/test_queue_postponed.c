#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "pool/queue.h"

/* Threads that are started when they are needed. */

enum { CREW = 3 };

static struct queue s_queue;
static struct queue_thread s_servers[CREW];
static struct queue_thread *s_crew[CREW] = {&s_servers[0], &s_servers[1], &s_servers[2]};
static struct job s_jobs[4];

/** Two of three have no thread yet. */
static void set_up(void) {
    cr_assert(eq(int, queue_init(&s_queue, CREW, 10), 0));
    for (int i = 0; i < CREW; i++) {
        cr_assert(eq(int, queue_thread_init(&s_servers[i], &s_queue), 0));
    }
    queue_thread_postpone(&s_servers[1]);
    queue_thread_postpone(&s_servers[2]);
    queue_set_crew(&s_queue, s_crew, CREW);
}

/** How many times a server was woken and has not noticed yet. */
static int wakes(int index) {
    int value;
    sem_getvalue(&s_servers[index].wake, &value);
    return value;
}

static void push(int index) {
    cr_assert(eq(int, queue_push(&s_queue, &s_jobs[index], true), ERR_NONE));
}

static void expect_first(int server, int job) {
    cr_assert(queue_wait(&s_servers[server]));
    cr_expect(eq(ptr, queue_first(&s_servers[server]), &s_jobs[job]));
}

Test(queue_postponed, who_leaves_nobody_idle_starts_a_postponed_thread) {
    set_up();
    push(0);
    push(1);
    push(2);
    cr_expect(eq(int, wakes(0) + wakes(1) + wakes(2), 1));
    expect_first(0, 0);
    cr_expect(eq(ptr, s_servers[0].to_start, &s_servers[1]));
    cr_expect(
        eq(int, wakes(0) + wakes(1) + wakes(2), 0)); /* it has no thread that could be woken */
    queue_thread_join(&s_servers[1]);
    cr_expect(eq(int, wakes(1), 1)); /* a job waits for it */
    expect_first(1, 1);
    cr_expect(eq(ptr, s_servers[1].to_start, &s_servers[2]));
    /* The next job leaves nobody idle either, but there is nobody else to start. */
    cr_expect(eq(ptr, queue_next(&s_servers[0]), &s_jobs[2]));
    cr_expect(eq(ptr, s_servers[0].to_start, NULL));
}

Test(queue_postponed, no_thread_is_started_as_long_as_one_is_idle) {
    set_up();
    push(0);
    expect_first(0, 0);
    cr_expect(eq(ptr, s_servers[0].to_start, &s_servers[1]));
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    queue_thread_join(&s_servers[1]);
    for (int i = 1; i < 4; i++) {
        push(i);
        cr_expect(eq(int, wakes(1), 0)); /* the one that has served before takes it */
        expect_first(0, i);
        cr_expect(eq(ptr, s_servers[0].to_start, NULL));
        cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    }
}

Test(queue_postponed, a_thread_that_could_not_be_started_is_tried_again) {
    set_up();
    push(0);
    push(1);
    expect_first(0, 0);
    cr_expect(eq(ptr, s_servers[0].to_start, &s_servers[1]));
    queue_thread_postpone(&s_servers[1]);
    cr_expect(eq(ptr, queue_next(&s_servers[0]), &s_jobs[1])); /* with the threads there are */
    cr_expect(eq(ptr, s_servers[0].to_start, &s_servers[2]));
}

Test(queue_postponed, a_postponed_thread_of_a_crew_that_was_dismissed_leaves) {
    set_up();
    push(0);
    expect_first(0, 0);
    queue_set_crew(&s_queue, NULL, 0);
    queue_thread_join(&s_servers[1]); /* it was about to be started */
    cr_expect(not(queue_wait(&s_servers[1])));
    queue_thread_postpone(&s_servers[1]);
    cr_expect(eq(ptr, queue_next(&s_servers[0]), NULL));
    push(1);
    cr_expect(eq(int, wakes(0) + wakes(1) + wakes(2), 0));
}
