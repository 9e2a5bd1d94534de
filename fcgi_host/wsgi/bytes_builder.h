/**
 * A bytes object that is filled while its size is not known yet, without a copy at the end.
 *
 * @thread one at a time  @tstate attached to make, grow and finish; none to write into the space
 */
#ifndef FCGI_HOST_WSGI_BYTES_BUILDER_H
#define FCGI_HOST_WSGI_BYTES_BUILDER_H

#include "pool/python/py_compat.h"

struct bytes_builder {
    PyObject *bytes;
    Py_ssize_t used, capacity, limit;
};

/** @param first  room to begin with  @param limit  room in the end @return 0, -1: exception */
static inline int bytes_builder_init(struct bytes_builder *builder, Py_ssize_t first,
                                     Py_ssize_t limit) {
    builder->used = 0;
    builder->limit = limit;
    builder->capacity = first < limit ? first : limit;
    builder->bytes = PyBytes_FromStringAndSize(NULL, builder->capacity);
    return builder->bytes ? 0 : -1;
}

/** Have room for at least one more byte (unless at the limit). @return 0, -1: exception */
static inline int bytes_builder_grow(struct bytes_builder *builder) {
    if (builder->used < builder->capacity || builder->capacity == builder->limit) {
        return 0;
    }
    Py_ssize_t room = builder->limit - builder->capacity;
    builder->capacity += builder->capacity < room ? builder->capacity : room;
    return _PyBytes_Resize(&builder->bytes, builder->capacity);
}

static inline char *bytes_builder_space(struct bytes_builder *builder) {
    return PyBytes_AS_STRING(builder->bytes) + builder->used;
}

static inline Py_ssize_t bytes_builder_room(const struct bytes_builder *builder) {
    return builder->capacity - builder->used;
}

/** @return the bytes, a new reference, or NULL with an exception */
static inline PyObject *bytes_builder_finish(struct bytes_builder *builder) {
    if (builder->used != builder->capacity) {
        _PyBytes_Resize(&builder->bytes, builder->used);
    }
    return builder->bytes;
}

static inline void bytes_builder_discard(struct bytes_builder *builder) {
    Py_CLEAR(builder->bytes);
}

#endif
