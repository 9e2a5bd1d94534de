#include "fcgi_host/supervisor/agent_text.h"

#include <stdio.h>
#include <string.h>

enum { PERCENT_MOST = 100, PERCENT_LEAST = 1 };

static int percent_of(double filled) {
    if (filled <= 0) {
        return PERCENT_MOST;
    }
    if (filled >= 1) {
        return PERCENT_LEAST;
    }
    int range = PERCENT_MOST - PERCENT_LEAST;
    return PERCENT_MOST - 1 - (int)(filled * range); /* one that waits shows */
}

static void end_line(char *text) {
    char *c = text;
    for (; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    memcpy(c, "\n", 2);
}

void agent_text(const struct agent_look *look, char ret_text[AGENT_TEXT_BYTES]) {
    const size_t room = AGENT_TEXT_BYTES - 1; /* and the newline */
    if (look->is_stopping) {
        snprintf(ret_text, room, "stopped # stopping");
    } else if (look->is_draining) {
        snprintf(ret_text, room, "drain");
    } else if (look->unready) {
        snprintf(ret_text, room, "down # %s", look->unready);
    } else {
        snprintf(ret_text, room, "up ready %d%%", percent_of(look->filled));
    }
    end_line(ret_text);
}
