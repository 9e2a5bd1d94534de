#include "reload/objects/object_marks.h"

struct marks_region *object_marks_region(struct object_marks *marks, uintptr_t key, bool make) {
    struct address_entry *entry = address_set_find(&marks->regions, key);
    if (!entry && make) {
        struct marks_region *region = scratch_take(&marks->scratch, sizeof *region);
        entry = region ? address_set_add(&marks->regions, key) : NULL;
        if (entry) {
            entry->value = (uintptr_t)region;
        }
        marks->out_of_memory |= !entry;
    }
    return entry ? (struct marks_region *)entry->value : NULL;
}

void object_marks_clear(struct object_marks *marks) {
    scratch_clear(&marks->scratch);
    address_set_clear(&marks->regions);
    *marks = (struct object_marks){0};
}
