#include "fcgi_host/supervisor/log_files.h"

#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"

static void reopen_for(const struct worker_process *process, const char *current) {
    struct error err;
    bool is_current = strcmp(process->log, current) == 0;
    if (strcmp(process->log, "stderr") == 0) {
        return;
    }
    int opened = is_current ? -1 : log_open_file(process->log, &err);
    int fd = is_current ? log_fd() : opened;
    if (fd < 0) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
        return;
    }
    channel_tell(&process->end, &(struct channel_outgoing){.type = CHANNEL_LOG_REOPEN, .fd = &fd});
    if (opened >= 0) {
        close(opened);
    }
}

void log_files_reopen(const struct groups *groups) {
    const char *current = groups_config(groups)->log;
    struct error err;
    if (log_reopen(&err)) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
    for (struct worker_process *process = groups_next_process(groups, NULL); process;
         process = groups_next_process(groups, process)) {
        reopen_for(process, current);
    }
}
