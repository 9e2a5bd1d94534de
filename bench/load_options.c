#include "bench/load_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fastcgi.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "tests/support/web_server.h"

/* Far above what one thread can drive; they catch slips of the finger. */
enum { MOST_CONNECTIONS = 4096, MOST_SECONDS = 600, MOST_BYTES = 1 << 30, MOST_MS = 10000 };
enum { STDIN_BYTES = 32768 }; /* of one record; nginx sends what one of its buffers holds */

static const struct option s_options[] = {
    {"connections", required_argument, NULL, 'c'},
    {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'},
    {"keep-open", no_argument, NULL, 'k'},
    {"post", required_argument, NULL, 'p'},
    {"body-bytes", required_argument, NULL, 'b'},
    {"text", required_argument, NULL, 't'},
    {"url", required_argument, NULL, 'u'},
    {"timeline", required_argument, NULL, 'm'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/** The options as they were given. */
struct given {
    double connections, seconds, warm_up, post, body_bytes, timeline;
    const char *texts[LOAD_TEXTS];
    unsigned text_count;
    bool has_size, is_wrong;
};

static bool parse_address(struct load_options *options, const char *text) {
    struct sockaddr_un *local = (struct sockaddr_un *)&options->address;
    struct sockaddr_in *inet = (struct sockaddr_in *)&options->address;
    char host[64], *end;
    const char *colon = strrchr(text, ':');
    if (strncmp(text, "unix:", 5) == 0) {
        local->sun_family = AF_UNIX;
        options->address_bytes = sizeof *local;
        return (size_t)snprintf(local->sun_path, sizeof local->sun_path, "%s", text + 5) <
               sizeof local->sun_path;
    }
    if (!colon || (size_t)(colon - text) >= sizeof host) {
        return false;
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    unsigned long port = strtoul(colon + 1, &end, 10);
    inet->sin_family = AF_INET;
    inet->sin_port = htons((uint16_t)port);
    options->address_bytes = sizeof *inet;
    return colon[1] && !*end && port > 0 && port <= UINT16_MAX &&
           inet_pton(AF_INET, host, &inet->sin_addr) == 1;
}

static double number(struct given *given, const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) {
        fprintf(stderr, "load: %s is not a number from %g to %g\n", text, least, most);
        given->is_wrong = true;
    }
    return value;
}

static void take(struct load_options *options, struct given *given, int option) {
    switch (option) {
    case 'c':
        given->connections = number(given, optarg, 1, MOST_CONNECTIONS);
        break;
    case 's':
        given->seconds = number(given, optarg, 0.01, MOST_SECONDS);
        break;
    case 'w':
        given->warm_up = number(given, optarg, 0, MOST_SECONDS);
        break;
    case 'k':
        options->keep_open = true;
        break;
    case 'p':
        given->post = number(given, optarg, 1, MOST_BYTES);
        break;
    case 'b':
        given->body_bytes = number(given, optarg, 0, MOST_BYTES);
        given->has_size = true;
        break;
    case 't':
        if (given->text_count < LOAD_TEXTS) {
            given->texts[given->text_count++] = optarg;
            break;
        }
        fprintf(stderr, "load: at most %d texts\n", LOAD_TEXTS);
        given->is_wrong = true;
        break;
    case 'u':
        options->url = optarg;
        break;
    case 'm':
        given->timeline = number(given, optarg, 1, MOST_MS);
        break;
    default:
        given->is_wrong = true;
    }
}

/* The text, over and over, `size` bytes of it. */
static uint8_t *repeated(const char *text, size_t size) {
    size_t length = strlen(text);
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; bytes && i < size; i++) {
        bytes[i] = (uint8_t)text[i % length];
    }
    return bytes;
}

/* No two neighbouring pieces alike: a body put together wrongly is not taken for right. */
static uint8_t *body_to_post(size_t size) {
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; bytes && i < size; i++) {
        bytes[i] = (uint8_t)(i * 13 + i / 251);
    }
    return bytes;
}

static bool make_expected(struct load_options *options, const struct given *given) {
    struct load_expected *expected = &options->expected;
    size_t size = (size_t)given->body_bytes;
    if (options->post_bytes > 0) {
        options->bodies[0] = body_to_post(options->post_bytes);
        expected->texts[0] = (struct load_text){options->bodies[0], options->post_bytes};
        expected->count = 1;
        return options->bodies[0];
    }
    for (unsigned i = 0; i < given->text_count; i++) {
        const char *text = given->texts[i];
        bool is_repeated = given->has_size && text[0];
        options->bodies[i] = repeated(text, is_repeated ? size : strlen(text));
        if (!options->bodies[i]) {
            return false;
        }
        expected->texts[i] =
            (struct load_text){options->bodies[i], is_repeated ? size : strlen(text)};
        expected->count++;
    }
    if (given->text_count == 0 && given->has_size) {
        expected->texts[0] = (struct load_text){NULL, size};
        expected->count = 1;
    }
    return true;
}

/* What nginx sends with its fastcgi_params and a plain client. */
static void make_request(struct load_options *options) {
    struct web_bytes out = {0};
    char length[32] = "";
    size_t bytes = options->post_bytes;
    if (bytes > 0) {
        snprintf(length, sizeof length, "%zu", bytes);
    }
    const char *query = strchr(options->url, '?');
    char *path =
        query ? strndup(options->url, (size_t)(query - options->url)) : strdup(options->url);
    if (!path) {
        abort();
    }
    const char *const pairs[] = {"QUERY_STRING",
                                 query ? query + 1 : "",
                                 "REQUEST_METHOD",
                                 bytes > 0 ? "POST" : "GET",
                                 "CONTENT_TYPE",
                                 bytes > 0 ? "application/octet-stream" : "",
                                 "CONTENT_LENGTH",
                                 length,
                                 "SCRIPT_NAME",
                                 "",
                                 "PATH_INFO",
                                 path,
                                 "REQUEST_URI",
                                 options->url,
                                 "DOCUMENT_URI",
                                 path,
                                 "DOCUMENT_ROOT",
                                 "/usr/share/nginx/html",
                                 "SERVER_PROTOCOL",
                                 "HTTP/1.1",
                                 "REQUEST_SCHEME",
                                 "http",
                                 "GATEWAY_INTERFACE",
                                 "CGI/1.1",
                                 "SERVER_SOFTWARE",
                                 "nginx/1.22.1",
                                 "REMOTE_ADDR",
                                 "127.0.0.1",
                                 "REMOTE_PORT",
                                 "43210",
                                 "SERVER_ADDR",
                                 "127.0.0.1",
                                 "SERVER_PORT",
                                 "80",
                                 "SERVER_NAME",
                                 "localhost",
                                 "REDIRECT_STATUS",
                                 "200",
                                 "HTTP_HOST",
                                 "localhost",
                                 "HTTP_USER_AGENT",
                                 "load/1.0",
                                 "HTTP_ACCEPT",
                                 "*/*",
                                 NULL};
    web_begin(&out, 1, FCGI_RESPONDER, options->keep_open ? FCGI_KEEP_CONN : 0);
    web_params(&out, 1, pairs);
    web_record(&out, FCGI_PARAMS, 1, NULL, 0, 0);
    for (size_t at = 0; at < bytes; at += STDIN_BYTES) {
        size_t size = bytes - at < STDIN_BYTES ? bytes - at : STDIN_BYTES;
        web_record(&out, FCGI_STDIN, 1, options->bodies[0] + at, size, (uint8_t)(-size & 7));
    }
    web_record(&out, FCGI_STDIN, 1, NULL, 0, 0);
    free(path);
    options->request = out.bytes;
    options->request_bytes = out.size;
}

static void usage(FILE *out) {
    fputs("usage: load [OPTION...] unix:PATH|ADDRESS:PORT\n"
          "  -c, --connections N   requests under way at any time (16)\n"
          "  -s, --seconds S       how long is measured (2)\n"
          "  -w, --warm-up S       asked for before that (0.3)\n"
          "  -k, --keep-open       use connections again; else close them at FCGI_END_REQUEST\n"
          "  -u, --url URL         what is asked for (/)\n"
          "  -p, --post BYTES      send a body of this size; the answer must be the same bytes\n"
          "  -t, --text TEXT       the answer's body; given twice: either is right\n"
          "  -b, --body-bytes N    its size; with --text, the text over and over\n"
          "  -m, --timeline MS     answers and the slowest one in every MS ms\n",
          out);
}

int load_options_parse(struct load_options *ret, int argc, char **argv) {
    struct load_options options = {.url = "/"};
    struct given given = {.connections = 16, .seconds = 2, .warm_up = 0.3};
    int option;
    while ((option = getopt_long(argc, argv, "c:s:w:kp:b:t:u:m:h", s_options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return 1;
        }
        take(&options, &given, option);
    }
    if (given.is_wrong || optind != argc - 1 || !parse_address(&options, argv[optind])) {
        usage(stderr);
        return -1;
    }
    options.connections = (unsigned)given.connections;
    options.measured_ns = (uint64_t)(given.seconds * 1e9);
    options.warm_up_ns = (uint64_t)(given.warm_up * 1e9);
    options.timeline_ms = (unsigned)given.timeline;
    options.post_bytes = (size_t)given.post;
    if (!make_expected(&options, &given)) {
        fprintf(stderr, "load: %s\n", strerror(errno));
        load_options_free(&options);
        return -1;
    }
    make_request(&options);
    *ret = options;
    return 0;
}

void load_options_free(struct load_options *options) {
    for (unsigned i = 0; i < LOAD_TEXTS; i++) {
        free(options->bodies[i]);
    }
    free(options->request);
    *options = (struct load_options){0};
}
