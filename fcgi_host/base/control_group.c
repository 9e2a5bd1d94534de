#include "fcgi_host/base/control_group.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** @param hierarchy  below the mounts, "" or "/…"  @param path  "/…", of the group; changed */
static void walk_up(const char *mounts, const char *hierarchy, char *path, bool is_v2,
                    control_group_function *look, void *ctx) {
    char folder[PATH_MAX];
    for (;;) {
        int length = snprintf(folder, sizeof folder, "%s%s%s", mounts, hierarchy, path);
        if (length < (int)sizeof folder && look(ctx, folder, is_v2)) {
            return;
        }
        char *slash = strrchr(path, '/');
        if (!slash) {
            return;
        }
        *slash = '\0';
    }
}

void control_group_walk(const char *mounts, const char *own, const char *controller,
                        control_group_function *look, void *ctx) {
    char line[PATH_MAX], hierarchy[NAME_MAX];
    FILE *file = fopen(own, "re");
    while (file && fgets(line, sizeof line, file)) { /* "ID:CONTROLLERS:PATH" */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) {
            continue;
        }
        *path++ = '\0';
        if (strcmp(line, "0:") == 0) {
            walk_up(mounts, "", path, true, look, ctx);
        } else if (controller && strcmp(controllers + 1, controller) == 0) {
            snprintf(hierarchy, sizeof hierarchy, "/%s", controller);
            walk_up(mounts, hierarchy, path, false, look, ctx);
        }
    }
    if (file) {
        fclose(file);
    }
}

uint64_t control_group_field(const char *path, const char *word) {
    char line[256];
    unsigned long long number = 0;
    size_t length = strlen(word);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == ':')) {
            number = strtoull(line + length + 1, NULL, 10);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return number;
}
