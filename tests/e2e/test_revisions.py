"""The revision of an application's code: in the status, and expected by a reload."""

import os
import unittest

from support.applications import HELLO
from support.host import HostTestCase, run
from support.waiting import await_

ONE, TWO = "1" * 40, "2" * 40


class Revisions(HostTestCase):
    def setUp(self):
        super().setUp()
        self.site = self.path("site")
        os.makedirs(os.path.join(self.site, ".git/refs/heads"))
        self.put(".git/HEAD", "ref: refs/heads/main\n")
        self.commit(ONE)
        self.put("wsgi.py", self.code(1))
        other = self.write("other.py", HELLO)
        self.control = self.path("control")
        self.host = self.start_host("--control", self.control, "-c", self.config(f"""
            [fcgi_host]
            workers = 2
            [app shop]
            file = {self.site}/wsgi.py
            reload = interpreter
            [app other]
            file = {other}
            mount = /other
            """))
        self.host.log.wait_for(r"\[host\.ready\]")
        await_(lambda: len(self.revisions()) == 2, "both workers")

    def code(self, number):
        return f"def application(environ, start_response):\n" \
               f"    start_response('200 OK', [])\n    return [b'{number}']\n"

    def put(self, name, text):
        with open(os.path.join(self.site, name), "w", encoding="utf-8") as f:
            f.write(text)

    def commit(self, commit):
        self.put(".git/refs/heads/main", commit + "\n")

    def revisions(self, name="shop"):
        return [app["revision"] for worker in self.status()["workers"]
                if worker["state"] == "serving" for app in worker["apps"] if app["name"] == name]

    def reload(self, *arguments):
        return run("reload", "-s", self.control, "--wait", *arguments)

    def test_it_is_that_of_the_code_that_serves(self):
        self.assertEqual(self.revisions(), [ONE, ONE])
        self.assertEqual(self.revisions("other"), [None, None])
        self.commit(TWO)
        self.assertEqual(self.revisions(), [ONE, ONE])  # nothing has been loaded since
        self.put("wsgi.py", self.code(2))
        await_(lambda: self.revisions() == [TWO, TWO], "the new code in both workers")
        self.put("wsgi.py", "1 / 0\n")
        self.host.log.wait_for(r"\[reload\.kept\]", count=2)
        self.commit("3" * 40)
        self.assertEqual(self.revisions(), [TWO, TWO])

    def test_a_reload_that_expects_another_one_fails_and_says_where(self):
        self.commit(TWO)
        code, out, err = self.reload("--expect", TWO, "shop")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("switched", out)
        code, _, err = self.reload("--expect", TWO[:8], "shop")  # as git abbreviates it
        self.assertEqual((code, err), (0, ""))
        code, _, err = self.reload("--expect", ONE, "shop")
        self.assertEqual(code, 1)
        self.assertEqual(len(err.splitlines()), 2, err)  # two workers
        self.assertRegex(err, f"shop serves {TWO} in worker \\d+, not {ONE}")
        code, _, err = self.reload("--expect", TWO)  # all applications
        self.assertEqual(code, 1)
        self.assertRegex(err, "other serves no known revision in worker")

    def test_code_that_is_kept_is_not_the_one_that_was_expected(self):
        self.commit(TWO)
        self.put("wsgi.py", "1 / 0\n")
        code, _, err = self.reload("--expect", TWO, "shop")
        self.assertEqual(code, 1)
        self.assertIn("kept", err)


if __name__ == "__main__":
    unittest.main()
