"""ctypes, first imported by a request: no module of it is there when the next generation loads."""

import support

RIGHT = 3


def answer():
    if support.GENERATION == "2":
        return RIGHT
    import ctypes

    class Pair(ctypes.Structure):
        _fields_ = [("one", ctypes.c_int), ("names", ctypes.c_char * 3)]

    pairs = (Pair * 2)((1, b"a"), (3, b"b"))
    return ctypes.pointer(pairs[1]).contents.one
