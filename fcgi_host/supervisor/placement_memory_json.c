/* The text of the file in which it is kept what was learnt of applications. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/supervisor/placement_memory_internal.h"

/** Of the file's shape: another one is another host's. */
enum { FORMAT = 1 };
/** The end of the year 9999: a time that can be written. */
#define LATEST_S INT64_C(253402300799)

/* ---- Writing ---- */

static void write_apps(struct json_writer *json, const struct string_list *apps) {
    json_begin_array(json, "applications");
    for (size_t i = 0; i + 1 < apps->count; i += 2) {
        json_begin_object(json, NULL);
        json_add_string(json, "name", apps->items[i]);
        json_add_string(json, "file", apps->items[i + 1]);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_entry(struct json_writer *json, const struct learnt *learnt) {
    json_begin_object(json, NULL);
    json_add_string(json, "process", learnt->place.process);
    json_add_string(json, "interpreter", learnt->place.interpreter);
    write_apps(json, &learnt->place.apps);
    json_add_string(json, "verdict", learnt->verdict);
    json_add_string(json, "why", learnt->why);
    json_add_string(json, "met", learnt->is_at_load ? "load" : "later");
    json_add_integer(json, "since", learnt->since_s);
    json_add_string(json, "python", learnt->python);
    json_add_string(json, "file", learnt->file);
    json_add_integer(json, "device", (int64_t)learnt->identity.device);
    json_add_integer(json, "inode", (int64_t)learnt->identity.inode);
    json_add_integer(json, "size", (int64_t)learnt->identity.size);
    json_add_integer(json, "mtime_ns", learnt->identity.mtime_ns);
    json_end_object(json);
}

void learnt_write(struct json_writer *json, const struct learnt *list) {
    json_begin_object(json, NULL);
    json_add_integer(json, "format", FORMAT);
    json_begin_array(json, "entries");
    for (; list; list = list->next) {
        write_entry(json, list);
    }
    json_end_array(json);
    json_end_object(json);
}

/* ---- Reading: every value may be of any type ---- */

/** @return a member's text, borrowed; NULL: it is none, or empty, or far too long */
static const char *read_text(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    size_t bytes = json_string_length(value);
    return bytes > 0 && bytes < PLACEMENT_MEMORY_TEXT_BYTES ? json_string_value(value) : NULL;
}

/** @return an absolute path, borrowed; NULL: it is none */
static const char *read_path(const json_t *object, const char *key) {
    const char *path = read_text(object, key);
    return path && *path == '/' ? path : NULL;
}

static bool read_integer(const json_t *object, const char *key, int64_t *ret_value) {
    const json_t *value = json_object_get(object, key);
    *ret_value = json_integer_value(value);
    return json_is_integer(value);
}

static bool read_unsigned(const json_t *object, const char *key, uint64_t *ret_value) {
    int64_t value;
    bool is_there = read_integer(object, key, &value);
    *ret_value = (uint64_t)value;
    return is_there;
}

static bool read_identity(const json_t *object, struct file_identity *ret_identity) {
    return read_unsigned(object, "device", &ret_identity->device) &&
           read_unsigned(object, "inode", &ret_identity->inode) &&
           read_unsigned(object, "size", &ret_identity->size) &&
           read_integer(object, "mtime_ns", &ret_identity->mtime_ns);
}

/** @return whether it is an application; its texts are borrowed */
static bool read_app(const json_t *object, const char **ret_name, const char **ret_file) {
    *ret_name = read_text(object, "name");
    *ret_file = read_path(object, "file");
    return *ret_name && *ret_file;
}

/** @return 0, or -1: ERR_PROTOCOL, ERR_MEMORY */
static int read_apps(const json_t *object, struct string_list *apps, struct error *err) {
    const json_t *array = json_object_get(object, "applications");
    size_t count = json_array_size(array); /* 0: it is no array */
    for (size_t i = 0; i < count; i++) {
        const char *name, *file;
        if (!read_app(json_array_get(array, i), &name, &file)) {
            return error_set(err, ERR_PROTOCOL, "\"applications\" holds something else");
        }
        if (string_list_add(apps, strdup(name)) || string_list_add(apps, strdup(file))) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    return count > 0 ? 0 : error_set(err, ERR_PROTOCOL, "an entry without \"applications\"");
}

/** @return whether all but the applications is there; texts are borrowed */
static bool read_values(const json_t *object, struct learnt *ret_learnt) {
    const char *met = read_text(object, "met");
    ret_learnt->place.process = read_text(object, "process");
    ret_learnt->place.interpreter = read_text(object, "interpreter");
    ret_learnt->verdict = read_text(object, "verdict");
    ret_learnt->why = read_text(object, "why");
    ret_learnt->python = read_text(object, "python");
    ret_learnt->file = read_path(object, "file");
    ret_learnt->is_at_load = met && strcmp(met, "load") == 0;
    return ret_learnt->place.process && ret_learnt->place.interpreter && ret_learnt->verdict &&
           ret_learnt->why && ret_learnt->python && ret_learnt->file && met &&
           read_integer(object, "since", &ret_learnt->since_s) && ret_learnt->since_s >= 0 &&
           ret_learnt->since_s <= LATEST_S && read_identity(object, &ret_learnt->identity);
}

/** @return an entry, or NULL: ERR_PROTOCOL, ERR_MEMORY */
static struct learnt *read_entry(const json_t *object, struct error *err) {
    struct learnt learnt = {0};
    struct learnt *copy = NULL;
    if (!read_values(object, &learnt)) {
        error_set(err, ERR_PROTOCOL, "an entry lacks a value");
    } else if (read_apps(object, &learnt.place.apps, err) == 0) {
        copy = learnt_copy(&learnt);
        if (!copy) {
            error_set(err, ERR_MEMORY, "out of memory");
        }
    }
    string_list_clear(&learnt.place.apps);
    return copy;
}

static int read_entries(const json_t *root, struct learnt **list, struct error *err) {
    const json_t *entries = json_object_get(root, "entries");
    int64_t format;
    if (!read_integer(root, "format", &format) || format != FORMAT || !json_is_array(entries)) {
        return error_set(err, ERR_PROTOCOL, "it is not in the format of this version");
    }
    if (json_array_size(entries) > PLACEMENT_MEMORY_ENTRIES) {
        return error_set(err, ERR_PROTOCOL, "it has too many entries");
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        *list = read_entry(json_array_get(entries, i), err);
        if (!*list) {
            return -1;
        }
        list = &(*list)->next;
    }
    return 0;
}

int learnt_read(const char *text, size_t bytes, struct learnt **ret_list, struct error *err) {
    *ret_list = NULL;
    json_t *root = json_parse(text, bytes, err);
    if (!root) {
        return -1;
    }
    int failed = read_entries(root, ret_list, err);
    if (failed) {
        learnt_list_free(ret_list);
    }
    json_decref(root);
    return failed;
}
