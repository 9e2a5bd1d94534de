"""`fcgi_host top`: what runs, live in a terminal."""

import fcntl
import os
import struct
import subprocess
import termios
import unittest

from support.applications import HELLO
from support.host import AS_ROOT, PROGRAM, HostTestCase, die_with_parent, run
from support.terminal import terminal
from support.waiting import await_


class Top(HostTestCase):
    def setUp(self):
        super().setUp()
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.control}
            [app one]
            file = {self.write("one.py", HELLO)}
            mount = /one
            [app two]
            file = {self.write("two.py", "this is no Python")}
            mount = /two
            """))
        self.host.log.wait_for(r"\[host\.ready\]")

    def start(self, pair, rows, columns):
        """The command in a terminal of that size; all it writes comes to be in self.seen."""
        leader, follower = pair
        fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.seen = b""
        os.set_blocking(leader, False)
        return subprocess.Popen([PROGRAM, *AS_ROOT, "top", "-s", self.control], stdin=follower,
                                stdout=follower, stderr=follower, preexec_fn=die_with_parent)

    def await_seen(self, leader, text, count=1):
        def look():
            try:
                self.seen += os.read(leader, 65536)
            except BlockingIOError:
                pass
            return self.seen.count(text) >= count
        await_(look, f"{text!r} {count} times")

    def test_it_is_drawn_again_and_ends_with_a_key(self):
        with terminal() as pair:
            leader, follower = pair
            before = termios.tcgetattr(follower)
            process = self.start(pair, 24, 100)
            self.await_seen(leader, b"\x1b[?1049h\x1b[?25l")
            self.await_seen(leader, b"! two")
            self.await_seen(leader, b"  one          serving")
            self.await_seen(leader, b"! two", 2)  # the next turn
            os.write(leader, b"q")
            self.assertEqual(process.wait(30), 0)
            self.await_seen(leader, b"\x1b[?25h\x1b[?1049l")
            self.assertEqual(termios.tcgetattr(follower), before)

    def test_no_line_is_longer_than_the_terminal_s(self):
        with terminal() as pair:
            process = self.start(pair, 5, 20)
            self.await_seen(pair[0], b"\x1b[J", 2)
            process.terminate()
            self.assertEqual(process.wait(30), 0)
            drawn = self.seen.split(b"\x1b[H")[1].split(b"\x1b[J")[0]
            lines = [line.removesuffix(b"\x1b[K") for line in drawn.split(b"\r\n")]
            self.assertEqual(lines.pop(), b"")
            self.assertLessEqual(len(lines), 4)
            self.assertEqual(max(map(len, lines)), 20)

    def test_it_ends_with_the_host_and_says_so(self):
        with terminal() as pair:
            process = self.start(pair, 24, 100)
            self.await_seen(pair[0], b"! two")
            self.host.stop()
            self.assertEqual(process.wait(30), 1)
            self.await_seen(pair[0], b"\x1b[?1049l")
            self.await_seen(pair[0], b"fcgi_host top: ")

    def test_without_a_terminal_it_is_shown_once(self):
        status, out, _ = run("top", "-s", self.control)
        self.assertEqual(status, 0)
        lines = out.splitlines()
        self.assertRegex(lines[4], r"^! two +failed ")
        self.assertRegex(lines[5], r"^  one +serving ")
        self.assertNotIn("\x1b", out)

    def test_wrong_usage_and_no_host(self):
        self.assertEqual(run("top")[0], 2)
        self.assertEqual(run("top", "-s", self.control, "x")[0], 2)
        self.assertEqual(run("top", "-s", self.path("nobody"))[0], 1)


if __name__ == "__main__":
    unittest.main()
