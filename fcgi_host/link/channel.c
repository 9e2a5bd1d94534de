#include "fcgi_host/link/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/descriptor.h"
#include "fcgi_host/base/file_bytes.h"
#include "fcgi_host/base/log.h"

/** On the wire: this, then `name_bytes`, `text_bytes` and `finding_bytes` bytes. */
struct header {
    uint64_t number;
    uint32_t type;
    uint16_t name_bytes, text_bytes, finding_bytes, unused;
};

int channel_pair(int fds[2], struct error *err) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds)) {
        return error_set_errno(err, errno, "socketpair");
    }
    return 0;
}

static size_t length_within(const char *text, size_t room) {
    return text ? strnlen(text, room - 1) : 0;
}

int channel_send(int channel_fd, const struct channel_outgoing *message, struct error *err) {
    struct header header = {
        .number = message->number,
        .type = message->type,
        .name_bytes = (uint16_t)length_within(message->name, CHANNEL_NAME_BYTES),
        .text_bytes = (uint16_t)length_within(message->text, CHANNEL_TEXT_BYTES),
        .finding_bytes = (uint16_t)length_within(message->finding, CHANNEL_FINDING_BYTES),
    };
    const struct iovec parts[] = {
        {&header, sizeof header},
        {(void *)message->name, header.name_bytes},
        {(void *)message->text, header.text_bytes},
        {(void *)message->finding, header.finding_bytes},
    };
    ssize_t sent = descriptor_send(channel_fd, parts, 4, message->fd ? *message->fd : -1);
    if (sent >= 0) {
        return 0;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
        return error_set(err, ERR_CLOSED, "the other process has ended");
    }
    if (errno == EAGAIN) {
        return error_set(err, ERR_BUSY, "the other process does not read its channel");
    }
    return error_set_errno(err, errno, "channel");
}

void channel_name_finding(const char *verdict, const char *file, char *ret_finding,
                          size_t finding_bytes) {
    *ret_finding = '\0';
    if (*file == '/') {
        snprintf(ret_finding, finding_bytes, "%s %s", verdict, file);
    }
}

void channel_tell(const struct channel_end *end, const struct channel_outgoing *message) {
    struct error err;
    if (channel_send(end->fd, message, &err) == 0 || err.code == ERR_CLOSED) {
        return;
    }
    if (end->worker) {
        log_line(LOG_WARN, "worker.deaf", NULL, "worker %d: %s", (int)end->worker, err.text);
    } else {
        log_line(LOG_WARN, "worker.channel", NULL, "%s", err.text);
    }
}

static const char *decode_text(char *text, const char *bytes, size_t size) {
    memcpy(text, bytes, size);
    text[size] = '\0';
    return bytes + size;
}

static int decode(const char *bytes, size_t size, struct channel_message *message) {
    struct header header;
    if (size < sizeof header) {
        return -1;
    }
    memcpy(&header, bytes, sizeof header);
    if (header.name_bytes >= CHANNEL_NAME_BYTES || header.text_bytes >= CHANNEL_TEXT_BYTES ||
        header.finding_bytes >= CHANNEL_FINDING_BYTES ||
        size != sizeof header + header.name_bytes + header.text_bytes + header.finding_bytes) {
        return -1;
    }
    message->type = (enum channel_type)header.type;
    message->number = header.number;
    bytes = decode_text(message->name, bytes + sizeof header, header.name_bytes);
    bytes = decode_text(message->text, bytes, header.text_bytes);
    decode_text(message->finding, bytes, header.finding_bytes);
    return 0;
}

int channel_receive(int channel_fd, struct channel_message *message, struct error *err) {
    char bytes[sizeof(struct header) + CHANNEL_NAME_BYTES + CHANNEL_TEXT_BYTES +
               CHANNEL_FINDING_BYTES];
    bool is_cut;
    ssize_t size = descriptor_receive(channel_fd, bytes, sizeof bytes, &message->fd, &is_cut);
    if (size == 0 || (size < 0 && errno == ECONNRESET)) {
        return error_set(err, ERR_CLOSED, "the other process has ended");
    }
    if (size < 0) {
        return errno == EAGAIN ? error_set(err, ERR_BUSY, "no message")
                               : error_set_errno(err, errno, "channel");
    }
    if (is_cut || decode(bytes, (size_t)size, message)) {
        if (message->fd >= 0) {
            close(message->fd);
        }
        return error_set(err, ERR_PROTOCOL, "channel: a message of the wrong size");
    }
    return 0;
}

int channel_make_file(const char *bytes, size_t size, struct error *err) {
    int fd = memfd_create("fcgi_host-status", MFD_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(err, errno, "memfd_create");
    }
    if (file_bytes_write(fd, bytes, size) != 0) {
        error_set_errno(err, errno, "writing a memory file");
        close(fd);
        return -1;
    }
    return fd;
}

char *channel_take_file(int fd, size_t *ret_size, struct error *err) {
    struct stat status;
    char *bytes = NULL;
    if (fstat(fd, &status)) {
        error_set_errno(err, errno, "fstat");
    } else if (status.st_size < 0 || status.st_size > CHANNEL_FILE_BYTES) {
        error_set(err, ERR_PROTOCOL, "%lld bytes are too many", (long long)status.st_size);
    } else {
        *ret_size = (size_t)status.st_size;
        bytes = file_bytes_read(fd, *ret_size, err);
    }
    close(fd);
    if (!bytes) {
        error_prefix(err, "a memory file");
    }
    return bytes;
}
