/**
 * environ: from FastCGI parameters to the dictionary that an application gets.
 *
 * Every request needs one, so it is a copy of a dictionary that was prepared once for each loaded
 * application; names are found as interned strings in a table of this interpreter, and so are
 * values that are the same as last time (most of a web server's are).
 *
 * Follows: PEP 3333, "environ Variables" (native strings hold bytes decoded as ISO-8859-1).
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_ENVIRON_H
#define FCGI_HOST_WSGI_ENVIRON_H

#include "pool/python/py_compat.h"

#include "fcgi_host/fastcgi/request.h"

struct wsgi_loaded;

/** Names and last values of parameters, of one interpreter. */
struct environ_cache;

/** @return a new cache, or NULL with an exception */
struct environ_cache *environ_cache_new(void);
void environ_cache_free(struct environ_cache *cache);

/**
 * The part that is the same for each request of `loaded`; `errors` becomes wsgi.errors.
 * @return a new reference, or NULL with an exception
 */
PyObject *environ_prepare(const struct wsgi_loaded *loaded, PyObject *errors);

/**
 * The environ of a request, which the application may change as it likes.
 * @param[out] ret_is_head  whether REQUEST_METHOD is HEAD
 * @return a new reference, or NULL with an exception
 */
PyObject *environ_new(const struct wsgi_loaded *loaded, const struct request *request,
                      PyObject *input, bool *ret_is_head);

#endif
