"""What an application does with the module borrowed_item, and what should come of it."""

import support

support.make_settings(LIMITS={"size": 10 * int(support.GENERATION)})


def answer():
    return support.extension.limit("size")


RIGHT = 10 * int(support.GENERATION)


answer()  # the first request
