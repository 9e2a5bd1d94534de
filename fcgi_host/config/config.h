/**
 * The configuration: a file (INI, read by libinih), the command line over it, the defaults below.
 *
 * The keys, their types, defaults and explanations stand once, in options.def; parser, defaults,
 * --help, the configuration dump of -t and fcgi_host.conf.5 are made from it.
 *
 * @thread a struct config is immutable once loaded and may be read by any thread
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_CONFIG_H
#define FCGI_HOST_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/resource_limits.h"
#include "pool/base/error.h"
#include "pool/base/string_list.h"

enum reload_mode {
    RELOAD_MODE_AUTO,
    RELOAD_MODE_INTERPRETER,
    RELOAD_MODE_WORKER,
    RELOAD_MODE_RESTART, /**< the old generation ends before the next one is built */
    RELOAD_MODE_OFF,
};
/** Beyond any sensible machine; bounds what the supervisor allocates. */
enum { CONFIG_MAX_WORKERS = 256 };

/** Whether fcgi_host.ClientGone is raised in a request whose client has gone. */
enum on_client_gone {
    ON_CLIENT_GONE_IGNORE,
    ON_CLIENT_GONE_RAISE, /**< for GET, HEAD and OPTIONS, which change nothing */
    ON_CLIENT_GONE_RAISE_ANY,
};
/** What a line of the access log is as text. */
enum access_format {
    ACCESS_FORMAT_COMBINED, /**< the combined log format, and NAME=VALUE */
    ACCESS_FORMAT_SHORT,    /**< method, URL, status, milliseconds */
};
enum spare_mode { SPARE_AUTO, SPARE_ON, SPARE_OFF };
enum lazy_imports { LAZY_IMPORTS_NORMAL, LAZY_IMPORTS_ALL, LAZY_IMPORTS_OFF };
enum on_stale { ON_STALE_REPLACE, ON_STALE_REFUSE, ON_STALE_WARN };

/** The interpreter that always exists: an application may be configured to live there, and is moved
 *  there when its extensions refuse every other interpreter. */
#define CONFIG_MAIN_INTERPRETER "main"

/** Values of `process`, beside the names of [process NAME] sections. */
#define CONFIG_PROCESS_AUTO "auto"
#define CONFIG_PROCESS_OWN "own"
/** The process group of all applications that need none of their own, and of the scripts. */
#define CONFIG_PROCESS_SHARED "shared"

/** Values of `preload`, beside names of modules. */
#define CONFIG_PRELOAD_AUTO "auto"
#define CONFIG_PRELOAD_OFF "off"

/** Values of `access_log`, beside names of log_target_open(). */
#define CONFIG_ACCESS_LOG_OFF "off"
#define CONFIG_ACCESS_LOG_SYSLOG "syslog"

/** The NAME of `python.NAME` whose value is a list of -X options, blanks between them. */
#define CONFIG_PYTHON_X "X"

struct identity;

/** A number that has no default. */
struct optional_number {
    bool is_set;
    int value;
};

/** How many worker processes a process group has. */
struct worker_range {
    unsigned least; /**< 0: the first request starts one */
    unsigned most;  /**< more than `least`: as many as the requests need */
};

/** Variables of env.NAME. */
struct config_env {
    struct string_list variables; /**< "NAME=value" */
    struct string_list files;     /**< for each the file that its value was read from; "": none */
};

/** `state_dir` of a host that keeps nothing. */
#define CONFIG_STATE_OFF "off"

/** A process group: one [process NAME] section, or the keys of an [app] for a group of its own. */
struct process_config {
    char *name; /**< of the section; else NULL */
    struct worker_range workers;
    unsigned idle_timeout_s, max_age_s;
    unsigned max_rss_mb;
    unsigned max_requests; /**< of a section; an application's own: as in struct app_config */
    char *preload;         /**< CONFIG_PRELOAD_AUTO, _OFF, or modules, one blank between them */
    /* What [fcgi_host] may set for every group. */
    char *user, *group; /**< as given; NULL: not set */
    struct optional_number umask, nice;
    char *chdir; /**< absolute */
    struct resource_limits rlimits;
    struct config_env env; /**< of the process */
    /** What `user` and `group` mean, here or in [fcgi_host]; NULL: neither is set. */
    struct identity *identity;
};

/** One [app NAME] section, or one APP of the command line. */
struct app_config {
    char *name;
    char *process;             /**< CONFIG_PROCESS_AUTO, CONFIG_PROCESS_OWN, or a section's name */
    struct process_config own; /**< for the group of its own, when it has one */
    char *file;                /**< absolute */
    char *callable;            /**< NULL: "application", then "app" */
    char *mount;               /**< "/blog", without a slash at its end; "" for everything else */
    bool has_mount; /**< it was given: with "/", SCRIPT_NAME is "" whatever the server says */
    char *host;     /**< lower case, without port; NULL: any */
    /** "/URL DIR": what a web server answers from files; no "/" at the ends, DIR absolute. */
    struct string_list static_folders;
    char *interpreter;
    bool gil_own;
    enum lazy_imports lazy_imports;
    unsigned threads, queue;
    char *virtualenv;
    struct string_list python_path;
    struct config_env env;
    enum reload_mode reload;
    struct string_list watch, ignore;
    unsigned debounce_ms;
    bool has_debounce; /**< it was given: it holds for a single file, too */
    char *check;
    unsigned drain_timeout_s, request_timeout_s;
    unsigned max_requests;
    enum on_stale on_stale;
    enum spare_mode spare;
    unsigned spare_idle_s;
    enum on_client_gone on_client_gone;
    char *log;                        /**< NULL: the host's */
    struct optional_number log_level; /**< an enum log_level; not set: the host's */
    bool dev;
    unsigned slow_request_s;
    bool rehearse;
};

/** One [task NAME] section: what an application is to do at certain times. */
struct task_config {
    char *name;
    char *app;  /**< the application's name */
    char *call; /**< "package.module:function" */
    /* One of them is set. */
    unsigned every_s;          /**< 0: not set */
    struct optional_number at; /**< minutes since midnight, in the host's time zone */
};

struct config {
    char *file; /**< NULL: none given */
    char *listen;
    struct worker_range workers;
    unsigned idle_timeout_s, max_age_s;
    unsigned max_requests; /**< of a [process]; else 0 */
    char *control, *status_path, *ping_path, *ready_path, *agent_listen;
    char *state_dir; /**< NULL: the environment says; or CONFIG_STATE_OFF */
    char *log;
    enum log_level log_level;
    enum log_format log_format;
    char *access_log;
    enum access_format access_format;
    unsigned stop_timeout_s, stuck_timeout_s, startup_timeout_s, drain_s;
    unsigned max_interpreters;
    unsigned max_rss_mb, recycle_budget_mb;
    bool allow_root;
    struct config_env python; /**< Python's own settings */
    bool ignore_users, ignore_tasks;
    bool live;
    /** The keys of process groups in [fcgi_host]; in a part (view.h): those of its group, joined
     *  with [fcgi_host]'s, all but `env`, where the part's are to be set after the whole's. */
    struct process_config process;

    struct app_config *apps;
    size_t app_count;
    struct process_config *processes;
    size_t process_count;

    struct task_config *tasks;
    size_t task_count;

    char *scripts_root; /**< real path; NULL: no [scripts] section */
    struct string_list scripts_suffix;
    unsigned scripts_max_processes;
    struct app_config script_defaults; /**< for every script below the root */

    /** Of a part: the paths of scripts that have the main interpreter of the group. */
    struct string_list scripts_in_main;
    /** The whole configuration that this is a process group's part of (view.h); NULL: it is whole.
     */
    struct config *site;
    unsigned references; /**< of its parts, beside the owner's */
};

/** What the command line asked for. */
enum command {
    COMMAND_RUN,
    COMMAND_TEST,
    COMMAND_SERVE,
    COMMAND_INIT,
    COMMAND_AUDIT,
    COMMAND_STATUS,
    COMMAND_TOP,
    COMMAND_PING,
    COMMAND_READY,
    COMMAND_DRAIN,
    COMMAND_STOP,
    COMMAND_RELOAD,
    COMMAND_PREPARE,
    COMMAND_COMMIT,
    COMMAND_ABORT,
    COMMAND_EXEC,
    COMMAND_PROFILE,
    COMMAND_VERSION,
    COMMAND_HELP
};

struct command_line {
    enum command command;
    /** Arguments of a subcommand, argv[0] its name; of COMMAND_RUN none (they are in config). */
    int argc;
    char **argv;
};

/** @return the configured application of this name; NULL: none (a script's is not configured) */
const struct app_config *config_find_app(const struct config *config, const char *name);

/** @return the [process] section of this name; NULL: none */
struct process_config *config_find_process(const struct config *config, const char *name);

/** Add the names of all targets that a whole configuration, or a part, writes logs to; each once.
 *  @return 0, or -1: out of memory */
int config_add_log_targets(const struct config *config, struct string_list *targets);

/** Whether an application, or a script, is alone in its process: in a part (view.h). */
bool config_has_one_application(const struct config *config);

/** @return `preload` of a part (view.h) with an application */
const char *config_preload(const struct config *part);

/**
 * @param[out] ret_process  the [process] section, or an application's or [fcgi_host]'s keys
 * @return the name of a process group whose workers run as root when this process is root's
 *         (applications that may be moved to a group of their own count, too); NULL: none
 */
const char *config_find_root(const struct config *config,
                             const struct process_config **ret_process);

/** Give a reference back, and free what nobody refers to.  NULL is fine. @thread one at a time */
void config_free(struct config *config);

/** Write the configuration in effect as an INI file (for -t). */
void config_print(const struct config *config, void *stdio_file);
/** Write usage and options as --help shows them. */
void config_print_help(void *stdio_file);

#endif
