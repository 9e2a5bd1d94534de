#include "tests/support/web_server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void append(struct web_bytes *out, const void *bytes, size_t size) {
    if (out->size + size > out->capacity) {
        out->capacity = (out->size + size) * 2;
        out->bytes = realloc(out->bytes, out->capacity);
        if (!out->bytes) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(out->bytes + out->size, bytes, size);
        out->size += size;
    }
}

void web_free(struct web_bytes *out) {
    free(out->bytes);
    *out = (struct web_bytes){0};
}

void web_record(struct web_bytes *out, uint8_t type, uint16_t id, const void *content, size_t size,
                uint8_t padding) {
    const uint8_t header[8] = {
        1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(size >> 8), (uint8_t)size, padding, 0};
    uint8_t pad[256];
    memset(pad, 0xee, sizeof pad);
    append(out, header, sizeof header);
    append(out, content, size);
    append(out, pad, padding);
}

void web_begin(struct web_bytes *out, uint16_t id, uint16_t role, uint8_t flags) {
    const uint8_t body[8] = {(uint8_t)(role >> 8), (uint8_t)role, flags, 0, 0, 0, 0, 0};
    web_record(out, WEB_BEGIN, id, body, sizeof body, 0);
}

static void append_length(struct web_bytes *out, size_t length) {
    uint8_t bytes[4] = {(uint8_t)(0x80 | length >> 24), (uint8_t)(length >> 16),
                        (uint8_t)(length >> 8), (uint8_t)length};
    if (length < 128) {
        append(out, bytes + 3, 1);
    } else {
        append(out, bytes, 4);
    }
}

void web_params(struct web_bytes *out, uint16_t id, const char *const *pairs) {
    struct web_bytes content = {0};
    for (; pairs[0]; pairs += 2) {
        append_length(&content, strlen(pairs[0]));
        append_length(&content, strlen(pairs[1]));
        append(&content, pairs[0], strlen(pairs[0]));
        append(&content, pairs[1], strlen(pairs[1]));
    }
    for (size_t at = 0; at < content.size; at += 65535) {
        size_t size = content.size - at < 65535 ? content.size - at : 65535;
        web_record(out, WEB_PARAMS, id, content.bytes + at, size, (uint8_t)(-size & 7));
    }
    web_free(&content);
}

void web_request(struct web_bytes *out, uint16_t id, uint8_t flags, const char *uri,
                 const void *body, size_t body_size) {
    char length[32];
    snprintf(length, sizeof length, "%zu", body_size);
    const char *const pairs[] = {"REQUEST_METHOD", body ? "POST" : "GET", "REQUEST_URI", uri,
                                 "CONTENT_LENGTH", body ? length : "",    NULL};
    web_begin(out, id, WEB_RESPONDER, flags);
    web_params(out, id, pairs);
    web_record(out, WEB_PARAMS, id, NULL, 0, 0);
    for (size_t at = 0; at < body_size; at += 32768) {
        size_t size = body_size - at < 32768 ? body_size - at : 32768;
        web_record(out, WEB_STDIN, id, (const uint8_t *)body + at, size, (uint8_t)(-size & 7));
    }
    web_record(out, WEB_STDIN, id, NULL, 0, 0);
}

void web_answer_free(struct web_answer *answer) {
    web_free(&answer->out);
    web_free(&answer->err);
    web_free(&answer->other);
    web_free(&answer->rest);
    *answer = (struct web_answer){0};
}

void web_answer_next(struct web_answer *answer) {
    struct web_bytes rest = answer->rest;
    answer->rest = (struct web_bytes){0};
    web_answer_free(answer);
    answer->rest = rest;
}

static void take_end(struct web_answer *answer, uint16_t id, const uint8_t *body) {
    answer->ended = true;
    answer->end_id = id;
    answer->app_status =
        (uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 | (uint32_t)body[2] << 8 | body[3];
    answer->protocol_status = body[4];
}

static void take_stream(struct web_bytes *stream, bool *ended, const uint8_t *bytes, size_t size) {
    if (size == 0) {
        *ended = true;
    }
    append(stream, bytes, size);
}

int web_parse(uint16_t id, struct web_answer *answer) {
    struct web_bytes *rest = &answer->rest;
    size_t at = 0;
    int result = 0;
    while (result == 0 && rest->size - at >= 8) {
        const uint8_t *header = rest->bytes + at;
        size_t size = (size_t)header[4] << 8 | header[5], whole = 8 + size + header[6];
        uint16_t record_id = (uint16_t)(header[2] << 8 | header[3]);
        bool shows_a_cut = header[0] == 0 && header[1] == WEB_UNKNOWN_TYPE && record_id == 0;
        if (header[0] != 1 && !shows_a_cut) {
            return -1;
        }
        if (rest->size - at < whole) {
            break;
        }
        if (record_id != id) {
            append(&answer->other, header, whole);
        } else if (header[1] == WEB_STDOUT && !answer->out_ended) {
            take_stream(&answer->out, &answer->out_ended, header + 8, size);
        } else if (header[1] == WEB_STDERR && !answer->err_ended) {
            take_stream(&answer->err, &answer->err_ended, header + 8, size);
        } else if (header[1] == WEB_END && size == 8) {
            take_end(answer, record_id, header + 8);
            result = 1;
        } else {
            return -1;
        }
        at += whole;
    }
    memmove(rest->bytes, rest->bytes + at, rest->size - at);
    rest->size -= at;
    return result;
}

int web_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool web_send(int fd, const struct web_bytes *bytes) {
    size_t done = 0;
    while (done < bytes->size) {
        ssize_t n = send(fd, bytes->bytes + done, bytes->size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool web_receive(int fd, uint16_t id, int timeout_ms, struct web_answer *answer) {
    static _Thread_local uint8_t buffer[65536];
    int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        int parsed = answer->rest.size > 0 ? web_parse(id, answer) : 0;
        if (parsed != 0) {
            return parsed > 0;
        }
        int64_t left = deadline - now_ms();
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&wanted, 1, (int)left) == 0) {
            return false;
        }
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            answer->closed = true;
            answer->reset = n < 0;
            return true;
        }
        append(&answer->rest, buffer, (size_t)n);
    }
}
