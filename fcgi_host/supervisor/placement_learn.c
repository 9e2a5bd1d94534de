#include "fcgi_host/supervisor/placement_learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

char *placement_folder(const struct config *site) {
    const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME");
    char *folder = NULL;
    if (site->state_dir) {
        return strcmp(site->state_dir, CONFIG_STATE_OFF) == 0 ? NULL : strdup(site->state_dir);
    }
    if (systemd && *systemd == '/') { /* systemd.exec(5): several are separated by ":" */
        return strndup(systemd, strcspn(systemd, ":"));
    }
    if (xdg && *xdg == '/' && asprintf(&folder, "%s/fcgi_host", xdg) < 0) {
        return NULL;
    }
    return folder;
}

bool placement_is_in(const struct app_config *app, const char *process, const char *interpreter) {
    return strcmp(app->process, process) == 0 && strcmp(app->interpreter, interpreter) == 0;
}

bool placement_find_place(const struct config *site, const char *process, const char *interpreter,
                          struct learnt_place *ret_place) {
    *ret_place = (struct learnt_place){.process = process, .interpreter = interpreter};
    ret_place->apps.items = calloc(2 * site->app_count + 1, sizeof *ret_place->apps.items);
    for (size_t i = 0; ret_place->apps.items && i < site->app_count; i++) {
        if (placement_is_in(&site->apps[i], process, interpreter)) {
            ret_place->apps.items[ret_place->apps.count++] = site->apps[i].name;
            ret_place->apps.items[ret_place->apps.count++] = site->apps[i].file;
        }
    }
    return ret_place->apps.count > 0;
}

void placement_place_clear(struct learnt_place *place) {
    free(place->apps.items);
}

/** A host takes nothing that another user can have written, and a file that it has written would be
 *  set aside by this process. */
static int check_owner(const char *folder, struct error *err) {
    struct stat status;
    if (stat(folder, &status) == 0 && status.st_uid != geteuid()) {
        return error_set(err, ERR_USAGE, "%s is of another user (%u): learn as this one", folder,
                         (unsigned)status.st_uid);
    }
    return 0;
}

/** Write it, and see that it is there. */
static int keep(const struct placement_memory_options *options, const struct learnt *learnt,
                struct error *err) {
    struct placement_memory *memory = NULL;
    if (check_owner(options->folder, err) != 0 || !(memory = placement_memory_new(options, err))) {
        return -1;
    }
    placement_memory_keep(memory, learnt);
    placement_memory_free(memory);
    if (!(memory = placement_memory_new(options, err))) {
        return -1;
    }
    const struct learnt *kept = placement_memory_find(memory, &learnt->place);
    bool is_kept = kept && strcmp(kept->why, learnt->why) == 0;
    placement_memory_free(memory);
    return is_kept ? 0 : error_set(err, ERR_SYSTEM, "it cannot be kept in %s", options->folder);
}

int placement_learn(const struct config *site, const struct app_config *app,
                    const struct learnt *learnt, const char *python, char **ret_folder,
                    struct error *err) {
    struct learnt whole = *learnt;
    char *folder = placement_folder(site);
    int failed = -1;
    if (!folder) {
        return error_set(err, ERR_NOT_FOUND, "there is no state_dir to keep it in");
    }
    if (!placement_find_place(site, app->process, app->interpreter, &whole.place)) {
        error_set(err, ERR_MEMORY, "out of memory");
    } else {
        whole.since_s = time(NULL);
        failed = keep(&(struct placement_memory_options){.folder = folder, .python = python},
                      &whole, err);
    }
    placement_place_clear(&whole.place);
    if (failed) {
        free(folder);
        return -1;
    }
    *ret_folder = folder;
    return 0;
}
