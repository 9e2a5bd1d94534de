#include "reload/memory/image_dynamic.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
    /** Entries of a dynamic section: linkers write some thirty, and one for each library. */
    ENTRIES_MAX = 512,
    /** Words of a hash table, or symbols, that are read in one go. */
    BATCH = 256,
};
/** More symbols, and longer names in all, than libraries have: a damaged file has any number. */
static const size_t SYMBOLS_MAX = (size_t)1 << 22, STRINGS_BYTES_MAX = (size_t)1 << 28;

struct dynamic {
    const struct image_headers *headers;
    ElfW(Dyn) entries[ENTRIES_MAX];
    size_t entry_count;                /* without DT_NULL */
    uintptr_t symbols, gnu_hash, hash; /* 0: there is none */
    char *strings;                     /* malloc'ed, ends in '\0'; NULL: there are none */
    size_t strings_bytes;
};

static void read_entries(struct dynamic *dynamic) {
    const struct image_headers *headers = dynamic->headers;
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->items[i].p_type == PT_DYNAMIC) {
            uintptr_t start = headers->base + headers->items[i].p_vaddr;
            size_t room = image_headers_room(headers, start) / sizeof *dynamic->entries;
            size_t count = room < ENTRIES_MAX ? room : ENTRIES_MAX;
            if (!image_headers_copy(headers, start, dynamic->entries,
                                    count * sizeof *dynamic->entries)) {
                return;
            }
            while (dynamic->entry_count < count &&
                   dynamic->entries[dynamic->entry_count].d_tag != DT_NULL) {
                dynamic->entry_count++;
            }
            return;
        }
    }
}

/** glibc has relocated these addresses, except where the section is read-only (the vdso). */
static uintptr_t in_image(const struct dynamic *dynamic, ElfW(Addr) address) {
    if (image_headers_room(dynamic->headers, address)) {
        return address;
    }
    address += dynamic->headers->base;
    return image_headers_room(dynamic->headers, address) ? address : 0;
}

static void find_tables(struct dynamic *dynamic, uintptr_t *ret_strings) {
    for (size_t i = 0; i < dynamic->entry_count; i++) {
        const ElfW(Dyn) *entry = &dynamic->entries[i];
        switch (entry->d_tag) {
        case DT_SYMTAB:
            dynamic->symbols = in_image(dynamic, entry->d_un.d_ptr);
            break;
        case DT_STRTAB:
            *ret_strings = in_image(dynamic, entry->d_un.d_ptr);
            break;
        case DT_STRSZ:
            dynamic->strings_bytes = entry->d_un.d_val;
            break;
        case DT_GNU_HASH:
            dynamic->gnu_hash = in_image(dynamic, entry->d_un.d_ptr);
            break;
        case DT_HASH:
            dynamic->hash = in_image(dynamic, entry->d_un.d_ptr);
            break;
        default:
            break;
        }
    }
}

/** @return 0, or -1: out of memory */
static int read_strings(struct dynamic *dynamic, uintptr_t strings) {
    size_t bytes = image_headers_room(dynamic->headers, strings);
    if (dynamic->strings_bytes && dynamic->strings_bytes < bytes) {
        bytes = dynamic->strings_bytes;
    }
    if (!strings || bytes > STRINGS_BYTES_MAX) {
        return 0;
    }
    dynamic->strings = malloc(bytes + 1);
    if (!dynamic->strings) {
        return -1;
    }
    dynamic->strings[bytes] = '\0';
    dynamic->strings_bytes = bytes;
    if (!image_headers_copy(dynamic->headers, strings, dynamic->strings, bytes)) {
        free(dynamic->strings);
        dynamic->strings = NULL;
    }
    return 0;
}

static const char *string_at(const struct dynamic *dynamic, size_t offset) {
    return offset < dynamic->strings_bytes ? dynamic->strings + offset : "";
}

/** The first symbol that ends a chain, from `symbol` on. @param chain  the word of symbol 0
 *  @return 0: there is no end where memory can be read */
static size_t end_of_chain(const struct dynamic *dynamic, uintptr_t chain, size_t symbol) {
    uint32_t words[BATCH];
    while (symbol < SYMBOLS_MAX) {
        uintptr_t at = chain + symbol * sizeof *words;
        size_t room = image_headers_room(dynamic->headers, at) / sizeof *words;
        size_t count = room < BATCH ? room : BATCH;
        if (!count || !image_headers_copy(dynamic->headers, at, words, count * sizeof *words)) {
            return 0;
        }
        for (size_t i = 0; i < count; i++, symbol++) {
            if (words[i] & 1) { /* marks the last word of a chain */
                return symbol;
            }
        }
    }
    return 0;
}

/** @return false: some cannot be read */
static bool find_last_bucket(const struct dynamic *dynamic, uintptr_t buckets, size_t bucket_count,
                             uint32_t *ret_last) {
    uint32_t words[BATCH];
    *ret_last = 0;
    for (size_t done = 0; done < bucket_count; done += BATCH) {
        size_t count = bucket_count - done < BATCH ? bucket_count - done : BATCH;
        if (!image_headers_copy(dynamic->headers, buckets + done * sizeof *words, words,
                                count * sizeof *words)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            *ret_last = words[i] > *ret_last ? words[i] : *ret_last;
        }
    }
    return true;
}

/**
 * The number of dynamic symbols.  The dynamic section does not say; the GNU hash table does,
 * through the end of its last chain.
 */
static size_t count_symbols(const struct dynamic *dynamic) {
    uint32_t head[4] = {0}, last; /* GNU: buckets, first symbol, words of the filter, shift */
    if (dynamic->hash) {          /* gABI: buckets, symbols */
        return image_headers_copy(dynamic->headers, dynamic->hash, head, 2 * sizeof *head) ? head[1]
                                                                                           : 0;
    }
    if (!dynamic->gnu_hash ||
        !image_headers_copy(dynamic->headers, dynamic->gnu_hash, head, sizeof head)) {
        return 0;
    }
    uintptr_t buckets = dynamic->gnu_hash + sizeof head + (size_t)head[2] * sizeof(ElfW(Addr));
    uintptr_t chain = buckets + (size_t)head[0] * sizeof *head;
    if (!find_last_bucket(dynamic, buckets, head[0], &last) || last < head[1]) {
        return head[1];
    }
    size_t end = end_of_chain(dynamic, chain - (size_t)head[1] * sizeof *head, last);
    return end ? end + 1 : last;
}

/** The function by which an extension is initialised: PEP 489, PEP 793.  "U" is for a name in
 *  punycode. */
static bool is_initialiser(const char *name) {
    static const char *const s_begins[] = {"PyInit_", "PyInitU_", "PyModExport_", "PyModExportU_"};
    bool is_one = false;
    for (size_t i = 0; i < sizeof s_begins / sizeof *s_begins; i++) {
        is_one |= strncmp(name, s_begins[i], strlen(s_begins[i])) == 0;
    }
    return is_one;
}

static void read_symbol(struct image *image, const ElfW(Sym) * symbol, const char *name) {
    if (symbol->st_shndx != SHN_UNDEF) {
        if (is_initialiser(name)) {
            image->role = IMAGE_EXTENSION;
        }
    } else if (strncmp(name, "Py", 2) == 0 || strncmp(name, "_Py", 3) == 0) {
        image->imports_python = true;
        image->imports_gilstate |= strcmp(name, "PyGILState_Ensure") == 0;
        image->imports_guards |= strncmp(name, "PyInterpreterGuard_", 19) == 0 ||
                                 strcmp(name, "PyThreadState_EnsureFromView") == 0;
    } else if (strcmp(name, "pthread_create") == 0) {
        image->imports_pthread_create = true;
    }
}

static void read_symbols(struct image *image, const struct dynamic *dynamic) {
    ElfW(Sym) symbols[BATCH];
    size_t room = image_headers_room(dynamic->headers, dynamic->symbols) / sizeof *symbols;
    size_t total = count_symbols(dynamic);
    total = total < room ? total : room;
    total = total < SYMBOLS_MAX ? total : SYMBOLS_MAX;
    for (size_t done = 0; done < total; done += BATCH) {
        size_t count = total - done < BATCH ? total - done : BATCH;
        if (!image_headers_copy(dynamic->headers, dynamic->symbols + done * sizeof *symbols,
                                symbols, count * sizeof *symbols)) {
            return;
        }
        for (size_t i = 0; i < count; i++) { /* the first, of number 0, has no name */
            read_symbol(image, &symbols[i], string_at(dynamic, symbols[i].st_name));
        }
    }
}

/** @return 0, or -1: out of memory */
static int read_names(struct image *image, const struct dynamic *dynamic) {
    image->needed = calloc(dynamic->entry_count + 1, sizeof *image->needed);
    if (!image->needed) {
        return -1;
    }
    for (size_t i = 0; i < dynamic->entry_count; i++) {
        const ElfW(Dyn) *entry = &dynamic->entries[i];
        char **name = entry->d_tag == DT_NEEDED ? &image->needed[image->needed_count]
                      : entry->d_tag == DT_SONAME && !image->soname ? &image->soname
                                                                    : NULL;
        if (!name) {
            continue;
        }
        *name = strdup(string_at(dynamic, entry->d_un.d_val));
        if (!*name) {
            return -1;
        }
        image->needed_count += entry->d_tag == DT_NEEDED;
    }
    return 0;
}

int image_dynamic_read(struct image *image, const struct image_headers *headers) {
    struct dynamic dynamic = {.headers = headers};
    uintptr_t strings = 0;
    read_entries(&dynamic);
    find_tables(&dynamic, &strings);
    if (read_strings(&dynamic, strings) != 0) {
        return -1;
    }
    if (!dynamic.strings) {
        return 0;
    }
    read_symbols(image, &dynamic);
    int result = read_names(image, &dynamic);
    free(dynamic.strings);
    return result;
}
