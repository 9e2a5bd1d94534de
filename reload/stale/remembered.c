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
        !safe_read(hit->location, &root, sizeof root)) {
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
           (safe_read(word->hit.location, &root, sizeof root) && root == word->root);
}

bool remembered_is_held(const struct remembered *word) {
    uintptr_t now;
    return safe_read(word->hit.holder, &now, sizeof now) && now == word->hit.word &&
           remembered_is_led_to(word);
}
