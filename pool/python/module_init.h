/**
 * How an extension module is initialised.
 *
 * Follows: CPython C API, "Extension modules"; PEP 489, PEP 793.
 */
#ifndef POOL_PYTHON_MODULE_INIT_H
#define POOL_PYTHON_MODULE_INIT_H

enum module_init {
    MODULE_INIT_MULTI_PHASE,  /**< PyInit_NAME() gives a definition of the module */
    MODULE_INIT_SINGLE_PHASE, /**< PyInit_NAME() makes the module object itself */
    MODULE_INIT_SLOTS,        /**< 3.15: PyModExport_NAME() gives slots; multi-phase, too */
    MODULE_INITS
};

/** "single-phase" or "multi-phase". */
const char *module_init_name(enum module_init init);
/** What the name of its function begins with: "PyInit" or "PyModExport". */
const char *module_init_export(enum module_init init);

#endif
