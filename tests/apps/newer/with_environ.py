"""os.reload_environ() (3.14) in an application whose variables are its own."""

import os


def answer(name):
    os.environ["SET"] = name
    before = os.environ.get("MINE")
    os.reload_environ()
    return [before, os.environ.get("MINE"), os.environ.get("SET")]
