"""What an application does with the module freed_buffer, and what should come of it."""

import support

support.make_settings(TABLE=bytes(reversed(range(256))) * 16)


def answer():
    return [support.extension.look_up(i) for i in range(256)]


RIGHT = list(reversed(range(256)))


answer()  # the first request
