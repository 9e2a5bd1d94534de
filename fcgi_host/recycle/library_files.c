#include "fcgi_host/recycle/library_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "reload/stale/stale.h"

struct library_files {
    struct stale_check *check; /* asked for files only */
};

struct library_files *library_files_new(struct error *err) {
    struct library_files *files = malloc(sizeof *files);
    if (!files) {
        error_set(err, ERR_MEMORY, "out of memory for the files of libraries");
        return NULL;
    }
    files->check = stale_check_new(err);
    if (!files->check) {
        free(files);
        return NULL;
    }
    return files;
}

bool library_files_have_changed(struct library_files *files, char *ret_why, size_t size) {
    struct error err;
    bool is_sure;
    if (stale_check_files(files->check, NULL, &is_sure, ret_why, size, &err) != 0) {
        snprintf(ret_why, size, "%s", err.text);
    }
    return *ret_why != '\0';
}
