"""When a host has finished with an edit or a kill, and is ready for the next one.

It would be no fair trial otherwise: the host would still be busy with the last one, or would not
look for changes yet.
"""

import random
import sys
import time

import common
from support.host import Log


class Ready:
    """A host that looks for changes when it is asked: nothing to wait for."""

    #: Whether something was there in advance; None: such a host prepares nothing.
    is_prepared = None

    def __init__(self, process):
        self._process = process

    def begin(self):
        """An edit, or a kill, comes now."""

    def was_cold(self):
        """What came since begin() did without anything prepared."""
        return False

    def settle(self, after=None):
        """After the start, "an edit" or "a kill"."""


class Polls(Ready):
    """It looks for changes once a second, and takes its first look within a second of its start.

    The next edit comes at any time between two later looks.
    """

    FIRST_LOOK_S, INTERVAL_S = 1.5, 1.0

    def settle(self, after=None):
        if after != "a kill":
            time.sleep(self.FIRST_LOOK_S + random.uniform(0, self.INTERVAL_S))


class LogTells(Ready):
    """fcgi_host, whose log says when the old code is gone, and when a spare or a template is ready.

    The application's name is a0; where it has a process group of its own, that has the same name.
    """

    DEADLINE_S = 20
    OVER = {"an edit": r" app=a0 .*\[(reload\.retired|interpreter\.zombie)\]|\[worker\.ended\]",
            "a kill": r" app=a0 .*\[app\.loaded\]"}
    SPARE, TEMPLATE = r" app=a0 .*\[spare\.ready\]", r"\[template\.ready\] process a0:"
    HAS_OWN_PROCESS = r"\[worker\.started\] .* for process a0"
    UNFIT_SPARE, UNFIT_TEMPLATE = r" app=a0 .*\[spare\.cold\]", r"\[template\.unused\]"

    def __init__(self, process, prepares=True):
        super().__init__(process)
        self.log = Log(process.stdout)
        self._prepares = prepares
        self.begin()

    def begin(self):
        self._before = {pattern: self.log.count(pattern) for pattern in (
            *self.OVER.values(), self.SPARE, self.UNFIT_SPARE, self.UNFIT_TEMPLATE)}

    def was_cold(self):
        return not self.is_prepared or any(self.log.count(pattern) > self._before[pattern]
                                           for pattern in (self.UNFIT_SPARE, self.UNFIT_TEMPLATE))

    def settle(self, after=None):
        if after:
            self._wait_for(self.OVER[after], self._before[self.OVER[after]] + 1)
        self.is_prepared = self._prepares and self._wait_until_prepared()

    def _wait_until_prepared(self):
        if not self.log.count(self.HAS_OWN_PROCESS):
            return common.knows("spare") and \
                self._wait_for(self.SPARE, self._before[self.SPARE] + 1)
        # A template serves one edit after the other; one that did not fit is made anew.
        return common.knows("preload") and not self.log.count(r"\[template\.failed\]") and \
            self._wait_for(self.TEMPLATE, self.log.count(self.UNFIT_TEMPLATE) + 1)

    def _wait_for(self, pattern, count):
        try:
            return bool(self.log.wait_for(pattern, count, self.DEADLINE_S))
        except AssertionError:
            print(f"no line {count} like {pattern} within {self.DEADLINE_S} s", file=sys.stderr)
            return False
