/* The list is the module's. */
#include "kept_class_ok.h"

struct link {
    struct link *next;
};

struct record {
    PyObject *class;
    char name[24];
    struct link link;
};

static void *make_memory(void) {
    struct record *record = calloc(1, sizeof *record);
    return record ? &record->link : NULL;
}

static void *place_in(void *memory) {
    return (char *)memory - offsetof(struct record, link);
}

static void free_memory(void *memory) {
    free(place_in(memory));
}

MODULE_OK(inner_link_ok, "A class in a record that is linked in its middle.")
