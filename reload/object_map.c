#include "reload/object_map.h"

#include <stdlib.h>
#include <string.h>

#include "reload/address_set.h"
#include "reload/py_internals.h"
#include "reload/scratch.h"

enum { REGION_BITS = 20, GRANULE_BITS = 4 };
enum { REGION_MARKS = 1 << (REGION_BITS - GRANULE_BITS) };

/** Objects still to be followed, and static types: growing arrays of pointers. */
struct pointers {
    void **items;
    size_t count, capacity;
};

/** What object stands at an address. */
struct region {
    uint8_t marks[REGION_MARKS];
};

/** Objects lie in few regions: nearly every question is answered by this cache. */
enum { CACHED_REGIONS = 64 };

struct object_map {
    const struct image_list *images;
    struct scratch scratch;
    struct address_set regions; /**< address >> REGION_BITS, plus 1 → struct region */
    struct {
        uintptr_t key;
        struct region *region;
    } cache[CACHED_REGIONS];
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
        scratch_clear(&map->scratch);
        address_set_clear(&map->regions);
        address_set_clear(&map->references);
        free(map->pending.items);
        free(map->static_types.items);
        free(map->edges);
        free(map);
    }
}

static struct region *make_region(struct object_map *map, uintptr_t key) {
    struct address_entry *entry = address_set_find(&map->regions, key);
    if (!entry) {
        struct region *region = scratch_take(&map->scratch, sizeof *region);
        entry = region ? address_set_add(&map->regions, key) : NULL;
        if (!entry) {
            map->out_of_memory = true;
            return NULL;
        }
        entry->value = (uintptr_t)region;
    }
    return (struct region *)entry->value;
}

static size_t granule(uintptr_t address) {
    return (address & ((1u << REGION_BITS) - 1)) >> GRANULE_BITS;
}

/** The region of an object, made if absent. @return NULL: out of memory */
static struct region *region_of(struct object_map *map, const void *object) {
    uintptr_t key = ((uintptr_t)object >> REGION_BITS) + 1;
    size_t slot = key % CACHED_REGIONS;
    if (map->cache[slot].key != key) {
        struct region *region = make_region(map, key);
        if (!region) {
            return NULL;
        }
        map->cache[slot].key = key;
        map->cache[slot].region = region;
    }
    return map->cache[slot].region;
}

/**
 * Objects of the heap are aligned to 16 bytes; one that is not stands within something else (a C
 * struct, an image), and belongs to nobody.  @return NULL for these, and out of memory
 */
static uint8_t *mark_of(struct object_map *map, const void *object) {
    if ((uintptr_t)object & ((1u << GRANULE_BITS) - 1)) {
        return NULL;
    }
    struct region *region = region_of(map, object);
    return region ? &region->marks[granule((uintptr_t)object)] : NULL;
}

static const struct region *find_region(const struct object_map *map, uintptr_t address) {
    uintptr_t key = (address >> REGION_BITS) + 1;
    if (address & ((1u << GRANULE_BITS) - 1)) {
        return NULL;
    }
    if (map->cache[key % CACHED_REGIONS].key == key) {
        return map->cache[key % CACHED_REGIONS].region;
    }
    struct address_entry *region = address_set_find(&map->regions, key);
    return region ? (const struct region *)region->value : NULL;
}

uint8_t object_map_marks(const struct object_map *map, uintptr_t address) {
    const struct region *region = find_region(map, address);
    return region ? region->marks[granule(address)] : 0;
}

static int result(struct object_map *map, struct error *err) {
    return map->out_of_memory ? error_set(err, ERR_MEMORY, "out of memory mapping objects") : 0;
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

int object_map_track(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, py_object_function also, void *also_arg,
                     struct error *err) {
    map->owner = (uint8_t)owner;
    map->also = also;
    map->also_arg = also_arg;
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
    } else if (PyCode_Check(object)) {
        py_code_visit(object, visit, arg);
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
    follow(object, reach_one, map);
    while (map->pending.count) {
        map->source = map->pending.items[--map->pending.count];
        follow(map->source, reach_one, map);
    }
}

int object_map_reach(struct object_map *map, PyInterpreterState *interpreter,
                     enum object_owner owner, struct error *err) {
    map->owner = (uint8_t)owner;
    map->has_edges_only = false;
    py_gc_each(interpreter, reach_from, map);
    return result(map, err);
}

int object_map_find_edges(struct object_map *map, PyInterpreterState *interpreter,
                          enum object_owner owner, bool with_strangers, struct error *err) {
    map->owner = (uint8_t)owner;
    map->has_edges_only = true; /* what is not tracked holds nothing that is */
    map->with_strangers = with_strangers;
    py_gc_each(interpreter, reach_from, map);
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
