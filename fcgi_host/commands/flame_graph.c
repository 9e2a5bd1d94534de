#include "fcgi_host/commands/flame_graph.h"

#include <stdint.h>
#include <string.h>

#include "fcgi_host/base/html.h"

enum {
    MARGIN = 10,
    TOP = 40, /**< with the title */
    ROW = 18,
    BASELINE = 13, /**< of the text in a row */
};
/** Of a letter in a monospaced font of 12 pixels. */
#define LETTER_WIDTH 7.25

struct canvas {
    FILE *out;
    unsigned long samples;
    double sample_width; /* pixels */
    int bottom;          /* of the lowest row */
};

static int depth_of(const struct stack_node *node) {
    int deepest = 0;
    for (; node; node = node->next) {
        int depth = 1 + depth_of(node->first);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/** A warm colour that is the same for the same name. */
static unsigned colour_of(const char *name) {
    uint32_t hash = 2166136261; /* FNV-1a */
    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619;
    }
    unsigned red = 205 + hash % 50, green = 90 + (hash >> 8) % 120, blue = 30 + (hash >> 16) % 50;
    return red << 16 | green << 8 | blue;
}

static void draw_text(const struct canvas *canvas, const char *name, double x, int y,
                      double width) {
    size_t letters = width > 0 ? (size_t)(width / LETTER_WIDTH) : 0;
    size_t size = strlen(name);
    if (letters < 3) {
        return;
    }
    bool is_cut = size > letters;
    fprintf(canvas->out, "<text x=\"%.1f\" y=\"%d\">", x, y);
    html_put_text(canvas->out, name, is_cut ? letters - 2 : size);
    fputs(is_cut ? "..</text>" : "</text>", canvas->out);
}

static void draw_box(const struct canvas *canvas, const struct stack_node *node, double x, int y) {
    double width = (double)node->count * canvas->sample_width;
    double part = 100.0 * (double)node->count / (double)canvas->samples;
    fputs("<g><title>", canvas->out);
    html_put_text(canvas->out, node->name, strlen(node->name));
    fprintf(canvas->out, " (%lu samples, %.1f %%)</title>", node->count, part);
    fprintf(canvas->out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#%06x\"/>",
            x, y, width, ROW - 1, colour_of(node->name));
    draw_text(canvas, node->name, x + 3, y + BASELINE, width - 6);
    fputs("</g>\n", canvas->out);
}

static void draw(const struct canvas *canvas, const struct stack_node *node, double x, int level) {
    for (; node; node = node->next) {
        double width = (double)node->count * canvas->sample_width;
        if (width >= FLAME_GRAPH_LEAST_WIDTH) {
            draw_box(canvas, node, x, canvas->bottom - (level + 1) * ROW);
            draw(canvas, node->first, x, level + 1);
        }
        x += width;
    }
}

void flame_graph_write(const struct stack_node *root, const char *title, FILE *out) {
    int height = TOP + depth_of(root) * ROW + MARGIN;
    const struct canvas canvas = {
        .out = out,
        .samples = root->count ? root->count : 1,
        .sample_width =
            (FLAME_GRAPH_WIDTH - 2.0 * MARGIN) / (double)(root->count ? root->count : 1),
        .bottom = height - MARGIN,
    };
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" font-family=\"monospace\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfbf5\"/>\n"
            "<text x=\"%d\" y=\"24\" font-size=\"16\">",
            FLAME_GRAPH_WIDTH, height, FLAME_GRAPH_WIDTH, height, MARGIN);
    html_put_text(out, title, strlen(title));
    fputs("</text>\n", out);
    draw(&canvas, root, MARGIN, 0);
    fputs("</svg>\n", out);
}
