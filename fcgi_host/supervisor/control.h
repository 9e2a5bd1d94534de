/**
 * The control socket: local, mode 0600, for the same user or root only (SO_PEERCRED).
 *
 * What is said there: control_protocol.h.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_CONTROL_H
#define FCGI_HOST_SUPERVISOR_CONTROL_H

#include <stddef.h>
#include <sys/types.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

struct control;
struct json_writer;
struct control_client;

struct control_hooks {
    void *ctx;
    /**
     * A command has come; answer it with control_answer(), now or later.
     * @param words  command and arguments; valid during the call
     */
    void (*command)(void *ctx, struct control_client *client, const struct string_list *words);
    /** The client has gone before it was answered: it must not be touched again. */
    void (*gone)(void *ctx, struct control_client *client);
};

/**
 * Listen at `path` ("%p" in it becomes the process id).  A socket that a killed process left behind
 * is replaced; a socket that another process listens at, and any other file, is not.
 * @return the control, or NULL: ERR_USAGE (path), ERR_BUSY (another host listens), ERR_SYSTEM
 */
struct control *control_new(struct loop *loop, const char *path, const struct control_hooks *hooks,
                            struct error *err);
/** Close, with all clients, and remove the socket. NULL is fine. */
void control_free(struct control *control);

/** The descriptor that came with the command; -1: none. It is closed with the client. */
int control_client_fd(const struct control_client *client);
/** The user at the other end. */
uid_t control_client_user(const struct control_client *client);

/** Send the answer and close. @param text copied */
void control_answer(struct control_client *client, const char *text, size_t bytes);
/** Answer with what was written, or {} if memory ran out. @param json  is cleared */
void control_answer_json(struct control_client *client, struct json_writer *json);
/** Answer how something that changes the host has ended. */
void control_answer_outcome(struct control_client *client, const char *outcome, const char *why,
                            double total_ms);

/** `template` with "%p" replaced by `pid`. @return 0, or -1 with ERR_USAGE (too long) */
int control_path(const char *template, long pid, char *ret_path, size_t path_bytes,
                 struct error *err);

#endif
