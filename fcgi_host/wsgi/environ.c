#include "fcgi_host/wsgi/environ.h"

#include <stdint.h>
#include <string.h>

#include "fcgi_host/cgi/environ_filter.h"
#include "fcgi_host/wsgi/client_gone.h"
#include "fcgi_host/wsgi/loaded.h"

/* A site sees some tens of different names.  Clients choose names (HTTP_…), so the table has a
 * limit: names beyond it are made anew each time. */
enum { CACHE_ENTRIES = 256, CACHE_NAMES = 192, CACHED_NAME_BYTES = 64, CACHED_VALUE_BYTES = 256 };

/* Room for the keys of a usual request without the dictionary growing: 42 fit a table of 64. */
enum { ENVIRON_KEYS = 42 };

struct cached {
    PyObject *name;  /* interned str; NULL: the entry is free */
    PyObject *value; /* the last value; may be NULL */
    uint32_t hash;
    enum environ_rule rule;
};

struct environ_cache {
    size_t names;
    struct cached entries[CACHE_ENTRIES];
    /* Names that the host sets in each request, interned. */
    PyObject *script_name, *path_info, *role, *input, *url_scheme, *request_id;
    PyObject *https; /* the values */
    PyObject *responder, *authorizer;
};

struct environ_cache *environ_cache_new(void) {
    struct environ_cache *cache = PyMem_Calloc(1, sizeof *cache);
    if (!cache) {
        PyErr_NoMemory();
        return NULL;
    }
    const struct {
        PyObject **name;
        const char *text;
    } names[] = {
        {&cache->script_name, "SCRIPT_NAME"},
        {&cache->path_info, "PATH_INFO"},
        {&cache->role, "FCGI_ROLE"},
        {&cache->input, "wsgi.input"},
        {&cache->url_scheme, "wsgi.url_scheme"},
        {&cache->request_id, "fcgi_host.request_id"},
        {&cache->https, "https"},
        {&cache->responder, "RESPONDER"},
        {&cache->authorizer, "AUTHORIZER"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *names[i].name = PyUnicode_InternFromString(names[i].text);
        if (!*names[i].name) {
            environ_cache_free(cache);
            return NULL;
        }
    }
    return cache;
}

void environ_cache_free(struct environ_cache *cache) {
    if (cache) {
        for (size_t i = 0; i < CACHE_ENTRIES; i++) {
            Py_XDECREF(cache->entries[i].name);
            Py_XDECREF(cache->entries[i].value);
        }
        Py_XDECREF(cache->script_name);
        Py_XDECREF(cache->path_info);
        Py_XDECREF(cache->role);
        Py_XDECREF(cache->input);
        Py_XDECREF(cache->url_scheme);
        Py_XDECREF(cache->request_id);
        Py_XDECREF(cache->https);
        Py_XDECREF(cache->responder);
        Py_XDECREF(cache->authorizer);
        PyMem_Free(cache);
    }
}

/* Mixes length, the first eight and the last eight bytes: names differ at their ends. */
static uint32_t hash_name(const char *name, size_t size) {
    uint64_t first = 0, last = 0;
    if (size >= 8) {
        memcpy(&first, name, 8);
        memcpy(&last, name + size - 8, 8);
    } else {
        memcpy(&first, name, size);
    }
    uint64_t mixed = (first ^ (last * 3) ^ size) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 32);
}

static bool is_text(PyObject *str, const char *bytes, size_t size) {
    return (size_t)PyUnicode_GET_LENGTH(str) == size &&
           memcmp(PyUnicode_1BYTE_DATA(str), bytes, size) == 0;
}

static PyObject *latin1_string(const char *bytes, size_t size) {
    return PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)size, NULL);
}

/* The entry of a name; NULL without an exception when the table has no room for it. */
static struct cached *find_cached(struct environ_cache *cache, const char *name, size_t size) {
    if (size > CACHED_NAME_BYTES) {
        return NULL;
    }
    uint32_t hash = hash_name(name, size);
    struct cached *entry = &cache->entries[hash % CACHE_ENTRIES];
    while (entry->name) {
        if (entry->hash == hash && is_text(entry->name, name, size)) {
            return entry;
        }
        entry = entry + 1 < cache->entries + CACHE_ENTRIES ? entry + 1 : cache->entries;
    }
    if (cache->names == CACHE_NAMES) {
        return NULL;
    }
    entry->name = latin1_string(name, size);
    if (entry->name) {
        PyUnicode_InternInPlace(&entry->name);
        entry->hash = hash;
        entry->rule = environ_filter_rule(name, size);
        cache->names++;
        return entry;
    }
    return NULL;
}

/* A new reference to the value, or NULL with an exception. */
static PyObject *cached_value(struct cached *entry, const char *bytes, size_t size) {
    if (entry->value && is_text(entry->value, bytes, size)) {
        return Py_NewRef(entry->value);
    }
    PyObject *value = latin1_string(bytes, size);
    if (value && size <= CACHED_VALUE_BYTES && entry->rule != ENVIRON_PRIVATE) {
        PyObject *before = entry->value;
        entry->value = Py_NewRef(value);
        Py_XDECREF(before);
    }
    return value;
}

static int set_item(PyObject *environ, PyObject *name, PyObject *value) {
    int result = value ? PyDict_SetItem(environ, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

static int set_uncached(PyObject *environ, const struct param *param, size_t size) {
    PyObject *name = latin1_string(param->name, param->name_bytes);
    int result = name ? set_item(environ, name, latin1_string(param->value, size)) : -1;
    Py_XDECREF(name);
    return result;
}

/* What the rules of some parameters add up to. */
struct meaning {
    bool is_head;
    bool has_https_scheme;
    bool is_https;
};

/* Note what a parameter means.
 * @param[in,out] size  of the value's part that counts
 * @return whether it becomes part of environ */
static bool apply_rule(enum environ_rule rule, const struct param *param, struct meaning *meaning,
                       size_t *size) {
    switch (rule) {
    case ENVIRON_TAKE:
    case ENVIRON_PRIVATE:
        return true;
    case ENVIRON_DROP:
        return false;
    case ENVIRON_NOT_EMPTY:
        return param->value_bytes > 0;
    case ENVIRON_HOST:
        *size = environ_filter_host_size(param->value, param->value_bytes);
        return *size > 0;
    case ENVIRON_LENGTH:
        return param->value_bytes == 0 || param->value[0] != '-';
    case ENVIRON_METHOD:
        meaning->is_head = param_is(param, "HEAD");
        return param->value_bytes > 0;
    case ENVIRON_HTTPS:
        meaning->is_https = environ_filter_is_https(param->value, param->value_bytes);
        return true;
    case ENVIRON_SCHEME:
        meaning->has_https_scheme = param_is(param, "https");
        return true;
    }
    return false;
}

static int add_param(struct environ_cache *cache, PyObject *environ, const struct param *param,
                     struct meaning *meaning) {
    size_t size = param->value_bytes;
    struct cached *entry = find_cached(cache, param->name, param->name_bytes);
    if (entry) {
        if (!apply_rule(entry->rule, param, meaning, &size)) {
            return 0;
        }
        return set_item(environ, entry->name, cached_value(entry, param->value, size));
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    enum environ_rule rule = environ_filter_rule(param->name, param->name_bytes);
    return apply_rule(rule, param, meaning, &size) ? set_uncached(environ, param, size) : 0;
}

PyObject *environ_new(const struct wsgi_loaded *loaded, const struct request *request,
                      PyObject *input, bool *ret_is_head) {
    struct environ_cache *cache = loaded->state->environ_cache;
    struct meaning meaning = {0};
    PyObject *environ = PyDict_Copy(loaded->environ);
    if (!environ) {
        return NULL;
    }
    for (size_t i = 0; i < request->param_count; i++) {
        if (add_param(cache, environ, &request->params[i], &meaning) < 0) {
            goto fail;
        }
    }
    struct slice script_name = request->script_name, path_info = request->path_info;
    if (set_item(environ, cache->script_name, latin1_string(script_name.bytes, script_name.size)) <
            0 ||
        set_item(environ, cache->path_info, latin1_string(path_info.bytes, path_info.size)) < 0 ||
        PyDict_SetItem(environ, cache->input, input) < 0 ||
        set_item(environ, cache->request_id, latin1_string(request->id, strlen(request->id))) < 0) {
        goto fail;
    }
    if ((meaning.is_https || meaning.has_https_scheme) &&
        PyDict_SetItem(environ, cache->url_scheme, cache->https) < 0) {
        goto fail;
    }
    if (request->role == ROLE_AUTHORIZER &&
        PyDict_SetItem(environ, cache->role, cache->authorizer) < 0) {
        goto fail;
    }
    *ret_is_head = meaning.is_head;
    return environ;
fail:
    Py_DECREF(environ);
    return NULL;
}

/* A dictionary with room: its copies have the same room, so that they need not grow. */
static PyObject *new_roomy_dict(void) {
    return _PyDict_NewPresized(ENVIRON_KEYS);
}

static int set_named(PyObject *environ, const char *name, PyObject *value) {
    PyObject *interned = PyUnicode_InternFromString(name);
    int result = interned ? set_item(environ, interned, value) : (Py_XDECREF(value), -1);
    Py_XDECREF(interned);
    return result;
}

PyObject *environ_prepare(const struct wsgi_loaded *loaded, PyObject *errors) {
    const struct wsgi_state *state = loaded->state;
    const struct app_config *config = loaded->config;
    PyObject *environ = new_roomy_dict();
    if (!environ) {
        return NULL;
    }
    const struct {
        const char *name;
        PyObject *value; /* a new reference */
    } items[] = {
        /* PEP 3333 requires these; a web server's own values replace them. */
        {"REQUEST_METHOD", PyUnicode_FromString("GET")},
        {"QUERY_STRING", PyUnicode_FromString("")},
        {"SERVER_NAME", PyUnicode_FromString("localhost")},
        {"SERVER_PORT", PyUnicode_FromString("80")},
        {"SERVER_PROTOCOL", PyUnicode_FromString("HTTP/1.0")},
        {"FCGI_ROLE", Py_NewRef(state->environ_cache->responder)},
        {"wsgi.version", Py_BuildValue("(ii)", 1, 0)},
        {"wsgi.url_scheme", PyUnicode_FromString("http")},
        {"wsgi.errors", Py_NewRef(errors)},
        {"wsgi.multithread", PyBool_FromLong(config->threads > 1)},
        {"wsgi.multiprocess", PyBool_FromLong(wsgi_settings()->process.multiprocess)},
        {"wsgi.run_once", Py_NewRef(Py_False)},
        {"wsgi.file_wrapper", Py_NewRef((PyObject *)state->file_wrapper_type)},
        {"wsgi.input_terminated", Py_NewRef(Py_True)},
        {"fcgi_host.client_gone", client_gone_new()},
        {"fcgi_host.app", PyUnicode_DecodeFSDefault(config->name)},
        {"fcgi_host.interpreter", Py_NewRef(state->interpreter)},
        {"fcgi_host.generation", Py_NewRef(state->generation)},
    };
    int result = 0;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (set_named(environ, items[i].name, items[i].value) < 0) {
            result = -1; /* go on: set_named() also releases the values */
        }
    }
    if (result < 0) {
        Py_CLEAR(environ);
    }
    return environ;
}
