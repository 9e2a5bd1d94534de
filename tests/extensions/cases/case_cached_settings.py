"""What an application does with the module cached_settings, and what should come of it."""

import support

support.make_settings(VALUES={"color": "color of " + support.GENERATION})


def answer():
    return support.extension.get("color")


RIGHT = "color of " + support.GENERATION


answer()  # the first request
