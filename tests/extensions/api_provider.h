/* What api_provider offers to other extension modules, in the capsule api_provider._API. */
#ifndef API_PROVIDER_H
#define API_PROVIDER_H

#include "module.h"

#define PROVIDER_CAPSULE "api_provider._API"

struct provider_api {
    long version;
    void *reserved[2];
    PyObject *error; /* the exception of the interpreter that imported it */
};

#endif
