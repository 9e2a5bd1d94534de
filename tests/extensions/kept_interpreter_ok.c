/* The dictionary is that of the interpreter that asks. */
#include "interpreter_class.h"

static PyInterpreterState *class_owner(void) {
    return PyInterpreterState_Get();
}

MODULE(kept_interpreter_ok, "A class in an interpreter's dictionary.", 0, methods, slots)
