"""Waiting for something to become true, with a deadline instead of a sleep."""

import os
import time

#: Seconds that anything in these tests may take. Far above what is ever needed: a test that
#: reaches it has failed.
DEADLINE_S = 60.0 if os.environ.get("FCGI_HOST_SANITIZE") else 20.0

#: For what cannot be waited for by an event (a file of another program): how often to look.
LOOK_AGAIN_S = 0.01


def await_(condition, what="the condition", deadline_s=DEADLINE_S):
    """Wait until condition() is true and return its value; AssertionError at the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:g} s in vain for {what}")
        time.sleep(LOOK_AGAIN_S)
