"""What an application does with the module watcher, and what should come of it."""

import support

support.make_settings(NAME="settings of " + support.GENERATION)


def callback():
    import settings  # of the interpreter that this runs in

    return settings.NAME


support.extension.watch(callback)


def answer():
    return support.extension.poke()


RIGHT = "settings of " + support.GENERATION


answer()  # the first request
