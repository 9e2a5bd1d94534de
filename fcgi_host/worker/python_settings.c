#include "fcgi_host/worker/python_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "out of memory");
}

/** "PYTHONOPTIMIZE" of "optimize=2". @return malloc'ed, or NULL */
static char *variable_of(const char *setting) {
    char *variable = NULL;
    if (asprintf(&variable, "PYTHON%.*s", (int)strcspn(setting, "="), setting) < 0) {
        return NULL;
    }
    for (char *c = variable; *c; c++) {
        *c -= *c >= 'a' && *c <= 'z' ? 'a' - 'A' : 0; /* toupper(3) asks the locale */
    }
    return variable;
}

/** Divide what follows -X, several with blanks between them. */
static int divide(struct python_settings *settings, const char *text) {
    size_t room = strlen(text) / 2 + 2;
    char *rest = NULL, *option;
    settings->x_options_text = strdup(text);
    settings->x_options = calloc(room, sizeof *settings->x_options);
    if (!settings->x_options_text || !settings->x_options) {
        return -1;
    }
    size_t count = 0;
    for (option = strtok_r(settings->x_options_text, " \t", &rest); option;
         option = strtok_r(NULL, " \t", &rest)) {
        settings->x_options[count++] = option;
    }
    return 0;
}

static int set_variable(struct python_settings *settings, size_t index, const char *setting) {
    char *variable = variable_of(setting);
    const char *value = variable ? getenv(variable) : NULL;
    char *before = value ? strdup(value) : NULL;
    if (!variable || (value && !before)) {
        free(variable);
        return -1;
    }
    settings->variables[index] = variable;
    settings->before[index] = before;
    return setenv(variable, strchr(setting, '=') + 1, 1);
}

int python_settings_apply(const struct config *config, struct python_settings *ret_settings,
                          struct error *err) {
    static const char s_x[] = CONFIG_PYTHON_X "=";
    size_t count = 0;
    *ret_settings = (struct python_settings){
        .variables = calloc(config->python.variables.count + 1, sizeof *ret_settings->variables),
        .before = calloc(config->python.variables.count + 1, sizeof *ret_settings->before),
    };
    if (!ret_settings->variables || !ret_settings->before) {
        return out_of_memory(err);
    }
    for (size_t i = 0; i < config->python.variables.count; i++) {
        const char *setting = config->python.variables.items[i];
        bool is_x = strncmp(setting, s_x, sizeof s_x - 1) == 0;
        int rc = is_x ? divide(ret_settings, setting + sizeof s_x - 1)
                      : set_variable(ret_settings, count++, setting);
        if (rc != 0) {
            return out_of_memory(err);
        }
    }
    return 0;
}

void python_settings_withdraw(struct python_settings *settings) {
    for (size_t i = 0; settings->variables && settings->before && settings->variables[i]; i++) {
        if (settings->before[i]) {
            setenv(settings->variables[i], settings->before[i], 1);
        } else {
            unsetenv(settings->variables[i]);
        }
        free(settings->variables[i]);
        free(settings->before[i]);
    }
    free(settings->variables);
    free(settings->before);
    free(settings->x_options);
    free(settings->x_options_text);
}
