/**
 * The channel between the supervisor and one worker: a SOCK_SEQPACKET pair, so that a message is
 * read whole or not at all, and the end of either process is seen as the end of the channel.
 *
 * A message has a type, a number, a name (an application, …), a text, and what was found of an
 * extension module.  A status document can be
 * larger than a packet: it travels in a memory file whose descriptor goes along.
 *
 * Life cycle of a worker, as its channel sees it:
 *   worker     … REFUSED*, FAILED*, APP_LOADED*, SLOW_LEFT?, LOADED → supervisor
 *   supervisor … ACCEPT (begin to serve) or STOP
 *   supervisor … STATUS, RELOAD … at any time; the worker replies
 *   worker     … REPLACE_ME (why)  → supervisor, which starts another and sends STOP
 *
 * @thread any: one packet is one system call
 * @tstate none
 */
#ifndef FCGI_HOST_LINK_CHANNEL_H
#define FCGI_HOST_LINK_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pool/base/error.h"

enum channel_type {
    /* worker → supervisor */
    /** `name`: an interpreter that must be the main one; `text`: why; `finding`; `number`: 1: what
     *  it has left behind in extensions makes the process unfit for others, too */
    CHANNEL_REFUSED = 1,
    /** `name`: an application that did not load; `text`: why; `number`: 1: a port or lock is in use
     */
    CHANNEL_FAILED,
    CHANNEL_APP_LOADED, /**< `name`: an application that has loaded */
    CHANNEL_SLOW_LEFT,  /**< everything has loaded or failed but what is slow */
    CHANNEL_LOADED,     /**< everything has loaded or failed */
    CHANNEL_STOPPED,    /**< it begins no request any more, but those that wait for it alone */
    CHANNEL_DRY,  /**< the host stops: no request comes over a connection that was accepted here */
    CHANNEL_BUSY, /**< requests wait, or will: at most once a second */
    CHANNEL_STEP, /**< a step of the history has begun (history.h) */
    CHANNEL_NOTHING_LEFT, /**< the answer to CHANNEL_MAY_END: it has no connection */
    CHANNEL_PONG,         /**< the answer to CHANNEL_PING */
    /** `text`: why; `number`: enum channel_urgency; `name`: the interpreter to be reloaded, "":
     * none
     */
    CHANNEL_REPLACE_ME,
    /** `name`: an interpreter that needs a process of its own, or another worker; `text`: why;
     *  `number`: enum channel_move; `finding` */
    CHANNEL_MOVE_ME,
    CHANNEL_STATUS_REPLY, /**< `number`: as asked; descriptor: the worker's part */
    CHANNEL_STATUS_ASK,   /**< `number`: to be given back; the worker wants the whole document */
    /** `number`: to be given back; `name`: an application, "": all; is it ready (readiness.h)? */
    CHANNEL_READY_ASK,
    /** The answer to CHANNEL_TASK. `name`: the task; `number`: enum channel_task; `text`: why it
     * has
     *  failed, or was not begun */
    CHANNEL_TASK_ENDED,
    CHANNEL_RELOADED, /**< `number`: as asked; `name`: outcome of reload_outcome.h; `text` */
    /** A reload in the worker has ended, or only another worker can do it (REPLACED). `name`: an
     *  application; `number`: how long it took, ms; `text`: of reload_ending.h */
    CHANNEL_RELOAD_ENDED,
    /** Descriptor: the libraries that the application has imported (wsgi_preload_describe()), for
     *  a template */
    CHANNEL_LIBRARIES,
    /** It was forked from a template, and what is there does not fit what the application imports:
     *  another is to be started without. `text`: why; descriptor: what was learnt, for the next
     *  template */
    CHANNEL_COLD,
    /* template → supervisor */
    /** Workers can be forked from it. `number`: modules that were imported; `name`: how long that
     *  took, ms; `text`: what was left out, and why */
    CHANNEL_TEMPLATE_READY,
    /** None can be: it ends. `text`: why; descriptor: what was learnt, for the next one; none:
     * there
     *  is no use in that */
    CHANNEL_TEMPLATE_UNFIT,
    CHANNEL_TEMPLATE_FORKED, /**< the answer to an order. `number`: the worker's process id */
    /** The same: there is none. `text`: why this template is of no use; descriptor: as above */
    CHANNEL_TEMPLATE_STALE,
    /* supervisor → worker */
    CHANNEL_ACCEPT = 100, /**< begin to accept connections */
    /** `number`: milliseconds to finish in.  `name` CHANNEL_STOP_LAST: no other worker accepts
     *  after this one; CHANNEL_STOP_LEAVING: other process groups do.  Descriptor: where to pass
     *  connections (passing.h), with CHANNEL_STOP_LEAVING only those without a request; none: there
     *  is no successor. */
    CHANNEL_STOP,
    CHANNEL_ADOPT, /**< descriptor: connections of a worker that stops come from there */
    /** Accept no connections until CHANNEL_REPLACED: another worker, or the next, does. */
    CHANNEL_PAUSE,
    CHANNEL_STATUS,       /**< `number`: to be given back */
    CHANNEL_STATUS_WHOLE, /**< `number`: as asked; descriptor: the document */
    CHANNEL_READY,        /**< `number`: as asked; `name`: the status of the answer; `text`: why */
    CHANNEL_RELOAD,       /**< `number`: to be given back; `text`: names, one a line; "": all */
    /** A replacement has ended. `number`: how long it took, ms; `text`: of reload_ending.h */
    CHANNEL_REPLACED,
    /** `name`: an application ("": the scripts; "/…": a single script, which is where the others
     *  are if it has their group); `text`: the process group that it is at home in from now on;
     *  descriptor: that group's mailbox (homes.h), none: the worker's own group */
    CHANNEL_HOME,
    /** `name`: an interpreter that was to move because an extension has refused
     * (CHANNEL_MOVE_REFUSED); "": all that were; no other process takes its applications */
    CHANNEL_STAYS,
    CHANNEL_LISTEN,  /**< `number`: 1: accept connections; 0: leave them to another process group */
    CHANNEL_NO_MORE, /**< the host stops, and every worker is DRY: no group passes more */
    CHANNEL_NEEDS_RESTART, /**< `name`: an application whose replacement found a port in use */
    CHANNEL_LOG_REOPEN,    /**< name: a log_target; descriptor: it, opened again */
    CHANNEL_PING,          /**< does the intake thread run? */
    CHANNEL_MAY_END,       /**< is there nothing left to do, and no connection? Else no answer */
    CHANNEL_SLOW_DOWN, /**< `name`: an application; `number`: until when, ms of CLOCK_MONOTONIC */
    CHANNEL_MODULES,   /**< descriptor: where to write what applications have imported, for a worker
                        *   that is to replace this one */
    CHANNEL_STACKS,    /**< log the Python stack of every thread that serves */
    CHANNEL_MEMORY_SHORT, /**< give back what is kept for speed alone */
    /** Run a file in the interpreter that serves an application, or sample the stacks of the
     * threads
     *  that do. `name`: the application; `number`: the user who asks; descriptor: session.h */
    CHANNEL_EXEC,
    CHANNEL_PROFILE,
    CHANNEL_TASK, /**< `name`: an application; `text`: a task's name, a newline, what it calls */
    CHANNEL_HOLD_EDITS, /**< `number`: for so many ms edits are the business of the worker that
                         *   loads in this one's place, which reads them; 0: they are not */
};

/** How long edits wait for a worker that loads in this one's place, or elsewhere.  One that takes
 *  longer to load may be older than what is served meanwhile. */
enum { CHANNEL_HOLD_EDITS_MS = 5000 };

/** How much a worker needs its replacement. */
enum channel_urgency {
    CHANNEL_MAY_GO_ON,    /**< the replacement is kept if an application is lost */
    CHANNEL_CANNOT_GO_ON, /**< whatever is lost */
    CHANNEL_IS_BARRED,    /**< the same, and some application is not served any more */
    /** As CHANNEL_CANNOT_GO_ON: a spare has taken from the code that serves what an extension keeps
     *  for one interpreter only.  Workers that come make no spares. */
    CHANNEL_SPARE_HARMED,
};

/** Why an interpreter needs another process. */
enum channel_move {
    CHANNEL_MOVE_TO_RELOAD, /**< it cannot be reloaded here; the code before serves */
    CHANNEL_MOVE_BARRED,    /**< the same, and its applications are not served here any more */
    CHANNEL_MOVE_REFUSED,   /**< an extension has refused, and its applications serve without it */
    CHANNEL_MOVE_FOUND,     /**< the check has found what they share with others that serve */
    CHANNEL_MOVE_WRONG,     /**< the same, and they are not to be served here any more */
};

/** How a task has ended. */
enum channel_task { CHANNEL_TASK_DONE, CHANNEL_TASK_FAILED, CHANNEL_TASK_NOT_BEGUN };

#define CHANNEL_STOP_LAST "last"
#define CHANNEL_STOP_LEAVING "leaving"

enum {
    CHANNEL_NAME_BYTES = 1024, /**< a script's path may be the name */
    CHANNEL_TEXT_BYTES = 4096, /**< longer texts are cut: the log has them whole */
    CHANNEL_FINDING_BYTES = 4096 + 32,
    CHANNEL_FILE_BYTES = 64 << 20, /**< more is no memory file of ours */
};

struct channel_message {
    enum channel_type type;
    uint64_t number;
    char name[CHANNEL_NAME_BYTES]; /**< NUL-terminated */
    char text[CHANNEL_TEXT_BYTES]; /**< NUL-terminated */
    /** "VERDICT FILE": the verdict on an extension module, as stale.h names it, and the module's
     *  file; "": it is about none. NUL-terminated */
    char finding[CHANNEL_FINDING_BYTES];
    int fd; /**< -1: none; received ones are CLOEXEC and the receiver's to close */
};

/** A connected pair, non-blocking and CLOEXEC. Errors: ERR_SYSTEM */
int channel_pair(int ret_fds[2], struct error *err);

/** A message to be sent; fields that are not named are absent. */
struct channel_outgoing {
    enum channel_type type;
    uint64_t number;
    const char *name, *text, *finding; /**< NULL: ""; a longer one than fits is cut */
    const int *fd; /**< a descriptor to go along, which stays open here; NULL or -1: none */
};

/** @return 0, or -1: ERR_CLOSED, ERR_BUSY (the other side does not read), ERR_SYSTEM */
int channel_send(int channel_fd, const struct channel_outgoing *message, struct error *err);

/** Write a `finding`. @param file  "" or relative: the finding is "", since it names no file */
void channel_name_finding(const char *verdict, const char *file, char *ret_finding,
                          size_t finding_bytes);

/** One process's end of a channel. */
struct channel_end {
    int fd;
    pid_t worker; /**< the process at the other end; 0: the supervisor */
};

/**
 * Send a message, and log one that cannot be sent: [worker.channel] in a worker, [worker.deaf] in
 * the supervisor.  A process that has ended is no reason for a line.
 */
void channel_tell(const struct channel_end *end, const struct channel_outgoing *message);

/** @return 0, or -1: ERR_CLOSED (the other process has ended), ERR_BUSY (nothing there),
 *  ERR_PROTOCOL, ERR_SYSTEM */
int channel_receive(int channel_fd, struct channel_message *ret_message, struct error *err);

/** Put bytes into a memory file, to be sent. @return a descriptor, or -1 with ERR_SYSTEM */
int channel_make_file(const char *bytes, size_t size, struct error *err);
/** Read such a file to its end and close it.
 *  @return malloc'ed and NUL-terminated, or NULL: ERR_SYSTEM, ERR_MEMORY, ERR_PROTOCOL (too long)
 */
char *channel_take_file(int fd, size_t *ret_size, struct error *err);

#endif
