#include "reload/scan/scan_elsewhere.h"

#include "reload/memory/thread_values.h"
#include "reload/scan/scan_follow.h"

void scan_block(struct scanner *scanner, const struct block *block) {
    enum { BATCH = 64 };
    uintptr_t copy[BATCH + 1]; /* the first of the next batch, too */
    size_t count = block->bytes / WORD_BYTES;
    for (size_t done = 0; done < count; done += BATCH) {
        size_t left = count - done, readable = left < BATCH + 1 ? left : BATCH + 1;
        uintptr_t start = block->start + done * WORD_BYTES;
        if (!safe_read(start, copy, readable * WORD_BYTES)) {
            break;
        }
        if (done == 0 && block->depth && scan_states_begins(&scanner->states, copy, readable)) {
            return; /* of an interpreter that is ending */
        }
        const struct words words = {copy, left < BATCH ? left : BATCH, readable};
        scan_words(scanner, block, start, &words);
    }
    scan_follow_candidates(scanner, block);
}

/** The image in use that code belongs to, if it is one to look at. */
static struct image *image_of(const struct image_use *use, uintptr_t code) {
    size_t index = image_list_index(use->images, code);
    bool is_used = index < use->images->count && use->used[index];
    struct image *image = is_used ? use->images->items[index] : NULL;
    return image && image_is_checked(image) && image->imports_python ? image : NULL;
}

static struct block block_of(struct image *image, uintptr_t code, const char *place) {
    return (struct block){
        .image = image, .location = code, .depth = 1, .is_exact = true, .place = place};
}

struct thread_search {
    struct scanner *scanner;
    const struct image_use *use;
    const struct thread_list *threads;
};

static bool is_listed(const struct thread_list *threads, pthread_t thread) {
    size_t i = 0;
    while (i < threads->count && !pthread_equal(threads->items[i], thread)) {
        i++;
    }
    return i < threads->count;
}

static void scan_value(const struct thread_value *value, void *arg) {
    const struct thread_search *search = arg;
    struct image *image = image_of(search->use, value->caller);
    if (image && is_listed(search->threads, value->thread)) {
        struct block block = block_of(image, value->caller, "a thread's key");
        block.start = (uintptr_t)&value->value;
        block.bytes = sizeof value->value;
        scan_block(search->scanner, &block);
    }
}

void scan_elsewhere(struct scanner *scanner, const struct image_use *use,
                    const struct thread_list *threads) {
    struct thread_search search = {scanner, use, threads};
    thread_values_each(scan_value, &search);
}
