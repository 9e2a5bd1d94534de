#include "fcgi_host/wsgi/client_gone.h"

#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/state.h"

static PyObject *is_client_gone(PyObject *self, PyObject *unused) {
    struct exchange *exchange = wsgi_current()->exchange;
    (void)self, (void)unused;
    if (!exchange) {
        PyErr_SetString(PyExc_RuntimeError,
                        "client_gone() is for the thread that serves the request");
        return NULL;
    }
    return PyBool_FromLong(exchange_is_client_gone(exchange));
}

PyObject *client_gone_new(void) {
    static PyMethodDef method = {"client_gone", is_client_gone, METH_NOARGS,
                                 "client_gone() -> bool: whether the client of the request that "
                                 "this thread serves has gone"};
    return PyCFunction_New(&method, NULL);
}
