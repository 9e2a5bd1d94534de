"""What an application does with the module class_at_init, and what should come of it."""

import string

from support import extension


def answer():
    return extension.is_template(string.Template("$x"))


RIGHT = True


answer()  # the first request
