/** The program: reads the command line and the configuration, then serves or runs a command. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/commands/rehearse.h"
#include "fcgi_host/config/load.h"
#include "fcgi_host/intake/peer_address.h"
#include "fcgi_host/supervisor/listener.h"
#include "fcgi_host/supervisor/log_files.h"
#include "fcgi_host/supervisor/supervisor.h"
#include "fcgi_host/worker/template.h"
#include "fcgi_host/worker/worker.h"
#include "pool/python/runtime.h"

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

typedef int command_function(const struct command_line *line, const struct config *config);

#define COMMAND(id, name, arguments, summary, function) command_function function;
#include "fcgi_host/config/commands.def"
#undef COMMAND

static command_function *const s_commands[] = {
    [COMMAND_HELP] = NULL, /* the last: room for all */
#define COMMAND(id, name, arguments, summary, function) [COMMAND_##id] = function,
#include "fcgi_host/config/commands.def"
#undef COMMAND
};

/** Say on standard error what went wrong. @return the exit status for it */
static int report_error(const struct error *err) {
    fprintf(stderr, "fcgi_host: %s\n", err->text);
    if (err->code != ERR_USAGE) {
        return STATUS_FAILED;
    }
    fputs("usage: fcgi_host [OPTIONS] [APP...]; more with fcgi_host --help\n", stderr);
    return STATUS_USAGE;
}

/** Descriptors 0, 1 and 2 must be taken: a file that is opened later would get such a number, and
 *  code that writes to standard output or error would write into it. */
static void take_standard_descriptors(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

/** Each connection takes a descriptor, and applications take more: 1,024 are soon too few. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* if that fails, the present limit has to do */
    }
}

/** A web server that goes away is an error of write(2), not the end of the process. */
static void ignore_broken_pipes(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

/** FCGI_WEB_SERVER_ADDRS is read by the workers; with a bad one the host must not start. */
static int check_web_server_addresses(struct error *err) {
    struct peer_addresses *addresses = NULL;
    if (peer_addresses_parse(getenv("FCGI_WEB_SERVER_ADDRS"), &addresses, err) != 0) {
        return -1;
    }
    peer_addresses_free(addresses);
    return 0;
}

static int run_host(struct config *config, int argc, char **argv) {
    struct error err;
    struct listener listener;
    sigset_t mask_before;
    supervisor_block_signals(&mask_before);
    if (check_web_server_addresses(&err) != 0 ||
        listener_open(&listener, config->listen, &err) != 0) {
        return report_error(&err);
    }
    int status = STATUS_FAILED;
    if (log_files_open(config, &err) == 0) {
        ignore_broken_pipes();
        raise_descriptor_limit();
        const struct supervisor_options options = {
            .config = config,
            .listener = &listener,
            .argc = argc,
            .argv = argv,
            .run_worker = worker_run,
            .run_template = template_run,
            .rehearse = rehearse_application,
            .python_version = runtime_python_version(),
            .mask_before = mask_before,
        };
        status = supervisor_run(&options);
    } else {
        report_error(&err);
    }
    listener_close(&listener);
    log_stream_flush();
    return status;
}

static int run_command(const struct command_line *line, struct config *config, int argc,
                       char **argv) {
    switch (line->command) {
    case COMMAND_RUN:
        return run_host(config, argc, argv);
    case COMMAND_TEST:
        config_print(config, stdout);
        return STATUS_OK;
    case COMMAND_HELP:
        config_print_help(stdout);
        return STATUS_OK;
    case COMMAND_VERSION:
        printf("fcgi_host %s (Python %s)\n", FCGI_HOST_VERSION, runtime_python_version());
        return STATUS_OK;
    default:
        return s_commands[line->command](line, config);
    }
}

int main(int argc, char **argv) {
    struct error err;
    struct command_line line;
    struct config *config = NULL;
    take_standard_descriptors();
    if (config_load(argc, argv, &line, &config, &err) != 0) {
        return report_error(&err);
    }
    int status = run_command(&line, config, argc, argv);
    config_free(config);
    if (fflush(stdout) != 0) {
        return STATUS_FAILED; /* a full disk behind --help or -t */
    }
    return status;
}
