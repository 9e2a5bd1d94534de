/* Each module maps a table, and unmaps it. */
#include "kept_class_ok.h"

#include <sys/mman.h>

enum { TABLE_BYTES = 1 << 16, CLASS_AT = 40 };

static void *make_memory(void) {
    void *table =
        mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return table == MAP_FAILED ? NULL : table;
}

static void free_memory(void *memory) {
    munmap(memory, TABLE_BYTES);
}

static void *place_in(void *memory) {
    return (char *)memory + CLASS_AT * sizeof(PyObject *);
}

MODULE_OK(mapped_table_ok, "A class in mapped memory.")
