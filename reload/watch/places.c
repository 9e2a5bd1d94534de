#include "reload/watch/places.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void places_free(struct places *places) {
    for (size_t i = 0; i < PLACES_BUCKETS; i++) {
        for (struct place *place = places->by_wd[i], *next; place; place = next) {
            next = place->next;
            free(place);
        }
    }
}

struct place **places_at(struct places *places, int wd) {
    return &places->by_wd[(unsigned)wd % PLACES_BUCKETS];
}

static bool is_same_place(const struct place *place, const struct place *wanted, const char *path) {
    return place->wd == wanted->wd && place->role == wanted->role &&
           strcmp(place->path, path) == 0 &&
           (place->name == wanted->name ||
            (place->name && wanted->name && strcmp(place->name, wanted->name) == 0));
}

int places_note(struct places *places, const struct place *wanted, const char *path,
                struct error *err) {
    struct place **head = places_at(places, wanted->wd);
    for (struct place *place = *head; place; place = place->next) {
        if (is_same_place(place, wanted, path)) {
            return 0;
        }
    }
    size_t bytes = strlen(path) + 1, name_bytes = wanted->name ? strlen(wanted->name) + 1 : 0;
    struct place *place = malloc(sizeof *place + bytes + name_bytes);
    if (!place) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *place = (struct place){.next = *head, .wd = wanted->wd, .role = wanted->role};
    memcpy(place->path, path, bytes);
    if (wanted->name) {
        memcpy(place->path + bytes, wanted->name, name_bytes);
        place->name = place->path + bytes;
    }
    *head = place;
    return 0;
}

void places_forget(struct places *places, int wd) {
    for (struct place **at = places_at(places, wd); *at;) {
        struct place *place = *at;
        if (place->wd == wd) {
            *at = place->next;
            free(place);
        } else {
            at = &place->next;
        }
    }
}
