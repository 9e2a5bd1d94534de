import contextvars

import greenlet

variable = contextvars.ContextVar("variable", default="unset")


def answer(name):
    heard = []

    def speak(first):
        variable.set("inside")
        second = greenlet.getcurrent().parent.switch(first + 1)
        heard.append(second)
        raise LookupError(name)
    speaker = greenlet.greenlet(speak)
    got = speaker.switch(1)
    try:
        speaker.switch("last words")
        caught = "nothing"
    except LookupError as error:
        caught = str(error)
    stopped = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch())
    stopped.switch()
    left = stopped.throw(greenlet.GreenletExit)
    return {"got": got, "heard": heard, "caught": caught, "dead": speaker.dead,
            "variable": variable.get(), "left": isinstance(left, greenlet.GreenletExit)}
