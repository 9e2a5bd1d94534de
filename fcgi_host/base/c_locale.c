#include "fcgi_host/base/c_locale.h"

#include <pthread.h>

static locale_t s_c_locale;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;

static void make_locale(void) {
    s_c_locale = newlocale(LC_ALL_MASK, "C", NULL);
}

locale_t c_locale_enter(void) {
    pthread_once(&s_once, make_locale);
    return uselocale(s_c_locale); /* NULL, out of memory, changes nothing */
}

void c_locale_leave(locale_t before) {
    uselocale(before);
}
