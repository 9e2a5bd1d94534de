"""What an application does with the module shared_instance, and what should come of it."""

import support

BEFORE = support.extension.default.value
support.extension.default.value = 10.0


def answer():
    return BEFORE


RIGHT = 0.0
