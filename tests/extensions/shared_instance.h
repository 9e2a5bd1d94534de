/* A type whose instances have a value that can be set. */
#ifndef SHARED_INSTANCE_H
#define SHARED_INSTANCE_H

#include "module.h"

#include <structmember.h>

struct setting {
    PyObject_HEAD double value;
};

static PyMemberDef members[] = {
    {"value", T_DOUBLE, offsetof(struct setting, value), 0, "a number"},
    {NULL, 0, 0, 0, NULL},
};

#endif
