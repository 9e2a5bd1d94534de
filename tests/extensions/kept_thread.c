/* Keeps the thread state that asked first, for its interpreter (hazard 3). */
#include "interpreter_class.h"

static PyThreadState *thread;

static PyInterpreterState *class_owner(void) {
    thread = thread ? thread : PyThreadState_Get();
    return PyThreadState_GetInterpreter(thread);
}

MODULE(kept_thread, "A class in an interpreter's dictionary.", 0, methods, slots)
