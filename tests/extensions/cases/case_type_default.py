"""What an application does with the module type_default, and what should come of it."""

import support


class Default:
    generation = support.GENERATION


def answer():
    support.extension.set_default(Default())
    return support.extension.Point.default.generation


RIGHT = support.GENERATION


answer()  # the first request
