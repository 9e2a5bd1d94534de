"""What an application does with the module borrowed_attribute, and what should come of it."""

import support


def format_value(value):
    return f"{support.GENERATION}: {value}"


support.make_settings(format_value=format_value)
del format_value


def answer():
    return support.extension.format(1)


RIGHT = f"{support.GENERATION}: 1"


answer()  # the first request
