/* python.NAME: Python's own settings. */
#include <stddef.h>
#include <string.h>

#include "fcgi_host/config/option_kinds_internal.h"

/** Python's environment variables PYTHON…, in lower case, that mean something to a program which
 *  serves; CPython's documentation, "Command line and environment".  Those that later versions
 *  bring are ignored by earlier ones, as Python does. */
static const char *const s_names[] = {
    "asynciodebug",
    "breakpoint",
    "coerceclocale",
    "context_aware_warnings",
    "cpu_count",
    "devmode",
    "disable_remote_debug",
    "dontwritebytecode",
    "faulthandler",
    "hashseed",
    "intmaxstrdigits",
    "ioencoding",
    "malloc",
    "nodebugranges",
    "nousersite",
    "optimize",
    "perf_jit_support",
    "perfsupport",
    "profileimporttime",
    "pycacheprefix",
    "safepath",
    "thread_inherit_context",
    "tracemalloc",
    "utf8",
    "warndefaultencoding",
    "warnings",
    "jit",
};

SET(python) {
    size_t i = 0;
    while (i < sizeof s_names / sizeof *s_names && strcmp(s_names[i], place->name) != 0) {
        i++;
    }
    if (i == sizeof s_names / sizeof *s_names && strcmp(place->name, CONFIG_PYTHON_X) != 0) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is none of Python's settings: the name of a variable PYTHON... in "
                         "lower case, such as optimize, or X for an option -X",
                         place->name);
    }
    return option_kind_environment.set(field, option, place, text, err);
}

static void print_python(const void *field, const struct config_option *option, FILE *out) {
    option_kind_environment.print(field, option, out);
}

static void clear_python(void *field) {
    option_kind_environment.clear(field);
}

const struct option_kind option_kind_python = {.set = set_python,
                                               .print = print_python,
                                               .clear = clear_python,
                                               .is_list = true,
                                               .has_names = true};
