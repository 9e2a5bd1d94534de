#include "tests/unit/supervisor/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char notes[2048];

void note(const char *format, ...) {
    size_t length = strlen(notes);
    va_list args;
    va_start(args, format);
    length += (size_t)snprintf(notes + length, sizeof notes - length, "%s", length ? "; " : "");
    vsnprintf(notes + length, sizeof notes - length, format, args);
    va_end(args);
}
