#include "reload/scan/scan_words.h"

#include "reload/scan/scan_follow.h"
#include "reload/scan/scan_hits.h"
#include "reload/scan/scan_types.h"

/** Whether CPython keeps this word: part of a static type's furniture. */
static bool is_furniture(const struct scanner *scanner, const struct block *from,
                         uintptr_t location) {
    for (size_t i = 0; from->part && i < PY_TYPE_FURNITURE; i++) {
        uintptr_t start = location - py_type_furniture[i];
        if (scan_types_at(scanner->images, from->part, start)) {
            return true;
        }
    }
    return false;
}

static void add_candidate(struct scanner *scanner, const struct block *from,
                          struct candidate candidate) {
    scanner->candidates[scanner->candidate_count++] = candidate;
    if (scanner->candidate_count == SAFE_READ_MAX) {
        scan_follow_candidates(scanner, from);
    }
}

/** A word that points at an object which the map knows. */
static void meet_known(struct scanner *scanner, const struct block *from, uintptr_t holder,
                       uintptr_t word, uint8_t marks) {
    if (scan_hits_is_module_copy(from, holder)) {
        scan_hits_add_copy(scanner, from, holder, word);
    } else if (scan_hits_has_wanted_owner(scanner, marks) && !is_furniture(scanner, from, holder)) {
        PyObject *object = (PyObject *)(word & ~(uintptr_t)TAG_BITS);
        scan_hits_add(scanner, scan_hits_make(from, holder, word, object, from->via));
    }
}

/** Whether a word points at, or into, the state of an interpreter or thread. */
static bool meet_state(struct scanner *scanner, const struct block *from, uintptr_t holder,
                       uintptr_t word) {
    const struct state_range *state = scan_states_find(&scanner->states, word);
    if (state && state->is_ending && from->image->imports_python) {
        scan_hits_append(scanner, &scanner->scan->states, &scanner->scan->state_count,
                         scan_hits_make(from, holder, word, NULL, from->via));
    }
    return state != NULL;
}

/** Most words of an image that are addresses lead into the same few images. */
static bool leads_into_image(struct scanner *scanner, uintptr_t word) {
    if (!scanner->last || word - scanner->last->low >= scanner->last->high - scanner->last->low) {
        const struct image *image = image_list_find(scanner->images, word);
        scanner->last = image ? image : scanner->last;
        return image != NULL;
    }
    return true;
}

/** What C code has from an object held by C alone is the object's. */
static void note_pointer(struct scanner *scanner, const struct block *from, uintptr_t holder,
                         uintptr_t word) {
    struct scan *scan = scanner->scan;
    if (from->via || !scan_follow_may_be_near(scanner, word) || leads_into_image(scanner, word) ||
        is_furniture(scanner, from, holder)) {
        return;
    }
    if (from->depth && scan->pointer_count >= SCAN_POINTERS_MAX) {
        scan_hits_cut(scanner, from, holder);
        return;
    }
    scan_hits_append(scanner, &scan->pointers, &scan->pointer_count,
                     scan_hits_make(from, holder, word, NULL, NULL));
}

static void look_at_word(struct scanner *scanner, const struct block *from,
                         const struct candidate *at) {
    uintptr_t value = at->word & ~(uintptr_t)TAG_BITS;
    uint8_t marks = scanner->map ? object_map_marks(scanner->map, value) : 0;
    if (marks & (uint8_t)~OBJECT_COUNTED) {
        meet_known(scanner, from, at->holder, at->word, marks);
        return;
    }
    bool is_candidate = scan_follow_may_be_address(scanner, from, at->word) &&
                        !is_furniture(scanner, from, at->holder);
    if (is_candidate && meet_state(scanner, from, at->holder, at->word)) {
        return;
    }
    /* CPython keeps pointers to memory that it has freed itself: _PyPegen_dummy_name() has one into
     * the arena of the first parse, and only compares it with NULL. */
    if (scanner->with_pointers && from->image->role != IMAGE_PYTHON) {
        note_pointer(scanner, from, at->holder, at->word);
    }
    if (is_candidate) {
        add_candidate(scanner, from, *at);
    }
}

/**
 * Whether an address may stand across the edge of two words, as far as its two upper bytes go: they
 * are zero.  Words that are addresses themselves, or zero, are told apart at once.
 */
static inline bool may_straddle(const uintptr_t words[2]) {
    const uintptr_t ones = UINTPTR_MAX / 0xFF, tops = ones << 7, inner = 0x808080808000;
    uintptr_t zero_bytes = (words[1] - ones) & ~words[1] & tops;
    return words[0] >> 48 || (words[1] && (zero_bytes & zero_bytes >> 8 & inner));
}

/** Packed structures have their pointers at any address: look across the edge of two words. */
static void look_across(struct scanner *scanner, const struct block *from, uintptr_t holder,
                        const uintptr_t words[2]) {
    enum { OBJECT_ALIGNMENT = 16 };
    for (unsigned i = 1; i < WORD_BYTES; i++) {
        unsigned bits = 8 * i;
        uintptr_t word = words[0] >> bits | words[1] << (8 * WORD_BYTES - bits);
        if (scan_follow_may_be_near(scanner, word) && word % OBJECT_ALIGNMENT == 0) {
            look_at_word(scanner, from, &(struct candidate){holder + i, word, 0});
        }
    }
}

void scan_words(struct scanner *scanner, const struct block *from, uintptr_t start,
                const struct words *words) {
    enum { SMALLEST = 1 << 16 }; /* the kernel maps nothing below */
    for (size_t i = 0; i < words->count; i++) {
        const uintptr_t *word = &words->items[i];
        uintptr_t holder = start + i * WORD_BYTES;
        bool has_next = i + 1 < words->readable;
        if (*word >= SMALLEST) {
            look_at_word(scanner, from, &(struct candidate){holder, *word, has_next ? word[1] : 0});
        }
        if (has_next && may_straddle(word) && from->image->imports_python) {
            look_across(scanner, from, holder, word);
        }
    }
}
