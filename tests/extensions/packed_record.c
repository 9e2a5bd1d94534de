/* A packed record: the pointer to the class stands at an odd address (hazard 2). */
#include "kept_class.h"

struct __attribute__((packed)) record {
    char version;
    PyObject *class;
};

static struct record record;

static void *class_place(PyObject *module) {
    (void)module;
    return (char *)&record + offsetof(struct record, class);
}

MODULE(packed_record, "A class in a packed record.", 0, methods, slots)
