#include "fcgi_host/commands/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/commands/serve_config.h"
#include "fcgi_host/commands/usage.h"

enum { SERVE_PORT = 8080, SERVE_BACKLOG = 128, SERVE_APPS_MAX = 64 };

struct serve {
    enum web_server server;
    unsigned port;
    bool is_live;
    const char *apps[SERVE_APPS_MAX + 1]; /* NULL behind them */
    size_t app_count;
    char folder[64], socket_path[80], config_file[80];
    int socket_fd;
    char *program; /* the web server's */
    pid_t host, web_server;
};

/* ---- Command line ---- */

static int parse_port(const char *text, unsigned *ret_port) {
    char *end;
    errno = 0;
    unsigned long port = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno || port == 0 || port > 65535) {
        return -1;
    }
    *ret_port = (unsigned)port;
    return 0;
}

/* The value of an option given as `--name VALUE` or `--name=VALUE`; NULL: another argument. */
static const char *option_value(const struct command_line *line, int *index, const char *name) {
    size_t size = strlen(name);
    const char *arg = line->argv[*index];
    if (strncmp(arg, name, size) != 0) {
        return NULL;
    }
    if (arg[size] == '=') {
        return arg + size + 1;
    }
    if (arg[size] != '\0') {
        return NULL;
    }
    return *index + 1 < line->argc ? line->argv[++*index] : "";
}

static int parse_arguments(const struct command_line *line, struct serve *serve) {
    for (int i = 1; i < line->argc; i++) {
        const char *value;
        if ((value = option_value(line, &i, "--port"))) {
            if (parse_port(value, &serve->port) != 0) {
                return usage_say(line, "--port takes a number from 1 to 65535", value);
            }
        } else if ((value = option_value(line, &i, "--server"))) {
            if (web_server_from_name(value, &serve->server) != 0) {
                return usage_say(line, "--server takes lighttpd, nginx or apache", value);
            }
        } else if (strcmp(line->argv[i], "--live") == 0) {
            serve->is_live = true;
        } else if (line->argv[i][0] == '-') {
            return usage_say(line, "unknown option", line->argv[i]);
        } else if (serve->app_count == SERVE_APPS_MAX) {
            return usage_say(line, "too many applications", line->argv[i]);
        } else {
            serve->apps[serve->app_count++] = line->argv[i];
        }
    }
    return serve->app_count > 0 ? 0 : usage_say(line, "which application?", NULL);
}

/* ---- Preparing ---- */

/* Said here, before anything is started: the web server's own message comes late and is long. */
static int check_port(unsigned port, struct error *err) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 1) != 0;
    int reason = errno;
    close(fd);
    return failed ? error_set_errno(err, reason, "port %u", port) : 0;
}

/* Nobody else may talk to the host: who can, says which user a request is from. */
static int open_socket(struct serve *serve, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", serve->socket_path);
    serve->socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    int failed = serve->socket_fd < 0 ||
                 bind(serve->socket_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
                 listen(serve->socket_fd, SERVE_BACKLOG) != 0;
    int reason = errno;
    umask(before);
    return failed ? error_set_errno(err, reason, "%s", serve->socket_path) : 0;
}

/* A server that does not stay what starts it gets the socket for itself, and a way to it. */
static int let_in_server(const struct serve *serve, struct error *err) {
    const char *name = serve_user(serve->server);
    if (!name) {
        return 0;
    }
    struct passwd user, *found = NULL;
    char text[4096];
    if (getpwnam_r(name, &user, text, sizeof text, &found) != 0 || !found) {
        return error_set(err, ERR_NOT_FOUND, "there is no user %s", name);
    }
    if (chown(serve->folder, (uid_t)-1, user.pw_gid) != 0 || chmod(serve->folder, 0710) != 0 ||
        chown(serve->socket_path, user.pw_uid, (gid_t)-1) != 0) {
        return error_set_errno(err, errno, "%s", serve->folder);
    }
    return 0;
}

static int write_config(struct serve *serve, struct error *err) {
    const struct serve_address address = {serve->folder, serve->socket_path, serve->port,
                                          serve->is_live};
    char *text = serve_config_text(serve->server, &address, err);
    FILE *file = text ? fopen(serve->config_file, "we") : NULL;
    int failed = !file || fputs(text, file) == EOF;
    failed |= file && fclose(file) != 0;
    free(text);
    return failed ? error_set_errno(err, errno, "%s", serve->config_file) : 0;
}

static int prepare_serve(struct serve *serve, struct error *err) {
    const char *temporary = getenv("TMPDIR");
    bool fits = temporary && strlen(temporary) < 30; /* a socket's path is at most 107 bytes */
    snprintf(serve->folder, sizeof serve->folder, "%s/fcgi_host.XXXXXX", fits ? temporary : "/tmp");
    if (!mkdtemp(serve->folder)) { /* mode 0700 */
        int reason = errno;
        error_set_errno(err, reason, "%s", serve->folder);
        serve->folder[0] = '\0';
        return -1;
    }
    snprintf(serve->socket_path, sizeof serve->socket_path, "%s/socket", serve->folder);
    snprintf(serve->config_file, sizeof serve->config_file, "%s/config", serve->folder);
    if (open_socket(serve, err) != 0 || let_in_server(serve, err) != 0) {
        return -1;
    }
    return write_config(serve, err);
}

/* ---- Processes ---- */

static pid_t start_program(const char *program, const char *const *argv, int stdin_fd) {
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0); /* Ctrl-C is ours to hand on: first the web server, then the host */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() == parent && (stdin_fd < 0 || dup2(stdin_fd, 0) == 0)) {
            execv(program, (char *const *)argv);
        }
        fprintf(stderr, "fcgi_host serve: %s: %m\n", program);
        _exit(127);
    }
    return pid;
}

static int start_both(struct serve *serve, struct error *err) {
    /* For development, as whoever develops. */
    const char *host_argv[SERVE_APPS_MAX + 5] = {"fcgi_host", "--dev", "--allow-root", "--live"};
    const char *server_argv[SERVE_ARGUMENTS_MAX];
    size_t option_count = serve->is_live ? 4 : 3;
    memcpy(host_argv + option_count, serve->apps, (serve->app_count + 1) * sizeof *serve->apps);
    serve_arguments(serve->server, serve->program, serve->config_file, server_argv);
    serve->host = start_program("/proc/self/exe", host_argv, serve->socket_fd);
    close(serve->socket_fd);
    serve->socket_fd = -1;
    if (serve->host < 0) {
        return error_set_errno(err, errno, "fork");
    }
    serve->web_server = start_program(serve->program, server_argv, -1);
    return serve->web_server < 0 ? error_set_errno(err, errno, "fork") : 0;
}

static void forward(pid_t pid, int signal_number) {
    if (pid > 0) {
        kill(pid, signal_number);
    }
}

/* Take in a child that has ended. @return its exit status if it ended without being asked, or 0 */
static int reap(struct serve *serve, bool is_stopping) {
    int status, result = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool is_host = pid == serve->host;
        *(is_host ? &serve->host : &serve->web_server) = 0;
        if (!is_stopping) {
            fprintf(stderr, "fcgi_host serve: %s has ended (%s %d)\n",
                    is_host ? "the host" : web_server_name(serve->server),
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            result = WIFEXITED(status) && WEXITSTATUS(status) == 2 ? 2 : 1;
        }
    }
    return result;
}

/* Until both have ended. @return exit status */
static int wait_for_end(struct serve *serve, const sigset_t *signals) {
    bool is_stopping = false;
    int result = 0;
    while (serve->host || serve->web_server) {
        int signal_number = sigwaitinfo(signals, NULL);
        if (signal_number == SIGCHLD) {
            int failed = reap(serve, is_stopping);
            if (!failed && !is_stopping) {
                continue;
            }
            result = failed ? failed : result;
        } else if (signal_number == SIGHUP) {
            forward(serve->host, SIGHUP);
            continue;
        } else if (signal_number > 0 && is_stopping) { /* the second time: now */
            forward(serve->host, SIGTERM);
            continue;
        }
        if (signal_number > 0 && !is_stopping) {
            is_stopping = true;
            forward(serve->web_server, SIGTERM);
            forward(serve->host, SIGTERM);
        }
    }
    return result;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

int serve_command(const struct command_line *line, const struct config *config) {
    (void)config;
    struct serve serve = {.port = SERVE_PORT, .socket_fd = -1};
    struct error err;
    sigset_t signals;
    int status = parse_arguments(line, &serve);
    if (status != 0) {
        return status;
    }
    sigemptyset(&signals);
    int waited_for[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    for (size_t i = 0; i < sizeof waited_for / sizeof *waited_for; i++) {
        sigaddset(&signals, waited_for[i]);
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    status = 1;
    serve.program = serve_find_program(serve.server, &err);
    if (!serve.program || check_port(serve.port, &err) != 0 || prepare_serve(&serve, &err) != 0 ||
        start_both(&serve, &err) != 0) {
        fprintf(stderr, "fcgi_host serve: %s\n", err.text);
        forward(serve.host, SIGTERM);
    } else {
        printf("http://127.0.0.1:%u/  (%s; Ctrl-C stops)\n", serve.port,
               web_server_name(serve.server));
        fflush(stdout);
        status = wait_for_end(&serve, &signals);
    }
    if (serve.socket_fd >= 0) {
        close(serve.socket_fd);
    }
    if (serve.folder[0]) {
        nftw(serve.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    free(serve.program);
    return status;
}
