#include "fcgi_host/supervisor/log_files.h"

#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/template.h"

/** Open the log of a process again, and pass it on.
 *  @param pass  its descriptor stays open */
static void reopen_for(const char *log, const char *current, void (*pass)(void *to, int fd),
                       void *to) {
    struct error err;
    bool is_current = strcmp(log, current) == 0;
    if (strcmp(log, "stderr") == 0) {
        return;
    }
    int opened = is_current ? -1 : log_open_file(log, &err);
    int fd = is_current ? log_fd() : opened;
    if (fd < 0) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
        return;
    }
    pass(to, fd);
    if (opened >= 0) {
        close(opened);
    }
}

static void pass_to_worker(void *to, int fd) {
    const struct worker_process *process = to;
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_LOG_REOPEN, .fd = &fd});
}

static void pass_to_template(void *to, int fd) {
    template_use_log(to, fd);
}

void log_files_reopen(const struct groups *groups) {
    const char *current = groups_config(groups)->log;
    struct error err;
    if (log_reopen(&err)) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
    for (struct worker_process *process = groups_next_process(groups, NULL); process;
         process = groups_next_process(groups, process)) {
        reopen_for(process->log, current, pass_to_worker, process);
    }
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        if (fleet_template(fleet)) {
            reopen_for(fleet_part(fleet)->log, current, pass_to_template, fleet_template(fleet));
        }
    }
}
