/*
 * load - how fast a FastCGI application answers: a closed loop of requests on N connections, every
 * answer checked.  `load --help` names the options; the result is one JSON object on stdout.
 * The exit status is 1 when not a single request was answered.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load_clients.h"

static double us(uint64_t ns) {
    return (double)ns / 1e3;
}

static void print_faults(const struct load_result *result) {
    const char *separator = "";
    printf(" \"faults\": {");
    for (unsigned i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        if (result->faults[i] > 0) {
            printf("%s\"%s\": %" PRIu64, separator, load_fault_names[i], result->faults[i]);
            separator = ", ";
        }
    }
    printf("},\n");
}

static void print_times(const struct histogram *times) {
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"p999_us", 0.999}};
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        printf(" \"%s\": %.1f,", parts[i].name, us(histogram_percentile_ns(times, parts[i].part)));
    }
    printf(" \"max_us\": %.1f,\n \"buckets_us\": ", us(times->most_ns));
    histogram_print(times, stdout);
}

/* Per interval: answers with the first text, with the second, failed requests, slowest in µs. */
static void print_timeline(const struct load_result *result, unsigned interval_ms) {
    printf(",\n \"interval_ms\": %u, \"timeline\": [", interval_ms);
    for (size_t i = 0; i < result->timeline_count; i++) {
        const struct load_interval *interval = &result->timeline[i];
        printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %.1f]", i > 0 ? ", " : "",
               interval->answers[0], interval->answers[1], interval->failed,
               us(interval->slowest_ns));
    }
    printf("]");
}

static void print(const struct load_options *options, const struct load_result *result) {
    uint64_t failed = 0;
    for (unsigned i = FAULT_NONE + 1; i < FAULT_COUNT; i++) {
        failed += result->faults[i];
    }
    printf("{\"began_ns\": %" PRIu64 ", \"requests\": %" PRIu64 ", \"per_second\": %.1f,\n",
           result->began_ns, result->times.total,
           (double)result->times.total * 1e9 / (double)result->seconds_ns);
    printf(" \"with_warm_up\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"starved\": %" PRIu64
           ", \"retried\": %" PRIu64 ",\n",
           result->asked, failed, result->starved, result->retried);
    print_faults(result);
    print_times(&result->times);
    if (options->timeline_ms > 0) {
        print_timeline(result, options->timeline_ms);
    }
    printf("}\n");
}

int main(int argc, char **argv) {
    static struct load_result result;
    struct load_options options;
    int parsed = load_options_parse(&options, argc, argv);
    if (parsed != 0) {
        return parsed < 0 ? 2 : 0;
    }
    int failed = load_run(&options, &result);
    if (failed) {
        fprintf(stderr, "load: %s\n", strerror(errno));
    } else {
        print(&options, &result);
    }
    bool is_empty = result.times.total == 0;
    load_result_free(&result);
    load_options_free(&options);
    return failed || is_empty;
}
