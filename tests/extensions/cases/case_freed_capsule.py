"""What an application does with the module freed_capsule, and what should come of it."""

import support


def answer():
    return support.extension.convert(7)


RIGHT = 7000


answer()  # the first request
