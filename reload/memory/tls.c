#include "reload/memory/tls.h"

#include <link.h>

#include "reload/memory/safe_read.h"

#ifdef __x86_64__

/* tcbhead_t: void *tcb; dtv_t *dtv; …   dtv_t: dtv[-1].counter is the length of the table. */
enum { DTV_OFFSET = 8, DTV_ENTRY_BYTES = 16 };
static const uintptr_t NOT_ALLOCATED = UINTPTR_MAX;

static uintptr_t read_dtv(pthread_t thread, size_t module) {
    uintptr_t dtv, length, block;
    if (!safe_read((uintptr_t)thread + DTV_OFFSET, &dtv, sizeof dtv) ||
        !safe_read(dtv - DTV_ENTRY_BYTES, &length, sizeof length) || module > length ||
        !safe_read(dtv + module * DTV_ENTRY_BYTES, &block, sizeof block)) {
        return 0;
    }
    return block == NOT_ALLOCATED ? 0 : block;
}

/** Compare with what the dynamic linker says of the calling thread. */
static int compare(struct dl_phdr_info *info, size_t size, void *arg) {
    bool *is_right = arg;
    if (size >= sizeof *info && info->dlpi_tls_modid && info->dlpi_tls_data) {
        *is_right &=
            read_dtv(pthread_self(), info->dlpi_tls_modid) == (uintptr_t)info->dlpi_tls_data;
    }
    return 0;
}

bool tls_is_readable(void) {
    bool is_right = true;
    dl_iterate_phdr(compare, &is_right);
    return is_right;
}

uintptr_t tls_block(pthread_t thread, size_t module) {
    return read_dtv(thread, module);
}

#else

bool tls_is_readable(void) {
    return false;
}

uintptr_t tls_block(pthread_t thread, size_t module) {
    (void)thread, (void)module;
    return 0;
}

#endif
