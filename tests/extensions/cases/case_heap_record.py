"""What an application does with the module heap_record, and what should come of it."""

import support


def callback():
    return "called " + support.GENERATION


def answer():
    support.extension.register(callback)
    return support.extension.call()


RIGHT = "called " + support.GENERATION


answer()  # the first request
