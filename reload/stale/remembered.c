#include "reload/stale/remembered.h"

#include <stdlib.h>

#include "pool/base/apart.h"
#include "reload/memory/safe_read.h"

int remembered_start(struct remembered_list *list, size_t most, struct error *err) {
    remembered_clear(list);
    list->items = apart_calloc(most + 1, sizeof *list->items);
    return list->items
               ? 0
               : error_set(err, ERR_MEMORY, "out of memory remembering what extensions hold");
}

bool remembered_is_indirect(const struct scan_hit *hit) {
    return hit->depth || hit->via;
}

/** The value of the variable that leads to a word. */
static uintptr_t root_of(const struct scan_hit *hit) {
    uintptr_t root = hit->word;
    if (remembered_is_indirect(hit) && !hit->is_tls &&
        !image_read(hit->image, hit->location, &root, sizeof root)) {
        root = 0;
    }
    return root;
}

struct remembered *remembered_add(struct remembered_list *list, const struct scan_hit *hit) {
    struct remembered *word = &list->items[list->count++];
    word->hit = *hit;
    word->root = root_of(hit);
    return word;
}

void remembered_clear(struct remembered_list *list) {
    apart_free(list->items);
    *list = (struct remembered_list){0};
}

bool remembered_is_led_to(const struct remembered *word) {
    uintptr_t root;
    return word->hit.is_tls || !remembered_is_indirect(&word->hit) ||
           (image_read(word->hit.image, word->hit.location, &root, sizeof root) &&
            root == word->root);
}

bool remembered_read(const struct remembered *word, uintptr_t *ret_now) {
    const struct scan_hit *hit = &word->hit;
    return remembered_is_indirect(hit) || hit->is_tls
               ? safe_read(hit->holder, ret_now, sizeof *ret_now)
               : image_read(hit->image, hit->holder, ret_now, sizeof *ret_now);
}

bool remembered_is_held(const struct remembered *word) {
    uintptr_t now;
    return remembered_read(word, &now) && now == word->hit.word && remembered_is_led_to(word);
}
