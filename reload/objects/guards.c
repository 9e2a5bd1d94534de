#include "reload/objects/guards.h"

#include <stdio.h>
#include <string.h>

#include "reload/memory/image.h"

void guards_name(char *text, size_t bytes) {
    struct image_list images = {0};
    const char *before = "; files that take guards:";
    if (image_list_refresh(&images, NULL) != 0) {
        return; /* out of memory */
    }
    for (size_t i = 0; i < images.count; i++) {
        const struct image *image = images.items[i];
        if (image_is_checked(image) && image->imports_guards) {
            size_t length = strlen(text);
            snprintf(text + length, bytes - length, "%s %s", before, image->path);
            before = ",";
        }
    }
    image_list_clear(&images);
}
