#include "fcgi_host/supervisor/task_time.h"

#include <time.h>

enum { MINUTES = 60 };

/** @param days  after the day of `now` */
static int64_t on_day(const struct tm *now, int days, int minutes) {
    struct tm then = {.tm_year = now->tm_year,
                      .tm_mon = now->tm_mon,
                      .tm_mday = now->tm_mday + days,
                      .tm_hour = minutes / MINUTES,
                      .tm_min = minutes % MINUTES,
                      .tm_isdst = -1};
    return mktime(&then);
}

int64_t task_time_next(int64_t now_s, int minutes) {
    time_t now = (time_t)now_s;
    struct tm local;
    localtime_r(&now, &local);
    int64_t today = on_day(&local, 0, minutes);
    return today > now_s ? today : on_day(&local, 1, minutes);
}
