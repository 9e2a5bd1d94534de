"""What an application does with the module freed_text, and what should come of it."""

import support

support.make_settings(GREETING=" ".join(["Good", "morning"]))


def answer():
    return support.extension.greet("all")


RIGHT = "Good morning, all"


answer()  # the first request
