/* A pool of threads for the process that calls back by PyGILState_Ensure() (hazard 1). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

struct task {
    PyObject *function, *result;
    bool is_done;
};

class pool {
  public:
    void run(task *task) {
        std::unique_lock<std::mutex> lock(mutex_);
        if (!thread_.joinable()) {
            thread_ = std::thread(&pool::work, this);
        }
        tasks_.push_back(task);
        changed_.notify_all();
        changed_.wait(lock, [task] { return task->is_done; });
    }

  private:
    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return !tasks_.empty(); });
            task *task = tasks_.front();
            tasks_.pop_front();
            lock.unlock();
            call(task);
            lock.lock();
            task->is_done = true;
            changed_.notify_all();
        }
    }

    static void call(task *task) {
        PyGILState_STATE state = PyGILState_Ensure();
        task->result = PyObject_CallNoArgs(task->function);
        if (!task->result) {
            PyErr_Clear();
        }
        PyGILState_Release(state);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<task *> tasks_;
    std::thread thread_;
};

static pool *the_pool; /* its thread never ends */

static PyObject *run_(PyObject *, PyObject *function) {
    if (!the_pool) {
        the_pool = new pool;
    }
    task task = {function, nullptr, false};
    Py_BEGIN_ALLOW_THREADS the_pool->run(&task);
    Py_END_ALLOW_THREADS return task.result ? task.result : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", run_, METH_O, "call a function in the pool"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, nullptr},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "thread_pool",
    "A pool of threads.",
    0,
    methods,
    slots,
    nullptr,
    nullptr,
    nullptr,
};

PyMODINIT_FUNC PyInit_thread_pool(void) {
    return PyModuleDef_Init(&definition);
}
