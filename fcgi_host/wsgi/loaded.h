/**
 * One application in one generation: its callable, and what each of its environs starts from.
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_LOADED_H
#define FCGI_HOST_WSGI_LOADED_H

#include "pool/python/py_compat.h"

#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/wsgi/state.h"

struct wsgi_loaded {
    struct wsgi_state *state; /**< lasts as long as the interpreter */
    PyObject *callable;       /**< PEP 3333's application object */
    PyObject *environ;        /**< every key that is the same in each request */
    const struct app_config *config;
    uint64_t generation;
    bool is_live; /**< its pages are kept fresh (live.h): by this mark */
    struct live_mark live_mark;
    bool has_logged_live; /**< under the GIL */
    bool has_left_out;    /**< a hop-by-hop header, and that was logged; under the GIL */
};

/**
 * @param callable  the application object; a reference is taken
 * @param config    must outlive the interpreter
 * @return NULL with an exception
 * @owns   the caller: wsgi_loaded_free()
 */
struct wsgi_loaded *wsgi_loaded_new(struct wsgi_state *state, PyObject *callable,
                                    const struct app_config *config, uint64_t generation);
/** NULL is fine. */
void wsgi_loaded_free(struct wsgi_loaded *loaded);

#endif
