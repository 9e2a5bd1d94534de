/* What a failed load has missed, and whether it has appeared: a reason to try again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reload/reloader_internal.h"

/** Something new in a watched folder. */
struct appeared {
    struct appeared *next;
    char path[];
};

void reload_target_note_outcome_locked(struct reload_target *target, const struct error *err) {
    /* One that was refused misses nothing. */
    target->has_failed = err && err->code != ERR_REFUSED;
    missing_find(&target->missing, target->has_failed ? err->text : "");
}

static bool has_noted(const struct reload_target *target, const char *path) {
    const struct appeared *each = target->appeared;
    while (each && strcmp(each->path, path) != 0) {
        each = each->next;
    }
    return each != NULL;
}

bool reload_target_note_appeared_locked(struct reload_target *target, const char *path) {
    bool is_loading = !target->is_loaded || target->candidate;
    if (!(is_loading || (target->has_failed && missing_may_be(&target->missing, path))) ||
        path_filter_ignores(target->filter, path)) {
        return false;
    }
    struct appeared *appeared =
        has_noted(target, path) ? NULL : malloc(sizeof *appeared + strlen(path) + 1);
    if (appeared) {
        memcpy(appeared->path, path, strlen(path) + 1);
        appeared->next = target->appeared;
        target->appeared = appeared;
    }
    return true;
}

void reload_target_forget_appeared(struct reload_target *target) {
    for (struct appeared *each = target->appeared, *next; each; each = next) {
        next = each->next;
        free(each);
    }
    target->appeared = NULL;
}

/** Without events: whether a missing module is there now, beside a WSGI file. */
static bool find_missing_locked(const struct reload_target *target, char *ret_path, size_t size) {
    static const char *const s_forms[] = {".py", "/__init__.py"};
    for (size_t i = 0; i < target->files.count; i++) {
        const char *file = target->files.items[i];
        int folder = (int)(strrchr(file, '/') - file);
        for (size_t name = 0; name < 2 * target->missing.count; name++) {
            snprintf(ret_path, size, "%.*s/%s%s", folder, file, target->missing.names[name / 2],
                     s_forms[name % 2]);
            if (access(ret_path, F_OK) == 0 && !file_set_has(target->serving, ret_path)) {
                return true;
            }
        }
    }
    return false;
}

bool reload_target_has_appeared_locked(struct reload_target *target, char *ret_path, size_t size) {
    bool has_appeared = false;
    for (const struct appeared *each = target->appeared; each; each = each->next) {
        if (target->has_failed && missing_may_be(&target->missing, each->path)) {
            has_appeared = true;
            snprintf(ret_path, size, "%s", each->path);
        }
    }
    reload_target_forget_appeared(target);
    return has_appeared || (target->has_failed && target->reloader->is_polling &&
                            find_missing_locked(target, ret_path, size));
}
