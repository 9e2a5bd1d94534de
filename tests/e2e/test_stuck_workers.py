"""A worker that as a whole does not answer is killed, and another takes its place."""

import os
import signal
import subprocess
import unittest

from support import fcgi
from support.host import APPS, HostTestCase, run
from support.waiting import await_

PERILOUS = os.path.join(APPS, "perilous.py")


class Stuck(HostTestCase):
    def start(self, timeout_s, *args):
        self.control = self.path("control")
        self.host = self.start_host("--control", self.control, "-c", self.config(f"""
            [fcgi_host]
            stuck_timeout_s = {timeout_s}
            [app app]
            file = {PERILOUS}
            """), *args)
        self.host.fetch()
        return self.host

    def stop_worker(self):
        pid = await_(self.host.children)[0]
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.resume, pid)
        return pid

    @staticmethod
    def resume(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def test_a_connection_that_no_worker_takes_shows_it(self):
        host = self.start(1)
        # The questions for the first request are over: only a connection leads to others.
        stuck = self.stop_worker()
        response = host.fetch()
        self.assertEqual(response.status, 200)
        self.assertNotEqual(int(response.body.split()[0]), stuck)
        self.assertIn(f"worker {stuck} has not answered for 1 s",
                      host.log.wait_for(r"\[worker\.stuck\]"))
        host.log.wait_for(rf"\[worker\.crashed\] worker {stuck} died of SIGKILL")

    def test_so_does_a_request_that_is_not_served(self):
        host = self.start(1)
        with host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/nap", "600")))
            await_(lambda: '"in_flight":1' in run("status", "--json", "-s", self.control)[1])
            self.stop_worker()
            host.log.wait_for(r"\[worker\.stuck\]")
            self.assertIn("in hand: app: GET /nap", host.log.wait_for(r"\[worker\.crashed\]"))
        self.assertEqual(host.fetch().status, 200)

    def test_so_does_the_status(self):
        host = self.start(1)
        self.stop_worker()
        self.assertIn('"stuck"', run("status", "--json", "-s", self.control)[1])
        host.log.wait_for(r"\[worker\.stuck\]")
        self.assertEqual(host.fetch().status, 200)

    def test_the_other_of_two_workers_serves_meanwhile(self):
        host = self.start(1, "--workers", "2")
        await_(lambda: len(host.children()) == 2, "two workers")
        stuck = self.stop_worker()
        for _ in range(20):
            self.assertEqual(host.fetch().status, 200)
        run("status", "-s", self.control)
        host.log.wait_for(rf"\[worker\.stuck\] worker {stuck} ")
        await_(lambda: len([pid for pid in host.children() if pid != stuck]) == 2, "another")

    def test_a_replacement_does_not_wait_for_it(self):
        host = self.start(1)
        stuck = self.stop_worker()
        with subprocess.Popen(
                [*host.args[:1], "reload", "-s", self.control], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL) as command:
            host.log.wait_for(rf"\[worker\.stuck\] worker {stuck} ")
            self.assertEqual(host.fetch().status, 200)
            command.wait(20)


if __name__ == "__main__":
    unittest.main()
