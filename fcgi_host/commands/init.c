#include "fcgi_host/commands/init.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/commands/init_find.h"
#include "fcgi_host/commands/usage.h"

/** A web server: its snippet, and what to do with that.  "@" stands for the socket, and for the
 *  snippet's path. */
struct server {
    const char *name, *snippet, *next;
};

static const struct server s_servers[] = {
    {"nginx",
     "# For /etc/nginx/conf.d/.\n"
     "upstream fcgi_host {\n"
     "    server unix:@;\n"
     "    keepalive 16;\n"
     "}\n"
     "\n"
     "server {\n"
     "    listen 80;\n"
     "    server_name localhost;              # your site's name\n"
     "    client_max_body_size 100m;          # the default, 1 MiB, refuses most uploads\n"
     "\n"
     "    location / {\n"
     "        include fastcgi_params;\n"
     "        fastcgi_pass fcgi_host;\n"
     "        fastcgi_keep_conn on;\n"
     "    }\n"
     "}\n",
     "copy @ to /etc/nginx/conf.d/, then: nginx -t && systemctl reload nginx"},
    {"lighttpd",
     "# For /etc/lighttpd/conf-enabled/.\n"
     "server.modules += ( \"mod_fastcgi\" )\n"
     "fastcgi.server = (\n"
     "    \"/\" => ((\n"
     "        \"socket\" => \"@\",\n"
     "        \"check-local\" => \"disable\",\n"
     "        \"fix-root-scriptname\" => \"enable\"\n"
     "    ))\n"
     ")\n"
     "server.stream-response-body = 1\n",
     "copy @ to /etc/lighttpd/conf-enabled/, then: systemctl restart lighttpd"},
    {"apache",
     "# For /etc/apache2/conf-enabled/.  Modules: a2enmod proxy proxy_fcgi\n"
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
    const struct server *server;
    char folder[PATH_MAX];
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, struct arguments *arguments) {
    static const struct option s_options[] = {{"server", required_argument, NULL, 'w'}, {0}};
    int option;
    arguments->server = &s_servers[0];
    optind = 0;
    while ((option = getopt_long(line->argc, line->argv, ":", s_options, NULL)) != -1) {
        if (option != 'w') {
            return usage_bad_option(line, option);
        }
        arguments->server = NULL;
        for (size_t i = 0; i < sizeof s_servers / sizeof s_servers[0]; i++) {
            if (strcmp(s_servers[i].name, optarg) == 0) {
                arguments->server = &s_servers[i];
            }
        }
        if (!arguments->server) {
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

int init_command(const struct command_line *line, const struct config *config) {
    struct arguments arguments;
    struct found_application found;
    struct error err;
    char socket[128], config_path[PATH_MAX], snippet_path[PATH_MAX], snippet_name[64];
    (void)config;
    if (parse_arguments(line, &arguments)) {
        return EXIT_USAGE;
    }
    if (init_find(arguments.folder, &found, &err)) {
        fprintf(stderr, "fcgi_host init: %s\n", err.text);
        return EXIT_NOT_DONE;
    }
    snprintf(socket, sizeof socket, "/run/fcgi_host/%s.sock", found.name);
    snprintf(snippet_name, sizeof snippet_name, "fcgi_host.%s.conf", arguments.server->name);
    FILE *out = create(arguments.folder, "fcgi_host.conf", config_path);
    if (!out) {
        return EXIT_NOT_DONE;
    }
    write_config(out, &found, socket);
    if (finish(out, config_path) || !(out = create(arguments.folder, snippet_name, snippet_path))) {
        return EXIT_NOT_DONE;
    }
    put(out, arguments.server->snippet, socket);
    if (finish(out, snippet_path)) {
        return EXIT_NOT_DONE;
    }
    printf("Found a %s: %s\nWritten: %s\n         %s\n\nNext:\n", found.kind, found.file,
           config_path, snippet_path);
    printf("  try it, with reload as you save:  fcgi_host serve %s\n", found.file);
    printf("  check the configuration:          fcgi_host -t -c %s\n", config_path);
    printf(
        "  run it:                           install -d -o www-data /run/fcgi_host; fcgi_host -c "
        "%s\n",
        config_path);
    fputs("  the web server:                   ", stdout);
    put(stdout, arguments.server->next, snippet_path);
    fputs("\n", stdout);
    return EXIT_DONE;
}
