#include "reload/stale/stale_known.h"

#include <stdio.h>
#include <string.h>

#include "reload/objects/object_text.h"

/** One thing that a module keeps on purpose and safely. */
struct known {
    const char *module;         /**< NULL: CPython's own image */
    enum stale_verdict verdict; /**< at most */
    const char *holds;          /**< start of the text of the object; NULL: any */
    /* The reason stands beside each entry. */
};

static const struct known s_known[] = {
    /* The empty mapping that every context starts with: it cannot be changed, and 3.11 makes it
     * anew after each interpreter that ends. */
    {NULL, VERDICT_STALE, "<hamt"},
};

static bool is_of(const struct known *known, const char *module, const struct scan_hit *hit) {
    return known->module ? strcmp(known->module, module) == 0
                         : hit && hit->image->role == IMAGE_PYTHON;
}

bool stale_known_is_harmless(const char *module, const struct scan_hit *hit,
                             const struct stale_what *what) {
    char holds[OBJECT_TEXT_BYTES] = "";
    if (what->holds) {
        object_text(what->holds, holds, sizeof holds);
    } else if (what->holds_text) {
        snprintf(holds, sizeof holds, "%s", what->holds_text);
    }
    for (size_t i = 0; i < sizeof s_known / sizeof s_known[0]; i++) {
        const struct known *known = &s_known[i];
        if (is_of(known, module, hit) && what->verdict <= known->verdict &&
            (!known->holds || strncmp(holds, known->holds, strlen(known->holds)) == 0)) {
            return true;
        }
    }
    return false;
}
