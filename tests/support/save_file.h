/** A file that a test writes anew, in place. */
#ifndef TESTS_SUPPORT_SAVE_FILE_H
#define TESTS_SUPPORT_SAVE_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>

static inline void save_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL, "%s", path);
    fputs(text, file);
    fclose(file);
}

#endif
