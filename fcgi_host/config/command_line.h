/**
 * The command line, taken apart.  The file system is asked for one thing only: which of the
 * readings of an APP argument names a file that exists.
 *
 * @thread one at a time (getopt(3))
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_COMMAND_LINE_H
#define FCGI_HOST_CONFIG_COMMAND_LINE_H

#include "fcgi_host/config/config.h"
#include "fcgi_host/config/options.h"
#include "pool/base/error.h"

/** The words of a command line; pointers into argv. */
struct command_line_words {
    struct command_line line;
    const char *config_file;          /**< NULL: none */
    const char *values[OPTION_COUNT]; /**< of options of the table; NULL: not given */
    const char **apps;                /**< malloc'ed */
    size_t app_count;
};

/**
 * Options and APPs may stand in any order; the first word that names a command (commands.def)
 * ends them, and what follows it is the command's.
 * @return 0, or -1: ERR_USAGE, ERR_MEMORY
 * @owns the caller: free(ret_words->apps)
 */
int command_line_parse(int argc, char **argv, struct command_line_words *ret_words,
                       struct error *err);

/** An APP argument, `[NAME=]FILE[:CALLABLE]`; all malloc'ed. */
struct app_argument {
    char *name;     /**< given, or made from the file's stem */
    char *file;     /**< as given */
    char *callable; /**< NULL: not given */
};

/**
 * Take an APP argument apart.  A file name may itself contain "=" and ":": the first reading that
 * names an existing file is taken, beginning with the whole argument; if none does, the reading
 * with every part.
 * @return 0, or -1: ERR_USAGE, ERR_MEMORY
 */
int app_argument_parse(const char *text, struct app_argument *ret_argument, struct error *err);
void app_argument_clear(struct app_argument *argument);

#endif
