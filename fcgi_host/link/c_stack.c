#include "fcgi_host/link/c_stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAMES_MAX = 48,    /**< with those of the signal handlers */
    FILE_BYTES = 1024,  /**< of a file's name; longer ones are cut off */
    OFFSET_DIGITS = 16, /**< hexadecimal */
};

static const char s_line_begin[] = "  Binary file \"", s_line_middle[] = "\", at +0x";

/* ---- Writing ---- */

/** Text that grows without the C library's printf(), which may allocate. */
struct line {
    size_t size;
    char text[FILE_BYTES + 64];
};

static void append(struct line *line, const char *text, size_t size) {
    if (size > sizeof line->text - line->size) {
        size = sizeof line->text - line->size;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void append_hexadecimal(struct line *line, uintptr_t number) {
    char digits[OFFSET_DIGITS];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % 16];
        number /= 16;
    } while (number > 0);
    append(line, digits + first, sizeof digits - first);
}

/** @param is_return  it is the address behind a call, which may be the next function's */
static void write_frame(int fd, uintptr_t address, bool is_return) {
    struct dl_find_object image;
    if (_dl_find_object((void *)(address - is_return), &image) != 0) {
        return; /* code that was made at run time */
    }
    const char *file = image.dlfo_link_map->l_name;
    if (!*file) {
        file = program_invocation_name;
    }
    struct line line = {0};
    append(&line, s_line_begin, sizeof s_line_begin - 1);
    append(&line, file, strnlen(file, FILE_BYTES));
    append(&line, s_line_middle, sizeof s_line_middle - 1);
    append_hexadecimal(&line, address - image.dlfo_link_map->l_addr);
    append(&line, "\n", 1);
    (void)!write(fd, line.text, line.size);
}

void c_stack_prepare(void) {
    void *frame;
    backtrace(&frame, 1); /* loads the unwinder, which allocates */
}

/** The first frame of what the signal has interrupted.  faulthandler's handler raises the signal
 *  once more, for the handler before it: both return to the same place. */
static int first_frame(void *const *frames, int count, const void *handler_return) {
    int first = 0;
    for (int i = 0, handlers = 0; i < count && handlers < 2; i++) {
        if (frames[i] == handler_return) {
            first = i + 1;
            handlers++;
        }
    }
    return first;
}

void c_stack_write(int fd, const void *handler_return) {
    static atomic_flag s_is_written = ATOMIC_FLAG_INIT;
    void *frames[FRAMES_MAX];
    if (atomic_flag_test_and_set(&s_is_written)) {
        return;
    }
    int count = backtrace(frames, FRAMES_MAX);
    int first = first_frame(frames, count, handler_return);
    static const char s_heading[] = "\n" C_STACK_HEADING;
    (void)!write(fd, s_heading, sizeof s_heading - 1);
    for (int i = first; i < count; i++) {
        write_frame(fd, (uintptr_t)frames[i], i > first);
    }
}

/* ---- Reading ---- */

/** By its name: CPython's suffixes for extension modules, or a plain one that no library has. */
static bool is_extension(const char *file) {
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    if (strstr(name, ".cpython-") || strstr(name, ".abi3.so")) {
        return true;
    }
    const char *dot = strrchr(name, '.');
    return dot && strcmp(dot, ".so") == 0 && strncmp(name, "lib", 3) != 0;
}

void c_stack_find_extension(const char *text, char *ret_file, size_t file_bytes) {
    const char *line = strstr(text, C_STACK_HEADING);
    while (line && (line = strstr(line, s_line_begin))) {
        line += sizeof s_line_begin - 1;
        const char *end = strstr(line, s_line_middle);
        int size = end ? (int)(end - line) : 0;
        snprintf(ret_file, file_bytes, "%.*s", size, line);
        if (is_extension(ret_file)) {
            return;
        }
    }
    *ret_file = '\0';
}
