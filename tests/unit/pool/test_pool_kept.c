/** What C code leaves in an interpreter, and whether that still ends. */
#include "pool/python/py_compat.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/pool_fixture.h"

#define IMPORT                                                                                     \
    "import sys\n"                                                                                 \
    "sys.path.insert(0, '" TEST_EXTENSIONS "')\n"                                                  \
    "import keeps\n"

static const char *s_source = IMPORT "leave_state = keeps.leave_state\n"
                                     "hold = getattr(keeps, 'hold', None)\n"
                                     "let_go = getattr(keeps, 'let_go', None)\n";
static struct pool *s_pool;

Test(pool_kept, a_state_whose_thread_is_gone_is_ended_with_the_interpreter) {
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &s_source, 1, 10);
    struct generation *generation = fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "leave_state"), "True");
    enum generation_state state = pool_retire(generation, 1000);
    cr_expect(eq(int, state, PY_ENDS_LEFT_STATES ? GENERATION_RETIRED : GENERATION_ZOMBIE));
    fixture_reload(app); /* the process goes on */
    cr_expect_str_eq(fixture_call(app, "leave_state"), "True");
    cr_expect(eq(int, pool_stop(s_pool, 1000), PY_ENDS_LEFT_STATES ? 0 : 1));
}

#if PY_VERSION_HEX >= 0x030F0000
static void note_why(void *ctx, const struct generation *generation, const char *why) {
    (void)generation;
    strcpy(ctx, why);
}

Test(pool_kept, a_guard_makes_a_zombie_that_is_ended_when_it_is_closed) {
    char why[1024] = "";
    s_pool = fixture_start();
    struct pool_app *app = fixture_app(s_pool, "a", &s_source, 1, 10);
    struct generation *first = fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "hold"), "True");
    cr_expect(eq(int, pool_retire(first, 1000), GENERATION_ZOMBIE));
    pool_each_zombie(s_pool, note_why, why);
    cr_expect_str_eq(why, "guarded: C code has not closed its interpreter guards");
    struct generation *second = fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "let_go"), "True");
    cr_expect(eq(int, pool_retire(second, 1000), GENERATION_RETIRED)); /* tries the first again */
    while (pool_zombies(s_pool) > 0) {
        usleep(1000);
    }
    cr_expect(eq(int, pool_stop(s_pool, 1000), 0));
}
#endif
