#include "reload/memory/image_dynamic.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash;
    const uint32_t *hash;
};

/** glibc has relocated these addresses, except where the section is read-only (the vdso). */
static const void *in_image(const struct image *image, ElfW(Addr) address) {
    return (const void *)(address < image->base ? image->base + address : address);
}

static struct tables find_tables(const struct image *image, const ElfW(Dyn) * dynamic) {
    struct tables tables = {0};
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        const void *address = in_image(image, dynamic->d_un.d_ptr);
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            tables.symbols = address;
            break;
        case DT_STRTAB:
            tables.strings = address;
            break;
        case DT_GNU_HASH:
            tables.gnu_hash = address;
            break;
        case DT_HASH:
            tables.hash = address;
            break;
        default:
            break;
        }
    }
    return tables;
}

/**
 * The number of dynamic symbols.  The dynamic section does not say; the GNU hash table does,
 * through the end of its last chain (the lowest bit of a chain's last word is set).
 */
static size_t count_symbols(const struct tables *tables) {
    if (tables->hash) {
        return tables->hash[1];
    }
    if (!tables->gnu_hash) {
        return 0;
    }
    uint32_t buckets = tables->gnu_hash[0], first = tables->gnu_hash[1];
    uint32_t bloom_words = tables->gnu_hash[2];
    const uint32_t *bucket = tables->gnu_hash + 4 + bloom_words * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = bucket + buckets;
    uint32_t last = 0;
    for (uint32_t i = 0; i < buckets; i++) {
        if (bucket[i] > last) {
            last = bucket[i];
        }
    }
    if (last < first) {
        return first;
    }
    while (!(chain[last - first] & 1)) {
        last++;
    }
    return (size_t)last + 1;
}

static int read_names(struct image *image, const ElfW(Dyn) * dynamic, const char *strings) {
    size_t count = 0;
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++) {
        count += entry->d_tag == DT_NEEDED;
        if (entry->d_tag == DT_SONAME) {
            image->soname = strings + entry->d_un.d_val;
        }
    }
    if (count == 0) {
        return 0;
    }
    image->needed = calloc(count, sizeof *image->needed);
    if (!image->needed) {
        return -1;
    }
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_NEEDED) {
            image->needed[image->needed_count++] = strings + entry->d_un.d_val;
        }
    }
    return 0;
}

static void read_symbol(struct image *image, const ElfW(Sym) * symbol, const char *name) {
    if (symbol->st_shndx != SHN_UNDEF) {
        if (strncmp(name, "PyInit_", 7) == 0) {
            image->role = IMAGE_EXTENSION;
        }
    } else if (strncmp(name, "Py", 2) == 0 || strncmp(name, "_Py", 3) == 0) {
        image->imports_python = true;
        image->imports_gilstate |= strcmp(name, "PyGILState_Ensure") == 0;
    } else if (strcmp(name, "pthread_create") == 0) {
        image->imports_pthread_create = true;
    }
}

int image_dynamic_read(struct image *image, const ElfW(Dyn) * dynamic) {
    struct tables tables = find_tables(image, dynamic);
    if (!tables.symbols || !tables.strings) {
        return 0;
    }
    size_t count = count_symbols(&tables);
    for (size_t i = 1; i < count; i++) {
        read_symbol(image, &tables.symbols[i], tables.strings + tables.symbols[i].st_name);
    }
    return read_names(image, dynamic, tables.strings);
}
