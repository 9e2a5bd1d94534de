"""The standard library answers in every generation as it does in a plain python3.

Its extensions may keep classes and functions in C variables, which interpreters share: an answer is
wrong in a second interpreter then, or once the one that came first has ended.
"""

import json
import os
import shutil
import subprocess
import unittest

from support.host import APPS, PYTHON, HostTestCase, needs_recycling

APP = os.path.join(APPS, "standard_library.py")
GENERATIONS = 3


def plain_answers():
    out = subprocess.run([PYTHON, APP], capture_output=True, check=True, timeout=60).stdout
    return json.loads(out)


class StandardLibrary(HostTestCase):
    maxDiff = None

    def start_apps(self, keys=""):
        apps = {name: self.path(name + ".py") for name in ("one", "two")}
        for file in apps.values():
            shutil.copy(APP, file)
        self.host = self.start_host("-c", self.config("[fcgi_host]\n" + "".join(
            f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
            for name, file in apps.items())))
        self.host.log.wait_for(r"\[app\.loaded\]", count=len(apps))
        self.apps = apps

    def ask(self, name):
        return json.loads(self.host.fetch(f"/{name}").body)

    def test_two_interpreters_answer_as_a_plain_one(self):
        self.start_apps()
        wanted = plain_answers()
        for name in self.apps:
            self.assertEqual(self.ask(name), wanted)

    @needs_recycling
    def test_each_generation_does_when_the_one_before_has_ended(self):
        """Recycled in the living process: nothing stale is found either."""
        self.start_apps()
        wanted = plain_answers()
        for generation in range(2, GENERATIONS + 2):
            self.assertEqual(self.ask("one"), wanted)
            with open(self.apps["one"], "a") as f:
                f.write(f"# {generation}\n")
            self.host.log.wait_for(r"app=one .*\[reload\.retired\]", generation - 1)
        self.assertEqual(self.ask("one"), wanted)
        self.assertEqual(self.ask("two"), wanted)
        self.assertEqual(self.host.log.count(r"\[stale\.found\]"), 0)
        self.assertEqual(self.host.log.count(r"\[worker\.replaced\]"), 0)


if __name__ == "__main__":
    unittest.main()
