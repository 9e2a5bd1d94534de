#include "pool/python/py_compat.h"

#include "pool/python/withheld_extensions.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct withheld {
    const char *extension;
    /** With multi-phase initialisation it has nothing that interpreters share. */
    bool is_single_phase;
};

static const struct withheld s_withheld[] = {
#if PY_HAS_SHARED_ASYNCIO
    {"_asyncio", false},
    {"_zoneinfo", false},
#endif
#if PY_HAS_SHARED_DECIMAL && PY_CONFUSES_CLASSES
    {"_decimal", false}, /* the flags of its contexts are of a class made in Python */
#endif
    /* What its escape() returns is of the main interpreter's class Markup. */
    {"markupsafe._speedups", true},
};

static const char *s_except;

void withheld_extensions_except(const char *extension) {
    s_except = extension;
}

/** Whether a file has a name in it that multi-phase extensions call, or begin theirs with. */
static bool is_multi_phase(const char *path) {
    static const char call[] = "PyModuleDef_Init", export[] = "PyModExport_";
    struct stat status;
    bool is_there = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    char *image = fstat(fd, &status) == 0 ? malloc((size_t)status.st_size + 1) : NULL;
    if (image) {
        ssize_t bytes = read(fd, image, (size_t)status.st_size); /* not mapped: it may shrink */
        is_there = bytes > 0 && (memmem(image, (size_t)bytes, call, sizeof call) ||
                                 memmem(image, (size_t)bytes, export, sizeof export - 1));
    }
    free(image);
    close(fd);
    return is_there;
}

bool withheld_extensions_have(const char *extension, const char *path) {
    for (size_t i = 0; i < sizeof s_withheld / sizeof *s_withheld; i++) {
        const struct withheld *each = &s_withheld[i];
        if (strcmp(each->extension, extension) == 0) {
            return !(s_except && strcmp(s_except, extension) == 0) &&
                   !(each->is_single_phase && path && is_multi_phase(path));
        }
    }
    return false;
}
