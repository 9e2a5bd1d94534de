/**
 * What an application in a folder is, found by its files as they are; nothing of it is run.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_INIT_FIND_H
#define FCGI_HOST_COMMANDS_INIT_FIND_H

#include <limits.h>
#include <stdbool.h>

#include "pool/base/error.h"

struct found_application {
    const char *kind;           /**< "Django project", "Flask application", "WSGI application" */
    char file[PATH_MAX];        /**< absolute */
    char callable[16];          /**< "application" or "app" */
    char name[64];              /**< for the configuration's section */
    char python_path[PATH_MAX]; /**< ""; else a folder that its modules are imported from */
    char virtualenv[PATH_MAX];  /**< "": there is none */
    char settings[128];         /**< DJANGO_SETTINGS_MODULE of manage.py; "": none */
    /* What the key `static` takes; "": none, or the files do not say it plainly. */
    char static_url[128];
    char static_folder[PATH_MAX];
    bool has_static_folder; /**< it is there; Django's only after `manage.py collectstatic` */
};

/**
 * @param folder  absolute
 * @return 0, or -1: ERR_USAGE, with what was looked for
 */
int init_find(const char *folder, struct found_application *ret_found, struct error *err);

#endif
