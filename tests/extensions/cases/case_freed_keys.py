"""What an application does with the module freed_keys, and what should come of it."""

import support

KEYS = ["key %d" % i for i in range(100)]


def answer():
    return [support.extension.index(key) for key in KEYS]


RIGHT = list(range(100))


answer()  # the first request
