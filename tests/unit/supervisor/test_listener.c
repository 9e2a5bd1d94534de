/** Where the host listens: addresses as text, sockets made and inherited. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/config/listen_address.h"
#include "fcgi_host/supervisor/listener.h"
#include "tests/support/temporary_folder.h"

/* ---- Addresses ---- */

Test(listener, addresses_are_read) {
    static const struct {
        const char *text;
        enum listen_kind kind;
        const char *path_or_host, *port;
        int mode_or_fd;
    } cases[] = {
        {"unix:/run/x.sock", LISTEN_UNIX, "/run/x.sock", "", 0660},
        {"unix:/run/x.sock,mode=0600", LISTEN_UNIX, "/run/x.sock", "", 0600},
        {"unix:/run/x.sock,mode=666", LISTEN_UNIX, "/run/x.sock", "", 0666},
        {"unix:relative", LISTEN_UNIX, "relative", "", 0660},
        {"unix:/a,b", LISTEN_UNIX, "/a,b", "", 0660},
        {"127.0.0.1:9000", LISTEN_TCP, "127.0.0.1", "9000", 0},
        {"localhost:1", LISTEN_TCP, "localhost", "1", 0},
        {":65535", LISTEN_TCP, "", "65535", 0},
        {"[::1]:9000", LISTEN_TCP, "::1", "9000", 0},
        {"fd:0", LISTEN_FD, "", "", 0},
        {"fd:17", LISTEN_FD, "", "", 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listen_address address;
        struct error err;
        cr_assert_eq(listen_address_parse(cases[i].text, &address, &err), 0, "%s", cases[i].text);
        cr_expect_eq(address.kind, cases[i].kind, "%s", cases[i].text);
        bool is_unix = address.kind == LISTEN_UNIX;
        cr_expect_str_eq(is_unix ? address.path : address.host, cases[i].path_or_host);
        cr_expect_str_eq(address.port, cases[i].port);
        cr_expect_eq(is_unix ? (int)address.mode : address.fd, cases[i].mode_or_fd, "%s",
                     cases[i].text);
    }
}

Test(listener, bad_addresses_are_refused_with_a_reason) {
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "bad address"},
        {"nonsense", "bad address"},
        {"unix:", "without a path"},
        {"unix:/x,mode=", "bad mode"},
        {"unix:/x,mode=888", "bad mode"},
        {"unix:/x,mode=-1", "bad mode"},
        {"unix:/x,mode=1777", "bad mode"},
        {"unix:,mode=0600", "without a path"},
        {"/run/x.sock", "bad address"},
        {"/run/x.sock:1", "begins with unix:"},
        {"host:", "bad port"},
        {"host:x", "bad port"},
        {"host:65536", "bad port"},
        {"host:-1", "bad port"},
        {"host:+1", "bad port"},
        {"host: 1", "bad port"},
        {"host:000001", "bad port"},
        {"::1:9000", "brackets"},
        {"[::1]", "bad address"},
        {"[::1]x:1", "bad address"},
        {"[]:1", "bad address"},
        {"fd:", "bad descriptor"},
        {"fd:x", "bad descriptor"},
        {"fd:-1", "bad descriptor"},
        {"fd:99999999999999999999", "bad descriptor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listen_address address;
        struct error err;
        cr_expect_eq(listen_address_parse(cases[i].text, &address, &err), -1, "%s", cases[i].text);
        cr_expect_eq(err.code, ERR_USAGE);
        cr_expect_not_null(strstr(err.text, cases[i].reason), "%s: %s", cases[i].text, err.text);
    }
}

Test(listener, a_path_that_the_system_cannot_hold_is_refused) {
    char text[200] = "unix:/";
    struct listen_address address;
    struct error err;
    memset(text + 6, 'x', 106);
    cr_expect_eq(listen_address_parse(text, &address, &err), 0, "107 bytes: unix(7)");
    text[6 + 106] = 'x';
    cr_expect_eq(listen_address_parse(text, &address, &err), -1);
    cr_expect_not_null(strstr(err.text, "too long"));
}

/* ---- Sockets ---- */

static char s_path[TEMPORARY_FOLDER_SIZE + 2], s_address[sizeof s_path + 16];

static void setup(void) {
    snprintf(s_path, sizeof s_path, "%s/s", temporary_folder());
    snprintf(s_address, sizeof s_address, "unix:%s,mode=0600", s_path);
}

TestSuite(listener_socket, .init = setup);

static bool can_connect(const struct sockaddr *address, socklen_t size) {
    int fd = socket(address->sa_family, SOCK_STREAM, 0);
    bool connected = connect(fd, address, size) == 0;
    close(fd);
    return connected;
}

static bool can_connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return can_connect((struct sockaddr *)&address, sizeof address);
}

static void expect_ready(const struct listener *listener) {
    cr_expect_gt(listener->fd, 2);
    cr_expect(fcntl(listener->fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(listener->fd, F_GETFD) & FD_CLOEXEC);
}

Test(listener_socket, a_unix_socket_has_its_mode_and_goes_away) {
    struct error err;
    struct listener listener;
    struct stat status;
    mode_t umask_before = umask(027);
    cr_assert_eq(listener_open(&listener, s_address, &err), 0, "%s", err.text);
    expect_ready(&listener);
    cr_assert_eq(stat(s_path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600);
    cr_expect(can_connect_unix(s_path));
    cr_expect_eq(umask(umask_before), 027, "the umask is as before");
    listener_close(&listener);
    cr_expect_eq(access(s_path, F_OK), -1);
    listener_close(&listener); /* twice does no harm */
}

Test(listener_socket, a_dead_process_s_socket_is_replaced) {
    struct error err;
    struct listener dead, listener;
    cr_assert_eq(listener_open(&dead, s_address, &err), 0);
    close(dead.fd); /* as if killed: the file stays */
    cr_assert_eq(listener_open(&listener, s_address, &err), 0, "%s", err.text);
    cr_expect(can_connect_unix(s_path));
    listener_close(&listener);
    free(dead.file.path);
}

Test(listener_socket, a_live_process_s_socket_is_in_use) {
    struct error err;
    struct listener live, listener;
    cr_assert_eq(listener_open(&live, s_address, &err), 0);
    cr_expect_eq(listener_open(&listener, s_address, &err), -1);
    cr_expect_eq(err.code, ERR_SYSTEM);
    cr_expect(strstr(err.text, "in use") && strstr(err.text, s_path), "%s", err.text);
    cr_expect(can_connect_unix(s_path));
    listener_close(&live);
}

Test(listener_socket, a_file_that_is_no_socket_is_left_alone) {
    struct error err;
    struct listener listener;
    FILE *file = fopen(s_path, "w");
    fputs("data", file);
    fclose(file);
    cr_expect_eq(listener_open(&listener, s_address, &err), -1);
    cr_expect_not_null(strstr(err.text, "not a socket"), "%s", err.text);
    cr_expect_eq(access(s_path, F_OK), 0);
}

Test(listener_socket, a_socket_that_somebody_else_made_meanwhile_is_not_removed) {
    struct error err;
    struct listener first, second;
    cr_assert_eq(listener_open(&first, s_address, &err), 0);
    cr_assert_eq(unlink(s_path), 0);
    cr_assert_eq(listener_open(&second, s_address, &err), 0);
    listener_close(&first);
    cr_expect(can_connect_unix(s_path));
    listener_close(&second);
}

Test(listener_socket, once_it_refuses_what_has_connected_is_still_accepted_and_nothing_lost) {
    struct listener listener;
    struct error err;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, s_path, sizeof s_path);
    cr_assert_eq(listener_open(&listener, s_address, &err), 0);
    cr_expect_not(listener_has_waiting(&listener));
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&name, sizeof name), 0);
    cr_expect(listener_has_waiting(&listener));
    char hidden[sizeof s_path + 4]; /* as one that was about to connect still finds it */
    snprintf(hidden, sizeof hidden, "%s.it", s_path);
    cr_assert_eq(link(s_path, hidden), 0);
    listener_refuse(&listener);
    cr_expect_not(can_connect_unix(s_path));
    cr_expect_not(can_connect_unix(hidden));
    int accepted = accept(listener.fd, NULL, NULL);
    cr_expect_geq(accepted, 0);
    cr_expect_lt(accept(listener.fd, NULL, NULL), 0);
    close(accepted);
    close(client);
    listener_close(&listener);
}

Test(listener_socket, tcp_listens_on_ipv4) {
    struct error err;
    struct listener listener;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    cr_assert_eq(listener_open(&listener, "127.0.0.1:0", &err), 0, "%s", err.text);
    expect_ready(&listener);
    cr_expect_null(listener.file.path);
    cr_assert_eq(getsockname(listener.fd, (struct sockaddr *)&address, &size), 0);
    cr_expect_eq(address.sin_family, AF_INET);
    cr_expect_eq(address.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    cr_expect(can_connect((struct sockaddr *)&address, size));

    char text[32];
    struct listener second;
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(address.sin_port));
    cr_expect_eq(listener_open(&second, text, &err), -1);
    cr_expect(strstr(err.text, "in use") && strstr(err.text, text), "%s", err.text);
    listener_close(&listener);
}

static bool has_ipv6(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool can_bind = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return can_bind;
}

Test(listener_socket, a_port_alone_takes_ipv4_and_ipv6) {
    struct error err;
    struct listener listener;
    if (!has_ipv6()) {
        cr_skip("no IPv6 here");
    }
    static const char *const addresses[] = {":0", "[::]:0"};
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_in6 bound;
        socklen_t size = sizeof bound;
        cr_assert_eq(listener_open(&listener, addresses[i], &err), 0, "%s", err.text);
        cr_assert_eq(getsockname(listener.fd, (struct sockaddr *)&bound, &size), 0);
        struct sockaddr_in ipv4 = {.sin_family = AF_INET,
                                   .sin_port = bound.sin6_port,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6,
                                    .sin6_port = bound.sin6_port,
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        cr_expect(can_connect((struct sockaddr *)&ipv4, sizeof ipv4), "%s", addresses[i]);
        cr_expect(can_connect((struct sockaddr *)&ipv6, sizeof ipv6), "%s", addresses[i]);
        listener_close(&listener);
    }
}

Test(listener_socket, an_unknown_host_is_an_error) {
    struct error err;
    struct listener listener;
    cr_expect_eq(listener_open(&listener, "no-such-host.invalid:9000", &err), -1);
    cr_expect_eq(err.code, ERR_SYSTEM);
    cr_expect_not_null(strstr(err.text, "no-such-host.invalid"), "%s", err.text);
}

/* ---- Inherited ---- */

static int listening(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 5), 0);
    return fd;
}

static bool is_null_device(int fd) {
    struct stat status, null;
    return fstat(fd, &status) == 0 && stat("/dev/null", &null) == 0 &&
           status.st_rdev == null.st_rdev;
}

Test(listener, descriptor_0_is_taken_and_replaced_by_dev_null) {
    struct error err;
    struct listener listener;
    int fd = listening();
    cr_assert_eq(dup2(fd, 0), 0);
    close(fd);
    cr_assert_eq(listener_open(&listener, NULL, &err), 0, "%s", err.text);
    expect_ready(&listener);
    cr_expect(is_null_device(0));
    cr_expect_null(listener.file.path);
    listener_close(&listener);
}

Test(listener, descriptor_0_goes_before_systemd) {
    struct error err;
    struct listener listener;
    char pid[24];
    int fd = listening();
    cr_assert_eq(dup2(fd, 0), 0);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    cr_assert_eq(listener_open(&listener, NULL, &err), 0);
    cr_expect(is_null_device(0));
    listener_close(&listener);
}

Test(listener, nothing_to_listen_on_is_wrong_usage) {
    struct error err;
    struct listener listener;
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(dup2(pair[0], 0), 0); /* a connected socket is none to listen on */
    setenv("LISTEN_PID", "1", 1);      /* and systemd's are another process's */
    setenv("LISTEN_FDS", "1", 1);
    cr_expect_eq(listener_open(&listener, NULL, &err), -1);
    cr_expect_eq(err.code, ERR_USAGE);
    cr_expect_not_null(strstr(err.text, "--listen"));
}

static void set_systemd(const char *count) {
    char pid[24];
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", "web", 1);
}

/** In a process of its own: descriptor 3 is one of the test framework's. @return exit status */
static int take_from_systemd(void) {
    struct error err;
    struct listener listener;
    int fd = listening();
    set_systemd("1");
    if (fd != 3 && dup2(fd, 3) != 3) { /* sd_listen_fds(3): from 3 on */
        return 1;
    }
    if (listener_open(&listener, NULL, &err) != 0 || listener.fd != 3) {
        return 2;
    }
    if (!(fcntl(3, F_GETFL) & O_NONBLOCK) || !(fcntl(3, F_GETFD) & FD_CLOEXEC)) {
        return 3;
    }
    return getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES") ? 4 : 0;
}

Test(listener, a_socket_from_systemd_is_taken_and_its_variables_removed) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        _exit(take_from_systemd());
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0, "exit status %d", WEXITSTATUS(status));
}

Test(listener, more_than_one_socket_from_systemd_is_wrong_usage) {
    struct error err;
    struct listener listener;
    set_systemd("2");
    cr_expect_eq(listener_open(&listener, NULL, &err), -1);
    cr_expect_eq(err.code, ERR_USAGE);
    cr_expect_not_null(strstr(err.text, "LISTEN_FDS"));
}

Test(listener, a_descriptor_is_taken_by_its_number_if_it_listens) {
    struct error err;
    struct listener listener;
    char text[16];
    snprintf(text, sizeof text, "fd:%d", listening());
    cr_assert_eq(listener_open(&listener, text, &err), 0, "%s", err.text);
    listener_close(&listener);
    cr_expect_eq(listener_open(&listener, text, &err), -1, "it is closed now");
    cr_expect_eq(err.code, ERR_USAGE);
    cr_expect_eq(listener_open(&listener, "fd:2", &err), -1);
    cr_expect_not_null(strstr(err.text, "descriptor 2"), "%s", err.text);
}
