/* The list is the module's, and has one entry. */
#include "kept_class_ok.h"

struct node {
    struct node *next;
    PyObject *class;
};

static void *make_memory(void) {
    return calloc(1, sizeof(struct node));
}

static void free_memory(void *memory) {
    free(memory);
}

static void *place_in(void *memory) {
    return &((struct node *)memory)->class;
}

MODULE_OK(class_chain_ok, "Classes in a list.")
