#include "pool/base/thread.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <semaphore.h>

struct seen {
    sem_t is_over;
    pthread_t thread;
};

static void *run(void *arg) {
    struct seen *seen = arg;
    seen->thread = pthread_self();
    sem_post(&seen->is_over);
    return NULL;
}

Test(thread, a_started_thread_runs_beside_its_starter_even_with_a_long_name) {
    struct seen seen;
    struct error err = {0};
    sem_init(&seen.is_over, 0, 0);
    cr_assert(eq(int, thread_start(run, &seen, "longer than Linux keeps", &err), 0), "%s",
              err.text);
    while (sem_wait(&seen.is_over) != 0) {
    }
    cr_expect(eq(int, pthread_equal(seen.thread, pthread_self()), 0));
}
