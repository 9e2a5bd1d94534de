#include "reload/memory/stand_in.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>

/** Code that was there before main(): of the program, libpython, the C library … */
struct range {
    uintptr_t start;
    size_t bytes;
};

/** More than the program is linked with; code of further images counts as an extension's. */
enum { RANGES_MAX = 64 };
static struct range s_ranges[RANGES_MAX];
static size_t s_range_count; /* 0: not known yet */

static int add_code(struct dl_phdr_info *info, size_t size, void *ret_count) {
    size_t *count = ret_count;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum && *count < RANGES_MAX; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            s_ranges[(*count)++] =
                (struct range){info->dlpi_addr + segment->p_vaddr, segment->p_memsz};
        }
    }
    return 0;
}

__attribute__((constructor)) static void find_ranges(void) {
    size_t count = 0;
    dl_iterate_phdr(add_code, &count);
    s_range_count = count;
}

bool stand_in_is_extension(const void *caller) {
    for (size_t i = 0; i < s_range_count; i++) {
        if ((uintptr_t)caller - s_ranges[i].start < s_ranges[i].bytes) {
            return false;
        }
    }
    return s_range_count > 0;
}

uintptr_t stand_in_next(stand_in_address *next, const char *name) {
    uintptr_t function = atomic_load_explicit(next, memory_order_relaxed);
    if (!function) {
        function = (uintptr_t)dlsym(RTLD_NEXT, name);
        if (!function) {
            abort(); /* the program could not have been linked */
        }
        atomic_store_explicit(next, function, memory_order_relaxed);
    }
    return function;
}
