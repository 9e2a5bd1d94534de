"""Graceful restarts of the web server that spawned the host, under load."""

import os
import re
import shutil
import signal
import unittest

from support import servers
from support.host import APPS, PROGRAM, PYTHON, HostTestCase, children_of, needs_program
from support.load import Load
from support.waiting import await_


def processes_of(program):
    """Process ids of hosts that this test's copy of the program runs as."""
    pids = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink(f"/proc/{name}/exe") == program:
                pids.append(int(name))
        except OSError:
            pass
    return pids


class Restarts(HostTestCase):
    def setUp(self):
        os.chmod(self.folder, 0o777)
        self.program = shutil.copy(PROGRAM, self.path("fcgi_host"))
        self.app = shutil.copy(os.path.join(APPS, "perilous.py"), self.path("app.py"))
        self.server_folder = self.path("server")
        os.makedirs(self.server_folder)
        self.addCleanup(lambda: await_(lambda: not processes_of(self.program), "all hosts to end"))

    def fetch(self, path="/"):
        return self.server.get(self.mount + path).status

    def restart_under_load(self, number, times=3):
        """What the clients saw to fail."""
        with Load(self.fetch) as load:
            for _ in range(times):
                before = processes_of(self.program)
                self.server.process.send_signal(number)
                await_(lambda: not set(before) & set(processes_of(self.program)),
                       "the old hosts to end")
                load.await_answers(50)
        self.assertNotIn("[worker.crashed]", self.server.log_text)
        return load.failures


@needs_program("lighttpd")
class Lighttpd(Restarts):
    mount = ""

    def start(self):
        self.server = servers.start_lighttpd(self.server_folder, servers.example(
            "lighttpd/spawned.conf", {
                "/run/lighttpd/fcgi_host.sock": self.path("spawned.sock"),
                "/usr/local/bin/fcgi_host": self.program, "/srv/blog/wsgi.py": self.app}))
        self.addCleanup(self.server.stop)
        self._logs.append(("lighttpd", lambda: self.server.log_text))

    def test_a_graceful_restart_loses_nothing(self):
        self.start()
        self.assertEqual(self.restart_under_load(signal.SIGUSR1), [])


    def is_served(self):
        try:
            return self.fetch() == 200
        except OSError:
            return False

    def is_spawned_again(self):
        """Kill the host that lighttpd has spawned; whether lighttpd spawns another one."""
        self.server_folder = self.path("server")
        os.makedirs(self.server_folder)
        self.start()
        await_(self.is_served, "an answer")
        spawned = set(children_of(self.server.process.pid)) & set(processes_of(self.program))
        for pid in spawned:
            os.kill(pid, signal.SIGKILL)
        await_(lambda: not spawned & set(processes_of(self.program)), "its end")
        # It tries the socket of the dead host again and again if it found somebody listening there.
        await_(lambda: self.is_served() or "re-enabled" in self.server.log_text, "an answer or none")
        is_served = self.is_served()
        self.server.stop()
        return is_served

    def test_a_host_that_is_killed_is_spawned_again(self):
        # lighttpd looks whether the socket is in use as soon as the host has died: where processors
        # are scarce, it may look before a worker could let go of the socket.
        again = [self.is_spawned_again() for _ in range(5)]
        self.assertGreaterEqual(sum(again), 3, again)


@needs_program("apache2")
class ApacheModFcgid(Restarts):
    mount = "/blog"

    def start(self):
        blog = self.path("blog")
        os.makedirs(blog)
        script = self.write(os.path.relpath(blog, self.folder) + "/blog.fcgi", servers.example(
            "apache/blog.fcgi", {"/usr/local/bin/fcgi_host": self.program,
                                 "/srv/blog/wsgi.py": self.app}), 0o755)
        conf = servers.example("apache/mod_fcgid.conf", {
            '"/blog" "/srv/blog/blog.fcgi"': f'"/blog" "{script}"', '"/srv/blog"': f'"{blog}"'})
        self.server = servers.start_apache(
            self.server_folder, conf + "FcgidMaxProcessesPerClass 4\n", ["fcgid"])
        self.addCleanup(self.server.stop)
        self._logs.append(("apache", lambda: self.server.log_text))

    def test_a_graceful_restart_loses_nothing_that_was_handed_over(self):
        if not PYTHON.startswith("/usr/bin/"):
            self.skipTest("Apache's user may not reach this Python")
        self.start()
        failures = self.restart_under_load(signal.SIGUSR1)
        # A request that an Apache child of before the restart has not handed to anybody yet may
        # find mod_fcgid's process manager gone: that fails without a word, whatever the program.
        self.assertLessEqual(len(failures), 3, failures)
        # What was handed over and lost, it logs.
        lost = [line for line in self.server.log_text.splitlines()
                if re.search(r":(error|warn|crit)\]", line) and "fcgid" in line]
        self.assertEqual(lost, [])

    def test_stopping_apache_ends_every_host(self):
        if not PYTHON.startswith("/usr/bin/"):
            self.skipTest("Apache's user may not reach this Python")
        self.start()
        self.assertEqual(self.fetch(), 200)
        self.server.stop()
        await_(lambda: not processes_of(self.program), "the hosts to end")


if __name__ == "__main__":
    unittest.main()
