#include "fcgi_host/base/text.h"

#include <string.h>

bool text_is_same(const char *one, const char *other) {
    return one == other || (one && other && strcmp(one, other) == 0);
}

static unsigned char lower(char letter) {
    return (unsigned char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

size_t text_plain_bytes(const char *bytes, size_t size, char other) {
    size_t i = 0;
    while (i < size && bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '"' && bytes[i] != '\\' &&
           bytes[i] != other) {
        i++;
    }
    return i;
}

size_t text_last_line(const char *text, const char **ret_line) {
    const char *end = text + strlen(text), *begin = end;
    size_t length = 0;
    while (length == 0 && end > text) {
        begin = end;
        while (begin > text && begin[-1] != '\n') {
            begin--;
        }
        const char *next = begin > text ? begin - 1 : text;
        while (begin < end && strchr(" \t|+-", *begin)) {
            begin++;
        }
        while (end > begin && strchr(" \t\r", end[-1])) {
            end--;
        }
        length = (size_t)(end - begin);
        end = next;
    }
    *ret_line = begin;
    return length;
}

bool text_is_same_word(const char *one, const char *other, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (lower(one[i]) != lower(other[i])) {
            return false;
        }
    }
    return true;
}
