#include "fcgi_host/commands/static_folders.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/option_kinds.h"

/* ---- The list: "/URL DIR", as in struct app_config; longer URLs first, as Apache wants ---- */

static int longer_first(const void *a, const void *b) {
    const char *one = *(char *const *)a, *other = *(char *const *)b;
    return (int)strcspn(other, " ") - (int)strcspn(one, " ");
}

static void sort(struct string_list *folders) {
    if (folders->count > 0) {
        qsort(folders->items, folders->count, sizeof *folders->items, longer_first);
    }
}

int static_folders_add(struct string_list *folders, const char *url, const char *folder,
                       struct error *err) {
    char *directory = getcwd(NULL, 0), *item = NULL;
    int rc = -1;
    if (asprintf(&item, "%s %s", url, folder) < 0) {
        item = NULL;
        error_set(err, ERR_MEMORY, "out of memory");
    } else {
        const struct option_place place = {.directory = directory ? directory : ""};
        rc = option_kind_static_folders.set(folders, NULL, &place, item, err);
    }
    free(item);
    free(directory);
    sort(folders);
    return rc;
}

static bool has_url_of(const struct string_list *folders, const char *item) {
    for (size_t i = 0; i < folders->count; i++) {
        if (strncmp(folders->items[i], item, strcspn(item, " ") + 1) == 0) {
            return true;
        }
    }
    return false;
}

int static_folders_add_all(struct string_list *folders, const struct config *config,
                           const char *command, struct error *err) {
    for (size_t i = 0; i < config->app_count; i++) {
        const struct app_config *app = &config->apps[i];
        for (size_t k = 0; k < app->static_folders.count; k++) {
            const char *item = app->static_folders.items[k];
            if (string_list_has(folders, item)) {
                continue;
            }
            if (has_url_of(folders, item)) {
                fprintf(stderr,
                        "fcgi_host %s: left out, since the URL has a folder already: "
                        "[app %s] static = %s\n",
                        command, app->name, item);
            } else if (string_list_add(folders, strdup(item)) != 0) {
                return error_set(err, ERR_MEMORY, "out of memory");
            }
        }
    }
    sort(folders);
    return 0;
}

/* ---- Types of files ---- */

/** Of what pages are made of; a site's own web server knows many more. */
static const struct {
    const char *suffix, *type;
} s_types[] = {
    {"avif", "image/avif"},
    {"css", "text/css"},
    {"gif", "image/gif"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xml", "text/xml"},
};

/** Each with `one`, in which "^" stands for the suffix and "~" for the type. */
static void write_types(FILE *out, const char *before, const char *one, const char *after) {
    fputs(before, out);
    for (size_t i = 0; i < sizeof s_types / sizeof *s_types; i++) {
        for (const char *c = one; *c; c++) {
            if (*c == '^') {
                fputs(s_types[i].suffix, out);
            } else if (*c == '~') {
                fputs(s_types[i].type, out);
            } else {
                fputc(*c, out);
            }
        }
    }
    fputs(after, out);
}

/* ---- The servers' languages ---- */

/** A folder: what its URL and its path are, without a "/" at their ends. */
struct folder {
    const char *url, *path;
    int url_bytes;
};

#define FD_TEXT_(number) #number
#define FD_TEXT(number) FD_TEXT_(number)
#define LINES_FD FD_TEXT(SERVE_LINES_FD)

static void write_nginx(FILE *out, const struct folder *folder, enum static_folders_use use) {
    fprintf(out, "    location ^~ %.*s/ {\n        alias \"%s/\";\n", folder->url_bytes,
            folder->url, folder->path);
    if (use == STATIC_FOLDERS_SERVE) {
        write_types(out, "        types {\n", "            ~ ^;\n", "        }\n");
        fputs("        add_header Cache-Control no-cache;\n"
              "        log_not_found off;\n"
              "        access_log /dev/fd/" LINES_FD " lines;\n",
              out);
    }
    fputs("    }\n", out);
}

/** A URL as a regular expression. */
static void write_expression(FILE *out, const struct folder *folder) {
    for (int i = 0; i < folder->url_bytes; i++) {
        fprintf(out, folder->url[i] == '.' ? "\\%c" : "%c", folder->url[i]);
    }
}

static void write_lighttpd(FILE *out, const struct folder *folder, enum static_folders_use use) {
    fputs("$HTTP[\"url\"] =~ \"^", out);
    write_expression(out, folder);
    fprintf(out, "/\" {\n    fastcgi.server = ()\n    alias.url = ( \"%.*s/\" => \"%s/\" )\n",
            folder->url_bytes, folder->url, folder->path);
    if (use == STATIC_FOLDERS_SERVE) {
        write_types(out, "    mimetype.assign = (\n", "        \".^\" => \"~\",\n", "    )\n");
        /* What it writes to a file itself, it writes seconds later. */
        fputs("    setenv.add-response-header = ( \"Cache-Control\" => \"no-cache\" )\n"
              "    accesslog.format = \"%r %>s %D\"\n"
              "    accesslog.filename = \"|exec cat >&" LINES_FD "\"\n",
              out);
    }
    fputs("}\n", out);
}

static void write_apache(FILE *out, const struct folder *folder, enum static_folders_use use) {
    fprintf(out, "Alias \"%.*s/\" \"%s/\"\n", folder->url_bytes, folder->url, folder->path);
    fprintf(out, "ProxyPass \"%.*s/\" \"!\"\n", folder->url_bytes, folder->url);
    fprintf(out, "<Location \"%.*s/\">\n    Require all granted\n", folder->url_bytes, folder->url);
    if (use == STATIC_FOLDERS_SERVE) {
        fputs("    Header set Cache-Control no-cache\n", out);
        write_types(out, "", "    AddType ~ .^\n", "");
    }
    fputs("</Location>\n", out);
    if (use == STATIC_FOLDERS_SERVE) {
        fprintf(out,
                "CustomLog /dev/fd/" LINES_FD
                " \"%%r %%>s %%D\" \"expr=%%{REQUEST_URI} -strmatch '%.*s/*'\"\n",
                folder->url_bytes, folder->url);
    }
}

void static_folders_write(FILE *out, enum web_server server, const struct string_list *folders,
                          enum static_folders_use use) {
    static void (*const write_one[])(FILE *, const struct folder *, enum static_folders_use) = {
        [WEB_SERVER_LIGHTTPD] = write_lighttpd,
        [WEB_SERVER_NGINX] = write_nginx,
        [WEB_SERVER_APACHE] = write_apache,
    };
    for (size_t i = 0; i < folders->count; i++) {
        const char *item = folders->items[i];
        int url_bytes = (int)strcspn(item, " ");
        write_one[server](out, &(struct folder){item, item + url_bytes + 1, url_bytes}, use);
    }
}
