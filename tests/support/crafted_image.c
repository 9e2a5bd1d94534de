#include "tests/support/crafted_image.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** A block of its own for the headers, so that a sanitizer sees a read beyond them. */
static bool take_headers(struct crafted_image *image, const uint8_t *file, size_t size) {
    ElfW(Ehdr) head;
    if (size < sizeof head) {
        return false;
    }
    memcpy(&head, file, sizeof head);
    size_t bytes = (size_t)head.e_phnum * sizeof(ElfW(Phdr));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phoff > size ||
        bytes > size - head.e_phoff) {
        return false;
    }
    image->headers = malloc(bytes + 1);
    assert(image->headers);
    memcpy(image->headers, file + head.e_phoff, bytes);
    image->info.dlpi_phdr = image->headers;
    image->info.dlpi_phnum = head.e_phnum;
    return true;
}

static bool place_segments(const struct crafted_image *image, const uint8_t *file, size_t size) {
    for (size_t i = 0; i < image->info.dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &image->info.dlpi_phdr[i];
        if (segment->p_type != PT_LOAD) {
            continue;
        }
        if (segment->p_vaddr > CRAFTED_IMAGE_BYTES ||
            segment->p_memsz > CRAFTED_IMAGE_BYTES - segment->p_vaddr ||
            segment->p_filesz > segment->p_memsz || segment->p_offset > size ||
            segment->p_filesz > size - segment->p_offset) {
            return false;
        }
        memcpy((char *)image->memory + segment->p_vaddr, file + segment->p_offset,
               segment->p_filesz);
    }
    return true;
}

bool crafted_image_load(struct crafted_image *image, const uint8_t *file, size_t size) {
    *image = (struct crafted_image){.fd = -1};
    image->memory =
        mmap(NULL, CRAFTED_IMAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(image->memory != MAP_FAILED);
    if (!take_headers(image, file, size) || !place_segments(image, file, size)) {
        crafted_image_unload(image);
        return false;
    }
    image->fd = memfd_create("crafted", MFD_CLOEXEC);
    ssize_t written = write(image->fd, file, size);
    assert(written == (ssize_t)size);
    snprintf(image->path, sizeof image->path, "/proc/self/fd/%d", image->fd);
    image->info.dlpi_addr = (ElfW(Addr))image->memory;
    image->info.dlpi_name = image->path;
    return true;
}

void crafted_image_unload(struct crafted_image *image) {
    munmap(image->memory, CRAFTED_IMAGE_BYTES);
    free(image->headers);
    if (image->fd >= 0) {
        close(image->fd);
    }
}
