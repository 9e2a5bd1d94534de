#include "fcgi_host/commands/init_find_internal.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgi_host/commands/static_folders.h"

/* Regular expressions: blanks, a string, and what may follow on the line. */
#define BLANKS "[[:space:]]*"
#define STRING "[\"']([^\"']+)[\"']"
#define END BLANKS "(#.*)?$"

static void give_up(struct found_application *found) {
    *found->static_url = *found->static_folder = '\0';
}

/** Only what the key `static` takes. */
static void check(struct found_application *found) {
    struct string_list folders = {0};
    struct error ignored;
    struct stat status;
    size_t end = strlen(found->static_url);
    while (end > 0 && found->static_url[end - 1] == '/') {
        found->static_url[--end] = '\0';
    }
    found->has_static_folder = stat(found->static_folder, &status) == 0 && S_ISDIR(status.st_mode);
    if (strpbrk(found->static_folder, "\"\\$\n") ||
        static_folders_add(&folders, found->static_url,
                           found->has_static_folder ? found->static_folder : "/", &ignored) != 0) {
        give_up(found);
    }
    string_list_clear(&folders);
}

/* ---- Flask: the folder "static" beside the module, unless it says otherwise ---- */

static void read_flask(const char *path, const char *text, struct found_application *found) {
    char folder[128] = "static";
    bool says_folder = strstr(text, "static_folder"), says_url = strstr(text, "static_url_path");
    if ((says_folder || says_url) && strstr(text, "Blueprint(")) {
        return; /* which of them says it cannot be seen */
    }
    if ((says_folder &&
         !init_find_line(text, "static_folder" BLANKS "=" BLANKS STRING, folder, sizeof folder)) ||
        (says_url && !init_find_line(text, "static_url_path" BLANKS "=" BLANKS STRING,
                                     found->static_url, sizeof found->static_url))) {
        give_up(found);
        return;
    }
    if (!says_url) {
        const char *slash = strrchr(folder, '/');
        snprintf(found->static_url, sizeof found->static_url, "/%s", slash ? slash + 1 : folder);
    }
    int parent = (int)(strrchr(path, '/') - path);
    snprintf(found->static_folder, PATH_MAX, "%.*s%s%s", *folder == '/' ? 0 : parent, path,
             *folder == '/' ? "" : "/", folder);
    check(found);
    if (!found->has_static_folder) {
        give_up(found);
    }
}

/** @return whether the file makes an application */
static bool try_flask(const char *path, struct found_application *found) {
    char *text = init_read_source(path);
    bool is_flask = text && strstr(text, "Flask(");
    if (is_flask) {
        read_flask(path, text, found);
    }
    free(text);
    return is_flask;
}

/** In the file that was found, or the one that it has its application from. */
static void find_flask(const char *folder, struct found_application *found) {
    static const char *const patterns[] = {"*.py", "*/__init__.py", "*/app.py", "src/*/__init__.py",
                                           "src/*/app.py"};
    bool is_found = try_flask(found->file, found);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0] && !is_found; i++) {
        char path[PATH_MAX];
        glob_t files;
        snprintf(path, sizeof path, "%s/%s", folder, patterns[i]);
        if (glob(path, 0, NULL, &files) != 0) {
            continue;
        }
        for (size_t k = 0; k < files.gl_pathc && !is_found; k++) {
            is_found = try_flask(files.gl_pathv[k], found);
        }
        globfree(&files);
    }
}

/* ---- Django: STATIC_URL and STATIC_ROOT, where they are strings, or below BASE_DIR ---- */

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (; (text = strstr(text, word)); text += strlen(word)) {
        found++;
    }
    return found;
}

/** Where BASE_DIR is by the two ways that Django's own template has had. @return whether */
static bool find_base(const char *text, const char *path, char ret_base[PATH_MAX]) {
    char value[256];
    if (!init_find_line(text, "^BASE_DIR" BLANKS "=" BLANKS "(.*__file__.*)$", value,
                        sizeof value) ||
        strstr(value, "parents") || strchr(value, '/') || strstr(value, "join")) {
        return false;
    }
    size_t levels = count(value, "parent") + count(value, "dirname");
    snprintf(ret_base, PATH_MAX, "%s", path);
    for (size_t i = 0; i < levels; i++) {
        char *slash = strrchr(ret_base, '/');
        if (!slash || slash == ret_base) {
            return false;
        }
        *slash = '\0';
    }
    return levels > 0;
}

static void find_root(const char *text, const char *path, struct found_application *found) {
    static const char *const below_base[] = {
        "^STATIC_ROOT" BLANKS "=" BLANKS "BASE_DIR" BLANKS "/" BLANKS STRING END,
        "^STATIC_ROOT" BLANKS "=" BLANKS "str[(]BASE_DIR" BLANKS "/" BLANKS STRING "[)]" END,
        "^STATIC_ROOT" BLANKS "=" BLANKS "os[.]path[.]join[(]BASE_DIR," BLANKS STRING "[)]" END,
    };
    char base[PATH_MAX], folder[256];
    if (init_find_line(text, "^STATIC_ROOT" BLANKS "=" BLANKS STRING END, folder, sizeof folder) &&
        *folder == '/') {
        snprintf(found->static_folder, PATH_MAX, "%s", folder);
        return;
    }
    for (size_t i = 0; i < sizeof below_base / sizeof below_base[0]; i++) {
        if (init_find_line(text, below_base[i], folder, sizeof folder) && *folder != '/' &&
            find_base(text, path, base)) {
            snprintf(found->static_folder, PATH_MAX, "%s/%s", base, folder);
        }
    }
}

static void read_settings(const char *path, const char *text, struct found_application *found) {
    char url[sizeof found->static_url - 1];
    if (!init_find_line(text, "^STATIC_URL" BLANKS "=" BLANKS STRING END, url, sizeof url)) {
        return;
    }
    find_root(text, path, found);
    /* Django puts the script name, and a slash, before a relative one. */
    snprintf(found->static_url, sizeof found->static_url, "%s%s", *url == '/' ? "" : "/", url);
    if (!*found->static_folder || strstr(url, "//")) {
        give_up(found);
        return;
    }
    check(found);
}

/** mysite.settings is mysite/settings.py or mysite/settings/__init__.py; what it imports from a
 *  file beside it, such as base.py, is looked for there. */
static void find_django(const char *folder, struct found_application *found) {
    static const char *const endings[] = {".py", "/__init__.py"};
    char path[PATH_MAX], module[sizeof found->settings], base[64];
    snprintf(module, sizeof module, "%s", found->settings);
    for (char *dot; (dot = strchr(module, '.'));) {
        *dot = '/';
    }
    char *text = NULL;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && !text; i++) {
        snprintf(path, sizeof path, "%s/%s%s", folder, module, endings[i]);
        text = init_read_source(path);
    }
    if (text) {
        read_settings(path, text, found);
    }
    if (text && !*found->static_url &&
        init_find_line(text, "^from[[:space:]]+[.]([A-Za-z0-9_]+)[[:space:]]+import[[:space:]]+[*]",
                       base, sizeof base)) {
        snprintf(strrchr(path, '/'), sizeof base + 4, "/%s.py", base);
        free(text);
        text = init_read_source(path);
        if (text) {
            read_settings(path, text, found);
        }
    }
    free(text);
}

void init_find_static(const char *folder, struct found_application *found) {
    if (*found->settings) {
        find_django(folder, found);
    } else if (strcmp(found->kind, INIT_FLASK) == 0) {
        find_flask(folder, found);
    }
}
