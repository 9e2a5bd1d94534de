#include <stdio.h>
#include <string.h>

#include "pool/python/handed_out.h"
#include "reload/objects/object_text.h"
#include "reload/stale/stale_words.h"

/** Whether an interpreter's module has an object as this attribute. */
static bool has_it(PyInterpreterState *interpreter, const struct handed_out *item) {
    PyObject *modules = py_modules(interpreter);
    PyObject *module = modules ? object_dict_entry(modules, item->module) : NULL;
    return module && PyModule_Check(module) &&
           object_dict_entry(PyModule_GetDict(module), item->attribute) == item->object;
}

static int report_item(struct stale_report *report, const struct handed_out *item) {
    char attribute[256];
    snprintf(attribute, sizeof attribute, "attribute \"%s\"", item->attribute);
    const struct stale_what what = {.hazard = HAZARD_IDENTITY,
                                    .verdict = VERDICT_SHARED,
                                    .holds = item->object,
                                    .owner = "the main interpreter"};
    return stale_report_add_nowhere(report, item->module, attribute, &what);
}

int stale_handed_out_report(const struct stale_view *view, struct stale_report *report,
                            struct error *err) {
    size_t count;
    const struct handed_out *items = handed_out_items(&count);
    for (size_t i = 0; view->subject != PyInterpreterState_Main() && i < count; i++) {
        if (has_it(view->subject, &items[i]) && handed_out_has_changed(&items[i]) &&
            report_item(report, &items[i]) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    return 0;
}
