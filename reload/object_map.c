#include "reload/object_map.h"

#include <stdlib.h>
#include <string.h>

#include "reload/address_set.h"
#include "reload/py_internals.h"

enum { REGION_BITS = 20, GRANULE_BITS = 3 };
enum { REGION_MARKS = 1 << (REGION_BITS - GRANULE_BITS) };

/** Objects still to be followed, and static types: growing arrays of pointers. */
struct pointers {
    void **items;
    size_t count, capacity;
};

struct object_map {
    const struct image_list *images;
    struct address_set regions; /**< address >> REGION_BITS, plus 1 → the region's marks */
    uintptr_t last_key;
    uint8_t *last_marks;
    struct pointers pending, static_types;
    struct object_edge *edges;
    size_t edge_count, edge_capacity;
    bool out_of_memory;
    /* while following */
    PyObject *source;
    uint8_t owner;
    /* while counting */
    struct address_set counted;
};

static bool push(struct pointers *list, void *item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        void **items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

struct object_map *object_map_new(const struct image_list *images, struct error *err) {
    struct object_map *map = calloc(1, sizeof *map);
    if (!map) {
        error_set(err, ERR_MEMORY, "out of memory for the map of objects");
        return NULL;
    }
    map->images = images;
    return map;
}

void object_map_free(struct object_map *map) {
    if (map) {
        for (size_t i = 0; i < map->regions.capacity; i++) {
            free((void *)map->regions.entries[i].value);
        }
        address_set_clear(&map->regions);
        address_set_clear(&map->counted);
        free(map->pending.items);
        free(map->static_types.items);
        free(map->edges);
        free(map);
    }
}

/** The marks of a region; with `create`, made if absent (NULL: out of memory). */
static uint8_t *region_marks(struct object_map *map, uintptr_t key, bool create) {
    struct address_entry *entry = address_set_find(&map->regions, key);
    if (!entry && create) {
        uint8_t *marks = calloc(REGION_MARKS, 1);
        entry = marks ? address_set_add(&map->regions, key) : NULL;
        if (!entry) {
            free(marks);
            map->out_of_memory = true;
            return NULL;
        }
        entry->value = (uintptr_t)marks;
    }
    return entry ? (uint8_t *)entry->value : NULL;
}

static size_t granule(uintptr_t address) {
    return (address & ((1u << REGION_BITS) - 1)) >> GRANULE_BITS;
}

static uint8_t *mark_of(struct object_map *map, const void *object) {
    uintptr_t address = (uintptr_t)object;
    uintptr_t key = (address >> REGION_BITS) + 1;
    if (key != map->last_key) {
        uint8_t *marks = region_marks(map, key, true);
        if (!marks) {
            return NULL;
        }
        map->last_key = key;
        map->last_marks = marks;
    }
    return &map->last_marks[granule(address)];
}

uint8_t object_map_marks(const struct object_map *map, uintptr_t address) {
    if (address & ((1u << GRANULE_BITS) - 1)) {
        return 0;
    }
    struct address_entry *region = address_set_find(&map->regions, (address >> REGION_BITS) + 1);
    return region ? ((const uint8_t *)region->value)[granule(address)] : 0;
}

static void track_one(PyObject *object, void *arg) {
    struct object_map *map = arg;
    uint8_t *mark = mark_of(map, object);
    if (mark && !(*mark & OBJECT_NOBODYS)) {
        *mark = (uint8_t)(OBJECT_TRACKED | map->owner);
    }
}

static int result(struct object_map *map, struct error *err) {
    return map->out_of_memory ? error_set(err, ERR_MEMORY, "out of memory mapping objects") : 0;
}

int object_map_track(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err) {
    map->owner = (uint8_t)owner;
    py_gc_each(interpreter, track_one, map);
    return result(map, err);
}

static void add_edge(struct object_map *map, PyObject *to, uint8_t to_owner) {
    if (map->edge_count == map->edge_capacity) {
        size_t capacity = map->edge_capacity ? 2 * map->edge_capacity : 64;
        if (map->edge_count >= OBJECT_EDGES_MAX) {
            return;
        }
        struct object_edge *edges = realloc(map->edges, capacity * sizeof *edges);
        if (!edges) {
            map->out_of_memory = true;
            return;
        }
        map->edges = edges;
        map->edge_capacity = capacity;
    }
    map->edges[map->edge_count++] = (struct object_edge){
        .from = map->source, .to = to, .from_owner = map->owner, .to_owner = to_owner};
}

/** What CPython hangs on a static type: dictionary, bases, mro …, and the descriptors in it. */
static int mark_furniture(PyObject *object, void *arg) {
    struct object_map *map = arg;
    uint8_t *mark = mark_of(map, object);
    if (!mark || (*mark & OBJECT_NOBODYS) || PyType_Check(object)) {
        return 0; /* known; or a base, which is an object in its own right */
    }
    *mark = OBJECT_NOBODYS;
    if (PyDict_CheckExact(object)) {
        PyObject *key, *value;
        Py_ssize_t position = 0;
        while (PyDict_Next(object, &position, &key, &value)) {
            PyTypeObject *type = Py_TYPE(value);
            bool is_descriptor = type == &PyWrapperDescr_Type || type == &PyMethodDescr_Type ||
                                 type == &PyGetSetDescr_Type || type == &PyMemberDescr_Type ||
                                 type == &PyClassMethodDescr_Type || type == &PyStaticMethod_Type ||
                                 PyCFunction_Check(value) || PyWeakref_Check(value);
            if (is_descriptor && (mark = mark_of(map, value))) {
                *mark = OBJECT_NOBODYS;
            }
        }
    }
    return 0;
}

static void meet_static_type(struct object_map *map, PyTypeObject *type) {
    if (!push(&map->static_types, type)) {
        map->out_of_memory = true;
        return;
    }
    py_type_visit_furniture(type, mark_furniture, map);
    if (type->tp_base && !(type->tp_base->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        uint8_t *mark = mark_of(map, type->tp_base);
        if (mark && !(*mark & OBJECT_NOBODYS)) {
            *mark = OBJECT_NOBODYS;
            meet_static_type(map, type->tp_base);
        }
    }
}

/** Containers that are untracked for good reason, and so whole: others may be half-built. */
static bool is_followed_untracked(PyObject *object) {
    return PyDict_CheckExact(object) || PyTuple_CheckExact(object) || PyAnySet_CheckExact(object) ||
           PyCode_Check(object);
}

static int reach_one(PyObject *object, void *arg) {
    struct object_map *map = arg;
    uint8_t *mark = mark_of(map, object);
    if (!mark || (*mark & OBJECT_NOBODYS)) {
        return 0;
    }
    if (*mark & OBJECT_TRACKED) {
        if (!(*mark & map->owner)) {
            add_edge(map, object, *mark & OWNER_MASK);
        }
        return 0;
    }
    if (*mark & map->owner) {
        return 0;
    }
    if (*mark == 0) {
        bool is_static = image_list_find(map->images, (uintptr_t)object) != NULL;
        if (is_static || py_is_immortal(object)) {
            *mark = OBJECT_NOBODYS;
            if (is_static && PyType_Check(object)) {
                meet_static_type(map, (PyTypeObject *)object);
            }
            return 0;
        }
    }
    *mark |= map->owner;
    if (is_followed_untracked(object) && !push(&map->pending, object)) {
        map->out_of_memory = true;
    }
    return 0;
}

static void follow(PyObject *object, visitproc visit, void *arg) {
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (traverse) {
        traverse(object, visit, arg);
    }
    if (PyCode_Check(object)) {
        py_visit_untraversed(object, visit, arg);
    }
}

static void reach_from(PyObject *object, void *arg) {
    struct object_map *map = arg;
    map->source = object;
    reach_one((PyObject *)Py_TYPE(object), map);
    follow(object, reach_one, map);
    while (map->pending.count) {
        map->source = map->pending.items[--map->pending.count];
        follow(map->source, reach_one, map);
    }
}

int object_map_reach(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err) {
    map->owner = (uint8_t)owner;
    py_gc_each(interpreter, reach_from, map);
    return result(map, err);
}

const struct object_edge *object_map_edges(const struct object_map *map, size_t *ret_count) {
    *ret_count = map->edge_count;
    return map->edges;
}

PyTypeObject *const *object_map_static_types(const struct object_map *map, size_t *ret_count) {
    *ret_count = map->static_types.count;
    return (PyTypeObject *const *)map->static_types.items;
}

static int count_one(PyObject *object, void *arg) {
    struct object_map *map = arg;
    if (object_map_marks(map, (uintptr_t)object) & OBJECT_COUNTED) {
        address_set_find(&map->counted, (uintptr_t)object)->value++;
    }
    return 0;
}

/** Untracked containers are reached from several objects but hold their references once. */
static int count_untracked(PyObject *object, void *arg) {
    struct object_map *map = arg;
    count_one(object, map);
    uint8_t marks = object_map_marks(map, (uintptr_t)object);
    if (marks && !(marks & (OBJECT_TRACKED | OBJECT_NOBODYS)) && is_followed_untracked(object)) {
        struct address_entry *entry = address_set_add(&map->counted, (uintptr_t)object + 1);
        if (!entry || !push(&map->pending, object)) {
            map->out_of_memory = true;
        } else if (entry->value) {
            map->pending.count--;
        } else {
            entry->value = 1;
        }
    }
    return 0;
}

static void count_from(PyObject *object, void *arg) {
    struct object_map *map = arg;
    for (;;) {
        traverseproc traverse = Py_TYPE(object)->tp_traverse;
        if (traverse) {
            traverse(object, count_untracked, map);
        }
        py_visit_untraversed(object, count_untracked, map);
        if (!map->pending.count) {
            return;
        }
        object = map->pending.items[--map->pending.count];
    }
}

int object_map_count(struct object_map *map, PyObject *const *objects, size_t count,
                     PyInterpreterState *const *interpreters, size_t interpreter_count,
                     size_t *ret_counts, struct error *err) {
    address_set_clear(&map->counted);
    for (size_t i = 0; i < count; i++) {
        uint8_t *mark = mark_of(map, objects[i]);
        if (!mark || !address_set_add(&map->counted, (uintptr_t)objects[i])) {
            return error_set(err, ERR_MEMORY, "out of memory counting references");
        }
        *mark |= OBJECT_COUNTED;
    }
    for (size_t i = 0; i < interpreter_count; i++) {
        py_gc_each(interpreters[i], count_from, map);
    }
    for (size_t i = 0; i < count; i++) {
        ret_counts[i] = address_set_find(&map->counted, (uintptr_t)objects[i])->value;
    }
    return result(map, err);
}
