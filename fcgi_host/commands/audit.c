#include "fcgi_host/commands/audit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_process.h"
#include "fcgi_host/commands/audit_report.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/config/load.h"
#include "pool/python/runtime.h"

enum { EXIT_RECYCLABLE = 0, EXIT_NOT_RECYCLABLE = 1 };

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
                        unsigned timeout_s, struct error *err) {
    struct config *config = NULL;
    int failed = -1;
    if (!module && load_config(file, &config, err) != 0) {
        goto out;
    }
    const struct audit_target target = {.module = module, .app = config ? config->apps : NULL};
    failed = run_ways(result, &target, timeout_s, err);
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

struct options {
    bool wants_json;
    unsigned timeout_s;
    size_t count;
    struct {
        char *file; /* or a module */
        const char *module;
        char name[512];
    } * targets;
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, struct options *options) {
    static const struct option s_options[] = {{"json", no_argument, NULL, 'j'},
                                              {"module", required_argument, NULL, 'm'},
                                              {"timeout", required_argument, NULL, 't'},
                                              {0}};
    int option;
    options->targets = calloc((size_t)line->argc + 1, sizeof *options->targets);
    optind = 0; /* getopt has been used on the whole command line before */
    while (options->targets &&
           (option = getopt_long(line->argc, line->argv, "-:m:", s_options, NULL)) != -1) {
        if (option == 'j') {
            options->wants_json = true;
            continue;
        }
        if (option == 't') {
            char *end;
            unsigned long seconds = strtoul(optarg, &end, 10);
            if (*end || seconds < 1 || seconds > 3600) {
                return usage_say(line, "--timeout takes 1 to 3600 seconds", optarg);
            }
            options->timeout_s = (unsigned)seconds;
            continue;
        }
        if (option != 'm' && option != 1) {
            return usage_bad_option(line, option);
        }
        if (!*optarg) {
            return usage_say(line, "a target without a name", NULL);
        }
        options->targets[options->count].file = optarg;
        options->targets[options->count].module = option == 'm' ? optarg : NULL;
        snprintf(options->targets[options->count].name, sizeof options->targets[0].name, "%s%s",
                 option == 'm' ? "-m " : "", optarg);
        options->count++;
    }
    if (options->count == 0) {
        return usage_say(line, "which target? A WSGI file, or -m MODULE", NULL);
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

int audit_command(const struct command_line *line, const struct config *config) {
    (void)config;
    struct options options = {.timeout_s = AUDIT_TIMEOUT_S};
    struct json_writer writer = {0};
    int status = EXIT_RECYCLABLE;
    if (parse_arguments(line, &options) != 0) {
        free(options.targets);
        return EXIT_USAGE;
    }
    print_json_head(&writer);
    for (size_t i = 0; i < options.count; i++) {
        struct audit_result result = {.target = options.targets[i].name};
        struct error err;
        if (audit_target(&result, options.targets[i].file, options.targets[i].module,
                         options.timeout_s, &err) != 0) {
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
    free(options.targets);
    if (options.wants_json) {
        print_json_tail(&writer);
    } else {
        free(writer.text);
    }
    return status;
}
