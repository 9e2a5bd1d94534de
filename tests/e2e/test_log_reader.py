"""A log that nobody reads (a pipe whose reader stalls) holds up no process of the host."""

import os
import re
import signal
import subprocess
import unittest

from support import fcgi
from support.host import (AS_ROOT, PROGRAM, HostTestCase, Log, children_of, clean_environ,
                          die_with_parent, needs_recycling, run)
from support.waiting import DEADLINE_S, await_

NOISY = """
    import os, signal, sys
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/noise":
            for i in range(30000):
                print(f"noise {i:07d} " + "x" * 80)
        if environ["PATH_INFO"] == "/crash":
            os.kill(os.getpid(), signal.SIGKILL)
        start_response("200 OK", [])
        return [b"noisy"]
    """
QUIET = """
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"quiet 1"]
    """


class UnreadLog(HostTestCase):

    def start(self):
        """A host whose standard output and error are a pipe that is not read yet."""
        self.quiet = self.write("quiet.py", QUIET)
        noisy = self.write("noisy.py", NOISY)
        self.address = self.path("sock")
        self.control = self.path("ctl")
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{self.address}
            control = {self.control}
            stop_timeout_s = 2
            [app noisy]
            file = {noisy}
            mount = /n
            [app quiet]
            file = {self.quiet}
            """)
        self.reader, writer = os.pipe()
        self.host = subprocess.Popen(
            [PROGRAM, *AS_ROOT, "-c", config], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
            env=clean_environ(), preexec_fn=die_with_parent)
        os.close(writer)
        self.addCleanup(self.end)
        await_(lambda: self.ask("/") == b"quiet 1" and self.ask("/n") == b"noisy")

    def end(self):
        self.host.kill()
        self.host.wait()

    def ask(self, path):
        try:
            return fcgi.fetch(self.address, path).body
        except (OSError, fcgi.Closed):
            return None

    @needs_recycling  # else the edit replaces the worker whose lines are counted
    def test_everything_works_and_the_log_says_what_was_dropped(self):
        self.start()
        self.assertEqual(self.ask("/n/noise"), b"noisy")  # far more than a pipe takes
        self.assertEqual(self.ask("/"), b"quiet 1")

        self.write("quiet.py", QUIET.replace("quiet 1", "quiet 2"))
        await_(lambda: self.ask("/") == b"quiet 2", "the edit to be taken up")

        worker, = children_of(self.host.pid)
        self.ask("/n/crash")
        await_(lambda: children_of(self.host.pid) not in ([], [worker]), "another worker")
        await_(lambda: self.ask("/") == b"quiet 2", "it to serve")

        status, output, errors = run("status", "--json", "-s", self.control)
        self.assertEqual(status, 0, errors)

        self.assertEqual(self.ask("/n/noise"), b"noisy")
        log = Log(os.fdopen(self.reader, "rb"))  # reads from here on
        dropped = int(re.search(r"\[log.dropped\] (\d+) lines",
                                log.wait_for(r"\[log.dropped\]")).group(1))
        self.assertGreater(dropped, 0)
        self.assertEqual(self.ask("/n"), b"noisy")
        self.host.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.wait(DEADLINE_S), 0)
        log.wait_closed()
        # What was logged by the worker that lives is there or counted: 30,000 lines.
        noise = log.count(rf" (?!{worker} )\d+ app=noisy .*\[app.stdout\] noise ")
        dropped = sum(int(re.search(r"(\d+) lines", line).group(1)) for line in
                      log.find(rf" (?!{worker} )\d+ \[log.dropped\]"))
        self.assertEqual(noise + dropped, 30000)
        self.assertTrue(log.find(r"\[worker.crashed\]"))
        self.assertTrue(log.find(r"\[host.stopped\]"))

    def test_the_host_stops(self):
        self.start()
        self.addCleanup(os.close, self.reader)
        self.assertEqual(self.ask("/n/noise"), b"noisy")
        self.host.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.wait(DEADLINE_S), 0)


if __name__ == "__main__":
    unittest.main()
