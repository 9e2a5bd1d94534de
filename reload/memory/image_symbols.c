#include "reload/memory/image_symbols.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reload/memory/image.h"

struct symbol {
    uintptr_t value; /**< in the file's addresses; of a thread-local one in its block */
    size_t bytes;
    char *name;
    bool is_tls;
};

struct section {
    uintptr_t start;
    size_t bytes;
    char name[24];
};

struct image_symbols {
    struct symbol *items; /**< ascending values */
    size_t count, capacity;
    struct section *sections;
    size_t section_count;
};

void image_symbols_free(struct image_symbols *symbols) {
    if (symbols) {
        for (size_t i = 0; i < symbols->count; i++) {
            free(symbols->items[i].name);
        }
        free(symbols->items);
        free(symbols->sections);
        free(symbols);
    }
}

static int by_value(const void *a, const void *b) {
    const struct symbol *left = a, *right = b;
    return (left->value > right->value) - (left->value < right->value);
}

static void add_symbol(struct image_symbols *symbols, const GElf_Sym *symbol, const char *name) {
    int type = GELF_ST_TYPE(symbol->st_info);
    if ((type != STT_OBJECT && type != STT_TLS && type != STT_COMMON) ||
        symbol->st_shndx == SHN_UNDEF || !name || !*name) {
        return;
    }
    if (symbols->count == symbols->capacity) {
        size_t capacity = symbols->capacity ? 2 * symbols->capacity : 128;
        struct symbol *items = realloc(symbols->items, capacity * sizeof *items);
        if (!items) {
            return;
        }
        symbols->items = items;
        symbols->capacity = capacity;
    }
    struct symbol *new = &symbols->items[symbols->count];
    new->name = strdup(name);
    new->value = symbol->st_value;
    new->bytes = symbol->st_size;
    new->is_tls = type == STT_TLS;
    if (new->name) {
        symbols->count++;
    }
}

/** Read the symbols of one section. @return whether it was a table that has variables */
static bool read_table(struct image_symbols *symbols, Elf *elf, Elf_Scn *scn, GElf_Shdr *header) {
    Elf_Data *data = elf_getdata(scn, NULL);
    size_t before = symbols->count;
    GElf_Sym symbol;
    /* What the table says of its size is not looked at: gelf_getsym() ends it. */
    for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
        add_symbol(symbols, &symbol, elf_strptr(elf, header->sh_link, symbol.st_name));
    }
    return symbols->count > before;
}

/** The build id that a file carries. @return its bytes, 0: none */
static size_t file_build_id(Elf *elf, const uint8_t **ret_id) {
    Elf_Scn *scn = NULL;
    while ((scn = elf_nextscn(elf, scn))) {
        GElf_Shdr header;
        Elf_Data *data;
        if (!gelf_getshdr(scn, &header) || header.sh_type != SHT_NOTE ||
            !(data = elf_getdata(scn, NULL))) {
            continue;
        }
        GElf_Nhdr note;
        size_t name, descriptor, at = 0;
        while ((at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0) {
            if (note.n_type == NT_GNU_BUILD_ID) {
                *ret_id = (const uint8_t *)data->d_buf + descriptor;
                return note.n_descsz;
            }
        }
    }
    return 0;
}

static bool is_same_build(const struct image *image, Elf *elf) {
    const uint8_t *id = NULL;
    size_t bytes = file_build_id(elf, &id);
    if (!image->build_id_bytes || !bytes) {
        return true; /* nothing to compare: take the file's word */
    }
    return bytes == image->build_id_bytes && memcmp(id, image->build_id, bytes) == 0;
}

static void read_sections(struct image_symbols *symbols, Elf *elf) {
    size_t names, count;
    if (elf_getshdrstrndx(elf, &names) != 0 || elf_getshdrnum(elf, &count) != 0) {
        return;
    }
    symbols->sections = calloc(count + 1, sizeof *symbols->sections);
    Elf_Scn *scn = NULL;
    while (symbols->sections && symbols->section_count < count && (scn = elf_nextscn(elf, scn))) {
        GElf_Shdr header;
        if (gelf_getshdr(scn, &header) && (header.sh_flags & SHF_ALLOC) &&
            (header.sh_flags & SHF_WRITE) && !(header.sh_flags & SHF_TLS)) {
            struct section *section = &symbols->sections[symbols->section_count++];
            section->start = header.sh_addr;
            section->bytes = header.sh_size;
            const char *name = elf_strptr(elf, names, header.sh_name);
            snprintf(section->name, sizeof section->name, "%s", name ? name : "?");
        }
    }
}

/** Open a file that is read with pread(), which says so when the file becomes shorter meanwhile;
 *  of a mapping the pages would be gone. */
static int open_regular(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void read_link(Elf_Scn *scn, char ret_link[NAME_MAX + 1]) {
    const Elf_Data *data = elf_getdata(scn, NULL);
    if (data && data->d_buf && memchr(data->d_buf, '\0', data->d_size)) {
        snprintf(ret_link, NAME_MAX + 1, "%s", (const char *)data->d_buf);
    }
}

/**
 * Read one file's symbol tables.
 * @param[out] ret_link  the .gnu_debuglink name, if it has one and room is given
 * @return whether a .symtab was found
 */
static bool read_file(struct image_symbols *symbols, const struct image *image, const char *path,
                      char ret_link[NAME_MAX + 1]) {
    bool found = false;
    Elf *elf = NULL;
    int fd = open_regular(path);
    if (fd < 0 || !(elf = elf_begin(fd, ELF_C_READ, NULL)) || elf_kind(elf) != ELF_K_ELF ||
        !is_same_build(image, elf)) {
        goto out;
    }
    if (!symbols->sections) {
        read_sections(symbols, elf);
    }
    size_t names;
    Elf_Scn *scn = NULL;
    Elf_Scn *dynamic = NULL;
    GElf_Shdr header, dynamic_header;
    while (elf_getshdrstrndx(elf, &names) == 0 && (scn = elf_nextscn(elf, scn))) {
        if (!gelf_getshdr(scn, &header)) {
            continue;
        }
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (header.sh_type == SHT_SYMTAB) {
            found = read_table(symbols, elf, scn, &header) || found;
        } else if (header.sh_type == SHT_DYNSYM) {
            dynamic = scn;
            dynamic_header = header;
        } else if (ret_link && name && strcmp(name, ".gnu_debuglink") == 0) {
            read_link(scn, ret_link);
        }
    }
    if (!found && dynamic) {
        read_table(symbols, elf, dynamic, &dynamic_header);
    }
out:
    elf_end(elf);
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

static void read_debug_file(struct image_symbols *symbols, const struct image *image,
                            const char *link) {
    char path[PATH_MAX];
    if (image->build_id_bytes > 1) {
        int at = snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%02x/", image->build_id[0]);
        for (size_t i = 1; i < image->build_id_bytes; i++) {
            at += snprintf(path + at, sizeof path - (size_t)at, "%02x", image->build_id[i]);
        }
        snprintf(path + at, sizeof path - (size_t)at, ".debug");
        if (read_file(symbols, image, path, NULL)) {
            return;
        }
    }
    /* Beside the image, in .debug/ beside it, and in the same place below /usr/lib/debug. */
    int directory = (int)(image_file_name(image) - image->path);
    static const char *const s_before[] = {"", "", "/usr/lib/debug"};
    static const char *const s_between[] = {"", ".debug/", ""};
    for (size_t i = 0; *link && i < sizeof s_before / sizeof s_before[0]; i++) {
        snprintf(path, sizeof path, "%s%.*s%s%s", s_before[i], directory, image->path, s_between[i],
                 link);
        if (read_file(symbols, image, path, NULL)) {
            return;
        }
    }
}

static struct image_symbols *symbols_read(const struct image *image) {
    struct image_symbols *symbols = calloc(1, sizeof *symbols);
    if (symbols && elf_version(EV_CURRENT) != EV_NONE) {
        char link[NAME_MAX + 1] = "";
        if (!read_file(symbols, image, image->path, link)) {
            read_debug_file(symbols, image, link);
        }
        if (symbols->count > 0) {
            qsort(symbols->items, symbols->count, sizeof *symbols->items, by_value);
        }
    }
    return symbols;
}

/** The variable that covers an address: of several the smallest one that does. */
static const struct symbol *find_symbol(const struct image_symbols *symbols, uintptr_t value,
                                        bool is_tls) {
    const struct symbol *best = NULL;
    for (size_t i = 0; i < symbols->count && symbols->items[i].value <= value; i++) {
        const struct symbol *symbol = &symbols->items[i];
        if (symbol->is_tls == is_tls && value - symbol->value < symbol->bytes &&
            (!best || symbol->bytes <= best->bytes)) {
            best = symbol;
        }
    }
    return best;
}

void image_symbols_name(struct image *image, uintptr_t address, int is_tls, char *text,
                        size_t text_bytes) {
    if (!image->symbols) {
        image->symbols = symbols_read(image);
    }
    uintptr_t value = is_tls ? address : address - image->base;
    const struct image_symbols *symbols = image->symbols;
    const struct symbol *symbol = symbols ? find_symbol(symbols, value, is_tls != 0) : NULL;
    if (symbol && symbol->value == value) {
        snprintf(text, text_bytes, "%s", symbol->name);
        return;
    }
    if (symbol) {
        snprintf(text, text_bytes, "%s+0x%zx", symbol->name, (size_t)(value - symbol->value));
        return;
    }
    for (size_t i = 0; !is_tls && symbols && i < symbols->section_count; i++) {
        const struct section *section = &symbols->sections[i];
        if (value - section->start < section->bytes) {
            snprintf(text, text_bytes, "%s+0x%zx", section->name, (size_t)(value - section->start));
            return;
        }
    }
    snprintf(text, text_bytes, "%s+0x%zx", is_tls ? ".tbss" : "data", (size_t)value);
}
