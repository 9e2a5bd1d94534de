#include "reload/objects/object_map.h"

#include <stdlib.h>
#include <string.h>

#include "pool/base/apart.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/address_set.h"
#include "reload/objects/object_marks.h"

/** Objects still to be followed, and static types: growing arrays of pointers. */
struct pointers {
    void **items;
    size_t count, capacity;
};

struct object_map {
    const struct image_list *images;
    struct object_marks marks;
    struct address_set references; /**< of the objects that are counted */
    struct pointers pending, static_types;
    struct object_edge *edges;
    size_t edge_count, edge_capacity;
    bool out_of_memory;
    /* while following */
    PyObject *source;
    uint8_t owner;
    bool has_edges_only, with_strangers, has_strangers;
    py_object_function also;
    void *also_arg;
};

static bool push(struct pointers *list, void *item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        void **items = apart_realloc(list->items, capacity * sizeof *items);
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
        object_marks_clear(&map->marks);
        address_set_clear(&map->references);
        apart_free(map->pending.items);
        apart_free(map->static_types.items);
        apart_free(map->edges);
        free(map);
    }
}

/** @return NULL: it lies inside something else and has no owner; or out of memory */
static uint8_t *mark_of(struct object_map *map, const void *object) {
    return object_marks_at(&map->marks, (uintptr_t)object);
}

uint8_t object_map_marks(const struct object_map *map, uintptr_t address) {
    return object_marks_get(&map->marks, address);
}

static int result(struct object_map *map, struct error *err) {
    bool failed = map->out_of_memory || map->marks.out_of_memory;
    return failed ? error_set(err, ERR_MEMORY, "out of memory mapping objects") : 0;
}

int object_map_count(struct object_map *map, const PyObject *object, struct error *err) {
    uint8_t *mark = mark_of(map, object);
    if (mark) {
        *mark |= OBJECT_COUNTED;
        map->out_of_memory |= !address_set_add(&map->references, (uintptr_t)object);
    }
    return result(map, err);
}

size_t object_map_references(const struct object_map *map, uintptr_t address) {
    const struct address_entry *entry = address_set_find(&map->references, address);
    return entry ? entry->value : 0;
}

static void count_reference(struct object_map *map, const void *object) {
    struct address_entry *entry = address_set_find(&map->references, (uintptr_t)object);
    if (entry && entry->value < OBJECT_REFERENCES_MANY) {
        entry->value++;
    }
}

/** A reference was counted that is none. */
static int uncount_reference(PyObject *object, void *arg) {
    struct object_map *map = arg;
    struct address_entry *entry = address_set_find(&map->references, (uintptr_t)object);
    if (entry && entry->value && entry->value < OBJECT_REFERENCES_MANY) {
        entry->value--;
    }
    return 0;
}

static void track_one(PyObject *object, void *arg) {
    struct object_map *map = arg;
    uint8_t *mark = mark_of(map, object);
    if (mark && !(*mark & OBJECT_NOBODYS)) {
        *mark = (uint8_t)(OBJECT_TRACKED | map->owner | (*mark & OBJECT_COUNTED));
    }
    if (map->also) {
        map->also(object, map->also_arg);
    }
}

static int track_source(struct object_map *map, const struct object_source *source,
                        py_object_function each, struct error *err) {
    map->owner = (uint8_t)source->owner;
    map->also = source->also;
    map->also_arg = source->also_arg;
    inspect_gc_each(source->interpreter, each, map);
    return result(map, err);
}

int object_map_track(struct object_map *map, const struct object_source *source,
                     struct error *err) {
    return track_source(map, source, track_one, err);
}

static void add_edge(struct object_map *map, PyObject *to, uint8_t to_owner) {
    if (map->edge_count == map->edge_capacity) {
        size_t capacity = map->edge_capacity ? 2 * map->edge_capacity : 64;
        if (map->edge_count >= OBJECT_EDGES_MAX) {
            return;
        }
        struct object_edge *edges = apart_realloc(map->edges, capacity * sizeof *edges);
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
    inspect_type_visit_furniture(type, mark_furniture, map);
    if (type->tp_base && !(type->tp_base->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        uint8_t *mark = mark_of(map, type->tp_base);
        if (mark && !(*mark & OBJECT_NOBODYS)) {
            *mark = OBJECT_NOBODYS;
            meet_static_type(map, type->tp_base);
        }
    }
}

/** Untracked containers that are complete; others may be half-built. */
static bool is_followed_untracked(PyObject *object) {
    return PyDict_CheckExact(object) || PyTuple_CheckExact(object) || PyAnySet_CheckExact(object) ||
           PyCode_Check(object);
}

static void meet_stranger(struct object_map *map, PyObject *object, uint8_t *mark) {
    if (PyObject_GC_IsTracked(object)) {
        add_edge(map, object, 0);
        map->has_strangers = true;
    } else {
        *mark = OBJECT_PLAIN;
    }
}

static int reach_one(PyObject *object, void *arg) {
    struct object_map *map = arg;
    uint8_t *mark = mark_of(map, object);
    if (!mark || (*mark & OBJECT_NOBODYS)) {
        return 0;
    }
    if ((*mark & OBJECT_COUNTED) && map->owner == OWNER_OLD) {
        count_reference(map, object);
    }
    if (*mark & OBJECT_TRACKED) {
        if (!(*mark & map->owner)) {
            add_edge(map, object, *mark & OWNER_MASK);
        }
        return 0;
    }
    if (map->has_edges_only) {
        if (*mark == 0 && map->with_strangers) {
            meet_stranger(map, object, mark);
        }
        return 0;
    }
    if (*mark & map->owner) {
        return 0;
    }
    if ((*mark & ~OBJECT_COUNTED) == 0) {
        bool is_static = image_list_find(map->images, (uintptr_t)object) != NULL;
        if (is_static || inspect_is_immortal(object)) {
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

static void follow_references(PyObject *object, visitproc visit, void *arg) {
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (traverse) {
        traverse(object, visit, arg);
    } else if (PyCode_Check(object)) {
        inspect_code_visit(object, visit, arg);
    }
}

/** An object's type, which tp_traverse shows of heap types only. */
static void meet_type(PyTypeObject *type, struct object_map *map) {
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        reach_one((PyObject *)type, map);
    }
}

static void reach_from(PyObject *object, void *arg) {
    struct object_map *map = arg;
    map->source = object;
    if (!map->has_edges_only) {
        meet_type(Py_TYPE(object), map);
    }
    if (py_is_subclass_list(object)) {
        return; /* weak references to the classes of all interpreters */
    }
    follow_references(object, reach_one, map);
    if (map->owner == OWNER_OLD) {
        inspect_visit_lent(object, uncount_reference, map);
    }
    while (map->pending.count) {
        map->source = map->pending.items[--map->pending.count];
        follow_references(map->source, reach_one, map);
    }
}

int object_map_reach(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err) {
    map->owner = (uint8_t)owner;
    map->has_edges_only = false;
    inspect_gc_each(interpreter, reach_from, map);
    return result(map, err);
}

/** Untracked objects need not be followed: they hold no tracked ones. */
static void start_finding_edges(struct object_map *map, bool with_strangers) {
    map->has_edges_only = true;
    map->with_strangers = with_strangers;
}

static void track_and_reach_from(PyObject *object, void *arg) {
    track_one(object, arg);
    reach_from(object, arg);
}

int object_map_track_last(struct object_map *map, const struct object_source *source,
                          struct error *err) {
    start_finding_edges(map, false);
    return track_source(map, source, track_and_reach_from, err);
}

int object_map_find_edges(struct object_map *map, PyInterpreterState *interpreter,
                          enum object_owner owner, bool with_strangers, struct error *err) {
    map->owner = (uint8_t)owner;
    start_finding_edges(map, with_strangers);
    inspect_gc_each(interpreter, reach_from, map);
    return result(map, err);
}

bool object_map_has_strangers(const struct object_map *map) {
    return map->has_strangers;
}

void object_map_name_strangers(struct object_map *map) {
    for (size_t i = 0; i < map->edge_count; i++) {
        if (!map->edges[i].to_owner) {
            map->edges[i].to_owner =
                object_map_marks(map, (uintptr_t)map->edges[i].to) & OWNER_MASK;
        }
    }
}

int object_map_add_static_type(struct object_map *map, PyTypeObject *type, struct error *err) {
    uint8_t *mark = mark_of(map, type);
    if (!mark || !(*mark & OBJECT_NOBODYS)) {
        if (mark) {
            *mark = OBJECT_NOBODYS;
        }
        meet_static_type(map, type);
    }
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
