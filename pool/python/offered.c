#include "pool/python/py_compat.h"

#include "pool/python/offered.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pool/base/string_list.h"

/** A module, by its name and file, and the names of its attributes; lives as long as the process.
 */
struct offer {
    struct offer *next;
    char *name, *file;
    struct string_list attributes;
};

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER; /* interpreters may have own GILs */
static struct offer *s_offers;
static bool s_compares_nothing;

void offered_compare_nothing(void) {
    s_compares_nothing = true;
}

static const struct offer *find(const char *name, const char *file) {
    for (const struct offer *offer = s_offers; offer; offer = offer->next) {
        if (strcmp(offer->name, name) == 0 && strcmp(offer->file, file) == 0) {
            return offer;
        }
    }
    return NULL;
}

static void offer_free(struct offer *offer) {
    if (offer) {
        string_list_clear(&offer->attributes);
        free(offer->file);
        free(offer->name);
        free(offer);
    }
}

/** @return 0, or -1 with an exception: out of memory */
static int note(const char *name, const char *file, PyObject *attributes) {
    struct offer *offer = calloc(1, sizeof *offer);
    bool is_made = offer && (offer->name = strdup(name)) && (offer->file = strdup(file));
    PyObject *key, *value;
    Py_ssize_t position = 0;
    while (is_made && PyDict_Next(attributes, &position, &key, &value)) {
        const char *text = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
        if (text) {
            is_made = string_list_add(&offer->attributes, strdup(text)) == 0;
        }
        PyErr_Clear(); /* a name that is no text is not asked for either */
    }
    if (!is_made) {
        offer_free(offer);
        PyErr_NoMemory();
        return -1;
    }
    offer->next = s_offers;
    s_offers = offer;
    return 0;
}

/** @return borrowed from `offer`: the first attribute that is not there, or NULL */
static const char *find_missing(const struct offer *offer, PyObject *attributes) {
    for (size_t i = 0; i < offer->attributes.count; i++) {
        if (!PyDict_GetItemString(attributes, offer->attributes.items[i])) {
            return offer->attributes.items[i];
        }
    }
    return NULL;
}

int offered_compare(const char *name, const char *file, PyObject *module) {
    if (s_compares_nothing || !PyModule_Check(module)) {
        return 0; /* whatever an extension may put in the place of one */
    }
    PyObject *attributes = PyModule_GetDict(module); /* borrowed */
    int result = 0;
    pthread_mutex_lock(&s_lock);
    const struct offer *offer = find(name, file);
    const char *missing = offer ? find_missing(offer, attributes) : NULL;
    if (!offer) {
        result = note(name, file, attributes);
    }
    pthread_mutex_unlock(&s_lock);
    if (missing) {
        PyErr_Format(PyExc_SystemError,
                     "%s lacks %s, which it has where it was loaded first in this process", name,
                     missing);
        return -1;
    }
    return result;
}
