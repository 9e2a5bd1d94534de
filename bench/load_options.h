/**
 * What `load` was asked for, and the request made of it.
 * @thread one at a time
 */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bench/load_answer.h"

struct load_options {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    unsigned connections;
    uint64_t warm_up_ns, measured_ns;
    bool keep_open;
    const char *url;
    size_t post_bytes; /**< 0: GET */
    unsigned timeline_ms;
    struct load_expected expected;
    uint8_t *bodies[LOAD_TEXTS]; /**< what `expected` points to, if it was made */
    uint8_t *request;            /**< all its records; the same bytes each time */
    size_t request_bytes;
};

/** Read the command line; say what is wrong with it on stderr. @return 0, -1 wrong, 1 --help */
int load_options_parse(struct load_options *ret, int argc, char **argv);
void load_options_free(struct load_options *options);

#endif
