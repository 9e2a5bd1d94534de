"""What an application does with the module lazy_class, and what should come of it."""

from fractions import Fraction

from support import extension


def answer():
    return extension.is_fraction(Fraction(1, 2))


RIGHT = True


answer()  # the first request
