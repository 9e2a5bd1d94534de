/**
 * Writes the option tables of the documentation, from options.def and commands.def.  A tool of the
 * build, not installed.
 *
 *     options_doc check FILE...     exit with 1 and name the file when a table is out of date
 *     options_doc update FILE...    rewrite the tables
 *
 * A table stands between two lines that contain "options: SUBJECT" and "options end" and are
 * comments of the format: mdoc, or Markdown in a file that ends in .md.  SUBJECT is "commands",
 * "command line", "[fcgi_host]", "[app NAME]" or "[scripts]".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/options.h"

enum {
    MDOC_WIDTH = 78, /**< mandoc -Tlint wants less than 80 */
};

struct format {
    void (*begin)(FILE *out, bool is_command_line);
    void (*option)(FILE *out, const struct config_option *option, bool is_command_line);
    void (*command)(FILE *out, const char *name, const char *arguments, const char *summary);
    void (*end)(FILE *out);
};

/** What stands for the value of a key. */
static const char *value_of(const struct config_option *option) {
    return option->argument ? option->argument : option->kind->words;
}

/* ---- mdoc(7) ---- */

/** Words, wrapped, each sentence on a line of its own. */
static void mdoc_text(FILE *out, const char *text) {
    int column = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        int size = (int)strcspn(text, " ");
        bool is_sentence_end = column > 0 && text[-2] == '.' && text[-1] == ' ';
        if (column > 0 && (is_sentence_end || column + 1 + size > MDOC_WIDTH)) {
            fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%s%.*s", column ? " " : "", size, text);
        text += size;
    }
    fputc('\n', out);
}

static void mdoc_begin(FILE *out, bool is_command_line) {
    (void)is_command_line;
    fputs(".Bl -tag -width Ds\n", out);
}

static void mdoc_option(FILE *out, const struct config_option *option, bool is_command_line) {
    if (!is_command_line) {
        fprintf(out, ".It Cm %s No = Ar %s\n", option->key, value_of(option));
    } else if (option->letter) {
        fprintf(out, ".It Fl %c Ar %s , Fl -%s Ar %s\n", option->letter, option->argument,
                option->flag, option->argument);
    } else if (option->argument) {
        fprintf(out, ".It Fl -%s Ar %s\n", option->flag, option->argument);
    } else {
        fprintf(out, ".It Fl -%s\n", option->flag);
    }
    mdoc_text(out, option->explanation);
    if (!is_command_line && option->default_text && *option->default_text) {
        fprintf(out, "Default:\n.Ql %s .\n", option->default_text);
    }
}

static void mdoc_command(FILE *out, const char *name, const char *arguments, const char *summary) {
    fprintf(out, ".It Ic %s No %s\n", name, arguments);
    mdoc_text(out, summary);
}

static void mdoc_end(FILE *out) {
    fputs(".El\n", out);
}

/* ---- Markdown ---- */

static void markdown_text(FILE *out, const char *text) {
    for (; *text; text++) {
        if (strchr("|*_<", *text)) {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

/** As code; a bar ends a table's cell even there. */
static void markdown_code(FILE *out, const char *text, const char *more) {
    fputc('`', out);
    for (; *text || *more; text = *text ? text + 1 : text) {
        if (!*text) {
            text = more;
            more = "";
        }
        fputs(*text == '|' ? "\\|" : (const char[]){*text, '\0'}, out);
    }
    fputc('`', out);
}

static void markdown_begin(FILE *out, bool is_command_line) {
    fputs(is_command_line ? "| option | |\n|---|---|\n" : "| key | default | |\n|---|---|---|\n",
          out);
}

static void markdown_option(FILE *out, const struct config_option *option, bool is_command_line) {
    char value[128] = "";
    fputs("| ", out);
    if (is_command_line) {
        if (option->letter) {
            fprintf(out, "`-%c`, ", option->letter);
        }
        snprintf(value, sizeof value, "--%s%s%s", option->flag, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        markdown_code(out, value, "");
    } else {
        snprintf(value, sizeof value, " = %s", value_of(option));
        markdown_code(out, option->key, value);
        fputs(" | ", out);
        if (option->default_text && *option->default_text) {
            markdown_code(out, option->default_text, "");
        }
    }
    fputs(" | ", out);
    markdown_text(out, option->explanation);
    fputs(" |\n", out);
}

static void markdown_command(FILE *out, const char *name, const char *arguments,
                             const char *summary) {
    fprintf(out, "| `fcgi_host %s %s` | ", name, arguments);
    markdown_text(out, summary);
    fputs(" |\n", out);
}

static void markdown_end(FILE *out) {
    (void)out;
}

static const struct format s_mdoc = {mdoc_begin, mdoc_option, mdoc_command, mdoc_end};
static const struct format s_markdown = {markdown_begin, markdown_option, markdown_command,
                                         markdown_end};

/* ---- Tables ---- */

static void write_options(FILE *out, const struct format *format, const char *subject) {
    static const char *const s_sections[] = {
        [SECTION_HOST] = "[fcgi_host]",  [SECTION_PROCESS] = "[process NAME]",
        [SECTION_APP] = "[app NAME]",    [SECTION_TASK] = "[task NAME]",
        [SECTION_SCRIPTS] = "[scripts]",
    };
    bool is_command_line = strcmp(subject, "command line") == 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        bool is_wanted = is_command_line && options[i].flag;
        for (int section = SECTION_HOST; section <= SECTION_SCRIPTS; section++) {
            /* What scripts have in common with applications is said there, and what applications
             * and the host have in common with processes here. */
            bool is_said = (section == SECTION_SCRIPTS && options[i].scope == SCOPE_BOTH) ||
                           (section != SECTION_PROCESS && options[i].scope >= SCOPE_PROCESS);
            is_wanted |= strcmp(subject, s_sections[section]) == 0 && !is_said &&
                         option_in_section(&options[i], (enum option_section)section);
        }
        if (is_wanted) {
            format->option(out, &options[i], is_command_line);
        }
    }
}

static void write_table(FILE *out, const struct format *format, const char *subject) {
    bool is_commands = strcmp(subject, "commands") == 0;
    format->begin(out, is_commands || strcmp(subject, "command line") == 0);
    if (is_commands) {
#define COMMAND(id, name, arguments, summary, function)                                            \
    format->command(out, name, arguments, summary);
#include "fcgi_host/config/commands.def"
#undef COMMAND
    } else {
        write_options(out, format, subject);
    }
    format->end(out);
}

/** @return the subject of a line that opens a table, or NULL; the line is cut at its end */
static char *subject_of(const char *line) {
    static const char s_mark[] = "options: ";
    const char *mark = strstr(line, s_mark);
    if (!mark) {
        return NULL;
    }
    char *subject = strdup(mark + sizeof s_mark - 1);
    if (subject) {
        char *end = strstr(subject, " -->");
        *(end ? end : subject + strcspn(subject, "\n")) = '\0';
    }
    return subject;
}

/** The file with its tables made anew. */
static void rewrite(FILE *in, FILE *out, const struct format *format) {
    char *line = NULL;
    size_t room = 0;
    bool is_in_table = false;
    while (getline(&line, &room, in) > 0) {
        if (strstr(line, "options end")) {
            is_in_table = false;
        }
        if (is_in_table) {
            continue;
        }
        fputs(line, out);
        char *subject = subject_of(line);
        if (subject) {
            write_table(out, format, subject);
            is_in_table = true;
        }
        free(subject);
    }
    free(line);
}

/** @return 0 up to date, 1 not, or it was rewritten; -1 an error */
static int process(const char *path, bool is_update) {
    size_t size = strlen(path);
    bool is_markdown = size > 3 && strcmp(path + size - 3, ".md") == 0;
    char *before = NULL, *after = NULL;
    size_t before_size = 0, after_size = 0;
    int rc = -1;
    FILE *in = fopen(path, "r");
    FILE *out = in ? open_memstream(&after, &after_size) : NULL;
    if (out) {
        rewrite(in, out, is_markdown ? &s_markdown : &s_mdoc);
        fclose(out);
        rewind(in);
        before = malloc(after_size + 1);
    }
    if (before) {
        before_size = fread(before, 1, after_size + 1, in);
        rc = before_size != after_size || memcmp(before, after, after_size) != 0;
    }
    if (in) {
        fclose(in);
    }
    if (rc == 1 && is_update) {
        FILE *file = fopen(path, "w");
        rc = file && fwrite(after, 1, after_size, file) == after_size ? 1 : -1;
        rc = file && fclose(file) == 0 ? rc : -1;
    }
    if (rc < 0) {
        perror(path);
    }
    free(before);
    free(after);
    return rc;
}

int main(int argc, char **argv) {
    bool is_update = argc > 1 && strcmp(argv[1], "update") == 0;
    if (argc < 3 || (!is_update && strcmp(argv[1], "check") != 0)) {
        fputs("usage: options_doc check|update FILE...\n", stderr);
        return 2;
    }
    int status = 0;
    for (int i = 2; i < argc; i++) {
        int rc = process(argv[i], is_update);
        if (rc != 0 && !is_update) {
            fprintf(stderr, "%s: not what options.def says; build the target docs\n", argv[i]);
        }
        status |= rc < 0 || (rc > 0 && !is_update);
    }
    return status;
}
