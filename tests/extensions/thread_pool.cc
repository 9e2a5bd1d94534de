/* A pool of threads for the process that calls back by PyGILState_Ensure() (hazard 1). */
#include "module.h"
#include "task_pool.h"

static task_pool *the_pool; /* its thread never ends */

static PyObject *call(PyObject *function) {
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(function);
    if (!result) {
        PyErr_Clear();
    }
    PyGILState_Release(state);
    return result;
}

static PyObject *run_(PyObject *, PyObject *function) {
    if (!the_pool) {
        the_pool = new task_pool;
    }
    PyObject *result = nullptr;
    Py_BEGIN_ALLOW_THREADS the_pool->run([&] { result = call(function); });
    Py_END_ALLOW_THREADS return result ? result : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", run_, METH_O, "call a function in the pool"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(thread_pool, "A pool of threads.", 0, methods, slots)
