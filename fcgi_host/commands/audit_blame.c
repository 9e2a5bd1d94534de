/* Which extension is to blame for a process of an audit that has crashed or raised. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/audit_result.h"

/** The last extension whose import was begun. */
static struct audit_extension *importing(struct audit_result *result, const struct audit_run *run,
                                         struct error *err) {
    const struct string_list *imports = &run->imports;
    return imports->count < 2 ? NULL
                              : audit_result_extension(result, imports->items[imports->count - 2],
                                                       imports->items[imports->count - 1], err);
}

/** The extension whose shared object is on the stack of the crash, the innermost one. */
static struct audit_extension *faulting(struct audit_result *result, const struct audit_run *run,
                                        struct error *err) {
    const struct string_list *imports = &run->imports;
    for (size_t i = 0; i < run->faults.count; i++) {
        for (size_t k = 0; k + 1 < imports->count; k += 2) {
            if (strcmp(imports->items[k + 1], run->faults.items[i]) == 0) {
                return audit_result_extension(result, imports->items[k], imports->items[k + 1],
                                              err);
            }
        }
    }
    return NULL;
}

/** @return how many bytes of a path lead to the folder of an extension's top package:
 *          "/usr/lib/google/" of google.protobuf.pyext._message; 0: it is in no package */
static size_t package_bytes(const char *module, const char *file) {
    size_t end = strlen(file);
    const char *dot = strchr(module, '.');
    if (!dot) {
        return 0;
    }
    for (; dot && end > 0; dot = strchr(dot + 1, '.')) {
        do { /* up one folder */
            end--;
        } while (end > 0 && file[end] != '/');
    }
    return end > 0 ? end + 1 : 0;
}

/** @return whether a file is of an extension's top package */
static bool is_of_package(const char *module, const char *extension_file, const char *file) {
    size_t bytes = package_bytes(module, extension_file);
    return bytes > 0 && strncmp(extension_file, file, bytes) == 0;
}

/** The extension of the package in which the exception was raised; of several the last imported. */
static struct audit_extension *nearest(struct audit_result *result, const struct audit_run *run,
                                       struct error *err) {
    const struct string_list *imports = &run->imports;
    for (size_t i = run->frames.count; i-- > 0;) {
        for (size_t k = imports->count; k >= 2; k -= 2) {
            const char *module = imports->items[k - 2], *file = imports->items[k - 1];
            if (is_of_package(module, file, run->frames.items[i])) {
                return audit_result_extension(result, module, file, err);
            }
        }
    }
    return NULL;
}

/** The only extension that is not the standard library's. @return NULL: there are several, or none
 */
static struct audit_extension *only_one(struct audit_result *result, const struct audit_run *run,
                                        struct error *err) {
    const struct string_list *imports = &run->imports;
    const char *module = NULL, *file = NULL;
    for (size_t k = 0; k + 1 < imports->count; k += 2) {
        if (strstr(imports->items[k + 1], "/lib-dynload/")) {
            continue;
        }
        if (file && strcmp(file, imports->items[k + 1]) != 0) {
            return NULL;
        }
        module = imports->items[k];
        file = imports->items[k + 1];
    }
    return file ? audit_result_extension(result, module, file, err) : NULL;
}

/** The one to blame for a crash. */
static struct audit_extension *crashed(struct audit_result *result, const struct audit_run *run,
                                       struct error *err) {
    bool was_loading = strncmp(run->step, "load", 4) == 0 && !*run->asked;
    struct audit_extension *extension = faulting(result, run, err);
    if (!extension && was_loading && run->faults.count == 0) {
        extension = importing(result, run, err);
    }
    if (!extension) {
        extension = audit_result_worst(result);
    }
    return !extension && was_loading ? importing(result, run, err) : extension;
}

struct audit_extension *audit_result_culprit(struct audit_result *result,
                                             const struct audit_run *run, struct error *err) {
    struct audit_extension *extension =
        run->has_crashed ? crashed(result, run, err) : nearest(result, run, err);
    if (!extension) {
        extension = audit_result_worst(result);
    }
    bool was_asked = *run->asked != '\0'; /* the static looks have found nothing */
    return !extension && was_asked ? only_one(result, run, err) : extension;
}
