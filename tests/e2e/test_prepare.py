"""prepare, commit, abort: new code loads beside the old, and serves when somebody says so."""

import os
import signal
import unittest

from support.host import HostTestCase, run
from support.load import Load
from support.waiting import await_


class Prepare(HostTestCase):
    def setUp(self):
        super().setUp()
        self.control = self.path("control")
        self.files = {name: self.write(name + ".py", self.code("1")) for name in ("shop", "blog")}

    def code(self, version):
        return f"""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"{version}"]
            """

    def start(self, host_keys="", shop_keys="", reload="off"):
        self.host = self.start_host("--control", self.control, "-c", self.config(f"""
            [fcgi_host]
            {host_keys}
            [app shop]
            file = {self.files["shop"]}
            mount = /shop
            reload = {reload}
            {shop_keys}
            [app blog]
            file = {self.files["blog"]}
            mount = /blog
            reload = off
            """))
        self.host.log.wait_for(r"\[host\.ready\]")

    def deploy(self, version, *names):
        for name in names or self.files:
            self.write(name + ".py", self.code(version) if version else "1 / 0\n")

    def say(self, *words):
        """(exit status, what it printed)"""
        code, out, err = run(*words[:1], "-s", self.control, *words[1:])
        return code, out + err

    def versions(self):
        return [self.host.fetch("/" + name).body.decode() for name in ("shop", "blog")]

    def workers(self):
        return self.status()["workers"]

    def states(self):
        return sorted(worker["state"] for worker in self.workers())

    def test_what_was_prepared_serves_when_it_is_committed(self):
        self.start("workers = 2")
        with Load(lambda: self.host.fetch("/shop").status) as load:
            self.deploy("2")
            code, text = self.say("prepare")
            self.assertEqual(code, 0, text)
            self.assertRegex(text, r"^prepared in \d+ ms")
            self.assertEqual(self.states(), ["serving", "serving", "starting", "starting"])
            self.assertEqual(self.versions(), ["1", "1"])
            code, text = self.say("commit")
            self.assertEqual(code, 0, text)
            self.assertRegex(text, r"^replaced in \d+ ms")
            self.assertEqual(self.versions(), ["2", "2"])
            load.await_answers()
        self.assertEqual(load.failures, [])
        self.assertEqual(self.say("commit")[0], 1)
        self.host.log.wait_for(r"\[reload\.prepared\]")

    def test_code_that_does_not_load_is_not_prepared(self):
        self.start()
        self.deploy(None, "shop")
        code, text = self.say("prepare", "shop")
        self.assertEqual(code, 1)
        self.assertIn("kept in", text)
        self.assertIn("shop does not load in the new worker", text)
        code, text = self.say("commit")
        self.assertEqual(code, 1)
        self.assertIn("nothing is prepared", text)
        self.assertEqual(self.versions(), ["1", "1"])

    def test_all_process_groups_or_none(self):
        self.start("", "process = own")
        self.deploy("2", "blog")
        self.deploy(None, "shop")
        code, text = self.say("prepare")
        self.assertEqual(code, 1)
        await_(lambda: self.states() == ["serving", "serving"], "the one that was prepared to be given up")
        self.deploy("3")
        self.assertEqual(self.say("prepare")[0], 0)
        self.assertEqual(self.versions(), ["1", "1"])
        self.assertEqual(self.say("commit")[0], 0)
        self.assertEqual(self.versions(), ["3", "3"])

    def test_only_the_process_group_of_the_application_that_is_named(self):
        self.start("", "process = own")
        self.deploy("2")
        self.assertEqual(self.say("prepare", "shop")[0], 0)
        self.assertEqual(self.states(), ["serving", "serving", "starting"])
        code, text = self.say("commit", "blog")
        self.assertEqual(code, 1)
        self.assertIn("nothing is prepared", text)
        self.assertEqual(self.say("commit", "shop")[0], 0)
        self.assertEqual(self.versions(), ["2", "1"])
        code, text = self.say("prepare", "none")
        self.assertEqual(code, 1)
        self.assertIn('no application is called "none"', text)

    def test_what_is_aborted_never_serves(self):
        self.start("workers = 2")
        self.deploy("2")
        self.assertEqual(self.say("prepare")[0], 0)
        code, text = self.say("abort")
        self.assertEqual(code, 0, text)
        self.assertIn("aborted", text)
        await_(lambda: self.states() == ["serving", "serving"], "the new ones to end")
        self.assertEqual(self.versions(), ["1", "1"])
        self.assertEqual(self.say("abort")[0], 1)
        self.deploy("3")
        self.assertEqual((self.say("prepare")[0], self.say("commit")[0]), (0, 0))
        self.assertEqual(self.versions(), ["3", "3"])

    def test_prepared_once_more_it_is_the_code_of_then(self):
        self.start()
        self.deploy("2")
        self.assertEqual(self.say("prepare")[0], 0)
        self.deploy("3")
        self.assertEqual((self.say("prepare")[0], self.say("commit")[0]), (0, 0))
        self.assertEqual(self.versions(), ["3", "3"])

    def test_a_worker_that_dies_is_the_end_of_it(self):
        self.start()
        for state in ("starting", "serving"):
            with self.subTest(state):
                self.deploy("2" if state == "starting" else "3")
                self.assertEqual(self.say("prepare")[0], 0)
                pid, = (worker["pid"] for worker in self.workers() if worker["state"] == state)
                os.kill(pid, signal.SIGKILL)
                await_(lambda: self.say("commit")[0] == 1, "it to be given up")
                await_(lambda: self.states() == ["serving"], "one worker")
        self.assertEqual(self.versions(), ["3", "3"])  # the one that was started after the last

    def test_another_replacement_comes_first(self):
        self.start()
        self.deploy("2")
        self.assertEqual(self.say("prepare")[0], 0)
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.kept\] .*workers are to be replaced for another reason: ")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.say("commit")[0], 1)
        self.assertEqual(self.versions(), ["2", "2"])

    def test_an_application_that_cannot_load_beside_itself_cannot_be_prepared(self):
        self.start("", "process = own", reload="restart")
        code, text = self.say("prepare", "shop")
        self.assertEqual(code, 1)
        self.assertIn("reload = restart", text)
        self.assertEqual(self.versions(), ["1", "1"])

    def test_a_process_group_that_is_asleep_is_always_prepared(self):
        self.start("", "process = own\nworkers = 0-1")
        self.deploy("2", "shop")
        self.assertEqual(self.say("prepare", "shop")[0], 0)
        self.assertEqual(self.say("commit", "shop")[0], 0)
        self.assertEqual(self.versions(), ["2", "1"])

    def test_the_revision_that_is_expected_is_that_of_what_waits(self):
        revision = os.path.join(os.path.dirname(self.files["shop"]), "REVISION")
        self.addCleanup(os.unlink, revision)
        for number in ("one", "two"):
            with open(revision, "w", encoding="utf-8") as f:
                f.write(number)
            if number == "one":
                self.start()
        self.assertEqual(self.say("prepare", "--expect", "two")[0], 0)
        code, text = self.say("prepare", "--expect", "three", "shop")
        self.assertEqual(code, 1)
        self.assertRegex(text, "shop has loaded two in worker [0-9]+, not three")
        self.assertEqual(self.say("commit")[0], 0)
        self.assertEqual({app["revision"] for worker in self.workers() for app in worker["apps"]
                          if worker["state"] == "serving"}, {"two"})


if __name__ == "__main__":
    unittest.main()
