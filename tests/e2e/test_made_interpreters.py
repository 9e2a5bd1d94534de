"""Interpreters that an application makes by itself (PEP 734)."""

import json
import os
import unittest

from support.host import HostTestCase
from support.waiting import await_

VERSION = tuple(int(part) for part in os.environ["FCGI_HOST_PYTHON_VERSION"].split(".")[:2])

APP = """
import _interpreters
VERSION = {version!r}
made = []

def application(environ, start_response):
    kind = environ["QUERY_STRING"]
    if kind == "destroy":
        _interpreters.destroy(made.pop())
    elif kind:
        made.append(_interpreters.create(kind))
        _interpreters.exec(made[-1], "import json")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]
"""


@unittest.skipIf(VERSION < (3, 13), "_interpreters came with Python 3.13")
class MadeInterpreters(HostTestCase):
    def setUp(self):
        self.app = self.write("app.py", APP.format(version="v1"))
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstatus_path = /-/status\n[app one]\nfile = {self.app}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")

    def ask(self, query=""):
        return self.host.fetch("/", query=query).body.decode()

    def worker(self):
        [worker] = json.loads(self.host.fetch("/-/status", query="json").body)["workers"]
        return worker

    def reload(self):
        return self.worker()["apps"][0]["reload"]

    def test_one_that_the_check_does_not_see_has_the_worker_replaced(self):
        self.assertEqual(self.worker()["made_interpreters"], 0)
        self.assertEqual(self.reload()["strategy"], "interpreter")
        self.ask("isolated")
        self.assertEqual(self.worker()["made_interpreters"], 1)
        self.assertEqual(self.reload()["strategy"], "worker")
        self.assertIn("has made an interpreter with its own GIL", self.reload()["why"])
        self.write("app.py", APP.format(version="v2"))
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.ask() == "v2", "the new worker's answer")
        self.assertEqual(self.host.log.find(r"\[(reload\.switched|worker\.crashed)\]"), [])

    def test_one_that_is_gone_is_no_obstacle(self):
        self.ask("isolated")
        self.ask("destroy")
        self.assertEqual(self.worker()["made_interpreters"], 0)
        self.assertEqual(self.reload()["strategy"], "interpreter")

    def test_one_that_shares_the_gil_is_seen(self):
        self.ask("legacy")
        self.assertEqual(self.worker()["made_interpreters"], 1)
        before = self.host.children()
        self.write("app.py", APP.format(version="v2"))
        self.host.log.wait_for(r"\[reload\.retired\]")
        self.assertEqual((self.ask(), self.host.children()), ("v2", before))

    def test_one_that_the_new_code_makes_as_it_loads_has_the_worker_replaced(self):
        self.write("app.py", APP.format(version="v2") + "made.append(_interpreters.create())\n")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.ask() == "v2", "the new worker's answer")
        self.assertEqual(self.host.log.find(r"\[(reload\.switched|worker\.crashed)\]"), [])


if __name__ == "__main__":
    unittest.main()
