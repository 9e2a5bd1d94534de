#include "fcgi_host/supervisor/worker_setting.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/view.h"

/* ---- Limits ---- */

static void ignore_signal(int signal_number) {
    (void)signal_number;
}

/** A file that has become too large is an error of write(2), as in a plain python3.  A handler, not
 *  SIG_IGN, which programs that applications start would inherit. */
static void ignore_file_size_signal(void) {
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGXFSZ, &action, NULL);
}

static int set_limits(const struct resource_limits *limits, struct error *err) {
    for (size_t i = 0; i < RESOURCE_LIMIT_COUNT; i++) {
        const struct resource_limit_kind *kind = &resource_limit_kinds[i];
        const struct rlimit limit = {limits->items[i].value, limits->items[i].value};
        if (limits->items[i].is_set && setrlimit((unsigned)kind->resource, &limit) != 0) {
            return error_set_errno(err, errno, "rlimit.%s", kind->name);
        }
    }
    ignore_file_size_signal();
    return 0;
}

static int set_nice(const struct optional_number *nice, struct error *err) {
    if (nice->is_set && setpriority(PRIO_PROCESS, 0, nice->value) != 0) {
        return error_set_errno(err, errno, "nice %d", nice->value);
    }
    return 0;
}

/* ---- User ---- */

static int is_wrong(const struct identity *to, struct error *err) {
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;
    if (getresuid(&real, &effective, &saved) != 0 ||
        getresgid(&real_group, &effective_group, &saved_group) != 0) {
        return error_set_errno(err, errno, "user %u", to->uid);
    }
    bool is_whole = real == to->uid && effective == to->uid && saved == to->uid &&
                    real_group == to->gid && effective_group == to->gid && saved_group == to->gid;
    bool is_root_again =
        to->uid != 0 && (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
                         (to->gid != 0 && setresgid((gid_t)-1, 0, (gid_t)-1) == 0));
    if (!is_whole || is_root_again) {
        return error_set(err, ERR_SYSTEM, "user %u: the rights of root could be had again",
                         to->uid);
    }
    return 0;
}

static int become(const struct identity *to, struct error *err) {
    /* Cleared by the change: without it there is no core file, and /proc/self is not ours. */
    bool is_dumpable = prctl(PR_GET_DUMPABLE) == 1;
    if (setgroups((size_t)to->group_count, to->groups) != 0) {
        return error_set_errno(err, errno, "setgroups");
    }
    if (setresgid(to->gid, to->gid, to->gid) != 0) {
        return error_set_errno(err, errno, "group %u", to->gid);
    }
    if (setresuid(to->uid, to->uid, to->uid) != 0) {
        return error_set_errno(err, errno, "user %u", to->uid);
    }
    if (is_dumpable) {
        prctl(PR_SET_DUMPABLE, 1);
    }
    return is_wrong(to, err);
}

static int set_user(const struct identity *to, struct error *err) {
    if (!to) {
        return 0;
    }
    if (geteuid() == 0 && become(to, err) != 0) { /* else it is this user: config_check_users() */
        return -1;
    }
    if (to->has_user && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return error_set_errno(err, errno, "no_new_privs");
    }
    return 0;
}

/* ---- Environment ---- */

static int set_variable(const char *name, const char *value, struct error *err) {
    if (value ? setenv(name, value, 1) != 0 : unsetenv(name) != 0) {
        return error_set_errno(err, errno, "env.%s", name);
    }
    return 0;
}

/** @param item  "NAME=value" */
static int set_item(const char *item, struct error *err) {
    const char *equals = strchr(item, '=');
    char *name = strndup(item, (size_t)(equals - item));
    int rc =
        name ? set_variable(name, equals + 1, err) : error_set(err, ERR_MEMORY, "out of memory");
    free(name);
    return rc;
}

/** As login(1) does. */
static int set_user_environment(const struct identity *to, struct error *err) {
    if (!to || !to->has_user) {
        return 0;
    }
    return set_variable("HOME", to->home ? to->home : "/", err) != 0 ||
                   set_variable("USER", to->name, err) != 0 ||
                   set_variable("LOGNAME", to->name, err) != 0 ||
                   set_variable("SHELL", to->shell, err) != 0
               ? -1
               : 0;
}

static int set_all(const struct string_list *items, struct error *err) {
    for (size_t i = 0; i < items->count; i++) {
        if (set_item(items->items[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** What C libraries and Python's start read of an application's own variables. */
static bool is_of_process(const char *item) {
    return strncmp(item, "TZ=", 3) == 0 || strncmp(item, "LANG=", 5) == 0 ||
           strncmp(item, "LC_", 3) == 0;
}

static int set_environment(const struct config *config, struct error *err) {
    const struct config *site = config_site(config);
    if (set_user_environment(config->process.identity, err) != 0 ||
        set_all(&site->process.env.variables, err) != 0) {
        return -1;
    }
    const struct string_list *own = &config->process.env.variables;
    if (own->items != site->process.env.variables.items && set_all(own, err) != 0) {
        return -1;
    }
    bool is_alone = config_has_one_application(config) && config->app_count == 1;
    const struct app_config *app = is_alone ? &config->apps[0] : NULL;
    for (size_t i = 0; app && i < app->env.variables.count; i++) {
        const char *item = app->env.variables.items[i];
        if (is_of_process(item) && set_item(item, err) != 0) {
            return -1;
        }
    }
    tzset();
    return 0;
}

/* ---- All ---- */

int worker_setting_apply(const struct config *config, struct error *err) {
    const struct process_config *process = &config->process;
    if (set_limits(&process->rlimits, err) != 0 || set_nice(&process->nice, err) != 0 ||
        set_user(process->identity, err) != 0) {
        return -1;
    }
    if (process->umask.is_set) {
        umask((mode_t)process->umask.value);
    }
    if (process->chdir && chdir(process->chdir) != 0) {
        return error_set_errno(err, errno, "chdir %s", process->chdir);
    }
    return set_environment(config, err);
}
