#include "pool/python/module_init.h"

const char *module_init_name(enum module_init init) {
    return init == MODULE_INIT_SINGLE_PHASE ? "single-phase" : "multi-phase";
}

const char *module_init_export(enum module_init init) {
    return init == MODULE_INIT_SLOTS ? "PyModExport" : "PyInit";
}
