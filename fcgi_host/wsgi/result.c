#include "fcgi_host/wsgi/result.h"

#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/file_wrapper.h"

static enum wsgi_outcome after_send(const struct exchange *exchange, int result,
                                    const struct error *err) {
    if (result == 0) {
        return OUTCOME_DONE;
    }
    if (exchange->peer_has_gone) {
        return OUTCOME_UNSENDABLE;
    }
    exception_raise(err);
    return OUTCOME_EXCEPTION;
}

/* start_response may be called as late as by the first block's generator, but no later. */
static enum wsgi_outcome check_started(struct exchange *exchange) {
    if (exchange->response.status) {
        return OUTCOME_DONE;
    }
    exchange->gave_no_status = true;
    PyErr_SetString(PyExc_AssertionError, "the application did not call start_response()");
    return OUTCOME_EXCEPTION;
}

static enum wsgi_outcome send_block(struct exchange *exchange, PyObject *block, bool is_only,
                                    bool is_last) {
    struct error err;
    enum wsgi_outcome outcome = check_started(exchange);
    if (outcome != OUTCOME_DONE) {
        return outcome;
    }
    if (!PyBytes_Check(block)) {
        PyErr_Format(PyExc_TypeError,
                     "the application must return an iterable of bytes, not of "
                     "%.100s",
                     Py_TYPE(block)->tp_name);
        return OUTCOME_EXCEPTION;
    }
    size_t size = (size_t)PyBytes_GET_SIZE(block);
    /* An empty block under HEAD does not tell the length that GET would have. */
    if (is_only && exchange->phase == EXCHANGE_HEAD && exchange->response.content_length < 0 &&
        response_status_has_body(exchange->response.status) && (size > 0 || !exchange->is_head)) {
        exchange->response.content_length = (int64_t)size;
    }
    int result = exchange_send(exchange, PyBytes_AS_STRING(block), size, is_last, &err);
    if (result == 0 && size == 0 && !is_last && exchange_is_peer_gone(exchange)) {
        return OUTCOME_UNSENDABLE;
    }
    return after_send(exchange, result, &err);
}

enum wsgi_outcome wsgi_result_end(struct exchange *exchange) {
    struct error err;
    enum wsgi_outcome outcome = check_started(exchange);
    return outcome == OUTCOME_DONE ? after_send(exchange, exchange_end(exchange, &err), &err)
                                   : outcome;
}

/* A list or tuple, whose length is known: the end is sent with the last block. */
static enum wsgi_outcome send_sequence(struct exchange *exchange, PyObject *result) {
    Py_ssize_t size = PySequence_Fast_GET_SIZE(result);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); i++) {
        PyObject *block = Py_NewRef(PySequence_Fast_GET_ITEM(result, i));
        bool is_last = i + 1 == PySequence_Fast_GET_SIZE(result);
        enum wsgi_outcome outcome = send_block(exchange, block, size == 1 && is_last, is_last);
        Py_DECREF(block);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return size == 0 ? wsgi_result_end(exchange) : OUTCOME_DONE;
}

/* PEP 3333: an iterable whose len() is 1 has one block, so its size is the response's. */
static bool has_one_block(PyObject *result) {
    PyTypeObject *type = Py_TYPE(result);
    bool has_length = (type->tp_as_sequence && type->tp_as_sequence->sq_length) ||
                      (type->tp_as_mapping && type->tp_as_mapping->mp_length);
    if (!has_length) {
        return false;
    }
    Py_ssize_t size = PyObject_Size(result);
    if (size < 0 && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
    }
    return size == 1;
}

/* The block of an iterable that says it has one.  It sets the length only if there is no second
 * block. */
static enum wsgi_outcome send_only(struct exchange *exchange, PyObject *iterator) {
    PyObject *first = PyIter_Next(iterator);
    PyObject *second = first ? PyIter_Next(iterator) : NULL;
    enum wsgi_outcome outcome = PyErr_Occurred() ? OUTCOME_EXCEPTION : OUTCOME_DONE;
    if (first && outcome == OUTCOME_DONE) {
        outcome = send_block(exchange, first, !second, false);
    }
    if (second && outcome == OUTCOME_DONE) {
        outcome = send_block(exchange, second, false, false);
    }
    Py_XDECREF(first);
    Py_XDECREF(second);
    return outcome;
}

static enum wsgi_outcome send_iterable(struct exchange *exchange, PyObject *result) {
    bool has_one = has_one_block(result);
    PyObject *iterator = PyErr_Occurred() ? NULL : PyObject_GetIter(result);
    enum wsgi_outcome outcome = iterator ? OUTCOME_DONE : OUTCOME_EXCEPTION;
    PyObject *block;
    bool is_enough = exchange->may_exceed; /* a file is read no further than it is sent */
    if (iterator && has_one) {
        outcome = send_only(exchange, iterator);
    }
    while (outcome == OUTCOME_DONE && !(is_enough && exchange->phase >= EXCHANGE_ENDED) &&
           (block = PyIter_Next(iterator))) {
        outcome = send_block(exchange, block, false, false);
        Py_DECREF(block);
    }
    Py_XDECREF(iterator);
    if (PyErr_Occurred()) {
        return OUTCOME_EXCEPTION;
    }
    return outcome;
}

static enum wsgi_outcome send_file(struct wsgi_state *state, struct exchange *exchange,
                                   PyObject *wrapper) {
    int fd;
    off_t offset;
    size_t size;
    struct error err;
    exchange->may_exceed = true;
    int found = check_started(exchange) == OUTCOME_DONE
                    ? wsgi_file_wrapper_region(state, wrapper, &fd, &offset, &size)
                    : -1;
    if (found <= 0) {
        return found < 0 ? OUTCOME_EXCEPTION : send_iterable(exchange, wrapper);
    }
    return after_send(exchange, exchange_send_file(exchange, fd, offset, size, &err), &err);
}

enum wsgi_outcome wsgi_result_send(struct wsgi_state *state, struct exchange *exchange,
                                   PyObject *result) {
    enum wsgi_outcome outcome;
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
        return send_sequence(exchange, result);
    }
    if (Py_IS_TYPE(result, state->file_wrapper_type)) {
        outcome = send_file(state, exchange, result);
    } else {
        outcome = send_iterable(exchange, result);
    }
    /* An authorizer's "200" counts only if its close() succeeds, too. */
    if (outcome == OUTCOME_DONE && !(exchange->response.status && exchange_is_deferred(exchange))) {
        outcome = wsgi_result_end(exchange);
    }
    return outcome;
}

/* PEP 3333: close() is called whatever happened before. @return -1 with an exception */
int wsgi_result_close(struct wsgi_state *state, PyObject *result) {
    PyObject *close, *answer;
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
        return 0;
    }
    int found = PyObject_GetOptionalAttr(result, state->str_close, &close);
    if (found <= 0) {
        return found;
    }
    answer = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    Py_XDECREF(answer);
    return answer ? 0 : -1;
}
