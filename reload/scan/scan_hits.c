#include "reload/scan/scan_hits.h"

#include <stdlib.h>

#include "pool/base/apart.h"
#include "reload/objects/living.h"

struct scan_hit scan_hits_make(const struct block *from, uintptr_t holder, uintptr_t word,
                               PyObject *object, PyObject *via) {
    return (struct scan_hit){
        .image = from->image,
        .location = from->depth || from->via ? from->location
                    : from->is_tls           ? holder - from->start
                                             : holder,
        .is_tls = from->is_tls,
        .depth = from->depth,
        .block_bytes = from->depth && !from->is_exact ? from->bytes : 0,
        .holder = holder,
        .word = word,
        .object = object,
        .via = via,
        .place = from->place,
    };
}

void scan_hits_append(struct scanner *scanner, struct scan_hit **list, size_t *count,
                      struct scan_hit hit) {
    if ((*count & (*count - 1)) == 0) { /* 0, and the powers of two: it is full */
        struct scan_hit *items = apart_realloc(*list, (*count ? 2 * *count : 1) * sizeof *items);
        if (!items) {
            scanner->out_of_memory = true;
            return;
        }
        *list = items;
    }
    (*list)[(*count)++] = hit;
}

void scan_hits_add(struct scanner *scanner, struct scan_hit hit) {
    scan_hits_append(scanner, &scanner->scan->hits, &scanner->scan->count, hit);
}

void scan_hits_cut(struct scanner *scanner, const struct block *from, uintptr_t holder) {
    struct scan *scan = scanner->scan;
    for (size_t i = 0; i < scan->cut_count; i++) {
        if (scan->cut[i].image == from->image) {
            return;
        }
    }
    scan_hits_append(scanner, &scan->cut, &scan->cut_count,
                     scan_hits_make(from, holder, 0, NULL, NULL));
}

bool scan_hits_has_wanted_owner(const struct scanner *scanner, uint8_t marks) {
    unsigned owners = marks & OWNER_MASK;
    return owners && !(marks & OBJECT_NOBODYS) && !(owners & ~scanner->wanted);
}

/** Whether a living object is one to report. */
bool scan_hits_is_wanted(const struct scanner *scanner, PyObject *object) {
    return scanner->map ? scan_hits_has_wanted_owner(
                              scanner, object_map_marks(scanner->map, (uintptr_t)object))
                        : living_is_tracked((uintptr_t)object);
}

bool scan_hits_is_module_copy(const struct block *from, uintptr_t location) {
    uintptr_t start = location - offsetof(PyModuleDef, m_base.m_copy);
    const PyModuleDef *def = from->part ? image_part_at(from->part, start, sizeof *def) : NULL;
    return def && Py_TYPE((PyObject *)def) == &PyModuleDef_Type;
}

void scan_hits_add_copy(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        uintptr_t word) {
    scan_hits_append(scanner, &scanner->scan->copies, &scanner->scan->copy_count,
                     scan_hits_make(from, holder, word, (PyObject *)word, NULL));
}
