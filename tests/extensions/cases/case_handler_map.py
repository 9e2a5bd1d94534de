"""What an application does with the module handler_map, and what should come of it."""

import support


def hello():
    return "hello from " + support.GENERATION


def answer():
    support.extension.add("hello", hello)
    return support.extension.call("hello")


RIGHT = "hello from " + support.GENERATION


answer()  # the first request
