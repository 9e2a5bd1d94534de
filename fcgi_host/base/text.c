#include "fcgi_host/base/text.h"

#include <string.h>

bool text_is_same(const char *one, const char *other) {
    return one == other || (one && other && strcmp(one, other) == 0);
}

static unsigned char lower(char letter) {
    return (unsigned char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

bool text_is_same_word(const char *one, const char *other, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (lower(one[i]) != lower(other[i])) {
            return false;
        }
    }
    return true;
}
