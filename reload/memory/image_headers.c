#include "reload/memory/image_headers.h"

#include <elf.h>

#include "reload/memory/safe_read.h"

void image_headers_read(const struct dl_phdr_info *info, struct image_headers *ret_headers) {
    size_t count = info->dlpi_phnum < IMAGE_HEADERS_MAX ? info->dlpi_phnum : IMAGE_HEADERS_MAX;
    ret_headers->base = info->dlpi_addr;
    bool is_read = safe_read((uintptr_t)info->dlpi_phdr, ret_headers->items,
                             count * sizeof *ret_headers->items);
    ret_headers->count = is_read ? count : 0;
}

size_t image_headers_room(const struct image_headers *headers, uintptr_t address) {
    for (size_t i = 0; i < headers->count; i++) {
        const ElfW(Phdr) *segment = &headers->items[i];
        uintptr_t into = address - (headers->base + segment->p_vaddr);
        if (segment->p_type == PT_LOAD && into < segment->p_memsz) {
            return segment->p_memsz - into;
        }
    }
    return 0;
}

bool image_headers_copy(const struct image_headers *headers, uintptr_t address, void *ret_buffer,
                        size_t bytes) {
    return image_headers_room(headers, address) >= bytes && safe_read(address, ret_buffer, bytes);
}
