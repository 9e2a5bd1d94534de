#include "fcgi_host/commands/audit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_process.h"
#include "fcgi_host/commands/audit_rehearsal.h"
#include "fcgi_host/commands/audit_report.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/config/load.h"
#include "pool/python/runtime.h"

enum { EXIT_RECYCLABLE = 0, EXIT_NOT_RECYCLABLE = 1 };

struct options {
    bool wants_json;
    unsigned timeout_s;
    struct string_list requests; /**< borrowed strings */
    size_t count;
    struct {
        char *file; /* or a module */
        const char *module;
        char name[512];
    } * targets;
};

/** Each way runs in a process of its own. */
static int run_ways(struct audit_result *result, const struct audit_target *target,
                    unsigned timeout_s, struct error *err) {
    static const enum audit_way s_always[] = {AUDIT_SEQUENTIAL, AUDIT_OVERLAPPING, AUDIT_MAIN};
    for (size_t i = 0; i < sizeof s_always / sizeof *s_always; i++) {
        if (audit_process_run(result, target, s_always[i], timeout_s, err) != 0) {
            return -1;
        }
    }
    if (audit_result_judge(result, err) != 0) {
        return -1;
    }
    if (FCGI_HOST_PYTHON_HAS_OWN_GIL && !audit_result_belongs_in_main(result) &&
        audit_process_run(result, target, AUDIT_OWN_GIL, timeout_s, err) != 0) {
        return -1;
    }
    if (target->requests->count > 0 && !audit_result_belongs_in_main(result) &&
        audit_rehearsal_run(result, target, timeout_s, err) != 0) {
        return -1;
    }
    audit_result_place(result);
    return 0;
}

/** The configuration of a WSGI file, as if it were the only application. */
static int load_config(char *file, struct config **ret_config, struct error *err) {
    char program[] = "fcgi_host", as_whoever[] = "--allow-root";
    char *argv[] = {program, as_whoever, file, NULL};
    struct command_line line;
    if (config_load(3, argv, &line, ret_config, err) != 0) {
        return -1;
    }
    if (line.command != COMMAND_RUN || (*ret_config)->app_count != 1) {
        return error_set(err, ERR_USAGE, "%s: not a WSGI file", file);
    }
    return 0;
}

static int audit_target(struct audit_result *result, char *file, const char *module,
                        const struct options *options, struct error *err) {
    struct config *config = NULL;
    int failed = -1;
    if (!module && load_config(file, &config, err) != 0) {
        goto out;
    }
    const struct audit_target target = {
        .module = module, .app = config ? config->apps : NULL, .requests = &options->requests};
    failed = run_ways(result, &target, options->timeout_s, err);
out:
    config_free(config);
    return failed ? -1 : 0;
}

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

static int take_timeout(const struct command_line *line, struct options *options) {
    char *end;
    unsigned long seconds = strtoul(optarg, &end, 10);
    if (*end || seconds < 1 || seconds > 3600) {
        return usage_say(line, "--timeout takes 1 to 3600 seconds", optarg);
    }
    options->timeout_s = (unsigned)seconds;
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
        } else if (option == 't') {
            status = take_timeout(line, options);
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
    for (size_t i = 0; i < options->count && options->requests.count > 0; i++) {
        if (options->targets[i].module) {
            return usage_say(line, "a module cannot be asked: --request is for WSGI files", NULL);
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

int audit_command(const struct command_line *line, const struct config *config) {
    (void)config;
    struct options options = {.timeout_s = AUDIT_TIMEOUT_S};
    struct json_writer writer = {0};
    int status = EXIT_RECYCLABLE;
    if (parse_arguments(line, &options) != 0) {
        free_options(&options);
        return EXIT_USAGE;
    }
    print_json_head(&writer);
    for (size_t i = 0; i < options.count; i++) {
        struct audit_result result = {.target = options.targets[i].name};
        struct error err;
        if (audit_target(&result, options.targets[i].file, options.targets[i].module, &options,
                         &err) != 0) {
            fprintf(stderr, "fcgi_host audit: %s: %s\n", options.targets[i].name, err.text);
            status = EXIT_USAGE;
        } else {
            audit_report_json(&writer, &result);
            if (!options.wants_json) {
                audit_report_print(&result);
            }
            int own = exit_status(&result);
            status = own > status ? own : status;
        }
        audit_result_clear(&result);
    }
    free_options(&options);
    if (options.wants_json) {
        print_json_tail(&writer);
    } else {
        free(writer.text);
    }
    return status;
}
