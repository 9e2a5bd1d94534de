#include "fcgi_host/commands/serve.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/commands/serve_config.h"
#include "fcgi_host/commands/serve_lines.h"
#include "fcgi_host/commands/serve_socket.h"
#include "fcgi_host/commands/static_folders.h"
#include "fcgi_host/commands/usage.h"

enum {
    SERVE_PORT = 8080,
    SERVE_APPS_MAX = 64,
    HOST_ARGUMENTS_MAX = SERVE_APPS_MAX + 20,
};

struct serve {
    enum web_server server;
    unsigned port;
    bool is_live;
    const char *apps[SERVE_APPS_MAX + 1]; /* NULL behind them */
    size_t app_count;
    const char *host_config; /* a configuration file of the host; NULL: none */
    struct string_list static_folders;
    char folder[64], socket_path[80], config_file[80], control_path[80];
    int socket_fd;
    int lines_fd; /* that the web server writes to, until it has been started; -1: none */
    struct serve_lines lines;
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
    assert(arg);
    if (strncmp(arg, name, size) != 0) {
        return NULL;
    }
    if (arg[size] == '=') {
        return arg + size + 1;
    }
    if (arg[size] != '\0') {
        return NULL;
    }
    const char *value = *index + 1 < line->argc ? line->argv[++*index] : "";
    assert(value);
    return value;
}

/* --static URL=DIR */
static int add_static(const struct command_line *line, struct serve *serve, const char *value) {
    struct error err;
    const char *equals = strchr(value, '=');
    char *url = equals ? strndup(value, (size_t)(equals - value)) : NULL;
    if (!url) {
        return usage_say(line, "--static takes URL=DIR", value);
    }
    int rc = static_folders_add(&serve->static_folders, url, equals + 1, &err);
    free(url);
    return rc == 0 ? 0 : usage_say(line, "--static", err.text);
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
        } else if ((value = option_value(line, &i, "--static"))) {
            if (add_static(line, serve, value) != 0) {
                return EXIT_USAGE;
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
    return serve->app_count > 0 || serve->host_config ? 0
                                                      : usage_say(line, "which application?", NULL);
}

/* ---- Preparing ---- */

static int write_config(struct serve *serve, struct error *err) {
    const struct serve_address address = {serve->folder, serve->socket_path, serve->port,
                                          serve->is_live, &serve->static_folders};
    char *text = serve_config_text(serve->server, &address, err);
    FILE *file = text ? fopen(serve->config_file, "we") : NULL;
    int failed = !file || fputs(text, file) == EOF;
    failed |= file && fclose(file) != 0;
    free(text);
    return failed ? error_set_errno(err, errno, "%s", serve->config_file) : 0;
}

/* Lines about files come through this process, which tells them as the host tells its requests. */
static int open_lines(struct serve *serve, struct error *err) {
    int ends[2];
    if (serve->static_folders.count == 0) {
        return 0;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(err, errno, "pipe");
    }
    serve->lines.fd = ends[0];
    serve->lines_fd = ends[1];
    serve->lines.time_unit_ms = serve_time_unit_ms(serve->server);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
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
    snprintf(serve->control_path, sizeof serve->control_path, "%s/control", serve->folder);
    serve->socket_fd = serve_socket_open(serve->socket_path, err);
    if (serve->socket_fd < 0 || open_lines(serve, err) != 0 ||
        serve_socket_let_in(serve->folder, serve->socket_path, serve_user(serve->server), err)) {
        return -1;
    }
    return write_config(serve, err);
}

/* ---- Processes ---- */

/* @param fd  given to the program as number `as`; -1: none */
static pid_t start_program(const char *program, const char *const *argv, int fd, int as) {
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setpgid(0, 0); /* Ctrl-C is ours to hand on: first the web server, then the host */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        /* dup2() clears FD_CLOEXEC, unless the number is right already. */
        bool is_given = fd < 0 || (fd == as ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, as) == as);
        if (getppid() == parent && is_given) {
            execv(program, (char *const *)argv);
        }
        fprintf(stderr, "fcgi_host serve: %s: %m\n", program);
        _exit(127);
    }
    return pid;
}

/* For development, as whoever develops: at the terminal, and apart from a host that is there. */
static void host_arguments(const struct serve *serve, const char *ret_argv[HOST_ARGUMENTS_MAX]) {
    static const char *const s_always[] = {
        "fcgi_host", "--dev", "--allow-root", "--access-log", "stderr", "--access-format", "short"};
    size_t count = sizeof s_always / sizeof *s_always;
    memcpy(ret_argv, s_always, sizeof s_always);
    if (serve->is_live) {
        ret_argv[count++] = "--live";
    }
    if (serve->host_config) {
        const char *const over[] = {
            "--config", serve->host_config, "--listen",          "fd:0",          "--log",
            "stderr",   "--control",        serve->control_path, "--ignore-tasks"};
        memcpy(ret_argv + count, over, sizeof over);
        count += sizeof over / sizeof *over;
    }
    if (serve->host_config && geteuid() != 0) { /* who could not become them */
        ret_argv[count++] = "--ignore-users";
    }
    memcpy(ret_argv + count, serve->apps, (serve->app_count + 1) * sizeof *serve->apps);
}

static int start_both(struct serve *serve, struct error *err) {
    const char *host_argv[HOST_ARGUMENTS_MAX];
    const char *server_argv[SERVE_ARGUMENTS_MAX];
    host_arguments(serve, host_argv);
    serve_arguments(serve->server, serve->program, serve->config_file, server_argv);
    serve->host = start_program("/proc/self/exe", host_argv, serve->socket_fd, STDIN_FILENO);
    close(serve->socket_fd);
    serve->socket_fd = -1;
    if (serve->host < 0) {
        return error_set_errno(err, errno, "fork");
    }
    serve->web_server = start_program(serve->program, server_argv, serve->lines_fd, SERVE_LINES_FD);
    int reason = errno;
    if (serve->lines_fd >= 0) {
        close(serve->lines_fd);
        serve->lines_fd = -1;
    }
    return serve->web_server < 0 ? error_set_errno(err, reason, "fork") : 0;
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

/* Pass lines on until there is a signal. @return its number; -1: interrupted */
static int next_signal(struct serve *serve, int signals_fd) {
    for (;;) {
        struct pollfd waits[] = {{.fd = signals_fd, .events = POLLIN},
                                 {.fd = serve->lines.fd, .events = POLLIN}};
        if (poll(waits, 2, -1) < 0) {
            return -1;
        }
        if (waits[1].revents && !serve_lines_pass(&serve->lines)) {
            close(serve->lines.fd);
            serve->lines.fd = -1;
        }
        struct signalfd_siginfo info;
        if (waits[0].revents) {
            return read(signals_fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : -1;
        }
    }
}

/* Until both have ended. @return exit status */
static int wait_for_end(struct serve *serve, int signals_fd) {
    bool is_stopping = false;
    int result = 0;
    while (serve->host || serve->web_server) {
        int signal_number = next_signal(serve, signals_fd);
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

/* @return a descriptor that tells of them; -1: error */
static int take_signals(struct error *err) {
    static const int s_waited_for[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof s_waited_for / sizeof *s_waited_for; i++) {
        sigaddset(&signals, s_waited_for[i]);
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return fd >= 0 ? fd : error_set_errno(err, errno, "signalfd");
}

static void clean_up(struct serve *serve) {
    int *const descriptors[] = {&serve->socket_fd, &serve->lines_fd, &serve->lines.fd};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        if (*descriptors[i] >= 0) {
            close(*descriptors[i]);
        }
    }
    if (serve->folder[0]) {
        nftw(serve->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    string_list_clear(&serve->static_folders);
    free(serve->program);
}

int serve_command(const struct command_line *line, const struct config *config) {
    struct serve serve = {.port = SERVE_PORT, .socket_fd = -1, .lines_fd = -1, .lines.fd = -1};
    struct error err;
    serve.host_config = config ? config->file : NULL;
    int status = parse_arguments(line, &serve);
    if (status != 0) {
        clean_up(&serve);
        return status;
    }
    status = EXIT_NOT_DONE;
    int signals_fd = take_signals(&err);
    if (signals_fd < 0 ||
        (config && static_folders_add_all(&serve.static_folders, config, "serve", &err) != 0) ||
        !(serve.program = serve_find_program(serve.server, &err)) ||
        serve_socket_check_port(serve.port, &err) != 0 || prepare_serve(&serve, &err) != 0 ||
        start_both(&serve, &err) != 0) {
        fprintf(stderr, "fcgi_host serve: %s\n", err.text);
        forward(serve.host, SIGTERM);
    } else {
        printf("http://127.0.0.1:%u/  (%s; Ctrl-C stops)\n", serve.port,
               web_server_name(serve.server));
        fflush(stdout);
        status = wait_for_end(&serve, signals_fd);
        serve_lines_end(&serve.lines);
    }
    if (signals_fd >= 0) {
        close(signals_fd);
    }
    clean_up(&serve);
    return status;
}
