/*
 * CPython's allocations under AddressSanitizer, in every program of a sanitizer build that embeds
 * it: each block straight from malloc(), so that its edges and its life are checked, but none
 * counted as a leak.  A process of ours ends without finalising Python, and CPython keeps objects
 * that only it could find; a leak of our own blocks is still one, unless Python has their address.
 */
#include <Python.h>
#include <sanitizer/lsan_interface.h>

static void *ignored(void *block) {
    if (block) {
        __lsan_ignore_object(block);
    }
    return block;
}

static void *allocate(void *ctx, size_t size) {
    (void)ctx;
    return ignored(malloc(size ? size : 1));
}

static void *allocate_zeroed(void *ctx, size_t count, size_t size) {
    (void)ctx;
    return ignored(count && size ? calloc(count, size) : calloc(1, 1));
}

static void *reallocate(void *ctx, void *block, size_t size) {
    (void)ctx;
    return ignored(realloc(block, size ? size : 1));
}

static void release(void *ctx, void *block) {
    (void)ctx;
    free(block);
}

/* Before main(): Python takes the allocators that it finds when it starts. */
__attribute__((constructor)) static void set_allocators(void) {
    PyMemAllocatorEx allocator = {NULL, allocate, allocate_zeroed, reallocate, release};
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &allocator);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &allocator);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &allocator);
}
