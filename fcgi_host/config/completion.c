/**
 * Writes what shells complete the command line of fcgi_host by, from options.def and commands.def.
 * A tool of the build, not installed.
 *
 *     completion bash|zsh FILE
 *
 * What an argument is, its name in the tables says: FILE, SOCKET and TARGET are files, as is APP...
 * (not APP, the name of an application that runs), DIR is a folder, words|separated|so are words.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/options.h"

enum { TEXT_BYTES = 256 };

/** What may stand for an argument. */
struct argument {
    char name[TEXT_BYTES];  /**< "": there is none */
    char words[TEXT_BYTES]; /**< with blanks between; "": any */
    bool is_file, is_folder;
};

/** An option: of the host, or of a command. */
struct flag {
    const char *command; /**< "": before any */
    char name[64];       /**< with its dashes */
    char other[8];       /**< the same, in one letter: "-c"; "": none */
    struct argument value;
    const char *text; /**< what it does; "": nothing is known */
};

struct command_words {
    const char *name, *arguments, *summary;
};

static const struct command_words s_commands[] = {
#define COMMAND(id, name, arguments, summary, function) {name, arguments, summary},
#include "fcgi_host/config/commands.def"
#undef COMMAND
};
enum { COMMAND_COUNT = sizeof s_commands / sizeof s_commands[0] };

/** Arguments whose name is not what they may be. */
static const struct {
    const char *flag, *words;
} s_known[] = {
    {"--log-level", "debug info warn error off"},
    {"--server", "lighttpd nginx apache"},
};

/* ---- The tables, read ---- */

static bool has_word(const char *words, const char *word) {
    size_t size = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += size) {
        bool begins = at == words || !isupper((unsigned char)at[-1]);
        if (begins && !isupper((unsigned char)at[size])) {
            return true;
        }
    }
    return false;
}

/** The words among "FILE|syslog|off": those in lower case. */
static void take_words(const char *name, char ret_words[TEXT_BYTES]) {
    size_t used = 0;
    for (const char *at = name; *at && strchr(name, '|'); at += at[0] == '|') {
        size_t size = strcspn(at, "|");
        if (islower((unsigned char)*at)) {
            used += (size_t)snprintf(ret_words + used, TEXT_BYTES - used, "%s%.*s", used ? " " : "",
                                     (int)size, at);
        }
        at += size;
    }
}

static struct argument argument_of(const char *flag, const char *name) {
    struct argument argument = {0};
    snprintf(argument.name, sizeof argument.name, "%s", name);
    take_words(name, argument.words);
    argument.is_file = has_word(name, "FILE") || has_word(name, "SOCKET") ||
                       has_word(name, "TARGET") || strstr(name, "APP...");
    argument.is_folder = has_word(name, "DIR");
    for (size_t i = 0; i < sizeof s_known / sizeof s_known[0]; i++) {
        if (strcmp(flag, s_known[i].flag) == 0) {
            snprintf(argument.words, sizeof argument.words, "%s", s_known[i].words);
        }
    }
    return argument;
}

typedef void flag_function(FILE *out, const struct flag *flag);

static void host_flag(FILE *out, flag_function *write, int letter, const char *name,
                      const char *value, const char *text) {
    struct flag flag = {.command = "", .text = text};
    snprintf(flag.name, sizeof flag.name, "--%s", name);
    if (letter) {
        snprintf(flag.other, sizeof flag.other, "-%c", letter);
    }
    flag.value = argument_of(flag.name, value ? value : "");
    write(out, &flag);
}

/** Every option that may stand before a command, as --help has them. */
static void each_host_flag(FILE *out, flag_function *write) {
    host_flag(out, write, 'c', "config", "FILE", "Read this configuration file first.");
    host_flag(out, write, 't', "test-config", NULL, "Check the configuration, and exit.");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].flag) {
            host_flag(out, write, options[i].letter, options[i].flag, options[i].argument,
                      options[i].explanation);
        }
    }
    host_flag(out, write, 0, "version", NULL, "Write the version and exit.");
    host_flag(out, write, 'h', "help", NULL, "Write usage and options, and exit.");
}

/**
 * Every option of a command, from its arguments: "[--json] [-s SOCKET] APP FILE [ARGUMENT...]".
 * @param[out] ret_rest  what else may follow, joined by "|"
 */
static void each_command_flag(FILE *out, flag_function *write, const struct command_words *command,
                              struct argument *ret_rest) {
    char words[TEXT_BYTES], rest[TEXT_BYTES] = "", *state = NULL;
    struct flag flag = {.command = command->name, .text = ""};
    bool waits_for_value = false;
    snprintf(words, sizeof words, "%s", command->arguments);
    for (char *word = strtok_r(words, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
        char *end = strchr(word, ']');
        if (end) {
            *end = '\0';
        }
        if (strncmp(word, "[-", 2) == 0) {
            snprintf(flag.name, sizeof flag.name, "%s", word + 1);
            waits_for_value = !end;
            flag.value = argument_of(flag.name, "");
        } else if (waits_for_value) {
            flag.value = argument_of(flag.name, word);
            waits_for_value = false;
        } else {
            size_t used = strlen(rest);
            snprintf(rest + used, sizeof rest - used, "%s%s", used ? "|" : "",
                     word + (*word == '['));
            continue;
        }
        if (!waits_for_value && write) {
            write(out, &flag);
        }
    }
    *ret_rest = argument_of("", rest);
    *ret_rest->words = '\0';
}

/* ---- bash ---- */

static void bash_names(FILE *out, const struct flag *flag) {
    fprintf(out, "%s%s%s ", flag->other, *flag->other ? " " : "", flag->name);
}

/** Names of options that take a value, as a pattern of the loop that looks for the command. */
static void bash_with_value(FILE *out, const struct flag *flag) {
    if (*flag->value.name) {
        fprintf(out, "%s%s%s | ", flag->other, *flag->other ? " | " : "", flag->name);
    }
}

static void bash_value(FILE *out, const struct flag *flag) {
    if (!*flag->value.name) {
        return;
    }
    fputs("        ", out);
    if (*flag->other) {
        fprintf(out, "%s:%s | ", flag->command, flag->other);
    }
    fprintf(out, "%s:%s) ", flag->command, flag->name);
    if (*flag->value.words) {
        fprintf(out, "words=\"%s\" ", flag->value.words);
    }
    fprintf(out, "kind=\"%s\" ;;\n",
            flag->value.is_file     ? "file"
            : flag->value.is_folder ? "directory"
                                    : "none");
}

static void bash_command(FILE *out, const struct command_words *command) {
    struct argument rest;
    fprintf(out, "        %s) options=\"", command->name);
    each_command_flag(out, bash_names, command, &rest);
    fprintf(out, "\" kind=\"%s\" ;;\n",
            rest.is_file     ? "file"
            : rest.is_folder ? "directory"
                             : "none");
}

static void command_names(FILE *out, const char *separator) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "%s%s", i ? separator : "", s_commands[i].name);
    }
}

/** Up to where the command is known. */
static void bash_begin(FILE *out) {
    fputs("# bash completion for fcgi_host(8); made from the tables of its options and commands.\n"
          "_fcgi_host() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=\"\" options=\"\" words=\"\" kind=\"\" i\n"
          "    # --option=value: three words\n"
          "    if [ \"$current\" = \"=\" ]; then\n"
          "        current=\"\"\n"
          "    elif [ \"$before\" = \"=\" ]; then\n"
          "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in\n"
          "            ",
          out);
    each_host_flag(out, bash_with_value);
    fputs("=) # a value follows, perhaps behind \"=\", which is a word of its own\n"
          "                [ \"${COMP_WORDS[i + 1]}\" != \"=\" ] || ((i++))\n"
          "                ((i++))\n"
          "                ;;\n"
          "            -*) ;;\n"
          "            ",
          out);
    command_names(out, " | ");
    fputs(") command=${COMP_WORDS[i]} && break ;;\n"
          "            *) break ;;\n"
          "        esac\n"
          "    done\n"
          "    case $command:$before in\n",
          out);
}

static void write_bash(FILE *out) {
    bash_begin(out);
    each_host_flag(out, bash_value);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        struct argument rest;
        each_command_flag(out, bash_value, &s_commands[i], &rest);
    }
    fputs("    esac\n"
          "    [ -n \"$kind\" ] || case $command in\n"
          "        \"\") kind=\"file\" options=\"",
          out);
    each_host_flag(out, bash_names);
    fputs("\" words=\"", out);
    command_names(out, " ");
    fputs("\" ;;\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        bash_command(out, &s_commands[i]);
    }
    fputs("    esac\n"
          "    if [[ $current == -* ]]; then\n"
          "        words=$options kind=\"none\"\n"
          "    fi\n"
          "    mapfile -t COMPREPLY < <(\n"
          "        compgen -W \"$words\" -- \"$current\"\n"
          "        [ \"$kind\" = none ] || compgen -A \"$kind\" -- \"$current\"\n"
          "    )\n"
          "    [ \"$kind\" = none ] || compopt -o filenames 2>/dev/null\n"
          "}\n"
          "complete -F _fcgi_host fcgi_host\n",
          out);
}

/* ---- zsh ---- */

/** Within '…' of _arguments, and within […] or before ":" there. */
static void zsh_text(FILE *out, const char *text, size_t size) {
    for (; size > 0; text++, size--) {
        if (*text == '\'') {
            fputs("'\\''", out);
            continue;
        }
        if (strchr("[]:\\", *text)) {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

/** The length of the first sentence, without its full stop. */
static size_t sentence(const char *text) {
    const char *end = strstr(text, ". ");
    size_t size = end ? (size_t)(end - text) : strlen(text);
    return size > 0 && text[size - 1] == '.' ? size - 1 : size;
}

static void zsh_argument(FILE *out, const struct argument *argument) {
    fputc(':', out);
    zsh_text(out, argument->name, strlen(argument->name));
    if (*argument->words) {
        fprintf(out, ":(%s)", argument->words);
    } else {
        fputs(argument->is_file ? ":_files" : argument->is_folder ? ":_files -/" : ": ", out);
    }
}

static void zsh_flag(FILE *out, const struct flag *flag) {
    fputs(" \\\n        ", out);
    /* "=": the value may stand in the same word. */
    const char *value = *flag->value.name && strncmp(flag->name, "--", 2) == 0 ? "=" : "";
    if (*flag->other) {
        fprintf(out, "'(%s %s)'{%s,%s%s}'", flag->other, flag->name, flag->other, flag->name,
                value);
    } else {
        fprintf(out, "'%s%s", flag->name, value);
    }
    if (*flag->text) {
        fputc('[', out);
        zsh_text(out, flag->text, sentence(flag->text));
        fputc(']', out);
    }
    if (*flag->value.name) {
        zsh_argument(out, &flag->value);
    }
    fputc('\'', out);
}

static void write_zsh(FILE *out) {
    fputs("#compdef fcgi_host\n"
          "# zsh completion for fcgi_host(8); made from the tables of its options and commands.\n\n"
          "_fcgi_host_first() {\n"
          "    local -a commands\n"
          "    commands=(\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(out, "        '%s:", s_commands[i].name);
        zsh_text(out, s_commands[i].summary, sentence(s_commands[i].summary));
        fputs("'\n", out);
    }
    fputs("    )\n"
          "    _describe -t commands command commands\n"
          "    _files\n"
          "}\n\n"
          "_fcgi_host() {\n"
          "    local curcontext=$curcontext state line\n"
          "    typeset -A opt_args\n"
          "    _arguments -C",
          out);
    each_host_flag(out, zsh_flag);
    fputs(" \\\n        '1: :_fcgi_host_first' '*:: :->rest'\n"
          "    [[ $state == rest ]] || return 0\n"
          "    case $line[1] in\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        struct argument rest;
        fprintf(out, "    %s) _arguments", s_commands[i].name);
        each_command_flag(out, zsh_flag, &s_commands[i], &rest);
        if (*rest.name) {
            fputs(" \\\n        '*", out);
            zsh_argument(out, &rest);
            fputc('\'', out);
        }
        fputs(" ;;\n", out);
    }
    fputs("    *) _files ;;\n"
          "    esac\n"
          "}\n\n"
          "_fcgi_host \"$@\"\n",
          out);
}

int main(int argc, char **argv) {
    bool is_bash = argc == 3 && strcmp(argv[1], "bash") == 0;
    if (!is_bash && (argc != 3 || strcmp(argv[1], "zsh") != 0)) {
        fputs("usage: completion bash|zsh FILE\n", stderr);
        return 2;
    }
    FILE *out = fopen(argv[2], "w");
    if (out) {
        is_bash ? write_bash(out) : write_zsh(out);
    }
    if (!out || ferror(out) || fclose(out) != 0) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
