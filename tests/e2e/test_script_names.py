"""Names of scripts as a file system allows them: any bytes."""

import json
import os
import unittest

from support import fcgi, servers
from support.host import LOG_LINE, HostTestCase

SCRIPT = """
import json, sys
import fcgi_host
print("said by", ascii(__file__))
def application(environ, start_response):
    if environ["QUERY_STRING"]:
        raise RuntimeError(__file__)
    start_response("200 OK", [("Content-Type", "application/json")])
    names = [__file__, environ["fcgi_host.app"], environ["fcgi_host.interpreter"],
             fcgi_host.info()["app"]]
    environ["wsgi.errors"].write("text\\n")
    return [json.dumps(names).encode()]
"""


class ScriptNames(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.fsencode(cls.folder) + b"/root"
        os.mkdir(cls.root)
        conf = cls.write("scripts.conf", servers.example("scripts.conf", {
            "/var/www/py": os.fsdecode(cls.root)}))
        cls.control = cls.path("control")
        cls.host = cls.start_class_host("--control", cls.control, "-c", conf)

    def script(self, name, query="", text=SCRIPT):
        path = self.root + b"/" + name
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path, fcgi.fetch(self.host.address, "", query=query, SCRIPT_FILENAME=path,
                                SCRIPT_NAME=b"/" + name, DOCUMENT_ROOT=self.root,
                                REQUEST_URI=b"/script")

    def expect_names(self, name):
        path, response = self.script(name)
        self.assertEqual(response.status, 200, response)
        self.assertEqual([os.fsencode(seen) for seen in json.loads(response.body)], [path] * 4)

    def test_names_that_are_not_utf_8(self):
        for name in (b"caf\xe9.py", b"\xff\xfe.py", "caf\u00e9.py".encode()):
            self.expect_names(name)
        self.host.log.wait_for(r"app=\S+caf\\xe9\.py gen=1 \[app\.loaded\]")
        self.host.log.wait_for(r"app=\S+caf\\xe9\.py gen=1 \[app\.stdout\] said by")

    def test_their_errors_are_logged(self):
        _, response = self.script(b"wrong\xe9.py", "raise")
        self.assertEqual(response.status, 500)
        self.host.log.wait_for(r"app=\S+wrong\\xe9\.py .*\[request\.exception\]")
        self.host.log.wait_for("RuntimeError")

    def test_those_that_do_not_load_say_why(self):
        self.assertEqual(self.script(b"broken\xe9.py", text="1 / 0\n")[1].status, 500)
        self.host.log.wait_for(r"app=\S+broken\\xe9\.py .*\[app\.failed\]")
        self.host.log.wait_for("ZeroDivisionError")
        self.assertEqual(self.script(b"empty\xe9.py", text="x = 1\n")[1].status, 500)
        self.host.log.wait_for(r"app=\S+empty\\xe9\.py .*\[app\.failed\] .*application")

    def test_names_that_would_tear_a_log_line(self):
        for name in (b"new\nline.py", b"a space.py", b"tab\t.py", b"x=1 [app.loaded] y.py"):
            self.expect_names(name)
        self.host.log.wait_for(r"app=\S+/new\\x0aline\.py gen=1 \[app\.loaded\]")
        self.host.log.wait_for(r"app=\S+/a\\x20space\.py gen=1 \[app\.loaded\]")
        for line in self.host.log.lines:
            if not line.startswith("    "):
                self.assertTrue(LOG_LINE.fullmatch(line), line)

    def test_long_names_that_differ_at_their_end(self):
        for end in (b"1.py", b"2.py"):
            self.expect_names(b"long-" + b"x" * 200 + end)
            self.host.log.wait_for(rf"app=\S+x{end.decode()} gen=1 \[app\.loaded\]")


if __name__ == "__main__":
    unittest.main()
