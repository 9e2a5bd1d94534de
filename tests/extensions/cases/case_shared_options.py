"""What an application does with the module shared_options, and what should come of it."""

import support

support.extension.options.setdefault("color", "color of " + support.GENERATION)


def answer():
    return support.extension.options["color"]


RIGHT = "color of " + support.GENERATION
