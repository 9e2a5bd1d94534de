"""`gil = own`: in which way such an interpreter is reloaded."""

import json
import os
import unittest

from support.host import HostTestCase
from support.waiting import await_

VERSION = tuple(int(part) for part in os.environ["FCGI_HOST_PYTHON_VERSION"].split(".")[:2])

APP = """
import asyncio, decimal, hashlib, json, logging, re, sqlite3, ssl, sys, urllib.parse, zoneinfo
sys.path.insert(0, {extensions!r})
{more}
VERSION = {version!r}

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]
"""


@unittest.skipIf(VERSION < (3, 13), "a GIL of its own needs Python 3.13")
class OwnGil(HostTestCase):
    def start(self, more=""):
        self.more = more
        self.app = self.write("app.py", self.text("v1"))
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstatus_path = /-/status\n[app one]\nfile = {self.app}\ngil = own\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")

    def text(self, version, more=None):
        return APP.format(extensions=os.environ["EXTENSIONS"], version=version,
                          more=self.more if more is None else more)

    def save(self, version, more=None):
        with open(self.app + ".new", "w") as f:
            f.write(self.text(version, more))
        os.replace(self.app + ".new", self.app)
        await_(lambda: self.host.fetch("/").body == version.encode(), f"the answer of {version}")

    def reload(self):
        [worker] = json.loads(self.host.fetch("/-/status", query="json").body)["workers"]
        self.assertEqual(worker["apps"][0]["gil"], "own")
        return worker["apps"][0]["reload"]

    @unittest.skipIf(VERSION < (3, 15), "its memory is not given back")
    def test_with_the_standard_library_it_is_recycled_in_the_living_process(self):
        self.start()
        self.assertEqual(self.reload()["strategy"], "interpreter")
        before = self.host.children()
        for number in range(2, 12):
            self.save(f"v{number}")
        self.host.log.wait_for(r"\[reload\.retired\]", 10)
        self.assertEqual(self.host.children(), before)
        self.assertEqual(self.host.log.find(r"zombie|worker\.(replaced|crashed)"), [])

    @unittest.skipIf(VERSION < (3, 15), "its memory is not given back")
    def test_with_another_extension_it_needs_a_new_worker(self):
        self.start("import lazy_class_ok")
        self.assertEqual(self.reload()["strategy"], "worker")
        self.assertRegex(self.reload()["why"], r"no check reads \S+/lazy_class_ok\.\S+\.so in ")
        self.save("v2")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.host.log.find(r"reload\.switched"), [])

    @unittest.skipIf(VERSION < (3, 15), "its memory is not given back")
    def test_with_an_extension_that_an_edit_brings_it_needs_a_new_worker(self):
        self.start()
        self.save("v2", "import lazy_class_ok")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.host.log.find(r"reload\.switched"), [])

    @unittest.skipIf(VERSION < (3, 15), "its memory is not given back")
    def test_with_a_library_that_ctypes_loads_it_needs_a_new_worker(self):
        self.start(f"import ctypes; ctypes.CDLL({os.environ['LIBRARY']!r})")
        self.assertEqual(self.reload()["strategy"], "worker")

    @unittest.skipIf(VERSION >= (3, 15), "it is recycled")
    def test_it_needs_a_new_worker(self):
        self.start()
        self.assertEqual(self.reload()["why"], "its interpreter has a GIL of its own")
        self.save("v2")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.host.log.find(r"reload\.switched"), [])


if __name__ == "__main__":
    unittest.main()
