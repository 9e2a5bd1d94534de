"""What an application does with the module borrowed_list, and what should come of it."""

import support


def hook():
    return int(support.GENERATION)


support.extension.add_hook(hook)


def answer():
    return support.extension.run_hooks()


RIGHT = int(support.GENERATION)


answer()  # the first request
