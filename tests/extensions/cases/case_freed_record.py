"""What an application does with the module freed_record, and what should come of it."""

import support

NAMES = ["name %d" % i for i in range(9)]
support.extension.remember(NAMES)


def answer():
    return support.extension.is_known("name 8")


RIGHT = True


answer()  # the first request
