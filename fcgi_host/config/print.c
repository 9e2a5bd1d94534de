#include <string.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/config/options.h"

enum {
    HELP_INDENT = 28, /**< where explanations begin */
    HELP_WIDTH = 79,
};

void config_print(const struct config *config, void *stdio_file) {
    FILE *out = stdio_file;
    /* Nothing is written to: options_print() takes the target that options are set by. */
    struct config *whole = (struct config *)config;
    const struct option_target host = {.config = whole, .process = &whole->process};
    fputs("[fcgi_host]\n", out);
    options_print(SECTION_HOST, &host, out);
    for (size_t i = 0; i < config->process_count; i++) {
        struct process_config *process = &config->processes[i];
        fprintf(out, "\n[process %s]\n", process->name);
        options_print(SECTION_PROCESS, &(struct option_target){.process = process}, out);
    }
    for (size_t i = 0; i < config->app_count; i++) {
        struct app_config *app = &config->apps[i];
        bool has_section = config_find_process(config, app->process);
        fprintf(out, "\n[app %s]\n", app->name);
        options_print(
            SECTION_APP,
            &(struct option_target){.app = app, .process = has_section ? NULL : &app->own}, out);
    }
    for (size_t i = 0; i < config->task_count; i++) {
        fprintf(out, "\n[task %s]\n", config->tasks[i].name);
        options_print(SECTION_TASK, &(struct option_target){.task = &config->tasks[i]}, out);
    }
    if (config->scripts_root) {
        const struct option_target scripts = {.config = whole, .app = &whole->script_defaults};
        fputs("\n[scripts]\n", out);
        options_print(SECTION_SCRIPTS, &scripts, out);
    }
}

/** Words, wrapped; the line has `column` characters already. */
static void print_wrapped(FILE *out, int column, const char *text) {
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        int size = (int)strcspn(text, " ");
        if (column < HELP_INDENT || column + 1 + size > HELP_WIDTH) {
            if (column >= HELP_INDENT - 1) {
                fputc('\n', out);
                column = 0;
            }
            column += fprintf(out, "%*s", HELP_INDENT - column, "");
        } else {
            column += fprintf(out, " ");
        }
        column += fprintf(out, "%.*s", size, text);
        text += size;
    }
    fputc('\n', out);
}

static void print_option(FILE *out, int letter, const char *flag, const char *argument,
                         const char *text) {
    int column =
        letter ? fprintf(out, "  -%c, --%s", letter, flag) : fprintf(out, "      --%s", flag);
    if (argument) {
        column += fprintf(out, " %s", argument);
    }
    print_wrapped(out, column, text);
}

static void print_usage(FILE *out) {
    static const struct {
        const char *name, *arguments, *summary;
    } s_commands[] = {
#define COMMAND(id, name, arguments, summary, function) {name, arguments, summary},
#include "fcgi_host/config/commands.def"
#undef COMMAND
        {NULL, NULL, NULL},
    };
    fputs("usage: fcgi_host [OPTIONS] [APP...]\n", out);
    for (size_t i = 0; s_commands[i].name; i++) {
        int column = fprintf(out, "       fcgi_host %s", s_commands[i].name);
        print_wrapped(out, column, s_commands[i].arguments);
    }
    fputs("\nServe WSGI applications to a web server that speaks FastCGI.\n"
          "APP is [NAME=]FILE[:CALLABLE]; NAME defaults to the file's name without suffix,\n"
          "CALLABLE to \"application\", then \"app\".\n",
          out);
    if (s_commands[0].name) {
        fputs("\nCommands:\n", out);
    }
    for (size_t i = 0; s_commands[i].name; i++) {
        print_wrapped(out, fprintf(out, "  %s", s_commands[i].name), s_commands[i].summary);
    }
}

void config_print_help(void *stdio_file) {
    FILE *out = stdio_file;
    print_usage(out);
    fputs("\nOptions (each is also a key of the configuration file, fcgi_host.conf(5)):\n", out);
    print_option(out, 'c', "config", "FILE", "Read this configuration file first.");
    print_option(out, 't', "test-config", NULL,
                 "Check the configuration, write it out with all defaults, and exit.");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].flag) {
            print_option(out, options[i].letter, options[i].flag, options[i].argument,
                         options[i].explanation);
        }
    }
    print_option(out, 0, "version", NULL, "Write the version and exit.");
    print_option(out, 'h', "help", NULL, "Write this and exit.");
}
