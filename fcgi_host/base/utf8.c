#include "fcgi_host/base/utf8.h"

/** RFC 3629 §4: the range of the second byte depends on the first. */
static int second_byte_fits(unsigned char first, unsigned char second) {
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return second >= 0x80 && second <= 0xbf;
    }
}

size_t utf8_sequence(const char *text, size_t available) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (available == 0) {
        return 0;
    }
    size_t length = bytes[0] < 0x80                        ? 1
                    : bytes[0] >= 0xc2 && bytes[0] <= 0xdf ? 2
                    : bytes[0] >= 0xe0 && bytes[0] <= 0xef ? 3
                    : bytes[0] >= 0xf0 && bytes[0] <= 0xf4 ? 4
                                                           : 0;
    if (length == 0 || length > available) {
        return 0;
    }
    if (length > 1 && !second_byte_fits(bytes[0], bytes[1])) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf) {
            return 0;
        }
    }
    return length;
}

bool utf8_is_c1_control(const char *sequence, size_t length) {
    return length == 2 && sequence[0] == '\xc2' && (unsigned char)sequence[1] < 0xa0;
}
