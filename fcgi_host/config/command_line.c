#include "fcgi_host/config/command_line.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum command command;
    const char *name;
} s_commands[] = {
#define COMMAND(id, name, arguments, summary, function) {COMMAND_##id, name},
#include "fcgi_host/config/commands.def"
#undef COMMAND
    {COMMAND_RUN, NULL},
};

enum {
    /** getopt's value for an option of the table, above every letter. */
    VALUE_TABLE = 1000,
    VALUE_VERSION = 999,
    /** Beside the table: config, test-config, version, help, and the end. */
    OTHER_OPTIONS = 5,
};

/** The tables for getopt_long(). */
struct getopt_tables {
    struct option longs[OPTION_COUNT + OTHER_OPTIONS];
    char letters[2 * OPTION_COUNT + 16];
};

static void fill_tables(struct getopt_tables *tables) {
    size_t count = 0;
    /* "-": words that are no options are reported in order; ":": so are missing values. */
    static const char s_letters[] = "-:c:th";
    memcpy(tables->letters, s_letters, sizeof s_letters);
    char *letter = tables->letters + sizeof s_letters - 1;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].flag) {
            tables->longs[count++] = (struct option){
                options[i].flag, options[i].argument ? required_argument : no_argument, NULL,
                VALUE_TABLE + (int)i};
        }
        if (options[i].letter) {
            *letter++ = (char)options[i].letter;
            if (options[i].argument) {
                *letter++ = ':';
            }
        }
    }
    *letter = '\0';
    tables->longs[count++] = (struct option){"config", required_argument, NULL, 'c'};
    tables->longs[count++] = (struct option){"test-config", no_argument, NULL, 't'};
    tables->longs[count++] = (struct option){"version", no_argument, NULL, VALUE_VERSION};
    tables->longs[count++] = (struct option){"help", no_argument, NULL, 'h'};
    tables->longs[count] = (struct option){0};
}

static const struct config_option *table_option(int value) {
    if (value >= VALUE_TABLE) {
        return &options[value - VALUE_TABLE];
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].letter == value) {
            return &options[i];
        }
    }
    return NULL;
}

static bool is_command(const char *word, enum command *ret_command) {
    for (size_t i = 0; s_commands[i].name; i++) {
        if (strcmp(s_commands[i].name, word) == 0) {
            *ret_command = s_commands[i].command;
            return true;
        }
    }
    return false;
}

/** An option that is not of the table, or a word. @return 1: the rest is a command's, -1: error */
static int take_other(int value, int argc, char **argv, struct command_line_words *words,
                      struct error *err) {
    switch (value) {
    case 1:
        if (words->app_count == 0 && is_command(optarg, &words->line.command)) {
            words->line.argc = argc - optind + 1;
            words->line.argv = argv + optind - 1;
            return 1;
        }
        words->apps[words->app_count++] = optarg;
        return 0;
    case 'c':
        words->config_file = optarg;
        return 0;
    case 't':
        words->line.command = COMMAND_TEST;
        return 0;
    case 'h':
        words->line.command = COMMAND_HELP;
        return 1;
    case VALUE_VERSION:
        words->line.command = COMMAND_VERSION;
        return 1;
    case ':':
        return error_set(err, ERR_USAGE, "%s needs a value", argv[optind - 1]);
    default:
        return optopt > 0 && optopt < VALUE_VERSION && strncmp(argv[optind - 1], "--", 2) != 0
                   ? error_set(err, ERR_USAGE, "unknown option -%c", optopt)
                   : error_set(err, ERR_USAGE, "unknown option or value: %s", argv[optind - 1]);
    }
}

int command_line_parse(int argc, char **argv, struct command_line_words *ret_words,
                       struct error *err) {
    struct command_line_words words = {.line.command = COMMAND_RUN};
    struct getopt_tables tables;
    fill_tables(&tables);
    words.apps = calloc((size_t)argc + 1, sizeof *words.apps);
    if (!words.apps) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    optind = 0; /* glibc: begin anew; the supervisor reads the command line again on SIGHUP */
    opterr = 0;
    int value, rc = 0;
    while (rc == 0 && (value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        const struct config_option *option = value == 1 ? NULL : table_option(value);
        if (option) {
            words.values[option - options] = optarg ? optarg : "on";
        } else {
            rc = take_other(value, argc, argv, &words, err);
        }
    }
    for (; rc == 0 && optind < argc; optind++) { /* after "--" */
        words.apps[words.app_count++] = argv[optind];
    }
    if (rc < 0) {
        free(words.apps);
        return -1;
    }
    *ret_words = words;
    return 0;
}
