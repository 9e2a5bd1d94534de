/* The thread state is the one that asks. */
#include "interpreter_class.h"

static PyInterpreterState *class_owner(void) {
    return PyThreadState_GetInterpreter(PyThreadState_Get());
}

MODULE(kept_thread_ok, "A class in an interpreter's dictionary.", 0, methods, slots)
