/* A list that grows at its head: what the interpreter before entered is ever deeper (hazard 2). */
#include "kept_class.h"

struct node {
    struct node *next;
    PyObject *class;
};

enum { NODES_PER_CALL = 8 };

static struct node *first;

/* The oldest entry counts; the newer ones are kept for nobody. */
static void *class_place(PyObject *module) {
    (void)module;
    for (int i = 0; i < NODES_PER_CALL; i++) {
        struct node *node = malloc(sizeof *node);
        if (!node) {
            return NULL;
        }
        *node = (struct node){first, look_up_class()};
        first = node;
    }
    struct node *last = first;
    while (last->next) {
        last = last->next;
    }
    return &last->class;
}

MODULE(class_chain, "Classes in a list.", 0, methods, slots)
