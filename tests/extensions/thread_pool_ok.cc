/* Each interpreter has a pool of its own, which is stopped when the module is freed. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

struct task {
    PyInterpreterState *interpreter;
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

    /** Without the GIL: the thread may be waiting for it. */
    void stop() {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            is_stopping_ = true;
            changed_.notify_all();
        }
        if (thread_.joinable()) {
            thread_.join();
        }
    }

  private:
    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
            if (tasks_.empty()) {
                return;
            }
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
        PyThreadState *state = PyThreadState_New(task->interpreter);
        PyEval_AcquireThread(state);
        task->result = PyObject_CallNoArgs(task->function);
        if (!task->result) {
            PyErr_Clear();
        }
        PyThreadState_Clear(state);
        PyThreadState_DeleteCurrent();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<task *> tasks_;
    std::thread thread_;
    bool is_stopping_ = false;
};

struct state {
    pool *pool_;
};

static state *state_of(PyObject *module) {
    return static_cast<state *>(PyModule_GetState(module));
}

static int load(PyObject *module) {
    state_of(module)->pool_ = new pool;
    return 0;
}

static void free_state(void *module) {
    pool *pool_ = state_of(static_cast<PyObject *>(module))->pool_;
    if (pool_) {
        Py_BEGIN_ALLOW_THREADS pool_->stop();
        Py_END_ALLOW_THREADS delete pool_;
    }
    state_of(static_cast<PyObject *>(module))->pool_ = nullptr;
}

static PyObject *run_(PyObject *module, PyObject *function) {
    task task = {PyInterpreterState_Get(), function, nullptr, false};
    Py_BEGIN_ALLOW_THREADS state_of(module)->pool_->run(&task);
    Py_END_ALLOW_THREADS return task.result ? task.result : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", run_, METH_O, "call a function in the pool"},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void *>(load)},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, nullptr},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "thread_pool_ok",
    "A pool of threads.",
    sizeof(state),
    methods,
    slots,
    nullptr,
    nullptr,
    free_state,
};

PyMODINIT_FUNC PyInit_thread_pool_ok(void) {
    return PyModuleDef_Init(&definition);
}
