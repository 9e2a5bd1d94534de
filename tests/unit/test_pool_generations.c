#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/pool_fixture.h"

Test(pool_generations, a_job_runs_in_the_published_generation) {
    const char *source = "def name(): return 'hello'";
    struct pool *pool = fixture_start();
    struct pool_app *app = fixture_app(pool, "a", &source, 2, 10);
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "name"), "hello");
    source = "def name(): return 'changed'";
    fixture_reload(app);
    cr_expect_str_eq(fixture_call(app, "name"), "changed");
    cr_expect(eq(int, pool_stop(pool, 1000), 0));
    cr_expect(eq(u32, fixture_states[GENERATION_RETIRED], 2));
    pool_free(pool);
}
