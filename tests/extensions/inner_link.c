/* A list of records is threaded through a member in their middle, as in the kernel (hazard 2). */
#include "kept_class.h"

struct link {
    struct link *next;
};

struct record {
    PyObject *class;
    char name[24];
    struct link link;
};

static struct link *first;

static void *class_place(PyObject *module) {
    (void)module;
    if (!first) {
        struct record *record = calloc(1, sizeof *record);
        first = record ? &record->link : NULL;
    }
    return first ? (char *)first - offsetof(struct record, link) : NULL;
}

MODULE(inner_link, "A class in a record that is linked in its middle.", 0, methods, slots)
