#include "fcgi_host/link/worker_order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/descriptor.h"
#include "fcgi_host/link/channel.h"

enum {
    /** Those of struct worker_order, in this order: present ones come first in the packet. */
    ROLE_CHANNEL = 0,
    ROLE_LAST_WORDS,
    ROLE_BOARD,
    ROLE_LISTEN,
    ROLE_MODULES,
    ROLE_LOG,
    ROLE_MAILBOX,
    ROLE_TEXT, /**< the memory file */
    ROLES,
};

#define NO_FD UINT32_MAX

/** The packet itself. */
struct packet {
    uint32_t present; /**< a bit for each role */
    uint32_t fds;     /**< all that go along */
};

struct fds {
    int items[DESCRIPTORS_MAX];
    size_t count;
};

const struct worker_order worker_order_none = {
    .channel_fd = -1,
    .last_words_fd = -1,
    .board_fd = -1,
    .listen_fd = -1,
    .modules_fd = -1,
    .log_fd = -1,
    .balance_member = -1,
    .neighbourhood = {.mailbox_fd = -1},
};

static int *field_of(struct worker_order *order, unsigned role) {
    int *const fields[ROLE_TEXT] = {
        [ROLE_CHANNEL] = &order->channel_fd,
        [ROLE_LAST_WORDS] = &order->last_words_fd,
        [ROLE_BOARD] = &order->board_fd,
        [ROLE_LISTEN] = &order->listen_fd,
        [ROLE_MODULES] = &order->modules_fd,
        [ROLE_LOG] = &order->log_fd,
        [ROLE_MAILBOX] = &order->neighbourhood.mailbox_fd,
    };
    return fields[role];
}

/* ---- Writing ---- */

static void write_number(FILE *out, uint64_t number) {
    fwrite(&number, sizeof number, 1, out);
}

/** @param text  NULL is kept apart from "" */
static void write_text(FILE *out, const char *text) {
    write_number(out, text ? strlen(text) + 1 : 0);
    if (text) {
        fwrite(text, strlen(text) + 1, 1, out);
    }
}

/** The place of a descriptor among those that go along. @return NO_FD: there is none; or -1 */
static int64_t place_of(struct fds *fds, int fd) {
    if (fd < 0) {
        return NO_FD;
    }
    size_t at = 0;
    while (at < fds->count && fds->items[at] != fd) {
        at++;
    }
    if (at == DESCRIPTORS_MAX) {
        return -1;
    }
    fds->items[at] = fd;
    fds->count += at == fds->count;
    return (int64_t)at;
}

static int write_home(FILE *out, struct fds *fds, const struct home *home, const char *own,
                      struct error *err) {
    bool is_own = strcmp(home->process, own) == 0; /* nobody sends there from here */
    int64_t place = place_of(fds, is_own ? -1 : home->mailbox_fd);
    if (place < 0) {
        return error_set(err, ERR_EXHAUSTED, "too many process groups");
    }
    write_number(out, (uint64_t)place);
    write_text(out, home->process);
    write_text(out, home->why);
    write_number(out, (uint64_t)home->since_s);
    return 0;
}

static int write_neighbourhood(FILE *out, struct fds *fds,
                               const struct neighbourhood *neighbourhood, size_t home_count,
                               struct error *err) {
    const char *own = neighbourhood->process;
    write_text(out, own);
    write_number(out, neighbourhood->leaves_accepting);
    write_number(out, home_count);
    for (size_t i = 0; i < home_count; i++) {
        if (write_home(out, fds, &neighbourhood->homes[i], own, err) != 0) {
            return -1;
        }
    }
    write_number(out, neighbourhood->script_count);
    for (size_t i = 0; i < neighbourhood->script_count; i++) {
        write_text(out, neighbourhood->script_homes[i].path);
        if (write_home(out, fds, &neighbourhood->script_homes[i].home, own, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** @return the memory file, or -1 */
static int write_file(const struct worker_order *order, size_t home_count, struct fds *fds,
                      struct error *err) {
    char *bytes = NULL;
    size_t size = 0;
    int fd = -1;
    FILE *out = open_memstream(&bytes, &size);
    if (!out) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    int rc = 0;
    write_text(out, order->log_name);
    if (order->channel_fd >= 0) {
        write_number(out, (uint64_t)order->balance_member);
        rc = write_neighbourhood(out, fds, &order->neighbourhood, home_count, err);
    }
    bool is_whole = !ferror(out);
    if (fclose(out) != 0 || !is_whole) {
        rc = error_set(err, ERR_MEMORY, "out of memory");
    }
    if (rc == 0) {
        fd = channel_make_file(bytes, size, err);
    }
    free(bytes);
    return fd;
}

static int send_packet(int fd, const struct packet *packet, const struct fds *fds,
                       struct error *err) {
    const struct iovec part = {(void *)packet, sizeof *packet};
    ssize_t sent = descriptors_send(fd, &part, 1, fds->items, fds->count);
    if (sent >= 0) {
        return 0;
    }
    return errno == EPIPE || errno == ECONNRESET
               ? error_set(err, ERR_CLOSED, "the template has ended")
           : errno == EAGAIN ? error_set(err, ERR_BUSY, "the template does not read")
                             : error_set_errno(err, errno, "sendmsg");
}

int worker_order_send(int fd, const struct worker_order *given, struct error *err) {
    struct worker_order order = *given;
    struct packet packet = {0};
    struct fds fds = {.count = 0};
    int text_fd = -1;
    for (unsigned role = 0; role < ROLE_TEXT; role++) {
        if (*field_of(&order, role) >= 0) {
            packet.present |= 1u << role;
            fds.items[fds.count++] = *field_of(&order, role);
        }
    }
    if (order.channel_fd >= 0 || order.log_name) {
        size_t text_place = fds.count++;
        fds.items[text_place] = -1; /* kept free */
        text_fd = write_file(&order, order.home_count, &fds, err);
        if (text_fd < 0) {
            return -1;
        }
        fds.items[text_place] = text_fd;
        packet.present |= 1u << ROLE_TEXT;
    }
    packet.fds = (uint32_t)fds.count;
    int rc = send_packet(fd, &packet, &fds, err);
    if (text_fd >= 0) {
        close(text_fd);
    }
    return rc;
}

/* ---- Reading ---- */

struct reader {
    const char *at;
    size_t left;
    bool is_wrong;
};

static uint64_t read_number(struct reader *reader) {
    uint64_t number = 0;
    if (reader->left < sizeof number) {
        reader->is_wrong = true;
        return 0;
    }
    memcpy(&number, reader->at, sizeof number);
    reader->at += sizeof number;
    reader->left -= sizeof number;
    return number;
}

/** @return within what is read; or NULL: there is none, or it is wrong */
static const char *read_text(struct reader *reader) {
    uint64_t size = read_number(reader);
    if (size == 0 || size > reader->left || reader->at[size - 1] != '\0') {
        reader->is_wrong |= size != 0;
        return NULL;
    }
    const char *text = reader->at;
    reader->at += size;
    reader->left -= size;
    return text;
}

static void read_home(struct reader *reader, const struct fds *fds, struct home *home) {
    uint64_t place = read_number(reader);
    home->mailbox_fd = place < fds->count ? fds->items[place] : -1;
    home->process = read_text(reader);
    home->why = read_text(reader);
    home->since_s = (int64_t)read_number(reader);
    reader->is_wrong |= !home->process;
}

/** Room for as many as are told of. @return NULL: there are none, or no memory, or it is wrong */
static void *room_for(struct reader *reader, uint64_t count, size_t size) {
    if (count > reader->left) { /* each takes more than a byte */
        reader->is_wrong = true;
    }
    void *room = count > 0 && !reader->is_wrong ? calloc(count, size) : NULL;
    reader->is_wrong |= count > 0 && !room;
    return room;
}

static void read_neighbourhood(struct reader *reader, const struct fds *fds,
                               struct worker_order *order) {
    struct neighbourhood *neighbourhood = &order->neighbourhood;
    neighbourhood->process = read_text(reader);
    neighbourhood->leaves_accepting = read_number(reader) != 0;
    uint64_t count = read_number(reader);
    struct home *homes = room_for(reader, count, sizeof *homes);
    neighbourhood->homes = homes;
    order->home_count = homes ? count : 0;
    for (uint64_t i = 0; homes && i < count; i++) {
        read_home(reader, fds, &homes[i]);
    }
    count = read_number(reader);
    struct script_home *scripts = room_for(reader, count, sizeof *scripts);
    neighbourhood->script_homes = scripts;
    neighbourhood->script_count = scripts ? count : 0;
    for (uint64_t i = 0; scripts && i < count; i++) {
        scripts[i].path = read_text(reader);
        read_home(reader, fds, &scripts[i].home);
        reader->is_wrong |= !scripts[i].path;
    }
    reader->is_wrong |= !neighbourhood->process;
}

static void close_all(const struct fds *fds) {
    for (size_t i = 0; i < fds->count; i++) {
        close(fds->items[i]);
    }
}

static int receive_packet(int fd, struct packet *packet, struct fds *fds, struct error *err) {
    struct descriptor_packet received = {
        .bytes = packet, .room = sizeof *packet, .fds = fds->items, .fd_room = DESCRIPTORS_MAX};
    ssize_t size = descriptors_receive(fd, &received);
    if (size == 0 || (size < 0 && errno == ECONNRESET)) {
        return error_set(err, ERR_CLOSED, "the supervisor has closed it");
    }
    if (size < 0) {
        return errno == EAGAIN ? error_set(err, ERR_BUSY, "no order")
                               : error_set_errno(err, errno, "recvmsg");
    }
    fds->count = received.ret_fd_count;
    if (size != sizeof *packet || packet->fds != fds->count || received.ret_is_cut) {
        close_all(fds);
        return error_set(err, ERR_PROTOCOL, "an order of the wrong size");
    }
    return 0;
}

/** The descriptors that have a field of their own, in their fields. @return the memory file, or
 *  -1 */
static int take_roles(const struct packet *packet, const struct fds *fds,
                      struct worker_order *order) {
    size_t at = 0;
    int text_fd = -1;
    for (unsigned role = 0; role < ROLES; role++) {
        if (packet->present & 1u << role && at < fds->count) {
            *(role == ROLE_TEXT ? &text_fd : field_of(order, role)) = fds->items[at++];
        }
    }
    return text_fd;
}

int worker_order_receive(int fd, struct worker_order *ret_order, struct error *err) {
    struct packet packet = {0};
    struct fds fds;
    struct worker_order order = worker_order_none;
    if (receive_packet(fd, &packet, &fds, err) != 0) {
        return -1;
    }
    int text_fd = take_roles(&packet, &fds, &order);
    size_t size = 0;
    order.bytes = text_fd >= 0 ? channel_take_file(text_fd, &size, err) : NULL;
    struct reader reader = {order.bytes, size, !order.bytes};
    order.log_name = order.bytes ? read_text(&reader) : NULL;
    if (order.bytes && order.channel_fd >= 0) {
        order.balance_member = (int)read_number(&reader);
        read_neighbourhood(&reader, &fds, &order);
    }
    if (reader.is_wrong || reader.left > 0) {
        for (size_t i = 0; i < fds.count; i++) {
            if (fds.items[i] != text_fd) {
                close(fds.items[i]);
            }
        }
        free((void *)order.neighbourhood.homes);
        free((void *)order.neighbourhood.script_homes);
        free(order.bytes);
        return error_set(err, ERR_PROTOCOL, "an order that cannot be read");
    }
    *ret_order = order;
    return 0;
}

void worker_order_free(struct worker_order *order) {
    struct neighbourhood *neighbourhood = &order->neighbourhood;
    struct fds fds = {.count = 0}; /* several homes may have the same mailbox */
    for (unsigned role = 0; role < ROLE_TEXT; role++) {
        (void)place_of(&fds, *field_of(order, role));
    }
    for (size_t i = 0; i < order->home_count; i++) {
        (void)place_of(&fds, neighbourhood->homes[i].mailbox_fd);
    }
    for (size_t i = 0; i < neighbourhood->script_count; i++) {
        (void)place_of(&fds, neighbourhood->script_homes[i].home.mailbox_fd);
    }
    close_all(&fds);
    free((void *)neighbourhood->homes);
    free((void *)neighbourhood->script_homes);
    free(order->bytes);
    *order = worker_order_none;
}
