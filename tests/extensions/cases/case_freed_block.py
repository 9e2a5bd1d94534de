"""What an application does with the module freed_block, and what should come of it."""

import support


def answer():
    return [support.extension.square(i) for i in range(20)]


RIGHT = [i * i for i in range(20)]


answer()  # the first request
