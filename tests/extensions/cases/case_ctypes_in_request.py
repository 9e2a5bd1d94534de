"""ctypes, first imported by a request: no module of it is there when the next generation loads."""

import support

RIGHT = 3


def answer():
    if support.GENERATION == "2":
        return RIGHT
    import ctypes

    return ctypes.POINTER(ctypes.c_int)(ctypes.c_int(3)).contents.value
