#include "fcgi_host/commands/init.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/commands/init_find.h"
#include "fcgi_host/commands/static_folders.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/config/listen_address.h"

/** A web server: its snippet, around what it says of static folders, and what to do with it.  "@"
 *  stands for the socket, and for the snippet's path. */
struct server {
    const char *before, *after, *next;
};

static const struct server s_servers[] = {
    [WEB_SERVER_NGINX] =
        {"# For /etc/nginx/conf.d/.\n"
         "upstream fcgi_host {\n"
         "    server unix:@;\n"
         "    keepalive 16;\n"
         "}\n"
         "\n"
         "server {\n"
         "    listen 80;\n"
         "    server_name localhost;              # your site's name\n"
         "    client_max_body_size 100m;          # the default, 1 MiB, refuses most uploads\n"
         "\n",
         "    location / {\n"
         "        include fastcgi_params;\n"
         "        fastcgi_pass fcgi_host;\n"
         "        fastcgi_keep_conn on;\n"
         "    }\n"
         "}\n",
         "copy @ to /etc/nginx/conf.d/, then: nginx -t && systemctl reload nginx"},
    [WEB_SERVER_LIGHTTPD] =
        {"# For /etc/lighttpd/conf-enabled/.\n"
         "server.modules += ( \"mod_fastcgi\" )\n"
         "fastcgi.server = (\n"
         "    \"/\" => ((\n"
         "        \"socket\" => \"@\",\n"
         "        \"check-local\" => \"disable\",\n"
         "        \"fix-root-scriptname\" => \"enable\"\n"
         "    ))\n"
         ")\n"
         "server.stream-response-body = 1\n",
         "", "copy @ to /etc/lighttpd/conf-enabled/, then: systemctl restart lighttpd"},
    [WEB_SERVER_APACHE] =
        {"# For /etc/apache2/conf-enabled/.  Modules: a2enmod proxy proxy_fcgi\n",
         "ProxyPass \"/\" \"unix:@|fcgi://localhost/\" enablereuse=on flushpackets=on\n"
         "<Location \"/\">\n"
         "    # Let the application see the Authorization header.\n"
         "    CGIPassAuth On\n"
         "</Location>\n",
         "a2enmod proxy proxy_fcgi, copy @ to /etc/apache2/conf-enabled/, then: systemctl reload "
         "apache2"},
};

/** What the arguments say. */
struct arguments {
    enum web_server server;
    char folder[PATH_MAX];
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, struct arguments *arguments) {
    static const struct option s_options[] = {{"server", required_argument, NULL, 'w'}, {0}};
    int option;
    arguments->server = WEB_SERVER_NGINX;
    optind = 0;
    while ((option = getopt_long(line->argc, line->argv, ":", s_options, NULL)) != -1) {
        if (option != 'w') {
            return usage_bad_option(line, option);
        }
        if (web_server_from_name(optarg, &arguments->server) != 0) {
            return usage_say(line, "no such web server", optarg);
        }
    }
    const char *folder = optind < line->argc ? line->argv[optind++] : ".";
    if (optind < line->argc) {
        return usage_say(line, "unexpected argument", line->argv[optind]);
    }
    if (!realpath(folder, arguments->folder)) {
        return usage_say(line, strerrordesc_np(errno), folder);
    }
    return 0;
}

static void write_config(FILE *out, const struct found_application *found, const char *socket) {
    fprintf(out,
            "; fcgi_host -c FILE; every key: man fcgi_host.conf, fcgi_host -t -c FILE\n"
            "\n"
            "[fcgi_host]\n"
            "; Where the web server finds the host; its group may connect.\n"
            "listen = unix:%s,mode=0660,group=www-data\n"
            "; For fcgi_host status, top, reload, ready, drain, stop.\n"
            "control = /run/fcgi_host/%s.ctl\n"
            "; Who the application runs as, when the host is started as root.\n"
            "user = www-data\n"
            "; What a load balancer asks.\n"
            ";ping_path = /-/ping\n"
            ";ready_path = /-/ready\n"
            ";workers = 1-4\n"
            "\n"
            "; A %s.\n"
            "[app %s]\n"
            "file = %s\n"
            "callable = %s\n",
            socket, found->name, found->kind, found->name, found->file, found->callable);
    if (*found->python_path) {
        fprintf(out, "python_path = %s\n", found->python_path);
    }
    if (*found->virtualenv) {
        fprintf(out, "virtualenv = %s\n", found->virtualenv);
    }
    if (*found->settings) {
        fprintf(out, "env.DJANGO_SETTINGS_MODULE = %s\n", found->settings);
    }
    if (*found->static_url) {
        fprintf(out, "; What the web server answers itself.%s\n%sstatic = %s %s\n",
                found->has_static_folder ? "" : " When it is there (manage.py collectstatic):",
                found->has_static_folder ? "" : ";", found->static_url, found->static_folder);
    }
    fputs("; Files beside its modules that reload it; a page that new code must answer before it "
          "serves.\n"
          ";watch = templates/**/*.html\n"
          ";check = /healthz\n"
          ";threads = 4\n"
          ";request_timeout_s = 60\n",
          out);
}

/** Write a text with a value for each "@". */
static void put(FILE *out, const char *text, const char *value) {
    for (; *text; text++) {
        if (*text == '@') {
            fputs(value, out);
        } else {
            fputc(*text, out);
        }
    }
}

/** Open a file that is not there yet. @return NULL: what was wrong has been said */
static FILE *create(const char *folder, const char *name, char ret_path[PATH_MAX]) {
    snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);
    int fd = open(ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        fprintf(stderr, "fcgi_host init: %s: %s\n", ret_path, strerrordesc_np(errno));
    }
    return out;
}

/** @return 0, or -1: what was wrong has been said, and the file is not there */
static int finish(FILE *out, const char *path) {
    bool has_failed = ferror(out);
    if (fclose(out) || has_failed) {
        fprintf(stderr, "fcgi_host init: %s: %s\n", path, strerrordesc_np(errno));
        unlink(path);
        return -1;
    }
    return 0;
}

/** What the snippet is about. */
struct site {
    char socket[PATH_MAX];
    struct string_list static_folders;
};

static int write_snippet(const struct arguments *arguments, const struct site *site,
                         char ret_path[PATH_MAX]) {
    const struct server *server = &s_servers[arguments->server];
    char name[64];
    snprintf(name, sizeof name, "fcgi_host.%s.conf", web_server_name(arguments->server));
    FILE *out = create(arguments->folder, name, ret_path);
    if (!out) {
        return -1;
    }
    put(out, server->before, site->socket);
    if (site->static_folders.count > 0 && arguments->server == WEB_SERVER_LIGHTTPD) {
        fputs("\nserver.modules += ( \"mod_alias\" )\n", out);
    }
    static_folders_write(out, arguments->server, &site->static_folders, STATIC_FOLDERS_SITE);
    if (site->static_folders.count > 0) {
        fputs("\n", out);
    }
    put(out, server->after, site->socket);
    return finish(out, ret_path);
}

static void say_next(const struct arguments *arguments, const char *snippet_path) {
    fputs("  the web server:                   ", stdout);
    put(stdout, s_servers[arguments->server].next, snippet_path);
    fputs("\n", stdout);
}

/** For the configuration of -c, which is there: the web server's part alone. */
static int snippet_of_config(const struct arguments *arguments, const struct config *config,
                             struct site *site, struct error *err) {
    char snippet_path[PATH_MAX];
    struct listen_address address;
    if (!config->listen || listen_address_parse(config->listen, &address, err) != 0 ||
        address.kind != LISTEN_UNIX) {
        error_set(err, ERR_USAGE, "%s: [fcgi_host] listen: no Unix socket is named (unix:PATH)",
                  config->file);
        return -1;
    }
    snprintf(site->socket, sizeof site->socket, "%s", address.path);
    if (static_folders_add_all(&site->static_folders, config, "init", err) != 0 ||
        write_snippet(arguments, site, snippet_path) != 0) {
        return -1;
    }
    printf("Written: %s\n\nNext:\n", snippet_path);
    say_next(arguments, snippet_path);
    return 0;
}

static int all_of_folder(const struct arguments *arguments, struct site *site, struct error *err) {
    struct found_application found;
    char config_path[PATH_MAX], snippet_path[PATH_MAX];
    if (init_find(arguments->folder, &found, err) != 0) {
        return -1;
    }
    snprintf(site->socket, sizeof site->socket, "/run/fcgi_host/%s.sock", found.name);
    if (*found.static_url) {
        char *item = NULL;
        if (asprintf(&item, "%s %s", found.static_url, found.static_folder) < 0 ||
            string_list_add(&site->static_folders, item) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    FILE *out = create(arguments->folder, "fcgi_host.conf", config_path);
    if (!out) {
        return -1;
    }
    write_config(out, &found, site->socket);
    if (finish(out, config_path) != 0 || write_snippet(arguments, site, snippet_path) != 0) {
        return -1;
    }
    printf("Found a %s: %s\nWritten: %s\n         %s\n\nNext:\n", found.kind, found.file,
           config_path, snippet_path);
    printf("  try it, with reload as you save:  fcgi_host -c %s serve\n", config_path);
    printf("  check the configuration:          fcgi_host -t -c %s\n", config_path);
    printf(
        "  run it:                           install -d -o www-data /run/fcgi_host; fcgi_host -c "
        "%s\n",
        config_path);
    say_next(arguments, snippet_path);
    return 0;
}

int init_command(const struct command_line *line, const struct config *config) {
    struct arguments arguments;
    struct site site = {.static_folders = {0}};
    struct error err = {.text = ""};
    if (parse_arguments(line, &arguments)) {
        return EXIT_USAGE;
    }
    int rc = config ? snippet_of_config(&arguments, config, &site, &err)
                    : all_of_folder(&arguments, &site, &err);
    if (rc != 0 && *err.text) {
        fprintf(stderr, "fcgi_host init: %s\n", err.text);
    }
    string_list_clear(&site.static_folders);
    return rc == 0 ? EXIT_DONE : EXIT_NOT_DONE;
}
