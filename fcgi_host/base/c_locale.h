/**
 * Numbers are written as in the C locale, whatever locale an application has set for the process:
 * printf() writes 1.5 as "1,5" after setlocale(LC_ALL, "de_DE").
 *
 * @thread the calling one is what changes  @tstate any
 */
#ifndef FCGI_HOST_BASE_C_LOCALE_H
#define FCGI_HOST_BASE_C_LOCALE_H

#include <locale.h>

/** Put the calling thread into the C locale. @return its locale before, for c_locale_leave() */
locale_t c_locale_enter(void);
void c_locale_leave(locale_t before);

#endif
