"""When memory is short, what is kept for speed alone is given back."""

import os
import re
import select
import subprocess
import sys
import unittest

from support import control_group
from support.host import HostTestCase, needs_recycling
from support.waiting import await_

APPLICATION = """
import json
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"1"]
"""

#: Pages of a file, more than the group may have: whoever writes them waits for others to be freed.
WRITER = """
import mmap, sys
with open(sys.argv[1], "w+b") as f:
    f.truncate(120 << 20)
    pages = mmap.mmap(f.fileno(), 120 << 20)
    while True:
        for at in range(0, len(pages), mmap.PAGESIZE):
            pages[at] = 1
        print("once more", flush=True)
"""


def tells_pressure():
    try:
        with open("/proc/pressure/memory", "r+", encoding="utf-8"):
            return True
    except OSError:
        return False


@unittest.skipUnless(tells_pressure(), "this kernel does not tell when memory is short")
class MemoryIsShort(HostTestCase):
    def setUp(self):
        self.writer = None
        self.group = control_group.make(self, 30 << 20, self.end_writer)
        with open("/proc/self/cgroup", encoding="utf-8") as f:
            own = re.search("^0::(.*)", f.read(), re.M)
        if own and os.path.exists(f"/sys/fs/cgroup{own[1]}/memory.pressure"):
            self.skipTest("the host is told of its own control group only, and the writer has another")

    def end_writer(self):
        if self.writer:
            self.writer.kill()
            self.writer.communicate()
            self.writer = None

    def make_memory_short(self):
        self.writer = subprocess.Popen([sys.executable, "-c", WRITER, self.path("pages")],
                                       stdout=subprocess.PIPE,
                                       preexec_fn=lambda: control_group.enter(self.group))

    def start(self, keys):
        self.control = self.path("control")
        self.file = self.write("app.py", APPLICATION)
        self.host = self.start_host("--control", self.control, "-c", self.config(
            f"[app app]\nfile = {self.file}\n{keys}\n"))

    def preload(self):
        return self.status()["workers"][0]["apps"][0]["preload"]

    @needs_recycling
    def test_a_spare_is_given_back_until_the_next_reload(self):
        self.start("spare = on")
        self.host.log.wait_for(r"\[spare\.ready\]")
        self.make_memory_short()
        self.host.log.wait_for(r"app=app .*\[spare\.returned\] given back: memory was short")
        preload = self.preload()
        self.assertEqual((preload["modules"], preload["why"]), (0, "given back: memory was short"))
        self.write("app.py", APPLICATION.replace("1", "2"))
        await_(lambda: self.host.fetch("/").body == b"2", "the new code")
        await_(lambda: "none is made for a minute" in self.preload()["why"], "the rest to be told")
        self.assertEqual(self.host.log.count(r"\[spare\.ready\]"), 1)

    @needs_recycling
    def test_what_was_before_the_host_began_is_nothing_to_it(self):
        self.make_memory_short()
        for _ in range(5):  # to read the kernel's figure would be to have it reckoned anew
            self.writer.stdout.readline()
        self.end_writer()
        self.start("spare = on")
        with open("/proc/pressure/memory", "r+b", buffering=0) as f:
            f.write(b"some 150000 2000000\0")  # what the host asks for: told at the same time
            told = select.poll()
            told.register(f, select.POLLPRI)
            told.poll(5000)
        self.host.log.wait_for(r"\[spare\.ready\]")
        self.assertEqual(self.preload()["why"], "")
        self.assertEqual(self.host.log.count(r"\[spare\.returned\]"), 0)

    def test_the_template_of_a_group_that_is_asleep_is_given_back(self):
        self.start("process = own\ninterpreter = main\nworkers = 0-1\nidle_timeout_s = 1")
        self.assertEqual(self.host.fetch("/").body, b"1")
        self.host.log.wait_for(r"\[template\.ready\]")
        self.host.log.wait_for(r"\[process\.idle\]")
        await_(lambda: not self.status()["workers"], "the last worker to end")
        self.assertEqual(len(self.status()["templates"]), 1)
        self.make_memory_short()
        self.host.log.wait_for(r"\[template\.returned\] process app: memory is short")
        self.assertEqual(self.status()["templates"], [])
        self.assertEqual(self.host.fetch("/").body, b"1")


if __name__ == "__main__":
    unittest.main()
