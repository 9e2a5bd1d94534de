"""`fcgi_host status` and `reload` come back, whatever keeps the host from answering."""

import os
import signal
import unittest

from support.host import HostTestCase, needs_recycling, run
from support.waiting import await_

STARVING = """
    import ctypes
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)

    def let_threads_start(may):
        # The default size of a stack, which no thread can get.
        libc.pthread_getattr_default_np(attributes)
        size = ctypes.c_size_t(8 << 20 if may else 1 << 46)
        libc.pthread_attr_setstacksize(attributes, size)
        libc.pthread_setattr_default_np(attributes)

    def application(environ, start_response):
        let_threads_start(environ["PATH_INFO"] != "/starve")
        start_response("200 OK", [])
        return [b"done"]
    """


class ControlAnswers(HostTestCase):

    def start(self, text, *options):
        self.control = self.path("ctl")
        host = self.start_host("--control", self.control, *options, self.write("app.py", text))
        host.fetch("/")  # a worker serves, the control socket is there
        return host

    def command(self, *args):
        return run(*args, "-s", self.control)

    @needs_recycling
    def test_a_reload_that_cannot_be_started_is_answered_with_the_reason(self):
        host = self.start(STARVING)
        self.assertEqual(host.fetch("/starve").body, b"done")
        status, _, errors = self.command("reload")
        self.assertEqual(status, 1)
        self.assertRegex(errors, "kept .*cannot be started")
        host.log.wait_for(r"\[reload\.kept\] asked for: .*cannot be started")
        host.fetch("/")
        status, output, errors = self.command("reload")
        self.assertEqual(status, 0, errors)
        self.assertIn("switched", output)

    def test_an_edit_that_cannot_be_taken_up_yet_is_taken_up_later(self):
        host = self.start(STARVING)
        self.assertEqual(host.fetch("/starve").body, b"done")
        self.write("app.py", STARVING.replace("done", "edited"))
        host.log.wait_for(r"\[reload\.kept\] changed: .*cannot be started")
        host.fetch("/")  # threads can be started again
        await_(lambda: host.fetch("/").body == b"edited", "the edit to be taken up")

    def test_a_worker_that_hangs_does_not_hold_up_reload_and_status(self):
        host = self.start(STARVING, "-c", self.config("""
            [fcgi_host]
            startup_timeout_s = 1
            """))
        worker, = host.children()
        os.kill(worker, signal.SIGSTOP)
        self.addCleanup(os.kill, worker, signal.SIGCONT)
        status, _, errors = self.command("reload")
        self.assertEqual(status, 1)
        self.assertIn(f"worker {worker} does not answer", errors)
        status, output, errors = self.command("status", "--json")
        self.assertEqual(status, 0, errors)
        self.assertTrue(output.startswith("{"), output)

    def test_a_host_that_hangs_is_given_up(self):
        host = self.start(STARVING)
        self.addCleanup(host.signal, signal.SIGCONT)
        host.signal(signal.SIGSTOP)
        status, _, errors = self.command("status")
        self.assertEqual(status, 1)
        self.assertIn("no sign of life from the host", errors)


if __name__ == "__main__":
    unittest.main()
