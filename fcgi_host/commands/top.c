#include "fcgi_host/commands/top.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/commands/control_client.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/status/overview.h"
#include "pool/base/clock.h"

enum { INTERVAL_MS = 1000, CTRL_C = 3 };

/* ECMA-48; the alternate screen is xterm's, and known to every terminal of today. */
static const char SCREEN_BEGIN[] = "\033[?1049h\033[?25l", SCREEN_END[] = "\033[?25h\033[?1049l";
static const char SCREEN_HOME[] = "\033[H", LINE_REST[] = "\033[K\n", SCREEN_REST[] = "\033[J";

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           const char **ret_socket) {
    static const struct option s_options[] = {{"socket", required_argument, NULL, 's'}, {0}};
    int option;
    *ret_socket = config ? config->control : NULL;
    optind = 0;
    while ((option = getopt_long(line->argc, line->argv, ":s:", s_options, NULL)) != -1) {
        if (option != 's') {
            return usage_bad_option(line, option);
        }
        *ret_socket = optarg;
    }
    if (optind < line->argc) {
        return usage_say(line, "unexpected argument", line->argv[optind]);
    }
    return usage_need_socket(line, *ret_socket);
}

static json_t *ask_status(const char *socket, struct error *err) {
    const char *word = "status";
    return control_ask_json(socket, &(struct control_words){&word, 1}, err);
}

/** Line by line over what is there: nothing flickers. */
static void draw(const char *text) {
    fputs(SCREEN_HOME, stdout);
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        fwrite(line, 1, length, stdout);
        fputs(LINE_REST, stdout);
        line += length + (line[length] == '\n');
    }
    fputs(SCREEN_REST, stdout);
    fflush(stdout);
}

/** Whether the user's locale says that the terminal shows UTF-8. */
static bool has_utf8(void) {
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool is_utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    if (locale) {
        freelocale(locale);
    }
    return is_utf8;
}

static struct overview_room room_of_terminal(void) {
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row == 0 || size.ws_col == 0) {
        return (struct overview_room){.is_utf8 = has_utf8()};
    }
    /* Not the last line: a line's end there would scroll. */
    return (struct overview_room){size.ws_row > 1 ? size.ws_row - 1U : 1, size.ws_col, has_utf8()};
}

/** Wait for the next turn, a key or a signal. @return whether to go on */
static bool await_turn(int signals, uint64_t until_ns) {
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    uint64_t now_ns = clock_now_ns();
    while (now_ns < until_ns) {
        int ready = poll(fds, 2, (int)((until_ns - now_ns) / CLOCK_NS_PER_MS) + 1);
        struct signalfd_siginfo info;
        char key = 0;
        if (ready < 0 && errno != EINTR) {
            return false;
        }
        if (ready > 0 && fds[0].revents && read(signals, &info, sizeof info) == sizeof info) {
            return info.ssi_signo == SIGWINCH; /* another size: at once */
        }
        if (ready > 0 && fds[1].revents) {
            if (read(STDIN_FILENO, &key, 1) != 1) {
                fds[1].fd = -1; /* no more keys */
            } else if (key == 'q' || key == 'Q' || key == CTRL_C) {
                return false;
            }
        }
        now_ns = clock_now_ns();
    }
    return true;
}

/** @return the exit status */
static int show(const char *socket, int signals, struct error *err) {
    json_t *before = NULL, *now = NULL;
    bool goes_on = true;
    while (goes_on && (now = ask_status(socket, err))) {
        const struct overview_room room = room_of_terminal();
        char *text = status_overview(before, now, &room);
        if (text) {
            draw(text);
        }
        free(text);
        json_decref(before);
        before = now;
        goes_on = await_turn(signals, clock_now_ns() + INTERVAL_MS * CLOCK_NS_PER_MS);
    }
    json_decref(before);
    return now ? EXIT_DONE : EXIT_NOT_DONE;
}

/** The terminal is as before afterwards, however it ends. @return the exit status */
static int show_live(const char *socket, struct error *err) {
    struct termios before, keys;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGWINCH);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_CLOEXEC);
    if (signals < 0) {
        error_set_errno(err, errno, "signalfd");
        return EXIT_NOT_DONE;
    }
    bool has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
    if (has_keys) {
        keys = before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &keys);
    }
    fputs(SCREEN_BEGIN, stdout);
    int status = show(socket, signals, err);
    fputs(SCREEN_END, stdout);
    fflush(stdout);
    if (has_keys) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    }
    close(signals);
    return status;
}

static int show_once(const char *socket, struct error *err) {
    json_t *status = ask_status(socket, err);
    char *text = status ? status_overview(NULL, status, &(struct overview_room){0}) : NULL;
    if (status && !text) {
        error_set(err, ERR_MEMORY, "out of memory");
    }
    if (text) {
        fputs(text, stdout);
    }
    free(text);
    json_decref(status);
    return text ? EXIT_DONE : EXIT_NOT_DONE;
}

int top_command(const struct command_line *line, const struct config *config) {
    const char *socket;
    struct error err;
    if (parse_arguments(line, config, &socket)) {
        return EXIT_USAGE;
    }
    int status = isatty(STDOUT_FILENO) ? show_live(socket, &err) : show_once(socket, &err);
    if (status != EXIT_DONE) {
        fprintf(stderr, "fcgi_host %s: %s\n", line->argv[0], err.text);
    }
    return status;
}
