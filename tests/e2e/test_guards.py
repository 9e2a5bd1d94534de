"""An extension that keeps the interpreter from its end by a guard (PEP 788)."""

import json
import os
import subprocess
import unittest

from support.host import HostTestCase
from support.waiting import await_

VERSION = tuple(int(part) for part in os.environ["FCGI_HOST_PYTHON_VERSION"].split(".")[:2])

APP = """
import sys
sys.path.insert(0, {extensions!r})
import holds_guard
VERSION = {version!r}

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]

assert holds_guard.hold()
"""


@unittest.skipIf(VERSION < (3, 15), "interpreter guards came with Python 3.15")
class Guards(HostTestCase):
    def text(self, version):
        return APP.format(extensions=os.environ["EXTENSIONS"], version=version)

    def test_the_interpreter_is_kept_and_the_extension_is_named(self):
        app = self.write("app.py", self.text("v1"))
        control = self.path("control")
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {control}\n[app one]\nfile = {app}\n"
            "reload = interpreter\non_stale = warn\n"))
        host.log.wait_for(r"\[app\.loaded\]")
        before = host.children()
        self.write("app.py", self.text("v2"))
        host.log.wait_for(r"\[reload\.switched\]")
        await_(lambda: host.fetch("/").body == b"v2", "the new code's answer")
        line = host.log.wait_for(r"app=one gen=1 \[interpreter\.zombie\] guarded: ")
        self.assertRegex(line, r"files that take guards: \S+/holds_guard\.\S+\.so$")
        self.assertEqual(host.children(), before, "the process lives")
        out = subprocess.run([host.args[0], "status", "--json", "-s", control],
                             capture_output=True, check=True, timeout=30).stdout
        [kept] = json.loads(out)["workers"][0]["kept"]
        self.assertEqual((kept["interpreter"], kept["generation"]), ("one", 1))
        self.assertTrue(line.endswith(kept["why"]), kept)


if __name__ == "__main__":
    unittest.main()
