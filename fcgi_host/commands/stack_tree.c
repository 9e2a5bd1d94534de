#include "fcgi_host/commands/stack_tree.h"

#include <stdlib.h>
#include <string.h>

enum {
    FRAMES_MAX = 128, /**< faulthandler writes 100 */
    NAME_BYTES = 2048,
};

/** Of a request in which no Python code runs at the moment. */
static const char s_host_name[] = "(no Python code)";
/** In place of outer frames that were left out. */
static const char s_more_name[] = "...";

struct stack_node *stack_tree_new(const char *name) {
    size_t bytes = strlen(name) + 1;
    struct stack_node *node = calloc(1, sizeof *node + bytes);
    if (node) {
        memcpy(node->name, name, bytes);
    }
    return node;
}

void stack_tree_free(struct stack_node *root) {
    while (root) {
        struct stack_node *next = root->next;
        stack_tree_free(root->first);
        free(root);
        root = next;
    }
}

/** Go to what is called from a node, one level down, and count it. @return NULL: out of memory */
static struct stack_node *descend(struct stack_node *node, const char *name) {
    struct stack_node **link = &node->first;
    while (*link && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    if (!*link) {
        *link = stack_tree_new(name);
    }
    if (*link) {
        (*link)->count++;
    }
    return *link;
}

/** The last time that a text is in a line. @return NULL: never */
static const char *find_last(const char *line, size_t size, const char *text) {
    size_t length = strlen(text);
    for (size_t at = size; at >= length; at--) {
        if (memcmp(line + at - length, text, length) == 0) {
            return line + at - length;
        }
    }
    return NULL;
}

/** Write "function (file)" of a line `  File "file", line N in function`. @return whether it is one
 */
static bool name_frame(const char *line, size_t size, bool with_lines, char *name) {
    static const char s_begin[] = "  File \"", s_line[] = "\", line ", s_in[] = " in ";
    size_t begin = sizeof s_begin - 1;
    if (size < begin || memcmp(line, s_begin, begin) != 0) {
        return false;
    }
    const char *number = find_last(line, size, s_line);
    const char *in = number ? strstr(number, s_in) : NULL;
    if (!in || in + sizeof s_in - 1 > line + size) {
        return false;
    }
    const char *file = line + begin, *function = in + sizeof s_in - 1;
    number += sizeof s_line - 1;
    int length = snprintf(name, NAME_BYTES, "%.*s (%.*s%s%.*s)", (int)(line + size - function),
                          function, (int)(number - (sizeof s_line - 1) - file), file,
                          with_lines ? ":" : "", with_lines ? (int)(in - number) : 0, number);
    for (char *mark = name; length > 0 && (mark = strchr(mark, ';')); mark++) {
        *mark = ':'; /* it would end a frame */
    }
    return true;
}

/** The lines of a stack, in their order. @return how many */
static size_t split(const char *stack, const char *lines[FRAMES_MAX], size_t sizes[FRAMES_MAX]) {
    size_t count = 0;
    while (*stack && count < FRAMES_MAX) {
        size_t size = strcspn(stack, "\n");
        lines[count] = stack;
        sizes[count++] = size;
        stack += size + (stack[size] == '\n');
    }
    return count;
}

int stack_tree_add(struct stack_node *root, const char *thread, const char *stack,
                   bool with_lines) {
    const char *lines[FRAMES_MAX];
    size_t sizes[FRAMES_MAX], count = split(stack, lines, sizes);
    char name[NAME_BYTES];
    struct stack_node *node = descend(root, thread);
    const struct stack_node *top = node;
    root->count++;
    for (size_t i = count; node && i-- > 0;) {
        bool is_cut = sizes[i] == 5 && memcmp(lines[i], "  ...", 5) == 0;
        if (is_cut) {
            node = descend(node, s_more_name);
        } else if (name_frame(lines[i], sizes[i], with_lines, name)) {
            node = descend(node, name);
        }
    }
    if (node && node == top) {
        node = descend(node, s_host_name);
    }
    if (!node) {
        return -1;
    }
    node->self++;
    return 0;
}

/** @param path  the nodes above `node`, joined by ";", with room for `room` bytes in all */
static void collapse(const struct stack_node *node, char *path, size_t length, size_t room,
                     FILE *out) {
    for (; node; node = node->next) {
        size_t added =
            (size_t)snprintf(path + length, room - length, "%s%s", length ? ";" : "", node->name);
        size_t end = length + added < room ? length + added : room - 1;
        if (node->self > 0) {
            fprintf(out, "%s %lu\n", path, node->self);
        }
        collapse(node->first, path, end, room, out);
        path[length] = '\0';
    }
}

void stack_tree_collapse(const struct stack_node *root, FILE *out) {
    enum { PATH_BYTES = FRAMES_MAX * 512 };
    char path[PATH_BYTES] = "";
    collapse(root->first, path, 0, sizeof path, out);
}
