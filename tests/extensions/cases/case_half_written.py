"""What an application does with the module half_written, and what should come of it."""

from support import extension


def answer():
    return extension.count()


RIGHT = 0
