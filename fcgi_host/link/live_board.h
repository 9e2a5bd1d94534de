/**
 * Which state of each application a page in a browser should show (`live = on`): shared memory of
 * the supervisor and all its workers, and a descriptor that wakes those with pages to tell.
 *
 * The state of an application has a number, which grows whenever other code serves, or when code
 * that was to serve has failed to load.  A page bears the number of what it came from: when the
 * board has a greater one, the page is outdated.  Numbers also grow from one start of the host to
 * the next, since they begin with the time of day.
 *
 * Code that is loaded again without an edit (a worker has crashed) keeps its number: a page that
 * crashes workers must not reload itself for ever.
 *
 * Life cycle: 1. live_board_open() in the supervisor, before any worker is started; 2. for a load:
 * live_board_draw(), then live_board_serves() or live_board_failed().
 *
 * @thread any, of any of these processes: a number is one atomic; of one application, one process
 *         at a time loads code
 * @tstate any
 */
#ifndef FCGI_HOST_LINK_LIVE_BOARD_H
#define FCGI_HOST_LINK_LIVE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

enum {
    /** Applications that have a state; others have none, and their pages are left alone. */
    LIVE_SLOTS = 64,
};

/** Make the board of this process and of those that it forks; nothing when there is one.
 *  @return 0, or -1: ERR_SYSTEM  @owns lives as long as the process */
int live_board_open(struct error *err);
/** Readable, and edge-triggered readable again with each change; never to be read. -1: no board */
int live_board_fd(void);

/** @return the place of an application, or -1: no board, or it is full */
int live_board_slot(const char *app);

/** Whether a state is that of code that failed to load. */
static inline bool live_state_is_failure(uint64_t state) {
    return state & 1;
}

/** @return the state that pages should show; 0: nothing has been loaded yet, or no such slot */
uint64_t live_board_state(int slot);

/** An edit, or somebody who asked for it, lets other code be loaded next.
 *  @param slot  -1: of every application */
void live_board_expect(int slot);
/** @return the state of code that begins to be loaded, in case it serves */
uint64_t live_board_draw(int slot);
/** Code serves whose state was drawn. */
void live_board_serves(int slot, uint64_t state);
/** Code has failed to load, and pages should show that. */
void live_board_failed(int slot);

/** Keep the text of a failure for another process, whose pages are to show it. */
void live_board_keep_error(int slot, const struct error *err);
/** @return whether there was one, since the last live_board_draw(); then it is forgotten */
bool live_board_take_error(int slot, struct error *ret_err);

#endif
