/** The decisions about a replacement, as replacement.h promises them. */
#include <criterion/criterion.h>

#include "tests/unit/supervisor/replacement_fixture.h"

/* ---- One seat ---- */

Test(replacement, the_new_worker_accepts_once_the_old_one_begins_nothing_any_more) {
    check_replacement(1, "replace all; wait 1500; loaded; stopped; idle",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 1500 ms; ended: asked");
}

Test(replacement, it_has_not_ended_before_the_old_worker_says_so) {
    check_replacement(1, "replace all; loaded; stopped 999; stopped 200",
                      "launch 200 in 0: asked; drain 100 to 200");
}

Test(replacement, an_old_worker_that_does_not_say_that_it_stopped_is_waited_for_a_second) {
    check_replacement(1, "replace all; loaded; wait 999",
                      "launch 200 in 0: asked; drain 100 to 200");
    check_replacement(1, "replace all; loaded; wait 1000; stopped",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 1000 ms; ended: asked");
}

Test(replacement, a_seat_without_a_worker_gets_one) {
    check_replacement(
        1, "crash 0; replace all; loaded; idle",
        "launch 200 in 0: asked; accept 200; done, replaced after 0 ms; ended: asked");
}

Test(replacement, an_old_worker_that_crashes_meanwhile_is_not_drained) {
    check_replacement(
        1, "replace all; crash 0; loses shop; loaded",
        "launch 200 in 0: asked; accept 200; done, replaced after 0 ms; ended: asked");
}

Test(replacement, a_worker_that_loses_an_application_is_killed) {
    check_replacement(
        1, "replace all; loses shop; loaded; idle",
        "launch 200 in 0: asked; kill 200; "
        "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
        "ended: asked");
}

Test(replacement, an_application_that_failed_in_the_old_worker_too_is_not_lost) {
    check_replacement(1, "replace all; loses shop; lost shop; loaded; stopped",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: asked");
    check_replacement(
        1, "replace all; loses shop; loses blog; lost shop; loaded",
        "launch 200 in 0: asked; kill 200; "
        "done, kept: blog does not load in the new worker; the old one goes on after 0 ms; "
        "ended: asked");
}

Test(replacement, a_forced_one_takes_place_whatever_is_lost) {
    check_replacement(
        1, "force all; loses shop; loaded; stopped",
        "launch 200 in 0, not asking the old one: forced; drain 100 to 200; accept 200; "
        "done, replaced after 0 ms; ended: forced");
}

Test(replacement, a_worker_that_dies_while_it_loads_is_tried_again_four_times) {
    check_replacement(
        1, "replace all; dies; dies; dies; dies; loaded; stopped",
        "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
        "launch 203 in 0: asked; launch 204 in 0: asked; drain 100 to 204; accept 204; "
        "done, replaced after 0 ms; ended: asked");
    check_replacement(1, "replace all; dies; dies; dies; dies; dies; idle",
                      "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
                      "launch 203 in 0: asked; launch 204 in 0: asked; "
                      "done, kept: died of SIGSEGV after 0 ms; ended: asked");
}

Test(replacement, a_worker_that_was_refused_an_interpreter_does_not_count_as_one_that_died) {
    check_replacement(1,
                      "replace all; refused; refused; refused; refused; refused; loaded; stopped",
                      "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
                      "launch 203 in 0: asked; launch 204 in 0: asked; launch 205 in 0: asked; "
                      "drain 100 to 205; accept 205; done, replaced after 0 ms; ended: asked");
}

Test(replacement, where_no_process_can_be_started_the_old_one_stays) {
    check_replacement(
        1, "no_memory; replace all; idle",
        "cannot launch; done, kept: no process could be started after 0 ms; ended: asked");
}

/* ---- Several seats ---- */

Test(replacement, seats_are_replaced_one_after_the_other) {
    check_replacement(3, "replace all; loaded; stopped; loaded; stopped; loaded; stopped; idle",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "launch 201 in 1: asked; drain 101 to 201; accept 201; "
                      "launch 202 in 2: asked; drain 102 to 202; accept 202; "
                      "done, replaced after 0 ms; ended: asked");
}

Test(replacement, one_seat_may_be_meant) {
    check_replacement(3, "replace 1; loaded; stopped; idle",
                      "launch 200 in 1: asked; drain 101 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: asked");
}

Test(replacement, a_seat_that_is_gone_cannot_be_replaced) {
    check_replacement(1, "replace 2; idle",
                      "done, kept: that worker is gone after 0 ms; ended: asked");
}

Test(replacement, one_that_fails_leaves_the_seats_after_it_alone) {
    check_replacement(
        3, "replace all; loaded; stopped; loses shop; loaded; idle",
        "launch 200 in 0: asked; drain 100 to 200; accept 200; launch 201 in 1: asked; kill 201; "
        "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
        "ended: asked");
}

Test(replacement, each_seat_has_its_five_attempts) {
    check_replacement(
        2, "replace all; dies; dies; dies; dies; loaded; stopped; dies; loaded; stopped",
        "launch 200 in 0: asked; launch 201 in 0: asked; launch 202 in 0: asked; "
        "launch 203 in 0: asked; launch 204 in 0: asked; drain 100 to 204; accept 204; "
        "launch 205 in 1: asked; launch 206 in 1: asked; drain 101 to 206; accept 206; "
        "done, replaced after 0 ms; ended: asked");
}

/* ---- The queue ---- */

Test(replacement, the_next_begins_when_the_first_has_ended) {
    check_replacement(
        1, "replace all; also all; wait 200; loaded; stopped; wait 300; loaded; stopped; idle",
        "launch 200 in 0: asked; drain 100 to 200; accept 200; "
        "done, replaced after 200 ms; ended: asked; "
        "launch 201 in 0: asked again; drain 200 to 201; accept 201; "
        "done, replaced after 300 ms; ended: asked again");
}

Test(replacement, one_that_cannot_begin_does_not_hold_up_the_next) {
    check_replacement(1, "replace 0; also 2; force 0; loaded; stopped",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: asked; "
                      "done, kept: that worker is gone after 0 ms; ended: asked again; "
                      "launch 201 in 0, not asking the old one: forced");
}

Test(replacement, a_requester_that_is_gone_is_not_told) {
    check_replacement(1, "replace all; also all; forget; loaded; stopped",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; ended: asked; "
                      "launch 201 in 0: asked again");
}

/* ---- One wish waits ---- */

Test(replacement, wishes_that_wait_become_one_and_every_requester_is_told) {
    check_replacement(
        1, "replace all; also all; also all; config all; loaded; stopped; loaded; stopped",
        "launch 200 in 0: asked; drain 100 to 200; accept 200; done, replaced after 0 ms; "
        "ended: asked; launch 201 in 0: asked again; drain 200 to 201; accept 201; "
        "done, replaced after 0 ms; done, replaced after 0 ms; ended: asked again; "
        "launch 202 in 0 by the new configuration: SIGHUP");
}

Test(replacement, their_causes_are_joined) {
    check_replacement(2, "replace 0; also 1; force 1; loaded; stopped; loaded; stopped",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: asked; "
                      "launch 201 in 1, not asking the old one: asked again; forced; drain 101 to "
                      "201; accept 201; "
                      "done, replaced after 0 ms; done, replaced after 0 ms; "
                      "ended: asked again; forced");
}

Test(replacement, of_two_configurations_the_later_one_is_tried) {
    check_replacement(
        1, "replace all; config all; config all; loaded; stopped; loaded; stopped; idle",
        "launch 200 in 0: asked; drain 100 to 200; accept 200; done, replaced after 0 ms; "
        "ended: asked; launch 201 in 0 by the new configuration: SIGHUP; drain 200 to 201; "
        "new configuration in effect; accept 201; done, replaced after 0 ms; "
        "done, replaced after 0 ms; ended: SIGHUP");
}

Test(replacement, one_for_all_is_for_each_but_being_forced_is_not) {
    check_replacement(2, "replace 0; also all; plead 1; loaded; stopped; loaded; stopped; loaded",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: asked; "
                      "launch 201 in 0: asked again; pleaded; drain 200 to 201; accept 201; "
                      "launch 202 in 1: asked again; pleaded; drain 101 to 202");
    check_replacement(2, "replace 0; also all; force 1; loses shop; loaded; loses shop; loaded",
                      "launch 200 in 0: asked; kill 200; done, kept: shop does not load in the new "
                      "worker; the old one goes on after 0 ms; ended: asked; "
                      "launch 201 in 0: asked again; kill 201; done, kept: shop does not load in "
                      "the new worker; the old one goes on after 0 ms; ended: asked again; "
                      "launch 202 in 1, not asking the old one: forced");
}

Test(replacement, a_worker_that_was_replaced_meanwhile_has_got_what_it_wanted) {
    check_replacement(1, "plead 0; plead 0; plead 0; loaded; stopped; idle",
                      "launch 200 in 0: pleaded; drain 100 to 200; accept 200; "
                      "done, replaced after 0 ms; ended: pleaded; "
                      "done, replaced after 0 ms; done, replaced after 0 ms");
}

Test(replacement, a_worker_that_was_kept_still_wants_it) {
    check_replacement(1, "plead 0; plead 0; loses shop; loaded; loaded; stopped; idle",
                      "launch 200 in 0: pleaded; kill 200; done, kept: shop does not load in the "
                      "new worker; the old one goes on after 0 ms; ended: pleaded; "
                      "launch 201 in 0: pleaded; drain 100 to 201; accept 201; "
                      "done, replaced after 0 ms; ended: pleaded");
}

/* ---- Configuration ---- */

Test(replacement, a_new_configuration_is_in_effect_once_a_worker_has_loaded_with_it) {
    check_replacement(2, "config all; loaded; stopped; loaded; stopped",
                      "launch 200 in 0 by the new configuration: SIGHUP; drain 100 to 200; "
                      "new configuration in effect; accept 200; launch 201 in 1: SIGHUP; drain 101 "
                      "to 201; accept 201; "
                      "done, replaced after 0 ms; ended: SIGHUP");
}

Test(replacement, a_new_configuration_that_does_not_load_is_dropped) {
    check_replacement(
        1, "config all; loses shop; loaded; also all",
        "launch 200 in 0 by the new configuration: SIGHUP; kill 200; "
        "done, kept: shop does not load in the new worker; the old one goes on after 0 ms; "
        "ended: SIGHUP; launch 201 in 0: asked again");
}

/* ---- Stop ---- */

Test(replacement, a_stop_ends_all_of_them) {
    check_replacement(1, "replace all; also all; wait 700; stop; idle; wait 5000",
                      "launch 200 in 0: asked; done, kept: the host is stopping after 700 ms; "
                      "done, kept: the host is stopping after 0 ms");
}

Test(replacement, a_stop_is_not_followed_by_what_the_old_worker_says) {
    check_replacement(1, "replace all; loaded; stop; stopped; wait 5000",
                      "launch 200 in 0: asked; drain 100 to 200; accept 200; "
                      "done, kept: the host is stopping after 0 ms");
}

Test(replacement, nothing_is_begun_after_a_stop) {
    check_replacement(1, "stop; config all", "done, kept: the host is stopping after 0 ms");
    check_replacement(1, "replace all; stop; dies",
                      "launch 200 in 0: asked; done, kept: the host is stopping after 0 ms");
}
