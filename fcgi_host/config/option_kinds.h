/**
 * How a value of the configuration is read, checked, written and freed: one kind for each sort of
 * value that options.def names.
 *
 * @thread any, on fields of the caller's
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_OPTION_KINDS_H
#define FCGI_HOST_CONFIG_OPTION_KINDS_H

#include <stdbool.h>
#include <stdio.h>

#include "pool/base/error.h"

struct config_option;

/** Where a value stands. */
struct option_place {
    const char *directory; /**< relative paths start here; absolute */
    const char *name;      /**< the NAME of env.NAME, else NULL */
    bool skips_env_files;  /**< the value of env.NAME = <FILE is not needed; it is empty then */
};

struct option_kind {
    /**
     * Read `text` into the field; a list gets what it says in addition.
     * @return 0, or -1 with ERR_USAGE (what is wrong with the value), ERR_MEMORY; the field then
     *         is as before
     */
    int (*set)(void *field, const struct config_option *option, const struct option_place *place,
               const char *text, struct error *err);
    /** Write it as `key = value` lines; nothing when it is not set. */
    void (*print)(const void *field, const struct config_option *option, FILE *out);
    /** Free what the field owns and make it "not set". */
    void (*clear)(void *field);
    const char *words; /**< "yes|no", of a kind whose flag takes no value; else NULL */
    bool is_list;      /**< may be given several times */
    bool has_names;    /**< the key is "prefix.NAME" */
};

extern const struct option_kind option_kind_access_format, option_kind_access_log,
    option_kind_address, option_kind_boolean, option_kind_call, option_kind_directory,
    option_kind_environment, option_kind_gil, option_kind_group, option_kind_host,
    option_kind_identifier, option_kind_interval, option_kind_lazy_imports, option_kind_level,
    option_kind_log_format, option_kind_log_target, option_kind_mount, option_kind_name,
    option_kind_nice, option_kind_number, option_kind_on_client_gone, option_kind_on_stale,
    option_kind_optional_level, option_kind_path, option_kind_path_or_off, option_kind_paths,
    option_kind_preload, option_kind_python, option_kind_real_directory, option_kind_reload_mode,
    option_kind_rlimit, option_kind_spare, option_kind_static_folders, option_kind_tcp_address,
    option_kind_time_of_day, option_kind_umask, option_kind_url_path, option_kind_user,
    option_kind_words, option_kind_workers, option_kind_yes_no;

/** Whether `size` bytes can be an application's or interpreter's name: letters (any alphabet's, in
 *  UTF-8), digits, "_", "-", ".". */
bool option_is_name(const char *text, size_t size);
/** Whether they can be the name of a Python variable. */
bool option_is_identifier(const char *text, size_t size);
/** Whether they can be the name of a module: identifiers with points between them. */
bool option_is_dotted(const char *text, size_t size);

/** Say errno about a path the user gave. @return -1 with ERR_USAGE */
int option_path_error(const char *path, struct error *err);

/**
 * `path` made absolute without looking at the file system: "." segments and doubled slashes go,
 * symbolic links and ".." stay as they are.
 * @return malloc'ed, or NULL: out of memory
 */
char *option_absolute_path(const char *directory, const char *path);

#endif
