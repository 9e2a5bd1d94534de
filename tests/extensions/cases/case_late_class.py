"""The module lazy_class, first asked by a request: nothing is held when the generation is loaded."""

import string

from support import extension


def answer():
    return extension.is_template(string.Template("$x"))


RIGHT = True
