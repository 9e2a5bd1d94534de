#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/fleet_internal.h"

/** One crash, one in the main interpreter, and a worker without the culprit: then it must do. */
enum { MAX_ATTEMPTS = 5 };

/** How long an old worker may take to say that it accepts nothing any more: its intake thread never
 *  blocks. */
enum { LEFT_TIMEOUT_MS = 1000 };

uint64_t fleet_drain_ms(const struct config *config) {
    unsigned longest_s = config->scripts_root ? config->script_defaults.drain_timeout_s : 0;
    for (size_t i = 0; i < config->app_count; i++) {
        if (config->apps[i].drain_timeout_s > longest_s) {
            longest_s = config->apps[i].drain_timeout_s;
        }
    }
    return (uint64_t)longest_s * 1000;
}

static void tell(struct replacement *replacement, bool is_kept, const char *why) {
    if (replacement->done) {
        const struct replacement_result result = {
            .is_kept = is_kept,
            .why = why,
            .total_ms =
                replacement->started_ms ? (double)(loop_now_ms() - replacement->started_ms) : 0,
        };
        replacement->done(replacement->ctx, &result);
    }
}

static void replacement_free(struct replacement *replacement) {
    config_free(replacement->config);
    free(replacement);
}

/** The workers show the outcome as their applications' last reload. */
static void tell_workers(struct fleet *fleet, const struct replacement *replacement, bool is_kept) {
    for (unsigned i = 0; i < fleet->slot_count; i++) {
        struct process *process = fleet->slots[i].current;
        if (process && (replacement->slot < 0 || (unsigned)replacement->slot == i)) {
            channel_tell(&process->end,
                         &(struct channel_outgoing){
                             .type = CHANNEL_REPLACED,
                             .number = loop_now_ms() - replacement->started_ms,
                             .name = reload_outcome_name(is_kept ? RELOAD_OUTCOME_KEPT
                                                                 : RELOAD_OUTCOME_REPLACED),
                             .text = replacement->cause});
        }
    }
}

/** A slot whose worker died while its replacement did not come up has nobody to start one. */
static void fill_slots(struct fleet *fleet) {
    for (unsigned i = 0; i < fleet->slot_count; i++) {
        struct slot *slot = &fleet->slots[i];
        if (!slot->current && !slot->coming && !slot->restart.is_armed) {
            loop_arm(fleet->loop, &slot->restart,
                     backoff_next_ms(&slot->backoff, loop_now_ms(), 0));
        }
    }
}

/** The first of the queue has ended, one way or the other. */
static void finish(struct fleet *fleet, bool is_kept, const char *why) {
    struct replacement *replacement = fleet->replacements;
    struct fleet_last *last = &fleet->last;
    snprintf(last->cause, sizeof last->cause, "%s", replacement->cause);
    snprintf(last->why, sizeof last->why, "%s", why);
    last->is_kept = is_kept;
    last->total_ms = (double)(loop_now_ms() - replacement->started_ms);
    last->at_s = time(NULL);
    if (is_kept) {
        log_line(LOG_ERROR, "worker.kept", NULL, "no replacement (%s): %s", replacement->cause,
                 why);
    }
    tell_workers(fleet, replacement, is_kept);
    fleet->replacements = replacement->next;
    tell(replacement, is_kept, why);
    replacement_free(replacement);
    fleet_resize(fleet);
    replacement_next(fleet);
    fill_slots(fleet);
}

void fleet_replace(struct fleet *fleet, const struct replacement_wish *wish) {
    struct replacement *replacement = calloc(1, sizeof *replacement);
    if (!replacement || fleet->is_stopping) {
        const struct replacement_result result = {
            .is_kept = true, .why = replacement ? "the host is stopping" : "out of memory"};
        free(replacement);
        config_free(wish->config);
        if (wish->done) {
            wish->done(wish->ctx, &result);
        }
        return;
    }
    snprintf(replacement->cause, sizeof replacement->cause, "%s", wish->cause);
    replacement->config = wish->config;
    replacement->slot = wish->slot;
    replacement->at = wish->slot < 0 ? 0 : (unsigned)wish->slot;
    replacement->is_forced = wish->is_forced;
    replacement->done = wish->done;
    replacement->ctx = wish->ctx;
    struct replacement **last = &fleet->replacements;
    while (*last) {
        last = &(*last)->next;
    }
    *last = replacement;
    replacement_next(fleet);
}

void fleet_forget(struct fleet *fleet, void *ctx) {
    for (struct replacement *each = fleet->replacements; each; each = each->next) {
        if (each->ctx == ctx) {
            each->done = NULL;
        }
    }
}

void replacement_cancel_all(struct fleet *fleet, const char *why) {
    for (unsigned i = 0; i < fleet->slot_count; i++) {
        fleet->slots[i].is_leaving = false;
        loop_disarm(fleet->loop, &fleet->slots[i].left);
    }
    while (fleet->replacements) {
        struct replacement *replacement = fleet->replacements;
        fleet->replacements = replacement->next;
        tell(replacement, true, why);
        replacement_free(replacement);
    }
}

void replacement_next(struct fleet *fleet) {
    struct replacement *replacement = fleet->replacements;
    if (!replacement || fleet->is_stopping) {
        return;
    }
    if (replacement->started_ms == 0) {
        replacement->started_ms = loop_now_ms();
    }
    if (replacement->at >= fleet->slot_count) {
        finish(fleet, true, "that worker is gone");
        return;
    }
    struct slot *slot = &fleet->slots[replacement->at];
    if (slot->coming || slot->is_leaving) {
        return;
    }
    loop_disarm(fleet->loop, &slot->restart);
    const struct config *config = replacement->config ? replacement->config : fleet->config;
    slot->coming = fleet_launch(fleet, slot, config, replacement->cause);
    if (!slot->coming) {
        finish(fleet, true, "no process could be started");
    }
}

/** The candidate works: it is the configuration in effect from now on. */
static void adopt_config(struct fleet *fleet, struct replacement *replacement) {
    if (!replacement->config) {
        return;
    }
    const struct config *before = fleet->config;
    struct config *owned_before = fleet->owned_config;
    fleet->config = fleet->owned_config = replacement->config;
    replacement->config = NULL;
    fleet->hooks.config_changed(fleet->hooks.ctx, before, fleet->config);
    config_free(owned_before);
}

/** An application that serves in the old worker and did not load in the new one, or NULL. */
static const char *lost_application(const struct slot *slot) {
    const struct process *coming = slot->coming;
    for (size_t i = 0; i < coming->failed.count; i++) {
        if (!process_has_failed(slot->current, coming->failed.items[i])) {
            return coming->failed.items[i];
        }
    }
    return NULL;
}

/** The new worker serves, the old one takes nothing any more: whoever asked may know. */
static void switched(struct slot *slot) {
    struct fleet *fleet = slot->fleet;
    struct replacement *replacement = fleet->replacements;
    log_line(LOG_INFO, "worker.replaced", NULL, "worker %d serves in place of %d: %s",
             slot->current ? (int)slot->current->pid : 0, (int)slot->left_pid, replacement->cause);
    replacement->attempts = 0;
    replacement->at++;
    if (replacement->slot >= 0 || replacement->at >= fleet->slot_count) {
        finish(fleet, false, "");
    } else {
        replacement_next(fleet);
    }
}

void replacement_left(void *ctx) {
    struct slot *slot = ctx;
    if (slot->is_leaving) {
        slot->is_leaving = false;
        loop_disarm(slot->fleet->loop, &slot->left);
        switched(slot);
    }
}

static void switch_over(struct fleet *fleet, struct slot *slot) {
    struct process *old = slot->current;
    slot->current = slot->coming;
    slot->coming = NULL;
    slot->left_pid = old ? old->pid : 0;
    if (old) { /* first: what it does not take any more, the new one does */
        fleet_drain(old, slot->current, fleet_drain_ms(fleet->config));
    }
    fleet_accept(slot->current);
    adopt_config(fleet, fleet->replacements);
    if (old) {
        slot->is_leaving = true;
        loop_arm(fleet->loop, &slot->left, LEFT_TIMEOUT_MS);
    } else {
        switched(slot);
    }
}

void replacement_loaded(struct fleet *fleet, struct slot *slot) {
    struct replacement *replacement = fleet->replacements;
    const char *lost = slot->current && !replacement->is_forced ? lost_application(slot) : NULL;
    if (!lost) {
        switch_over(fleet, slot);
        return;
    }
    char why[512];
    snprintf(why, sizeof why, "%s does not load in the new worker; the old one goes on", lost);
    process_kill(slot->coming);
    slot->coming = NULL;
    finish(fleet, true, why);
}

void replacement_died(struct fleet *fleet, struct slot *slot, const char *why) {
    struct replacement *replacement = fleet->replacements;
    if (fleet->is_stopping) {
        return;
    }
    (void)slot;
    if (++replacement->attempts < MAX_ATTEMPTS) {
        replacement_next(fleet);
    } else {
        finish(fleet, true, why);
    }
}
