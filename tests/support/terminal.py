"""A terminal, also where /dev/pts is not mounted (a plain chroot)."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import tempfile
import unittest

TIOCSPTLCK = 0x40045431
TIOCGPTN = 0x80045430


@contextlib.contextmanager
def _own_terminals():
    """A folder with a devpts of our own; needs root."""
    with tempfile.TemporaryDirectory(prefix="fcgi_host-pts-") as folder:
        mounted = subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666",
                                  "devpts", folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise unittest.SkipTest(f"no terminals here: {mounted.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def _open_pair(folder):
    leader = os.open(os.path.join(folder, "ptmx"), os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(leader, TIOCSPTLCK, struct.pack("i", 0))
    number, = struct.unpack("i", fcntl.ioctl(leader, TIOCGPTN, struct.pack("i", 0)))
    return leader, os.open(os.path.join(folder, str(number)), os.O_RDWR | os.O_NOCTTY)


class LinesOf:
    """What is written to a terminal, line by line, until it is closed: what Log reads."""

    def __init__(self, leader):
        self._file = os.fdopen(os.dup(leader), "rb", 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __iter__(self):
        with contextlib.suppress(OSError):  # EIO: nobody has the terminal any more
            yield from self._file


@contextlib.contextmanager
def terminal():
    """(leader, terminal): two descriptors, closed at the end."""
    with contextlib.ExitStack() as stack:
        try:
            pair = pty.openpty()
        except OSError:
            pair = _open_pair(stack.enter_context(_own_terminals()))
        for fd in pair:
            stack.callback(os.close, fd)
        yield pair
