/**
 * What template.c (what is known, workers, life) and template_making.c (templates that come and go)
 * share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_TEMPLATE_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_TEMPLATE_INTERNAL_H

#include <stdint.h>

#include "fcgi_host/supervisor/template.h"
#include "fcgi_host/supervisor/template_process.h"

enum {
    /** After a start others may follow, and requests that have waited come first. */
    TEMPLATE_MAKE_AFTER_MS = 500,
    /** Of deaths, and of misfits, in a row. */
    TEMPLATE_MAX_IN_A_ROW = 3,
};

/** What a template was made for: when that is not so any more, it does not fit. */
struct purpose {
    const struct config *config;
    const struct balance *balance;
    char *main_reason; /* why the application is in main, as in the placement; NULL */
};

struct template {
    struct template_options options;
    struct template_process *current; /* workers are forked from it; NULL: none */
    struct template_process *next;    /* imports; NULL: none */
    struct purpose purpose, next_purpose;
    struct loop_timer timer;    /* to make one; or until `next` has taken too long */
    char cause[256];            /* why the next one is made, "" the first time */
    struct library_list told;   /* by a worker */
    size_t made_of_bytes;       /* what `told` had when `next` was started */
    struct library_list memory; /* what was learnt of it: what to leave out; or none */
    unsigned left_out;
    unsigned deaths, misfits; /* in a row */
    unsigned modules;         /* of `current` */
    bool was_made;            /* there has been one */
    bool is_given_up, is_closed;
    bool is_suspect;     /* a worker that was forked from it could not load: template_misfit() */
    char suspicion[256]; /* why */
    char why[512];       /* why there is none; "" while there is one */
    char note[256];      /* what was left out; or "" */
};

void library_list_clear(struct library_list *list);
/** Take what was learnt from a memory file, if there is one. @param fd  closed; -1: none
 *  @return whether there is */
bool template_remember(struct template *template, int fd);

/** @return why the group cannot have one; NULL: it can */
const char *template_find_obstacle(const struct template *template);
/** @return whether the configuration names what is imported; else workers tell */
bool template_has_names(const struct template *template);
/** Whether a template that was made for this is of use for workers that start now. */
bool template_has_purpose(const struct template *template, const struct purpose *purpose);

void template_set_why(struct template *template, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** No other one is made; `why` says why. */
void template_give_up(struct template *template);
/** @return how long to wait before one is made: not at all where workers wait for it */
uint64_t template_delay_ms(const struct template *template);
/** Make one later, if the group can have one. */
void template_make_after(struct template *template, uint64_t delay_ms);
/** Make another one, and tell why. */
void template_remake(struct template *template, const char *cause);
/** One has died, or could not be made. @param how  for people: "died of …" */
void template_died(struct template *template, const char *how);
/** The timer's callback. @param ctx  struct template * */
void template_timer_expired(void *ctx);
/** Kill the one that workers are forked from. */
void template_drop_current(struct template *template);
/** Kill the one that imports. */
void template_drop_next(struct template *template);

#endif
