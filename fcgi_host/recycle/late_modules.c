#include "fcgi_host/recycle/late_modules.h"

#include <stdlib.h>
#include <string.h>

static int describe(void *arg, struct error *err) {
    return wsgi_modules_describe(arg, err);
}

int late_modules_describe(struct generation *serving, struct wsgi_modules *ret_modules,
                          struct error *err) {
    return pool_run(serving, describe, ret_modules, err);
}

static int import(void *arg, struct error *err) {
    return wsgi_modules_import(arg, err);
}

int late_modules_import(struct generation *next, const struct wsgi_modules *modules,
                        unsigned timeout_ms, struct error *err) {
    /* On the heap: an import that does not end goes on using it. */
    struct wsgi_modules *copy = malloc(sizeof *copy + modules->size);
    if (!copy) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *copy = (struct wsgi_modules){(char *)(copy + 1), modules->size};
    memcpy(copy + 1, modules->bytes, modules->size);
    int outcome = pool_run_timed(next, timeout_ms, import, copy, err);
    if (outcome != 0) {
        bool may_run = err->code == ERR_TIMEOUT;
        error_prefix(err, "a module that requests to the generation before had imported");
        if (may_run) {
            return -1; /* `copy` stays */
        }
    }
    free(copy);
    return outcome;
}
