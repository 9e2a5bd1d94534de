#include "pool/python/py_compat.h"

#include "pool/python/runtime_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/python/attach.h"

void runtime_attach_first(void) {
    /* The only one: runtime_start() has made it. */
    attach_begin(PyInterpreterState_ThreadHead(PyInterpreterState_Main()));
}

void runtime_detach_first(void) {
    attach_end();
}

/** In the process between. @return in its child only */
static void fork_again(int told_fd) {
    pid_t child = fork();
    if (child == 0) {
        return;
    }
    ssize_t told = write(told_fd, &child, sizeof child);
    _exit(child > 0 && told == sizeof child ? 0 : 1);
}

/** The process between has ended. @return the child's id, or -1 */
static pid_t learn_child(pid_t between, int told_fd, struct error *err) {
    pid_t child = -1;
    int status;
    while (waitpid(between, &status, 0) < 0 && errno == EINTR) {
    }
    if (read(told_fd, &child, sizeof child) != sizeof child || child < 0) {
        return error_set(err, ERR_SYSTEM, "fork: the second one has failed");
    }
    return child;
}

pid_t runtime_fork_orphan(struct error *err) {
    int told[2];
    if (pipe2(told, O_CLOEXEC | O_NONBLOCK) != 0) {
        return error_set_errno(err, errno, "pipe2");
    }
    runtime_attach_first();
    PyOS_BeforeFork();
    pid_t between = fork();
    int why = errno;
    if (between == 0) {
        fork_again(told[1]);
        PyOS_AfterFork_Child();
    } else {
        PyOS_AfterFork_Parent();
    }
    runtime_detach_first();
    pid_t child = between == 0  ? 0
                  : between < 0 ? error_set_errno(err, why, "fork")
                                : learn_child(between, told[0], err);
    close(told[0]);
    close(told[1]);
    return child;
}

/** The one that runtime_start() has made: new ones are put before it. */
static PyThreadState *find_first(void) {
    PyThreadState *first = PyInterpreterState_ThreadHead(PyInterpreterState_Main()), *next;
    while ((next = PyThreadState_Next(first))) {
        first = next;
    }
    return first;
}

int runtime_inherit_first(void) {
    const PyThreadState *first = find_first();
    PyObject *own = PyThreadState_GetDict();
    if (first->dict && (!own || PyDict_Update(own, first->dict) != 0)) {
        return -1;
    }
    py_share_thread_locals(PyThreadState_Get(), first);
    PyObject *context = first->context ? PyContext_Copy(first->context) : NULL;
    int rc = context ? PyContext_Enter(context) : 0; /* until the thread ends */
    Py_XDECREF(context);
    return rc == 0 && !PyErr_Occurred() ? 0 : -1;
}
