/** Replacements where an application has `reload = restart`: the old worker ends first. */
#include <criterion/criterion.h>

#include "tests/unit/supervisor/replacement_fixture.h"

Test(replacement_restart, the_new_worker_loads_when_the_old_one_has_ended) {
    check_replacement(1, "restart; replace all; stopped; gone 999; wait 1000; gone; loaded; idle",
                      "end 100; launch 200 in 0: asked; accept 200; "
                      "done, replaced after 1000 ms; ended: asked");
}

Test(replacement_restart, seats_follow_one_after_the_other) {
    check_replacement(2, "restart; replace all; gone; loaded; gone; loaded; idle",
                      "end 100; launch 200 in 0: asked; accept 200; "
                      "end 101; launch 201 in 1: asked; accept 201; "
                      "done, replaced after 0 ms; ended: asked");
}

Test(replacement_restart, a_worker_that_lost_an_application_serves_as_nothing_else_does) {
    check_replacement(1, "restart; replace all; gone; loses shop; loaded; idle",
                      "end 100; launch 200 in 0: asked; accept 200; "
                      "done, replacedshop does not load in the new worker after 0 ms; "
                      "ended: asked");
}

Test(replacement_restart, a_new_configuration_that_loses_an_application_gives_way_to_the_old_one) {
    check_replacement(1, "restart; config all; gone; loses shop; loaded; refused; loaded; idle",
                      "end 100; launch 200 in 0 by the new configuration: SIGHUP; kill 200; "
                      "launch 201 in 0: SIGHUP; accept 201; "
                      "done, kept: shop does not load in the new worker after 0 ms; "
                      "ended: SIGHUP");
}

Test(replacement_restart, a_seat_without_a_worker_is_filled_at_once) {
    check_replacement(1, "restart; crash 0; replace all; loaded; idle",
                      "launch 200 in 0: asked; accept 200; "
                      "done, replaced after 0 ms; ended: asked");
}

Test(replacement_restart, a_worker_that_dies_while_it_loads_is_tried_again) {
    check_replacement(1, "restart; replace all; gone; dies; loaded; idle",
                      "end 100; launch 200 in 0: asked; launch 201 in 0: asked; accept 201; "
                      "done, replaced after 0 ms; ended: asked");
}

Test(replacement_restart, is_suggested_where_the_new_worker_finds_something_in_use) {
    check_replacement(
        1, "replace all; loses shop; in_use; loaded; idle",
        "launch 200 in 0: asked; hint for shop; kill 200; "
        "done, kept: shop does not load in the new worker; the old one goes on; a port or lock is "
        "in use: with reload = restart the old code ends before the new is loaded after 0 ms; "
        "ended: asked");
}

Test(replacement_restart, so_it_does_without_memory_for_both) {
    check_replacement(1, "full; replace all; gone; loaded; idle",
                      "end 100; launch 200 in 0: asked; accept 200; "
                      "done, replaced after 0 ms; ended: asked");
}
