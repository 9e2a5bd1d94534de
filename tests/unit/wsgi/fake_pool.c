#include "tests/unit/wsgi/fake_pool.h"

uint64_t generation_number(const struct generation *generation) {
    return generation->number;
}

bool generation_is_spare(const struct generation *generation) {
    (void)generation;
    return false;
}

struct pool_interpreter *generation_interpreter(const struct generation *generation) {
    return generation->interpreter;
}

const char *pool_interpreter_name(const struct pool_interpreter *interpreter) {
    return interpreter->name;
}

bool pool_interpreter_is_main(const struct pool_interpreter *interpreter) {
    return interpreter->is_main;
}
