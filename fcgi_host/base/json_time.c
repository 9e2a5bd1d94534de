#include "fcgi_host/base/json_time.h"

#include <time.h>

void status_format_time(int64_t seconds, char *text, size_t text_bytes) {
    time_t time = (time_t)seconds;
    struct tm broken_down;
    gmtime_r(&time, &broken_down);
    strftime(text, text_bytes, "%Y-%m-%dT%H:%M:%SZ", &broken_down);
}
