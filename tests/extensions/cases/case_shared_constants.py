"""What an application does with the module shared_constants, and what should come of it."""

from support import extension


def answer():
    return extension.codes["two"], extension.names[0]


RIGHT = 2, "one"
