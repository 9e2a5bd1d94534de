#include "reload/stale/stale_known.h"

#include <stdio.h>
#include <string.h>

#include "reload/objects/object_text.h"

/** One thing that CPython keeps on purpose and safely, in a variable of its own image. */
struct known {
    enum stale_verdict verdict; /**< at most */
    const char *holds;          /**< start of the text of the object */
    /* The reason stands beside each entry. */
};

static const struct known s_known[] = {
    /* The empty mapping that every context starts with: it cannot be changed, and 3.11 makes it
     * anew after each interpreter that ends. */
    {VERDICT_STALE, "<hamt"},
};

bool stale_known_is_harmless(const struct scan_hit *hit, const struct stale_what *what) {
    char holds[OBJECT_TEXT_BYTES] = "";
    if (hit->image->role != IMAGE_PYTHON) {
        return false;
    }
    if (what->holds) {
        object_text(what->holds, holds, sizeof holds);
    } else if (what->holds_text) {
        snprintf(holds, sizeof holds, "%s", what->holds_text);
    }
    for (size_t i = 0; i < sizeof s_known / sizeof s_known[0]; i++) {
        const struct known *known = &s_known[i];
        if (what->verdict <= known->verdict &&
            strncmp(holds, known->holds, strlen(known->holds)) == 0) {
            return true;
        }
    }
    return false;
}
