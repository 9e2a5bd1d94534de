/* Each interpreter has a pool of its own, which is stopped when the module is freed. */
#include "module.h"
#include "task_pool.h"

struct state {
    task_pool *pool;
};

static state *state_of(PyObject *module) {
    return static_cast<state *>(PyModule_GetState(module));
}

static int load(PyObject *module) {
    state_of(module)->pool = new task_pool;
    return 0;
}

/* Without the GIL: the thread may be waiting for it. */
static void free_state(void *module) {
    task_pool *pool = state_of(static_cast<PyObject *>(module))->pool;
    if (pool) {
        Py_BEGIN_ALLOW_THREADS pool->stop();
        Py_END_ALLOW_THREADS delete pool;
    }
    state_of(static_cast<PyObject *>(module))->pool = nullptr;
}

static PyObject *call(PyInterpreterState *interpreter, PyObject *function) {
    PyThreadState *state = PyThreadState_New(interpreter);
    PyEval_AcquireThread(state);
    PyObject *result = PyObject_CallNoArgs(function);
    if (!result) {
        PyErr_Clear();
    }
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
    return result;
}

static PyObject *run_(PyObject *module, PyObject *function) {
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    PyObject *result = nullptr;
    Py_BEGIN_ALLOW_THREADS state_of(module)->pool->run(
        [&] { result = call(interpreter, function); });
    Py_END_ALLOW_THREADS return result ? result : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", run_, METH_O, "call a function in the pool"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void *>(load)}, LAST_SLOTS};

MODULE(thread_pool_ok, "A pool of threads.", sizeof(state), methods, slots, nullptr, nullptr,
       free_state)
