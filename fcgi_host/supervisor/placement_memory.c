#include "fcgi_host/supervisor/placement_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/utf8.h"
#include "fcgi_host/supervisor/placement_memory_internal.h"
#include "fcgi_host/supervisor/state_file.h"

struct placement_memory {
    char *folder, *python;
    file_identify_function *identify;
    void *ctx;
    struct learnt *entries; /* as they were in the file when it was read last */
    char told[512];         /* what was said last of a failure: it is not said again */
};

/* ---- Entries ---- */

void learnt_free(struct learnt *learnt) {
    if (learnt) {
        free((char *)learnt->place.process);
        free((char *)learnt->place.interpreter);
        string_list_clear(&learnt->place.apps);
        free((char *)learnt->verdict);
        free((char *)learnt->file);
        free((char *)learnt->why);
        free((char *)learnt->python);
        free(learnt);
    }
}

void learnt_list_free(struct learnt **list) {
    while (*list) {
        struct learnt *learnt = *list;
        *list = learnt->next;
        learnt_free(learnt);
    }
}

/** @return the same text, cut to what a reader takes; NULL when out of memory */
static char *copy_text(const char *text) {
    return strndup(text, PLACEMENT_MEMORY_TEXT_BYTES - 1);
}

static bool copy_apps(struct string_list *apps, const struct string_list *from) {
    for (size_t i = 0; i < from->count; i++) {
        if (string_list_add(apps, strdup(from->items[i]))) {
            return false;
        }
    }
    return true;
}

struct learnt *learnt_copy(const struct learnt *learnt) {
    struct learnt *copy = calloc(1, sizeof *copy);
    if (!copy) {
        return NULL;
    }
    *copy = (struct learnt){
        .place.process = copy_text(learnt->place.process),
        .place.interpreter = copy_text(learnt->place.interpreter),
        .verdict = copy_text(learnt->verdict),
        .file = copy_text(learnt->file),
        .why = copy_text(learnt->why),
        .python = copy_text(learnt->python),
        .is_at_load = learnt->is_at_load,
        .since_s = learnt->since_s,
        .identity = learnt->identity,
    };
    if (!copy_apps(&copy->place.apps, &learnt->place.apps) || !copy->place.process ||
        !copy->place.interpreter || !copy->verdict || !copy->file || !copy->why || !copy->python) {
        learnt_free(copy);
        return NULL;
    }
    return copy;
}

static bool is_place(const struct learnt *learnt, const struct learnt_place *place) {
    const struct string_list *apps = &learnt->place.apps;
    bool is_same = strcmp(learnt->place.process, place->process) == 0 &&
                   strcmp(learnt->place.interpreter, place->interpreter) == 0 &&
                   apps->count == place->apps.count;
    for (size_t i = 0; is_same && i < apps->count; i++) {
        is_same = strcmp(apps->items[i], place->apps.items[i]) == 0;
    }
    return is_same;
}

/** @return whether they have an application in common, by name and file */
static bool overlaps(const struct learnt *learnt, const struct learnt_place *place) {
    const struct string_list *apps = &learnt->place.apps;
    for (size_t i = 0; i + 1 < apps->count; i += 2) {
        for (size_t k = 0; k + 1 < place->apps.count; k += 2) {
            if (strcmp(apps->items[i], place->apps.items[k]) == 0 &&
                strcmp(apps->items[i + 1], place->apps.items[k + 1]) == 0) {
                return true;
            }
        }
    }
    return false;
}

static const struct learnt *find_entry(const struct placement_memory *memory,
                                       const struct learnt_place *place) {
    const struct learnt *learnt = memory->entries;
    while (learnt && !is_place(learnt, place)) {
        learnt = learnt->next;
    }
    return learnt;
}

/** Take those out that a place has a part in. @return whether there was one */
static bool remove_overlapping(struct placement_memory *memory, const struct learnt_place *place) {
    bool is_any = false;
    for (struct learnt **link = &memory->entries; *link;) {
        struct learnt *learnt = *link;
        if (overlaps(learnt, place)) {
            *link = learnt->next;
            learnt_free(learnt);
            is_any = true;
        } else {
            link = &learnt->next;
        }
    }
    return is_any;
}

/** Put one in front; the oldest, at the end, make room. */
static void add_entry(struct placement_memory *memory, struct learnt *learnt) {
    struct learnt **link = &memory->entries;
    learnt->next = memory->entries;
    memory->entries = learnt;
    for (unsigned i = 0; *link && i < PLACEMENT_MEMORY_ENTRIES; i++) {
        link = &(*link)->next;
    }
    learnt_list_free(link);
}

/* ---- The file ---- */

static void tell_failed(struct placement_memory *memory, const struct error *err) {
    if (strncmp(memory->told, err->text, sizeof memory->told - 1) != 0) {
        snprintf(memory->told, sizeof memory->told, "%s", err->text);
        log_line(LOG_WARN, "state.failed", NULL,
                 "what is learnt of applications is not kept for the next start: %s", err->text);
    }
}

/** The file is not one of ours. */
static void set_aside(struct placement_memory *memory, const struct error *why) {
    struct error err;
    log_line(LOG_WARN, "state.corrupt", NULL,
             "%s/" PLACEMENT_MEMORY_FILE " is set aside (.bad): %s", memory->folder, why->text);
    if (state_file_set_aside(memory->folder, PLACEMENT_MEMORY_FILE, &err)) {
        tell_failed(memory, &err);
    }
}

/** Have the entries that are in the file now. @return false: it cannot be read at this time, and is
 *  not to be written either */
static bool read_file(struct placement_memory *memory) {
    struct error err;
    char *text;
    size_t bytes;
    struct learnt *entries = NULL;
    int failed = state_file_read(memory->folder, PLACEMENT_MEMORY_FILE, PLACEMENT_MEMORY_BYTES,
                                 &text, &bytes, &err);
    if (!failed && text) {
        failed = learnt_read(text, bytes, &entries, &err);
    }
    free(text);
    if (failed && err.code != ERR_PROTOCOL) {
        tell_failed(memory, &err);
        learnt_list_free(&entries);
        return false;
    }
    if (failed) {
        set_aside(memory, &err);
    }
    learnt_list_free(&memory->entries);
    memory->entries = entries;
    return true;
}

static void drop_oldest(struct placement_memory *memory) {
    struct learnt **last = &memory->entries;
    while ((*last)->next) {
        last = &(*last)->next;
    }
    learnt_list_free(last);
}

static void write_file(struct placement_memory *memory) {
    struct error err;
    struct json_writer json = {0};
    learnt_write(&json, memory->entries);
    while (!json.failed && json.bytes > PLACEMENT_MEMORY_BYTES && memory->entries) {
        drop_oldest(memory); /* texts of unusual length */
        free(json.text);
        json = (struct json_writer){0};
        learnt_write(&json, memory->entries);
    }
    if (json.failed) {
        error_set(&err, ERR_MEMORY, "out of memory");
    }
    if (json.failed || state_file_prepare(memory->folder, &err) ||
        state_file_write(memory->folder, PLACEMENT_MEMORY_FILE, json.text, json.bytes, &err)) {
        tell_failed(memory, &err);
    }
    free(json.text);
}

/* ---- Life ---- */

static bool identify_by_stat(void *ctx, const char *path, struct file_identity *ret_identity) {
    struct stat status;
    (void)ctx;
    if (stat(path, &status) != 0) {
        return false;
    }
    *ret_identity = (struct file_identity){
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = (uint64_t)status.st_size,
        .mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
    };
    return true;
}

struct placement_memory *placement_memory_new(const struct placement_memory_options *options,
                                              struct error *err) {
    struct error failure;
    struct placement_memory *memory = calloc(1, sizeof *memory);
    if (memory) {
        memory->folder = strdup(options->folder);
        memory->python = strdup(options->python);
        memory->identify = options->identify ? options->identify : identify_by_stat;
        memory->ctx = options->ctx;
    }
    if (!memory || !memory->folder || !memory->python) {
        placement_memory_free(memory);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (state_file_prepare(memory->folder, &failure)) {
        tell_failed(memory, &failure);
    }
    read_file(memory);
    return memory;
}

void placement_memory_free(struct placement_memory *memory) {
    if (memory) {
        learnt_list_free(&memory->entries);
        free(memory->folder);
        free(memory->python);
        free(memory);
    }
}

/* ---- Use ---- */

static bool is_same_identity(const struct file_identity *one, const struct file_identity *other) {
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           one->mtime_ns == other->mtime_ns;
}

/** @param[out] ret_why  why an entry does not hold @return whether it holds */
static bool holds(const struct placement_memory *memory, const struct learnt *learnt, char *ret_why,
                  size_t why_bytes) {
    struct file_identity identity;
    if (strcmp(learnt->python, memory->python) != 0) {
        snprintf(ret_why, why_bytes, "it was learnt with Python %s", learnt->python);
        return false;
    }
    if (!memory->identify(memory->ctx, learnt->file, &identity)) {
        snprintf(ret_why, why_bytes, "%s is gone", learnt->file);
        return false;
    }
    if (!is_same_identity(&identity, &learnt->identity)) {
        snprintf(ret_why, why_bytes, "%s has changed", learnt->file);
        return false;
    }
    return true;
}

const struct learnt *placement_memory_find(struct placement_memory *memory,
                                           const struct learnt_place *place) {
    char why[512];
    const struct learnt *learnt = memory ? find_entry(memory, place) : NULL;
    if (learnt && !holds(memory, learnt, why, sizeof why)) {
        placement_memory_forget(memory, place, why);
        return NULL;
    }
    return learnt;
}

static bool is_utf8(const char *text) {
    size_t left = strlen(text), length;
    while (left > 0 && (length = utf8_sequence(text, left)) > 0) {
        text += length;
        left -= length;
    }
    return left == 0;
}

/** JSON has no other names, and a name that is changed would be another file's. */
static bool can_be_kept(const struct learnt *learnt) {
    bool can_be = is_utf8(learnt->file) && strlen(learnt->file) < PLACEMENT_MEMORY_TEXT_BYTES;
    for (size_t i = 0; i < learnt->place.apps.count; i++) {
        can_be &= is_utf8(learnt->place.apps.items[i]);
    }
    return can_be && learnt->place.apps.count > 0;
}

int64_t placement_memory_keep(struct placement_memory *memory, const struct learnt *learnt) {
    struct learnt whole = *learnt;
    if (!memory || !can_be_kept(learnt) ||
        !memory->identify(memory->ctx, learnt->file, &whole.identity)) {
        return learnt->since_s;
    }
    whole.python = memory->python;
    if (!read_file(memory)) {
        return learnt->since_s;
    }
    const struct learnt *before = find_entry(memory, &learnt->place);
    if (before && strcmp(before->verdict, learnt->verdict) == 0 &&
        strcmp(before->file, learnt->file) == 0 && strcmp(before->python, memory->python) == 0 &&
        is_same_identity(&before->identity, &whole.identity)) {
        whole.since_s = before->since_s;
        if (before->is_at_load == learnt->is_at_load && strcmp(before->why, learnt->why) == 0) {
            return whole.since_s; /* nothing is new: each write waits for the disk */
        }
    }
    struct learnt *copy = learnt_copy(&whole);
    if (copy) { /* else it is learnt again */
        remove_overlapping(memory, &learnt->place);
        add_entry(memory, copy);
        write_file(memory);
    }
    return whole.since_s;
}

void placement_memory_forget(struct placement_memory *memory, const struct learnt_place *place,
                             const char *why) {
    if (!memory) {
        return;
    }
    if (read_file(memory) && find_entry(memory, place) && remove_overlapping(memory, place)) {
        const struct log_about about = {.app = place->interpreter};
        log_line(LOG_INFO, "state.forgotten", &about,
                 "what was learnt of it does not hold any more: %s", why);
        write_file(memory);
    }
}
