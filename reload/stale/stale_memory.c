#include "reload/stale/stale_memory.h"

static int note_word(struct address_set *set, const struct scan_hit *hit, uintptr_t key,
                     struct error *err) {
    struct address_entry *entry = address_set_add(set, hit->holder);
    if (!entry) {
        return error_set(err, ERR_MEMORY, "out of memory remembering what extensions hold");
    }
    entry->value = key;
    return 0;
}

static bool is_known(const struct address_set *set, const struct scan_hit *hit, uintptr_t key) {
    const struct address_entry *entry = address_set_find(set, hit->holder);
    return entry && entry->value == key;
}

void stale_memory_forget_subjects(struct stale_memory *memory) {
    address_set_clear(&memory->subjects);
}

void stale_memory_forget_owners(struct stale_memory *memory) {
    address_set_clear(&memory->others);
    stale_memory_forget_subjects(memory);
}

int stale_memory_note_owners(struct stale_memory *memory, const struct scan_hit *hit,
                             unsigned owners, struct error *err) {
    if (owners & OWNER_OLD) {
        return 0;
    }
    return note_word(owners & OWNER_NEW ? &memory->subjects : &memory->others, hit, hit->word, err);
}

bool stale_memory_is_of_others(const struct stale_memory *memory, const struct scan_hit *hit) {
    return is_known(&memory->others, hit, hit->word);
}

bool stale_memory_is_of_subject(const struct stale_memory *memory, const struct scan_hit *hit) {
    return is_known(&memory->subjects, hit, hit->word);
}

int stale_memory_note_before(struct stale_memory *memory, const struct scan_hit *hit,
                             struct error *err) {
    return note_word(&memory->before, hit, hit->word, err);
}

bool stale_memory_was_before(const struct stale_memory *memory, const struct scan_hit *hit) {
    return !memory->knows_before || is_known(&memory->before, hit, hit->word);
}

/**
 * What a harmless word is known by.  A container that C alone holds may be handed to an application
 * later, and then has one more reference.
 */
static uintptr_t key_of(const struct scan_hit *hit, bool is_leaf) {
    return is_leaf ? hit->word : hit->word ^ ((uintptr_t)Py_REFCNT(hit->object) << 47);
}

int stale_memory_note_harmless(struct stale_memory *memory, const struct scan_hit *hit,
                               bool is_leaf, struct error *err) {
    return note_word(&memory->harmless, hit, key_of(hit, is_leaf), err);
}

bool stale_memory_is_harmless(const struct stale_memory *memory, const struct scan_hit *hit,
                              bool is_leaf) {
    return is_known(&memory->harmless, hit, key_of(hit, is_leaf));
}

void stale_memory_clear(struct stale_memory *memory) {
    address_set_clear(&memory->harmless);
    address_set_clear(&memory->before);
    address_set_clear(&memory->used);
    address_set_clear(&memory->others);
    address_set_clear(&memory->subjects);
}
