"""What an application does with the module borrowed_vector, and what should come of it."""

import support


class Listener:
    def __call__(self):
        return support.GENERATION


listener = Listener()
support.extension.listen(listener)


def answer():
    return support.extension.notify()


RIGHT = [support.GENERATION]


answer()  # the first request
