#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/file_bytes.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/config/option_kinds_internal.h"

/* env.NAME = VALUE, and env.NAME = <FILE: the field is a struct config_env. */

enum {
    /** execve(2) takes no longer variable (MAX_ARG_STRLEN), so no program could be started. */
    LONGEST_VALUE_BYTES = 128 * 1024 - 1,
};

/** systemd.exec(5), "Credentials": relative names are those of the service's credentials. */
static char *file_path(const char *directory, const char *name) {
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    return option_absolute_path(credentials && *credentials == '/' ? credentials : directory, name);
}

/** @return what the open file has, malloc'ed, without the newline at its end; NULL: ERR_USAGE … */
static char *read_value(int fd, const char *path, struct error *err) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        option_path_error(path, err);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        error_set(err, ERR_USAGE, "%s: not a file", path);
        return NULL;
    }
    if (status.st_size > LONGEST_VALUE_BYTES) {
        error_set(err, ERR_USAGE, "%s: more than %d bytes, which no program can be given", path,
                  LONGEST_VALUE_BYTES);
        return NULL;
    }
    size_t size = (size_t)status.st_size;
    char *value = file_bytes_read(fd, size, err);
    if (!value) {
        error_prefix(err, "%s", path);
        return NULL;
    }
    if (strlen(value) < size) {
        error_set(err, ERR_USAGE, "%s: has a NUL byte, which no variable can have", path);
        free(value);
        return NULL;
    }
    if (size > 0 && value[size - 1] == '\n') {
        value[size - 1] = '\0';
    }
    return value;
}

static char *read_file(const char *path, struct error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO does not hang us */
    if (fd < 0) {
        option_path_error(path, err);
        return NULL;
    }
    char *value = read_value(fd, path, err);
    close(fd);
    return value;
}

static int check_name(const struct config_env *env, const char *name, struct error *err) {
    size_t size = strlen(name);
    if (strchr(name, '=')) {
        return error_set(err, ERR_USAGE, "\"%s\" is not the name of a variable", name);
    }
    for (size_t i = 0; i < env->variables.count; i++) {
        const char *item = env->variables.items[i];
        if (strncmp(item, name, size) == 0 && item[size] == '=') {
            return error_set(err, ERR_USAGE, "given twice");
        }
    }
    return 0;
}

/** @param file  "": none */
static int add(struct config_env *env, const char *name, const char *value, const char *file,
               struct error *err) {
    char *item = NULL;
    if (asprintf(&item, "%s=%s", name, value) < 0 || string_list_add(&env->files, strdup(file))) {
        free(item);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    if (string_list_add(&env->variables, item)) {
        free(env->files.items[--env->files.count]);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    return 0;
}

SET(environment) {
    (void)option;
    struct config_env *env = field;
    if (check_name(env, place->name, err) != 0) {
        return -1;
    }
    if (*text != '<') {
        return add(env, place->name, text, "", err);
    }
    const char *name = text + 1 + strspn(text + 1, " \t");
    if (!*name) {
        return error_set(err, ERR_USAGE, "the name of a file is missing after \"<\"");
    }
    char *path = file_path(place->directory, name);
    char *value = NULL;
    int rc = -1;
    if (!path) {
        error_set(err, ERR_MEMORY, "out of memory");
    } else if (place->skips_env_files || (value = read_file(path, err))) {
        rc = add(env, place->name, value ? value : "", path, err);
    }
    free(value);
    free(path);
    return rc;
}

static void print_environment(const void *field, const struct config_option *option, FILE *out) {
    const struct config_env *env = field;
    for (size_t i = 0; i < env->variables.count; i++) {
        const char *item = env->variables.items[i], *file = env->files.items[i];
        int prefix = (int)strcspn(option->key, ".") + 1;
        int name = (int)strcspn(item, "=");
        fprintf(out, "%.*s%.*s = ", prefix, option->key, name, item);
        if (*file) {
            fprintf(out, "<%s\n", file);
        } else {
            fprintf(out, "%s\n", item + name + 1);
        }
    }
}

static void clear_environment(void *field) {
    struct config_env *env = field;
    string_list_clear(&env->variables);
    string_list_clear(&env->files);
}

const struct option_kind option_kind_environment = {.set = set_environment,
                                                    .print = print_environment,
                                                    .clear = clear_environment,
                                                    .is_list = true,
                                                    .has_names = true};
