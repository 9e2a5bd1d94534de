"""What an application does with the module api_consumer, and what should come of it."""

import api_provider

from support import extension


def answer():
    try:
        extension.fail()
    except api_provider.Error:
        return "caught"
    except BaseException as exception:
        return repr(exception)


RIGHT = "caught"


answer()  # the first request
