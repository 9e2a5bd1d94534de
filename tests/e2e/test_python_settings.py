"""python.NAME: Python's own settings, which only Python sees."""

import json
import os
import unittest

from support.host import HostTestCase, run

APPLICATION = """
    import json, os, subprocess, sys

    def application(environ, start_response):
        start_response("200 OK", [])
        assert not environ["PATH_INFO"].endswith("/asserts")
        program = "import sys; print(sys.flags.optimize)"
        return [json.dumps({
            "optimize": sys.flags.optimize, "hash": hash("a fixed text"), "x": sys._xoptions,
            "digits": sys.flags.int_max_str_digits, "cache": sys.pycache_prefix,
            "warnings": sys.warnoptions,
            "environ": {k: v for k, v in os.environ.items() if k.startswith("PYTHON")},
            "program": subprocess.run([sys.executable, "-c", program], capture_output=True,
                                      text=True).stdout.strip(),
        }).encode()]
    """
SETTINGS = """
    python.optimize = 1
    python.hashseed = 7
    python.pycacheprefix = {cache}
    python.warnings = error::ResourceWarning,default
    python.X = int_max_str_digits=9999 own=3
    """


class PythonSettings(HostTestCase):
    def start(self, settings="", env=None):
        file = self.write("app.py", APPLICATION)
        return self.start_host("-c", self.config(f"""
            [fcgi_host]
            {settings}
            [app app]
            file = {file}
            [app own]
            file = {file}
            mount = /own
            process = own
            """), env=env)

    def ask(self, host, path="/"):
        return json.loads(host.fetch(path).body)

    def test_python_starts_with_them_and_nobody_else_sees_them(self):
        cache = self.path("cache")
        host = self.start(SETTINGS.format(cache=cache))
        for path in ("/", "/own"):
            with self.subTest(path):
                found = self.ask(host, path)
                self.assertEqual((found["optimize"], found["digits"], found["cache"]), (1, 9999, cache))
                self.assertEqual(found["x"], {"int_max_str_digits": "9999", "own": "3"})
                self.assertEqual(found["warnings"], ["error::ResourceWarning", "default"])
                self.assertEqual(found["environ"], {})
                self.assertEqual(found["program"], "0")
                self.assertEqual(host.fetch(path + "/asserts").status, 200)
        self.assertEqual(self.ask(host)["hash"], self.ask(host, "/own")["hash"])
        self.assertTrue(os.path.isdir(cache))

    def test_what_the_environment_says_stands_elsewhere(self):
        host = self.start("python.optimize = 2", env={"PYTHONOPTIMIZE": "1"})
        found = self.ask(host)
        self.assertEqual((found["optimize"], found["program"]), (2, "1"))
        self.assertEqual(found["environ"], {"PYTHONOPTIMIZE": "1"})

    def test_what_is_no_setting_of_pythons_is_an_error(self):
        for key in ("python.path", "python.PYTHONOPTIMIZE", "python.optimise", "python."):
            with self.subTest(key):
                path = self.config(f"[fcgi_host]\n{key} = 1\n[app a]\nfile = {__file__}\n")
                code, _, err = run("-t", "-c", path)
                self.assertEqual(code, 2)
                self.assertIn(f"{path}:2: ", err)
        path = self.config(f"[fcgi_host]\npython.optimize = 1\npython.optimize = 2\n[app a]\nfile = {__file__}\n")
        self.assertEqual(run("-t", "-c", path)[0], 2)

    def test_they_are_written_out_with_the_rest(self):
        path = self.config(f"[fcgi_host]\n{SETTINGS.format(cache='/x')}[app a]\nfile = {__file__}\n")
        code, out, err = run("-t", "-c", path)
        self.assertEqual(code, 0, err)
        self.assertIn("python.optimize = 1\n", out)
        self.assertIn("python.X = int_max_str_digits=9999 own=3\n", out)


if __name__ == "__main__":
    unittest.main()
