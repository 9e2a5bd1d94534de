#include "fcgi_host/app/revision.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SHORTEST_HASH = 40 };

/* ---- Small files ---- */

/** FOLDER/NAME. @return whether it fits */
static bool join(char path[PATH_MAX], const char *folder, const char *name) {
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/** The first line of a file, without what is blank at its end.
 *  @return false: there is none, or it is empty */
static bool read_line(const char *folder, const char *name, char line[PATH_MAX]) {
    char path[PATH_MAX];
    FILE *file = join(path, folder, name) ? fopen(path, "re") : NULL;
    bool has_line = file && fgets(line, PATH_MAX, file);
    if (file) {
        fclose(file);
    }
    size_t length = has_line ? strcspn(line, "\r\n") : 0;
    while (length > 0 && strchr(" \t", line[length - 1])) {
        length--;
    }
    line[has_line ? length : 0] = '\0';
    return length > 0;
}

static bool is_printable(const char *text) {
    while (*text > ' ' && *text < 0x7f) {
        text++;
    }
    return *text == '\0';
}

/** @return whether it is a revision's name */
static bool take(const char *line, char ret_revision[REVISION_BYTES]) {
    if (!is_printable(line) || strlen(line) >= REVISION_BYTES) {
        return false;
    }
    memcpy(ret_revision, line, strlen(line) + 1);
    return true;
}

/* ---- git ---- */

static bool is_hash(const char *text) {
    size_t length = strspn(text, "0123456789abcdef");
    return length >= SHORTEST_HASH && length < REVISION_BYTES && text[length] == '\0';
}

/** "HASH REFERENCE" in packed-refs. */
static bool find_packed(const char *folder, const char *reference,
                        char ret_revision[REVISION_BYTES]) {
    char path[PATH_MAX], line[PATH_MAX];
    FILE *file = join(path, folder, "packed-refs") ? fopen(path, "re") : NULL;
    bool is_found = false;
    while (file && !is_found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *blank = strchr(line, ' ');
        if (blank && strcmp(blank + 1, reference) == 0) {
            *blank = '\0';
            is_found = is_hash(line) && take(line, ret_revision);
        }
    }
    if (file) {
        fclose(file);
    }
    return is_found;
}

/** A path in a file of a git directory may be relative to it. @return whether it fits */
static bool resolve(char path[PATH_MAX], const char *folder, const char *text) {
    return *text == '/' ? snprintf(path, PATH_MAX, "%s", text) < PATH_MAX
                        : join(path, folder, text);
}

/** @param folder  ".git", or what it refers to */
static bool find_commit(const char *folder, char ret_revision[REVISION_BYTES]) {
    static const char s_ref[] = "ref: ";
    char head[PATH_MAX], line[PATH_MAX], common[PATH_MAX];
    if (!read_line(folder, "HEAD", head)) {
        return false;
    }
    if (strncmp(head, s_ref, sizeof s_ref - 1) != 0) {
        return is_hash(head) && take(head, ret_revision);
    }
    const char *reference = head + sizeof s_ref - 1;
    /* Of a linked work tree the branches are in the repository's own directory. */
    if (!read_line(folder, "commondir", line) || !resolve(common, folder, line)) {
        snprintf(common, sizeof common, "%s", folder);
    }
    if (read_line(common, reference, line) && is_hash(line)) {
        return take(line, ret_revision);
    }
    return find_packed(common, reference, ret_revision);
}

static bool find_git(const char *folder, char ret_revision[REVISION_BYTES]) {
    static const char s_gitdir[] = "gitdir: ";
    char path[PATH_MAX], line[PATH_MAX], other[PATH_MAX];
    struct stat status;
    if (!join(path, folder, ".git") || stat(path, &status) != 0) {
        return false;
    }
    if (S_ISDIR(status.st_mode)) {
        return find_commit(path, ret_revision);
    }
    return read_line(folder, ".git", line) && strncmp(line, s_gitdir, sizeof s_gitdir - 1) == 0 &&
           resolve(other, folder, line + sizeof s_gitdir - 1) && find_commit(other, ret_revision);
}

/* ---- Upwards ---- */

void revision_find(const char *file, char ret_revision[REVISION_BYTES]) {
    char folder[PATH_MAX], line[PATH_MAX];
    *ret_revision = '\0';
    if (!realpath(file, folder)) {
        return;
    }
    for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if ((read_line(folder, "REVISION", line) && take(line, ret_revision)) ||
            find_git(folder, ret_revision)) {
            return;
        }
    }
}
