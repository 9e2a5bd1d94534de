#include "fcgi_host/commands/usage.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char *const s_arguments[] = {
    [COMMAND_HELP] = NULL, /* the last: room for all */
#define COMMAND(id, name, arguments, summary, function) [COMMAND_##id] = arguments,
#include "fcgi_host/config/commands.def"
#undef COMMAND
};

int usage_say(const struct command_line *line, const char *message, const char *value) {
    fprintf(stderr, "fcgi_host %s: %s%s%s\n", line->argv[0], message, value ? ": " : "",
            value ? value : "");
    fprintf(stderr, "usage: fcgi_host %s %s\n", line->argv[0], s_arguments[line->command]);
    return EXIT_USAGE;
}

int usage_bad_option(const struct command_line *line, int returned) {
    char letter[] = {'-', (char)optopt, '\0'};
    const char *last = line->argv[optind - 1];
    /* optopt is 0 for a long option that is unknown; a letter may come from the middle of a word.
     */
    bool is_long =
        strncmp(last, "--", 2) == 0 && (optopt == 0 || returned == ':' || strchr(last, '='));
    const char *message = returned == ':'     ? "an option without its value"
                          : is_long && optopt ? "an option that takes no value"
                                              : "unknown option";
    return usage_say(line, message, is_long ? last : letter);
}

int usage_need_socket(const struct command_line *line, const char *socket) {
    return socket ? 0 : usage_say(line, "which host? Name its control socket: -s SOCKET", NULL);
}
