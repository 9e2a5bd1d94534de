/* A table in memory that the extension has mapped, not allocated (hazard 2). */
#include "kept_class.h"

#include <sys/mman.h>

enum { TABLE_BYTES = 1 << 16, CLASS_AT = 40 };

static char *table;

static void *class_place(PyObject *module) {
    (void)module;
    if (!table) {
        table = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        table = table == MAP_FAILED ? NULL : table;
    }
    return table ? table + CLASS_AT * sizeof(PyObject *) : NULL;
}

MODULE(mapped_table, "A class in mapped memory.", 0, methods, slots)
