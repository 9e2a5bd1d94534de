/**
 * A FastCGI responder in C on this project's own intake, without Python: what the wire side costs
 * by itself, and the upper limit for an application.
 *
 *     responder SOCKET THREADS
 *
 * Answers by the end of REQUEST_URI: /hello (13 bytes), /big (64 KiB), /echo (the body, read
 * whole first), /stream (the body, sent while it is read), /file (FILE given as third argument).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/intake/intake.h"

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_ready = PTHREAD_COND_INITIALIZER;
static struct job *s_first, **s_last = &s_first;
static unsigned s_waiting;
static char s_big[65536];
static int s_file = -1;
static off_t s_file_bytes;

static void enqueue(void *ctx, struct request *request) {
    (void)ctx;
    pthread_mutex_lock(&s_lock);
    request->job.next = NULL;
    *s_last = &request->job;
    s_last = &request->job.next;
    if (s_waiting > 0) {
        pthread_cond_signal(&s_ready);
    }
    pthread_mutex_unlock(&s_lock);
}

static struct request *dequeue(void) {
    pthread_mutex_lock(&s_lock);
    while (!s_first) {
        s_waiting++;
        pthread_cond_wait(&s_ready, &s_lock);
        s_waiting--;
    }
    struct job *job = s_first;
    s_first = job->next;
    if (!s_first) {
        s_last = &s_first;
    }
    pthread_mutex_unlock(&s_lock);
    return request_of(job);
}

static bool ends_with(const struct param *param, const char *end) {
    size_t size = strlen(end);
    return param && param->value_bytes >= size &&
           memcmp(param->value + param->value_bytes - size, end, size) == 0;
}

static int send_parts(struct request *request, const void *header, size_t header_bytes,
                      const void *body, size_t body_bytes, unsigned flags) {
    struct iovec parts[2] = {{(void *)header, header_bytes}, {(void *)body, body_bytes}};
    int result = request_send(request, parts, 2, flags, NULL);
    return result == 1 ? request_flush(request, NULL) : result;
}

static ssize_t read_some(struct request *request, char *buffer, size_t size) {
    struct error err;
    ssize_t n = request_read_ready(request, buffer, size, &err);
    return n < 0 && err.code == ERR_BUSY ? request_read(request, buffer, size, &err) : n;
}

static int echo(struct request *request) {
    size_t size = request->content_length > 0 ? (size_t)request->content_length : 0, used = 0;
    char *body = malloc(size + 1), header[128];
    ssize_t n = 0;
    while (body && used < size && (n = read_some(request, body + used, size - used)) > 0) {
        used += (size_t)n;
    }
    int length =
        snprintf(header, sizeof header,
                 "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n", used);
    int result = n < 0 ? -1 : send_parts(request, header, (size_t)length, body, used, SEND_LAST);
    free(body);
    return result;
}

static int stream(struct request *request) {
    static const char header[] = "Content-Type: application/octet-stream\r\n\r\n";
    char buffer[65536];
    ssize_t n;
    int result = send_parts(request, header, sizeof header - 1, NULL, 0, 0);
    while (result == 0 && (n = read_some(request, buffer, sizeof buffer)) != 0) {
        result = n < 0 ? -1 : send_parts(request, buffer, (size_t)n, NULL, 0, 0);
    }
    return result;
}

static int answer(struct request *request) {
    static const char hello[] = "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n";
    static const char big[] = "Content-Type: text/plain\r\nContent-Length: 65536\r\n\r\n";
    static const char file[] = "Content-Type: text/plain\r\n\r\n";
    const struct param *uri = request_param(request, "REQUEST_URI");
    if (ends_with(uri, "/big")) {
        return send_parts(request, big, sizeof big - 1, s_big, sizeof s_big, SEND_LAST);
    }
    if (ends_with(uri, "/echo")) {
        return echo(request);
    }
    if (ends_with(uri, "/stream")) {
        return stream(request);
    }
    if (ends_with(uri, "/file")) {
        return send_parts(request, file, sizeof file - 1, NULL, 0, 0) < 0
                   ? -1
                   : request_send_file(request, s_file, 0, (size_t)s_file_bytes, SEND_LAST, NULL);
    }
    return send_parts(request, hello, sizeof hello - 1, "Hello, World!", 13, SEND_LAST);
}

static void *serve(void *arg) {
    (void)arg;
    for (;;) {
        struct request *request = dequeue();
        int result = answer(request);
        request_finish(request, result < 0 ? REQUEST_CUT : REQUEST_COMPLETE, 0);
    }
    return NULL;
}

static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 1024) < 0) {
        return -1;
    }
    chmod(path, 0666);
    return fd;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: responder SOCKET THREADS [FILE]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    memset(s_big, 'x', sizeof s_big);
    struct stat stat;
    if (argc > 3 && (s_file = open(argv[3], O_RDONLY | O_CLOEXEC)) >= 0 &&
        fstat(s_file, &stat) == 0) {
        s_file_bytes = stat.st_size;
    }
    struct error err;
    struct intake_options options = {.listen_fd = open_socket(argv[1]),
                                     .max_connections = 4096,
                                     .max_requests = 4096,
                                     .header_timeout_ms = 10000,
                                     .max_header_bytes = 65536};
    struct intake_hooks hooks = {.request = enqueue};
    struct intake *intake = intake_new(&options, &hooks, &err);
    if (!intake) {
        fprintf(stderr, "responder: %s\n", err.text);
        return 1;
    }
    for (int i = 0; i < atoi(argv[2]); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve, NULL);
    }
    return intake_run(intake, &err) < 0;
}
