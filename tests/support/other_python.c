/* Preloaded, it has the process take its libpython for one of another patch level. */
#include <Python.h>

const unsigned long Py_Version = (PY_VERSION_HEX & 0xFFFF0000) | 0x63F0; /* 3.N.99 */
