#include <stdio.h>

#include "reload/objects/object_text.h"
#include "reload/stale/stale_known.h"
#include "reload/stale/stale_words.h"

/** An attribute of a static type. */
struct attribute {
    const PyTypeObject *type;
    struct image *image; /**< in which the type is */
    PyObject *name, *value;
};

static int report_attribute(struct stale_view *view, struct stale_report *report,
                            const struct attribute *attribute) {
    char text[64], detail[96];
    object_str_text(attribute->name, text, sizeof text);
    snprintf(detail, sizeof detail, " (attribute \"%s\" of the type)", text);
    struct stale_what what = {.hazard = HAZARD_IDENTITY,
                              .verdict = VERDICT_STALE,
                              .holds = attribute->value,
                              .owner = view->is_first ? "this generation" : "the generation before",
                              .detail = detail};
    struct scan_hit hit = {.image = attribute->image,
                           .location = (uintptr_t)attribute->type,
                           .object = attribute->value};
    what.is_note = stale_known_is_harmless(&hit, &what);
    return stale_report_add(report, &view->extensions, view->images, &hit, &what);
}

int stale_types_report(struct stale_view *view, struct stale_report *report, struct error *err) {
    size_t count;
    PyTypeObject *const *types = object_map_static_types(view->map, &count);
    for (size_t i = 0; view->use.any && i < count; i++) {
        struct image *image = image_list_find(view->images, (uintptr_t)types[i]);
        struct attribute each = {.type = types[i], .image = image};
        PyObject *dict = types[i]->tp_dict;
        Py_ssize_t position = 0;
        if (!image || !image_is_checked(image) || !dict) {
            continue;
        }
        while (PyDict_Next(dict, &position, &each.name, &each.value)) {
            uint8_t marks = object_map_marks(view->map, (uintptr_t)each.value);
            if ((marks & OWNER_MASK) == OWNER_OLD && !(marks & OBJECT_NOBODYS) &&
                !object_is_leaf(each.value) && report_attribute(view, report, &each) != 0) {
                return error_set(err, ERR_MEMORY, "out of memory reporting");
            }
        }
    }
    return 0;
}
