#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/link/scoreboard.h"

static struct scoreboard *s_board;

static void set_up(void) {
    s_board = scoreboard_new(NULL);
    cr_assert_not_null(s_board);
    scoreboard_use(s_board);
}
static void tear_down(void) {
    scoreboard_free(s_board);
}
TestSuite(scoreboard, .init = set_up, .fini = tear_down);

static void serve(const char *line) {
    struct scoreboard_slot *slot = scoreboard_my_slot();
    scoreboard_set_text(slot->facts.app, sizeof slot->facts.app, "blog", 4);
    scoreboard_set_text(slot->facts.line, sizeof slot->facts.line, line, strlen(line));
    scoreboard_begin(slot, SLOT_SERVING, 17);
}

Test(scoreboard, a_slot_shows_what_its_thread_does_while_it_does_it) {
    struct slot_view view;
    struct scoreboard_slot *slot = scoreboard_my_slot();
    cr_assert_not(scoreboard_read(slot, &view));
    serve("GET /");
    cr_assert(scoreboard_read(slot, &view));
    cr_assert_str_eq(view.facts.app, "blog");
    cr_assert_str_eq(view.facts.line, "GET /");
    cr_assert_eq(view.activity, SLOT_SERVING);
    cr_assert_eq(view.started_ns, 17);
    cr_assert_eq(view.thread_id, gettid());
    scoreboard_end(slot);
    cr_assert_not(scoreboard_read(slot, &view));
}

Test(scoreboard, a_thread_keeps_its_slot) {
    cr_assert_eq(scoreboard_my_index(), -1);
    struct scoreboard_slot *slot = scoreboard_my_slot();
    cr_assert_eq(scoreboard_my_slot(), slot);
    cr_assert_eq(scoreboard_my_index(), (int)(slot - s_board->slots));
}

static void *take_slot(void *arg) {
    *(struct scoreboard_slot **)arg = scoreboard_my_slot();
    return NULL;
}

static struct scoreboard_slot *slot_of_a_thread(void) {
    struct scoreboard_slot *slot = NULL;
    pthread_t thread;
    pthread_create(&thread, NULL, take_slot, &slot);
    pthread_join(thread, NULL);
    return slot;
}

Test(scoreboard, the_slot_of_a_thread_that_ended_is_another_ones) {
    struct scoreboard_slot *mine = scoreboard_my_slot();
    struct scoreboard_slot *first = slot_of_a_thread();
    cr_assert_neq(first, mine);
    cr_assert_eq(slot_of_a_thread(), first);
    cr_assert_eq(atomic_load(&s_board->used), 2);
}

Test(scoreboard, a_process_that_was_killed_leaves_its_last_words) {
    struct slot_view view;
    pid_t child = fork();
    if (child == 0) {
        serve("GET /last");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    cr_assert(scoreboard_read(&s_board->slots[0], &view));
    cr_assert_str_eq(view.facts.line, "GET /last");
}

Test(scoreboard, text_that_is_too_long_is_cut) {
    char field[8];
    scoreboard_set_text(field, sizeof field, "abcdefghijkl", 12);
    cr_assert_str_eq(field, "abcdefg");
    scoreboard_set_text(field, sizeof field, "abc", 3);
    cr_assert_str_eq(field, "abc");
}
