"""A libpython of another patch level than the one that the program was built for."""

import json
import os
import re
import subprocess
import unittest

from support.host import HostTestCase, clean_environ, run
from support.waiting import await_

#: Preloaded, it has the program take its libpython for 3.N.99.
ENVIRON = {"LD_PRELOAD": os.environ["OTHER_PYTHON"]}
WHY = r"built for CPython (3\.\d+)\.\d+.*, runs with \1\.99: "

APP = """
VERSION = {version!r}

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]
"""


class OtherPython(HostTestCase):
    def test_what_may_be_elsewhere_is_not_read_and_a_new_worker_has_the_new_code(self):
        app = self.write("app.py", APP.format(version="v1"))
        control = self.path("control")
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {control}\n"
            f"[app one]\nfile = {app}\nreload = interpreter\n[app two]\nfile = {app}\n"
            "mount = /two\n"), env=clean_environ(**ENVIRON))
        self.assertRegex(host.log.wait_for(r"\[reload\.unchecked\]"), WHY)
        host.log.wait_for(r"\[app\.loaded\]", 2)
        out = subprocess.run([host.args[0], "status", "--json", "-s", control],
                             capture_output=True, check=True, timeout=30).stdout
        for one in json.loads(out)["workers"][0]["apps"]:
            self.assertEqual(one["reload"]["strategy"], "worker")
            self.assertRegex(one["reload"]["why"], WHY)
        before = host.children()
        self.write("app.py", APP.format(version="v2"))
        host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: host.fetch("/").body == b"v2", "the new worker's answer")
        self.assertNotEqual(host.children(), before)
        self.assertEqual(host.log.find(r"\[(reload\.switched|stale\.\w+)\]"), [])
        self.assertEqual(host.log.count(r"\[reload\.unchecked\]"), 2, "once for each worker")

    def test_the_audit_says_why_it_cannot_look(self):
        status, out, err = run("audit", "-m", "json", env=clean_environ(**ENVIRON))
        self.assertNotEqual(status, 0)
        self.assertTrue(re.search(WHY, err), out + err)


if __name__ == "__main__":
    unittest.main()
