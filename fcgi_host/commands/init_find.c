#include "fcgi_host/commands/init_find_internal.h"

#include <glob.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/option_kinds.h"

/** Larger files are no application's first one. */
enum { SOURCE_BYTES_MAX = 1 << 20 };

char *init_read_source(const char *path) {
    FILE *in = fopen(path, "re");
    char *text = in ? calloc(1, SOURCE_BYTES_MAX + 1) : NULL;
    if (text && fread(text, 1, SOURCE_BYTES_MAX, in) == 0) {
        free(text);
        text = NULL;
    }
    if (in) {
        fclose(in);
    }
    return text;
}

bool init_find_line(const char *text, const char *pattern, char *ret_group, size_t group_bytes) {
    regex_t expression;
    regmatch_t matches[2];
    if (regcomp(&expression, pattern, REG_EXTENDED | REG_NEWLINE)) {
        return false;
    }
    bool is_found = regexec(&expression, text, 2, matches, 0) == 0;
    if (is_found && ret_group) {
        snprintf(ret_group, group_bytes, "%.*s", (int)(matches[1].rm_eo - matches[1].rm_so),
                 text + matches[1].rm_so);
    }
    regfree(&expression);
    return is_found;
}

/** Whether a name is assigned, defined or imported at the top of a module. */
static bool offers(const char *text, const char *name) {
    static const char *const patterns[][2] = {
        {"^", "[[:space:]]*(:[^=]*)?=[^=]"},
        {"^def[[:space:]]+", "[[:space:]]*[(]"},
        {"^from[[:space:]].*import[[:space:]](.*[, ])?", "([, ].*)?$"},
        {"^(from|import)[[:space:]].*[[:space:]]as[[:space:]]", "[[:space:]]*$"},
    };
    char pattern[128];
    bool is_offered = false;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && !is_offered; i++) {
        snprintf(pattern, sizeof pattern, "%s%s%s", patterns[i][0], name, patterns[i][1]);
        is_offered = init_find_line(text, pattern, NULL, 0);
    }
    return is_offered;
}

/** What a host looks for in a module. @return whether it is there */
static bool find_callable(const char *text, char ret_callable[16]) {
    static const char *const names[] = {"application", "app"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (offers(text, names[i])) {
            snprintf(ret_callable, 16, "%s", names[i]);
            return true;
        }
    }
    return false;
}

/** Files of a pattern below the folder, the first one that is an application. @return whether */
static bool find_file(const char *folder, const char *pattern, struct found_application *found) {
    char path[PATH_MAX];
    glob_t files;
    bool is_found = false;
    snprintf(path, sizeof path, "%s/%s", folder, pattern);
    if (glob(path, 0, NULL, &files) != 0) {
        return false;
    }
    for (size_t i = 0; i < files.gl_pathc && !is_found; i++) {
        char *text = init_read_source(files.gl_pathv[i]);
        is_found = text && find_callable(text, found->callable);
        if (is_found) {
            snprintf(found->file, sizeof found->file, "%s", files.gl_pathv[i]);
            found->kind =
                strstr(text, "Flask(") || strstr(text, "flask") ? INIT_FLASK : "WSGI application";
        }
        free(text);
    }
    globfree(&files);
    return is_found;
}

static void find_django(const char *folder, struct found_application *found) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/manage.py", folder);
    char *text = init_read_source(path);
    if (text) {
        init_find_line(text, "DJANGO_SETTINGS_MODULE[\"'][, ]+[\"']([A-Za-z0-9_.]+)[\"']",
                       found->settings, sizeof found->settings);
    }
    free(text);
}

static void find_virtualenv(const char *folder, struct found_application *found) {
    static const char *const names[] = {".venv", "venv", "env", "../venv", "../.venv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !*found->virtualenv; i++) {
        char path[PATH_MAX], real[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s/pyvenv.cfg", folder, names[i]);
        if (access(path, R_OK) == 0 && realpath(path, real)) {
            *strrchr(real, '/') = '\0';
            snprintf(found->virtualenv, sizeof found->virtualenv, "%s", real);
        }
    }
}

/** The folder's name, with what no section's name may contain replaced. */
static void make_name(const char *folder, char *ret_name, size_t name_bytes) {
    const char *slash = strrchr(folder, '/');
    snprintf(ret_name, name_bytes, "%s", slash && slash[1] ? slash + 1 : "site");
    for (char *c = ret_name; *c; c++) {
        *c = option_is_name(c, 1) ? *c : '_';
    }
}

int init_find(const char *folder, struct found_application *ret_found, struct error *err) {
    static const char *const patterns[] = {
        "wsgi.py",   "*.wsgi",   "app.py",        "application.py", "main.py",          "*.py",
        "*/wsgi.py", "*/app.py", "*/__init__.py", "src/*/wsgi.py",  "src/*/__init__.py"};
    bool is_found = false;
    *ret_found = (struct found_application){.kind = ""};
    find_django(folder, ret_found);
    if (*ret_found->settings) {
        is_found = find_file(folder, "*/wsgi.py", ret_found) ||
                   find_file(folder, "*/*/wsgi.py", ret_found);
        ret_found->kind = "Django project";
        snprintf(ret_found->python_path, sizeof ret_found->python_path, "%s", folder);
    }
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && !is_found; i++) {
        is_found = find_file(folder, patterns[i], ret_found);
    }
    if (!is_found) {
        return error_set(err, ERR_USAGE,
                         "%s: no application here: no wsgi.py, app.py or other module with an "
                         "\"application\" or \"app\"",
                         folder);
    }
    size_t length = strlen(folder);
    if (strchr(ret_found->file + length + 1, '/')) { /* of a package */
        snprintf(ret_found->python_path, sizeof ret_found->python_path, "%s%s", folder,
                 strncmp(ret_found->file + length, "/src/", 5) == 0 ? "/src" : "");
    }
    find_virtualenv(folder, ret_found);
    init_find_static(folder, ret_found);
    make_name(folder, ret_found->name, sizeof ret_found->name);
    return 0;
}
