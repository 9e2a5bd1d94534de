/* A table of lists from malloc() keeps the characters of its keys without the keys (hazard 3). */
#include "module.h"

enum { LISTS = 64 };

struct entry {
    struct entry *next;
    const char *key; /* "interned, and so for ever" */
    Py_ssize_t index;
};

static struct entry **table; /* made once */
static Py_ssize_t entry_count;

static unsigned hash(const char *text) {
    unsigned value = 5381;
    while (*text) {
        value = value * 33 + (unsigned char)*text++;
    }
    return value % LISTS;
}

static Py_ssize_t find(const char *key) {
    const struct entry *entry = table[hash(key)];
    while (entry && strcmp(entry->key, key) != 0) {
        entry = entry->next;
    }
    return entry ? entry->index : -1;
}

static PyObject *index_(PyObject *module, PyObject *value) {
    (void)module;
    const char *key = PyUnicode_AsUTF8(value);
    if (!key || (!table && !(table = calloc(LISTS, sizeof *table)))) {
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    struct entry *entry = find(key) < 0 ? malloc(sizeof *entry) : NULL;
    if (entry) {
        *entry = (struct entry){table[hash(key)], key, entry_count++};
        table[hash(key)] = entry;
    }
    return PyLong_FromSsize_t(find(key));
}

static PyMethodDef methods[] = {
    {"index", index_, METH_O, "the index of a key, a new one for a new key"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_keys, "A table of keys.", 0, methods, slots)
