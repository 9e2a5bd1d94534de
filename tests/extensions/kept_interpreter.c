/* Keeps the interpreter that asked first, for its dictionary (hazard 3). */
#include "interpreter_class.h"

static PyInterpreterState *interpreter;

static PyInterpreterState *class_owner(void) {
    interpreter = interpreter ? interpreter : PyInterpreterState_Get();
    return interpreter;
}

MODULE(kept_interpreter, "A class in an interpreter's dictionary.", 0, methods, slots)
