"""What an application does with the module lazy_class, and what should come of it."""

import string

from support import extension


def answer():
    return extension.is_template(string.Template("$x"))


RIGHT = True


answer()  # the first request
