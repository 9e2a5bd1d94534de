#include "reload/stale/stale_files.h"

#include <stdio.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/image_files.h"
#include "reload/objects/image_use.h"
#include "reload/stale/extension.h"

/** @return 0 with `use`, which is to be cleared, or -1: ERR_MEMORY */
static int find_use(struct image_list *images, PyInterpreterState *interpreter,
                    struct image_use *ret_use, struct error *err) {
    *ret_use = (struct image_use){0};
    if (image_list_refresh(images, err) != 0 || image_use_start(ret_use, images, err) != 0) {
        return -1;
    }
    if (interpreter) {
        image_use_modules(ret_use, interpreter);
        image_use_end(ret_use);
    } else {
        memset(ret_use->used, true, images->count * sizeof *ret_use->used);
    }
    return 0;
}

int stale_files_are_whole(const struct image_list *images, struct error *err) {
    if (image_list_was_read(images, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < images->count; i++) {
        if (image_is_checked(images->items[i]) && image_files_is_cut(images->items[i])) {
            return error_set(err, ERR_SYSTEM, "%s has become shorter than what is loaded of it",
                             images->items[i]->path);
        }
    }
    return 0;
}

/** @return 0, or -1: ERR_MEMORY */
static int describe(const struct image_list *images, PyInterpreterState *interpreter,
                    const struct image *image, bool is_sure, char *ret_changed, size_t size,
                    struct error *err) {
    struct extension_list extensions = {0};
    if (interpreter && stale_files_are_whole(images, NULL) == 0 &&
        extension_list_read(&extensions, interpreter, images, err) != 0) {
        return -1;
    }
    snprintf(ret_changed, size, "%s %s %s: %s",
             image->role == IMAGE_EXTENSION ? "extension" : "a library of",
             extension_list_module_of(&extensions, images, image),
             is_sure ? "was loaded from another file than is there now"
                     : "may have been loaded before its file was written",
             image->path);
    extension_list_clear(&extensions);
    return 0;
}

int stale_files_check(struct image_list *images, PyInterpreterState *interpreter, bool *ret_is_sure,
                      char *ret_changed, size_t size, struct error *err) {
    struct image_use use;
    int result = find_use(images, interpreter, &use, err);
    *ret_changed = '\0';
    *ret_is_sure = false;
    for (size_t i = 0; result == 0 && !*ret_is_sure && i < images->count; i++) {
        const struct image *image = images->items[i];
        bool is_used = use.used[i] && image_is_checked(image);
        enum image_file_state state = is_used ? image_files_look(image) : IMAGE_FILE_SAME;
        *ret_is_sure = state == IMAGE_FILE_ANOTHER;
        if (*ret_is_sure || (state == IMAGE_FILE_DOUBTFUL && !*ret_changed)) {
            result = describe(images, interpreter, image, *ret_is_sure, ret_changed, size, err);
        }
    }
    image_use_clear(&use);
    return result;
}

static bool is_foreign(const struct image_list *images, const struct image *image) {
    if (image->role == IMAGE_LIBRARY) {
        image = image_list_user_of(images, image);
    }
    return !image || (image->role == IMAGE_EXTENSION && !image_is_standard_library(image));
}

int stale_files_find_foreign(struct image_list *images, PyInterpreterState *interpreter,
                             char *ret_foreign, size_t size, struct error *err) {
    struct image_use use = {0};
    int result = find_use(images, interpreter, &use, err);
    *ret_foreign = '\0';
    if (result == 0) { /* also what is no longer in sys.modules */
        inspect_gc_each(interpreter, image_use_look, &use);
        image_use_end(&use);
    }
    for (size_t i = 0; result == 0 && i < images->count; i++) {
        if (use.used[i] && !*ret_foreign && is_foreign(images, images->items[i])) {
            snprintf(ret_foreign, size, "%s", images->items[i]->path);
        }
    }
    image_use_clear(&use);
    return result;
}

static bool is_in_same_folder(const struct image *a, const struct image *b) {
    size_t bytes = (size_t)(image_file_name(a) - a->path);
    return bytes == (size_t)(image_file_name(b) - b->path) && memcmp(a->path, b->path, bytes) == 0;
}

static bool is_the_systems(const struct image_list *images, const struct image *library) {
    for (size_t i = 0; i < images->count; i++) {
        if (!image_is_checked(images->items[i]) && is_in_same_folder(images->items[i], library)) {
            return true;
        }
    }
    return false;
}

int stale_files_each_library(struct image_list *images, PyInterpreterState *interpreter,
                             void (*visit)(void *ctx, const char *path), void *ctx,
                             struct error *err) {
    struct image_use use;
    int result = find_use(images, interpreter, &use, err);
    for (size_t i = 0; result == 0 && i < images->count; i++) {
        const struct image *image = images->items[i];
        if (use.used[i] && image->role == IMAGE_LIBRARY && image->path[0] == '/' &&
            !is_the_systems(images, image)) {
            visit(ctx, image->path);
        }
    }
    image_use_clear(&use);
    return result;
}
