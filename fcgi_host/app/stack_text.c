#include "fcgi_host/app/stack_text.h"

#include <stdint.h>
#include <string.h>

#include "pool/python/cpython_inspect.h"

enum {
    FRAMES_MAX = 100, /**< as faulthandler */
    NAME_MAX_LETTERS = 500,
    FRAME_BYTES = 2 * NAME_MAX_LETTERS + 64, /**< of names in ASCII; a longer one ends the text */
};

/** See inspect_frames(). */
#define READS_ANYTHING __attribute__((no_sanitize("address")))

/** Where text is written; what does not fit is left out. */
struct text {
    char *bytes;
    size_t length, room;
};

static void put(struct text *text, const char *bytes, size_t size) {
    size_t left = text->room - text->length;
    size = size < left ? size : left;
    memcpy(text->bytes + text->length, bytes, size);
    text->length += size;
}

static void put_string(struct text *text, const char *string) {
    put(text, string, strlen(string));
}

static void put_number(struct text *text, unsigned number) {
    char digits[12];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(text, digits + at, sizeof digits - at);
}

/** A letter as it is, if it shows; else \uXXXX. */
static void put_letter(struct text *text, uint32_t letter) {
    if (letter >= ' ' && letter < 0x7f) {
        put(text, &(char){(char)letter}, 1);
        return;
    }
    put_string(text, letter > 0xffff ? "\\U" : "\\u");
    for (int shift = letter > 0xffff ? 28 : 12; shift >= 0; shift -= 4) {
        put(text, &"0123456789abcdef"[letter >> shift & 15], 1);
    }
}

/** Not by CPython's macros, which assert what may not be so. */
READS_ANYTHING static void put_name(struct text *text, const PyObject *name) {
    if (!name || name->ob_type != &PyUnicode_Type) {
        put_string(text, "???");
        return;
    }
    const PyASCIIObject *head = (const PyASCIIObject *)name;
    const void *letters = head->state.ascii
                              ? (const void *)(head + 1)
                              : (const void *)((const PyCompactUnicodeObject *)name + 1);
    for (Py_ssize_t i = 0; i < head->length && i < NAME_MAX_LETTERS; i++) {
        put_letter(text, head->state.kind == 1   ? ((const uint8_t *)letters)[i]
                         : head->state.kind == 2 ? ((const uint16_t *)letters)[i]
                                                 : ((const uint32_t *)letters)[i]);
    }
}

READS_ANYTHING static void put_frame(struct text *text, const struct inspected_frame *frame) {
    int line = PyCode_Addr2Line(frame->code, frame->instruction);
    put_string(text, "  File \"");
    put_name(text, frame->code->co_filename);
    put_string(text, "\", line ");
    if (line >= 0) {
        put_number(text, (unsigned)line);
    } else {
        put_string(text, "???");
    }
    put_string(text, " in ");
    put_name(text, frame->code->co_qualname);
    put_string(text, "\n");
}

void stack_text_write(const PyThreadState *tstate, char *bytes, size_t text_bytes) {
    struct inspected_frame frames[FRAMES_MAX + 1];
    struct text text = {.bytes = bytes, .room = text_bytes - 1};
    size_t count = inspect_frames(tstate, frames, FRAMES_MAX + 1), i = 0;
    for (; i < count && i < FRAMES_MAX && text.room - text.length > FRAME_BYTES; i++) {
        put_frame(&text, &frames[i]);
    }
    if (i < count) {
        put_string(&text, "  ...\n");
    } else if (count == 0) {
        put_string(&text, "  (no frames are known)\n");
    }
    bytes[text.length] = '\0';
}
