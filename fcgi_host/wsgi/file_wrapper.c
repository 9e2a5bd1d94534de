#include "fcgi_host/wsgi/file_wrapper.h"

#include <stddef.h>
#include <structmember.h>
#include <sys/stat.h>

/* PEP 3333's example and wsgiref.util.FileWrapper read 8 KiB at a time. */
enum { BLOCK_BYTES = 8192 };

struct file_wrapper {
    PyObject ob_base;
    PyObject *file; /* NULL after the garbage collector broke a cycle */
    Py_ssize_t block_bytes;
};

static PyObject *wrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {(char *)"filelike", (char *)"blksize", NULL};
    PyObject *file;
    Py_ssize_t block_bytes = BLOCK_BYTES;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:file_wrapper", keywords, &file,
                                     &block_bytes)) {
        return NULL;
    }
    struct file_wrapper *wrapper = (struct file_wrapper *)type->tp_alloc(type, 0);
    if (wrapper) {
        wrapper->file = Py_NewRef(file);
        wrapper->block_bytes = block_bytes;
    }
    return (PyObject *)wrapper;
}

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct file_wrapper *)self)->file);
    return 0;
}

static int wrapper_clear(PyObject *self) {
    Py_CLEAR(((struct file_wrapper *)self)->file);
    return 0;
}

static void wrapper_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    wrapper_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *next_block(PyObject *self) {
    struct file_wrapper *wrapper = (struct file_wrapper *)self;
    struct wsgi_state *state = wsgi_state_of_type(Py_TYPE(self));
    PyObject *size = PyLong_FromSsize_t(wrapper->block_bytes);
    PyObject *block = size && wrapper->file
                          ? PyObject_CallMethodOneArg(wrapper->file, state->str_read, size)
                          : NULL;
    Py_XDECREF(size);
    if (block) {
        int more = PyObject_IsTrue(block);
        if (more <= 0) { /* 0: NULL without an exception is StopIteration */
            Py_CLEAR(block);
        }
    }
    return block;
}

/* The file's own close(); if the file lacks it, so does the wrapper. */
static PyObject *get_close(PyObject *self, void *unused) {
    (void)unused;
    struct file_wrapper *wrapper = (struct file_wrapper *)self;
    struct wsgi_state *state = wsgi_state_of_type(Py_TYPE(self));
    if (!wrapper->file) {
        PyErr_SetObject(PyExc_AttributeError, state->str_close);
        return NULL;
    }
    return PyObject_GetAttr(wrapper->file, state->str_close);
}

PyTypeObject *wsgi_file_wrapper_type_new(PyObject *module) {
    static PyMemberDef members[] = {
        {"filelike", T_OBJECT_EX, offsetof(struct file_wrapper, file), READONLY, NULL},
        {"blksize", T_PYSSIZET, offsetof(struct file_wrapper, block_bytes), READONLY, NULL},
        {NULL, 0, 0, 0, NULL},
    };
    static PyGetSetDef getters[] = {
        {"close", get_close, NULL, "close() of the file", NULL},
        {NULL, NULL, NULL, NULL, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_new, wrapper_new},
        {Py_tp_dealloc, wrapper_dealloc},
        {Py_tp_traverse, wrapper_traverse},
        {Py_tp_clear, wrapper_clear},
        {Py_tp_iter, PyObject_SelfIter},
        {Py_tp_iternext, next_block},
        {Py_tp_members, members},
        {Py_tp_getset, getters},
        {Py_tp_doc, (char *)"file_wrapper(filelike, blksize=8192): wsgi.file_wrapper"},
        {0, NULL},
    };
    static PyType_Spec spec = {
        .name = "fcgi_host.file_wrapper",
        .basicsize = sizeof(struct file_wrapper),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* Whether read() of this file gives the bytes behind its fileno(): gzip.GzipFile and text files
   have a fileno() too, of a file with other bytes. `setup` knows the classes of this interpreter.
 */
static int reads_plainly(struct wsgi_state *state, PyObject *file) {
    PyObject *answer = PyObject_CallMethod(state->setup, "reads_plainly", "O", file);
    int result = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return result;
}

/* Call a method that returns a number.  A file that lacks it, or whose method fails, is iterated
 * over. */
static int ask_number(PyObject *file, PyObject *method, long long *ret_number) {
    PyObject *number = PyObject_CallMethodNoArgs(file, method);
    *ret_number = number && PyLong_Check(number) ? PyLong_AsLongLong(number) : -1;
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1; /* SystemExit and the like are meant for the application */
        }
        PyErr_Clear();
    }
    return *ret_number >= 0;
}

int wsgi_file_wrapper_region(struct wsgi_state *state, PyObject *wrapper, int *ret_fd,
                             off_t *ret_offset, size_t *ret_size) {
    PyObject *file = ((struct file_wrapper *)wrapper)->file;
    long long fd, offset;
    struct stat status;
    int result = file ? reads_plainly(state, file) : 0;
    if (result == 1) {
        result = ask_number(file, state->str_fileno, &fd);
    }
    if (result == 1) {
        result = ask_number(file, state->str_tell, &offset);
    }
    if (result != 1) {
        return result;
    }
    /* Files of /proc and /sys say that they are empty: only read() knows their bytes. */
    if (fd > INT_MAX || fstat((int)fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size == 0) {
        return 0;
    }
    if (offset >= status.st_size) {
        return 0; /* at its end, or a file of /proc, which has no size but can be read */
    }
    *ret_fd = (int)fd;
    *ret_offset = (off_t)offset;
    *ret_size = (size_t)(status.st_size - offset);
    return 1;
}
