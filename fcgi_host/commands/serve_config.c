#include "fcgi_host/commands/serve_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/commands/static_folders.h"

#define APACHE_USER "www-data" /* Apache refuses to serve as root */

static const struct {
    const char *name, *program, *package;
} s_servers[] = {
    [WEB_SERVER_LIGHTTPD] = {"lighttpd", "lighttpd", "lighttpd"},
    [WEB_SERVER_NGINX] = {"nginx", "nginx", "nginx"},
    [WEB_SERVER_APACHE] = {"apache", "apache2", "apache2"},
};

int web_server_from_name(const char *name, enum web_server *ret_server) {
    for (size_t i = 0; i < sizeof s_servers / sizeof *s_servers; i++) {
        if (strcmp(name, s_servers[i].name) == 0) {
            *ret_server = (enum web_server)i;
            return 0;
        }
    }
    return -1;
}

const char *web_server_name(enum web_server server) {
    return s_servers[server].name;
}

double serve_time_unit_ms(enum web_server server) {
    return server == WEB_SERVER_NGINX ? 1e3 : 1e-3; /* $request_time; %D */
}

const char *serve_user(enum web_server server) {
    /* The others stay root, or are told to. */
    return server == WEB_SERVER_APACHE && geteuid() == 0 ? APACHE_USER : NULL;
}

char *serve_find_program(enum web_server server, struct error *err) {
    char *path = NULL, *found = NULL, *rest = NULL;
    const char *program = s_servers[server].program, *from_env = getenv("PATH");
    /* Users' PATH often lacks the sbin folders, where Debian installs servers. */
    if (asprintf(&path, "%s:/usr/local/sbin:/usr/sbin:/sbin", from_env ? from_env : "") < 0) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (char *folder = strtok_r(path, ":", &rest); folder; folder = strtok_r(NULL, ":", &rest)) {
        if (asprintf(&found, "%s/%s", folder, program) < 0) {
            found = NULL;
            break;
        }
        if (access(found, X_OK) == 0) {
            break;
        }
        free(found);
        found = NULL;
    }
    free(path);
    if (!found) {
        error_set(err, ERR_NOT_FOUND,
                  "no %s found: install it (apt install %s) or choose another "
                  "with --server",
                  program, s_servers[server].package);
    }
    return found;
}

void serve_arguments(enum web_server server, const char *program, const char *config_file,
                     const char *ret_argv[SERVE_ARGUMENTS_MAX]) {
    static const char *const flags[] = {[WEB_SERVER_LIGHTTPD] = "-D",
                                        [WEB_SERVER_NGINX] = "-q",
                                        [WEB_SERVER_APACHE] = "-DFOREGROUND"};
    static const char *const file_flags[] = {
        [WEB_SERVER_LIGHTTPD] = "-f", [WEB_SERVER_NGINX] = "-c", [WEB_SERVER_APACHE] = "-f"};
    size_t i = 0;
    ret_argv[i++] = program;
    ret_argv[i++] = flags[server];
    if (server == WEB_SERVER_NGINX) { /* else it opens its built-in error log first */
        ret_argv[i++] = "-e";
        ret_argv[i++] = "stderr";
    }
    ret_argv[i++] = file_flags[server];
    ret_argv[i++] = config_file;
    ret_argv[i] = NULL;
}

static const char LIGHTTPD[] =
    "server.modules = (\"mod_alias\", \"mod_fastcgi\", \"mod_setenv\", \"mod_accesslog\")\n"
    "server.bind = \"127.0.0.1\"\n"
    "server.port = %3$u\n"
    "server.document-root = \"%1$s\"\n"
    "server.upload-dirs = (\"%1$s\")\n"
    "fastcgi.server = (\"/\" => ((\"socket\" => \"%2$s\", \"check-local\" => \"disable\",\n"
    "                           \"fix-root-scriptname\" => \"enable\")))\n"
    "%4$s%5$s";
static const char LIGHTTPD_LIVE[] = /* it collects other responses before it sends them */
    "$HTTP[\"url\"] =~ \"^/\\.fcgi_host/\" {\n"
    "  server.stream-response-body = 1\n"
    "  server.max-write-idle = 65535\n"
    "}\n";

static const char NGINX[] = "%4$s" /* the user, when started by root */
                            "daemon off;\n"
                            "pid %1$s/nginx.pid;\n"
                            "error_log stderr;\n"
                            "worker_processes 1;\n"
                            "events { worker_connections 512; }\n"
                            "http {\n"
                            "  log_format lines '$request $status $request_time';\n"
                            "  access_log off;\n"
                            "  client_body_temp_path %1$s/body;\n"
                            "  fastcgi_temp_path %1$s/fastcgi;\n"
                            "  proxy_temp_path %1$s/proxy;\n"
                            "  uwsgi_temp_path %1$s/uwsgi;\n"
                            "  scgi_temp_path %1$s/scgi;\n"
                            "  client_max_body_size 0;\n"
                            "  server {\n"
                            "    listen 127.0.0.1:%3$u;\n"
                            "    fastcgi_buffering off;\n"
                            "    fastcgi_param QUERY_STRING $query_string;\n"
                            "    fastcgi_param REQUEST_METHOD $request_method;\n"
                            "    fastcgi_param CONTENT_TYPE $content_type;\n"
                            "    fastcgi_param CONTENT_LENGTH $content_length;\n"
                            "    fastcgi_param SCRIPT_NAME $fastcgi_script_name;\n"
                            "    fastcgi_param REQUEST_URI $request_uri;\n"
                            "    fastcgi_param SERVER_PROTOCOL $server_protocol;\n"
                            "    fastcgi_param REQUEST_SCHEME $scheme;\n"
                            "    fastcgi_param GATEWAY_INTERFACE CGI/1.1;\n"
                            "    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;\n"
                            "    fastcgi_param REMOTE_ADDR $remote_addr;\n"
                            "    fastcgi_param REMOTE_PORT $remote_port;\n"
                            "    fastcgi_param SERVER_ADDR $server_addr;\n"
                            "    fastcgi_param SERVER_PORT $server_port;\n"
                            "    fastcgi_param SERVER_NAME localhost;\n"
                            "    location / { fastcgi_pass unix:%2$s; }\n"
                            "%5$s%6$s"
                            "  }\n"
                            "}\n";
static const char NGINX_LIVE[] = "    location /.fcgi_host/ {\n"
                                 "      fastcgi_pass unix:%s;\n"
                                 "      fastcgi_read_timeout 1d;\n"
                                 "    }\n";

static const char APACHE[] =
    "ServerRoot \"%1$s\"\n"
    "ServerName localhost\n"
    "PidFile \"%1$s/apache.pid\"\n"
    "DefaultRuntimeDir \"%1$s\"\n"
    "ErrorLog /dev/stderr\n"
    "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n"
    "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
    "LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so\n"
    "LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so\n"
    "LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n"
    "TypesConfig /dev/null\n"
    "LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n"
    "LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so\n"
    "%4$s"
    "Listen 127.0.0.1:%3$u\n"
    "DocumentRoot \"%1$s\"\n"
    "%5$s%6$s"
    "ProxyPass \"/\" \"unix:%2$s|fcgi://localhost/\" flushpackets=on\n";

static const char APACHE_LIVE[] =
    "ProxyPass \"/.fcgi_host/\" \"unix:%s|fcgi://localhost/.fcgi_host/\" flushpackets=on "
    "timeout=86400\n";

/* What streams of events ask of a server: no buffer, no time limit.
 * @return malloc'ed text, or NULL */
static char *live_text(enum web_server server, const char *socket_path) {
    char *text = NULL;
    int made = -1;
    switch (server) {
    case WEB_SERVER_LIGHTTPD:
        return strdup(LIGHTTPD_LIVE);
    case WEB_SERVER_NGINX:
        made = asprintf(&text, NGINX_LIVE, socket_path);
        break;
    case WEB_SERVER_APACHE:
        made = asprintf(&text, APACHE_LIVE, socket_path);
        break;
    }
    return made < 0 ? NULL : text;
}

/* @return malloc'ed text, or NULL */
static char *static_text(enum web_server server, const struct string_list *folders) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    static_folders_write(out, server, folders, STATIC_FOLDERS_SERVE);
    bool has_failed = ferror(out);
    if (fclose(out) != 0 || has_failed) {
        free(text);
        return NULL;
    }
    return text;
}

static int make_text(enum web_server server, const struct serve_address *address, const char *live,
                     const char *files, char **ret_text) {
    const char *folder = address->folder, *socket_path = address->socket_path;
    unsigned port = address->port;
    bool is_root = geteuid() == 0;
    switch (server) {
    case WEB_SERVER_LIGHTTPD:
        return asprintf(ret_text, LIGHTTPD, folder, socket_path, port, live, files);
    case WEB_SERVER_NGINX:
        return asprintf(ret_text, NGINX, folder, socket_path, port, is_root ? "user root;\n" : "",
                        live, files);
    case WEB_SERVER_APACHE:
        return asprintf(ret_text, APACHE, folder, socket_path, port,
                        is_root ? "User " APACHE_USER "\nGroup " APACHE_USER "\n" : "", live,
                        files);
    }
    return -1;
}

char *serve_config_text(enum web_server server, const struct serve_address *address,
                        struct error *err) {
    char *live = address->is_live ? live_text(server, address->socket_path) : strdup("");
    char *files = static_text(server, address->static_folders);
    char *text = NULL;
    bool is_made = live && files && make_text(server, address, live, files, &text) >= 0;
    free(live);
    free(files);
    if (!is_made) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    return text;
}
