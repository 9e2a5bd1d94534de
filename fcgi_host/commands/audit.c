#include "fcgi_host/commands/audit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_process.h"
#include "fcgi_host/commands/audit_repeat.h"
#include "fcgi_host/commands/audit_report.h"
#include "fcgi_host/commands/usage.h"
#include "pool/python/runtime.h"

enum { EXIT_RECYCLABLE = 0, EXIT_NOT_RECYCLABLE = 1 };

struct options {
    bool wants_json, learns;
    unsigned timeout_s, runs;
    struct string_list requests; /**< borrowed strings */
    size_t count;
    struct {
        char *file; /* or a module */
        const char *module;
        char name[512];
    } * targets;
};

static void print_json_head(struct json_writer *writer) {
    json_begin_object(writer, NULL);
    json_add_string(writer, "python", runtime_python_version());
    json_begin_array(writer, "targets");
}

static void print_json_tail(struct json_writer *writer) {
    json_end_array(writer);
    json_end_object(writer);
    puts(writer->failed ? "{}" : writer->text);
    free(writer->text);
}

/** @param usage  for a value that is not from 1 to `most` */
static int take_number(const struct command_line *line, unsigned most, const char *usage,
                       unsigned *ret_number) {
    char *end;
    unsigned long number = strtoul(optarg, &end, 10);
    if (*end || number < 1 || number > most) {
        return usage_say(line, usage, optarg);
    }
    *ret_number = (unsigned)number;
    return 0;
}

static int take_request(const struct command_line *line, struct options *options) {
    if (*optarg != '/') {
        return usage_say(line, "--request takes a path of the application: /…", optarg);
    }
    options->requests.items[options->requests.count++] = optarg;
    return 0;
}

static int take_target(const struct command_line *line, struct options *options, bool is_module) {
    if (!*optarg) {
        return usage_say(line, "a target without a name", NULL);
    }
    options->targets[options->count].file = optarg;
    options->targets[options->count].module = is_module ? optarg : NULL;
    snprintf(options->targets[options->count].name, sizeof options->targets[0].name, "%s%s",
             is_module ? "-m " : "", optarg);
    options->count++;
    return 0;
}

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, struct options *options) {
    static const struct option s_options[] = {{"json", no_argument, NULL, 'j'},
                                              {"module", required_argument, NULL, 'm'},
                                              {"timeout", required_argument, NULL, 't'},
                                              {"request", required_argument, NULL, 'r'},
                                              {"learn", no_argument, NULL, 'l'},
                                              {"runs", required_argument, NULL, 'n'},
                                              {0}};
    int option;
    options->targets = calloc((size_t)line->argc + 1, sizeof *options->targets);
    options->requests.items = calloc((size_t)line->argc + 1, sizeof *options->requests.items);
    optind = 0; /* getopt has been used on the whole command line before */
    while (options->targets && options->requests.items &&
           (option = getopt_long(line->argc, line->argv, "-:m:", s_options, NULL)) != -1) {
        int status = 0;
        if (option == 'j') {
            options->wants_json = true;
        } else if (option == 'l') {
            options->learns = true;
        } else if (option == 't') {
            status =
                take_number(line, 3600, "--timeout takes 1 to 3600 seconds", &options->timeout_s);
        } else if (option == 'n') {
            status = take_number(line, 1000, "--runs takes 1 to 1000", &options->runs);
        } else if (option == 'r') {
            status = take_request(line, options);
        } else if (option == 'm' || option == 1) {
            status = take_target(line, options, option == 'm');
        } else {
            status = usage_bad_option(line, option);
        }
        if (status != 0) {
            return status;
        }
    }
    if (options->count == 0) {
        return usage_say(line, "which target? A WSGI file, or -m MODULE", NULL);
    }
    for (size_t i = 0; i < options->count; i++) {
        if (options->targets[i].module && (options->requests.count > 0 || options->learns)) {
            return usage_say(line, "--request and --learn are for WSGI files, not for -m", NULL);
        }
    }
    return 0;
}

/** A target that raises in every process is wrong usage; a crash is a result. */
static int exit_status(const struct audit_result *result) {
    if (result->is_recyclable) {
        return EXIT_RECYCLABLE;
    }
    return result->placement || result->runs[AUDIT_MAIN].has_crashed ? EXIT_NOT_RECYCLABLE
                                                                     : EXIT_USAGE;
}

static void free_options(struct options *options) {
    free(options->targets);
    free(options->requests.items);
}

/** Audit one target and report. @return the exit status */
static int audit_one(const struct options *options, size_t index, const struct config *site,
                     struct json_writer *writer) {
    struct audit_result result = {.target = options->targets[index].name};
    const struct audit_order order = {.file = options->targets[index].file,
                                      .module = options->targets[index].module,
                                      .site = site,
                                      .requests = &options->requests,
                                      .timeout_s = options->timeout_s,
                                      .learns = options->learns};
    struct error err;
    int status = EXIT_USAGE;
    if (audit_repeat(&result, &order, options->runs, &err) != 0) {
        fprintf(stderr, "fcgi_host audit: %s: %s\n", result.target, err.text);
    } else {
        audit_report_json(writer, &result);
        if (!options->wants_json) {
            audit_report_print(&result);
        }
        status = exit_status(&result);
    }
    audit_result_clear(&result);
    return status;
}

int audit_command(const struct command_line *line, const struct config *config) {
    struct options options = {.timeout_s = AUDIT_TIMEOUT_S, .runs = 1};
    struct json_writer writer = {0};
    int status = EXIT_RECYCLABLE;
    if (parse_arguments(line, &options) != 0) {
        free_options(&options);
        return EXIT_USAGE;
    }
    print_json_head(&writer);
    for (size_t i = 0; i < options.count; i++) {
        int own = audit_one(&options, i, config, &writer);
        status = own > status ? own : status;
    }
    free_options(&options);
    if (options.wants_json) {
        print_json_tail(&writer);
    } else {
        free(writer.text);
    }
    return status;
}
