/* The packed record is made for each module. */
#include "kept_class_ok.h"

struct __attribute__((packed)) record {
    char version;
    PyObject *class;
};

static void *make_memory(void) {
    return calloc(1, sizeof(struct record));
}

static void free_memory(void *memory) {
    free(memory);
}

static void *place_in(void *memory) {
    return (char *)memory + offsetof(struct record, class);
}

MODULE_OK(packed_record_ok, "A class in a packed record.")
