/**
 * The ELF images of this process: extension modules and the private libraries they brought.
 *
 * An extension's C variables live in the writable segments of its image and in the thread-local
 * block that each thread has of it.  CPython never unloads an extension, so an image, once seen,
 * stays; libraries may be unloaded (dlclose), and leave the list at the next refresh.
 *
 * Left out (role IMAGE_HOST): the executable and everything that was loaded with it before main(),
 * that is libc and the host's own libraries.  libpython has a role of its own (IMAGE_PYTHON).
 *
 * @thread one at a time: the list belongs to its owner  @tstate any
 * Follows: ELF gABI chapter 5 (program headers, dynamic section), glibc's dl_iterate_phdr(3)
 */
#ifndef RELOAD_MEMORY_IMAGE_H
#define RELOAD_MEMORY_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "pool/base/error.h"

enum image_role {
    IMAGE_HOST,      /**< there before main(): not looked at */
    IMAGE_PYTHON,    /**< CPython's own, with the extensions that are built into it */
    IMAGE_EXTENSION, /**< exports PyInit_NAME or PyModExport_NAME */
    IMAGE_LIBRARY,   /**< came later, with an extension */
};

struct image_range {
    uintptr_t start;
    size_t bytes;
};

/** More writable segments than any linker makes; further ones are not looked at. */
enum { IMAGE_SEGMENTS_MAX = 4 };
/** The longest build id that is kept: a SHA-512. */
enum { IMAGE_BUILD_ID_BYTES = 64 };

struct image_symbols; /* image_symbols.h */

struct image {
    char *path;     /**< as the dynamic linker knows it */
    uintptr_t base; /**< load address: what a file's addresses are relative to */
    uintptr_t low, high;
    enum image_role role;
    char *module; /**< of an extension: what an interpreter loaded it as last; NULL: not known */
    dev_t device; /**< of the file; 0: the file is gone */
    ino_t inode;
    struct image_range writable[IMAGE_SEGMENTS_MAX]; /**< without what RELRO makes read-only */
    size_t writable_count;
    uint64_t file_bytes;       /**< how much of the file is mapped, from its start */
    struct image_range zeroed; /**< the part of the last one that starts as zeros (.bss) */
    size_t tls_module;         /**< 0: it has no thread-local variables */
    size_t tls_bytes;
    bool imports_python;         /**< any Py… or _Py… symbol: its code knows Python objects */
    bool imports_gilstate;       /**< PyGILState_Ensure */
    bool imports_guards;         /**< PyInterpreterGuard_…, or what takes one by itself */
    bool imports_pthread_create; /**< starts threads itself */
    char *soname;                /**< NULL: it has none */
    char **needed;               /**< names of the libraries that it was linked with */
    size_t needed_count;
    uint8_t build_id[IMAGE_BUILD_ID_BYTES];
    size_t build_id_bytes;         /**< 0: it has none */
    struct image_symbols *symbols; /**< read when first asked for */
    bool is_torn; /**< some of its memory was gone when it was read: image_read() */
};

struct image_list {
    uintptr_t python; /**< an address in CPython's image, set before the first refresh; 0: none */
    struct image **items; /**< ascending addresses */
    size_t count;
    struct image **gone; /**< were loaded once */
    size_t gone_count;
    unsigned long long adds, subs; /**< the dynamic linker's counters at the last refresh */
};

/**
 * Bring the list up to date.  Nothing is read again when nothing was loaded since the last time.
 * Pointers to images, also unloaded ones, stay valid until the list is cleared.
 * @return 0, or -1: ERR_MEMORY
 */
int image_list_refresh(struct image_list *list, struct error *err);
/** Free what the list holds, not the struct. */
void image_list_clear(struct image_list *list);

/**
 * Make an image of what the dynamic linker tells.  The file may hold anything that dlopen() takes,
 * and may have been cut short since.
 * @param is_host  it was there before main()
 * @param python   as in struct image_list
 * @return NULL: out of memory  @owns image_free()
 */
struct image *image_new(const struct dl_phdr_info *info, bool is_host, uintptr_t python);
void image_free(struct image *image);

/**
 * Copy memory of a loaded image.  When its file is cut short, pages of it are gone, also those that
 * were written since: whoever reads them in place gets SIGBUS.  They do not come back when the file
 * grows again, so an image stays torn.
 * @return false: it could not be read, and the image is torn
 */
bool image_read(struct image *image, uintptr_t address, void *ret_buffer, size_t bytes);
/** Whether all could be read that was asked of these images. @return 0, or -1: ERR_SYSTEM */
int image_list_was_read(const struct image_list *list, struct error *err);

/** The index of the image that an address lies in; list->count: it lies in none. */
size_t image_list_index(const struct image_list *list, uintptr_t address);
/** The image that an address lies in, or NULL. */
struct image *image_list_find(const struct image_list *list, uintptr_t address);
/** The image that was loaded from this file (compared by inode), or NULL. */
struct image *image_list_find_file(const struct image_list *list, const char *path);

/** Whether an image was itself linked with a library. */
bool image_needs(const struct image *image, const struct image *library);
/** An extension that was linked with this library, directly or through others, or NULL. */
struct image *image_list_user_of(const struct image_list *list, const struct image *library);

/** Whether the check looks at this image's variables. */
static inline bool image_is_checked(const struct image *image) {
    return image->role == IMAGE_EXTENSION || image->role == IMAGE_LIBRARY;
}

/** Whether it is an extension of CPython's standard library: these live in one directory. */
static inline bool image_is_standard_library(const struct image *image) {
    return strstr(image->path, "/lib-dynload/") != NULL;
}

/** The file's name without its directory. */
static inline const char *image_file_name(const struct image *image) {
    const char *slash = strrchr(image->path, '/');
    return slash ? slash + 1 : image->path;
}

#endif
