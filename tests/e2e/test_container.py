"""As in a container: process 1, nobody's user, a root that cannot be written to, no inotify, the log on
standard output.  The configuration is that of examples/container."""

import json
import os
import re
import signal
import subprocess
import unittest

from support import fcgi
from support.host import PROGRAM, ROOT, HostTestCase, children_of, clean_environ, die_with_parent
from support.waiting import await_

NOBODY = 65534
EXAMPLES = os.path.join(ROOT, "examples", "container")

APPLICATION = """
    import os, subprocess

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        start_response("200 OK", [])
        if path == "/orphan":  # its parent ends first
            subprocess.run(["sh", "-c", "sleep 0.01 & echo $! >&2"], stderr=subprocess.PIPE)
        if path == "/slow":
            with open(os.environ["GO"]) as f:
                return [f.read().encode()]
        return [f"{os.getppid()} {os.getuid()} {os.access('/', os.W_OK)}".encode()]
    """

#: A root that cannot be written to but for the shared folder, and a process of its own as number 1.
INSIDE = """
set -e
root=$1 shared=$2
shift 2
mount --make-rprivate /
mount --bind / "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount --bind "$shared" "$root$shared"
exec chroot "$root" setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "$@"
"""


def can_contain():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--ipc", "--user", "--map-root-user", "true"],
        capture_output=True).returncode == 0


@unittest.skipUnless(can_contain(), "needs root, and a kernel that lets it make namespaces")
class Container(HostTestCase):
    def setUp(self):
        super().setUp()
        self.shared = self.path("shared")
        self.root = self.path("root")
        os.mkdir(self.root)
        os.mkdir(self.shared)
        os.chown(self.shared, NOBODY, NOBODY)
        os.chmod(self.shared, 0o755)
        self.socket = os.path.join(self.shared, "fcgi_host.sock")
        self.control = os.path.join(self.shared, "fcgi_host.ctl")

    def start(self, **replaced):
        with open(os.path.join(EXAMPLES, "fcgi_host.conf"), encoding="utf-8") as f:
            text = f.read()
        app = self.write("wsgi.py", APPLICATION)
        replaced = {"/run/site": self.shared, "/srv/app/wsgi.py": app, **replaced}
        for old, new in replaced.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        config = self.write("fcgi_host.conf", text)
        self.go = os.path.join(self.shared, "go")
        os.mkfifo(self.go)
        os.chmod(self.go, 0o666)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "bash", "-c", INSIDE, "inside",
             self.root, self.shared, PROGRAM, "-c", config],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=clean_environ(GO=self.go), preexec_fn=die_with_parent)
        self.addCleanup(self.end)
        await_(lambda: self.process.poll() is not None or os.path.exists(self.control), "the host")
        await_(lambda: self.ask("ready").returncode == 0, "it to be ready")

    def end(self):
        if self.process.poll() is None:
            os.kill(self.first(), signal.SIGKILL)  # unshare's --kill-child ends with a change of the user
        self.process.communicate()

    def first(self):
        """The process that is number 1 inside."""
        return children_of(self.process.pid)[0]

    def ask(self, command, *arguments):
        """A probe: a process that enters the container."""
        return subprocess.run(
            ["nsenter", "--target", str(self.first()), "--mount", "--pid", "--root", "--setuid", str(NOBODY),
             "--setgid", str(NOBODY), PROGRAM, command, "-s", self.control, *arguments],
            capture_output=True, text=True)

    def fetch(self, path):
        return fcgi.fetch(self.socket, path)

    def log(self):
        """What it wrote to standard output, when it has ended."""
        out, err = self.process.communicate(timeout=60)
        self.assertEqual(self.process.returncode, 0, err)
        return [json.loads(line) for line in out.splitlines()]

    def test_it_serves_as_process_1_without_writing_anywhere(self):
        self.start()
        self.assertEqual(self.fetch("/").body, f"1 {NOBODY} False".encode())
        self.assertEqual(self.ask("ping").returncode, 0)
        os.kill(self.first(), signal.SIGTERM)
        log = self.log()
        events = {line["event"] for line in log}
        self.assertLessEqual({"host.ready", "app.loaded", "request", "host.stopped"}, events)
        request, = (line for line in log if line["event"] == "request")
        self.assertEqual((request["url.path"], request["http.response.status_code"]), ("/", 200))
        self.assertEqual([line for line in log if line.get("level") in ("warn", "error")], [])

    def test_orphans_are_taken_and_none_is_left(self):
        self.start()
        for _ in range(5):
            self.fetch("/orphan")

        def dead():
            with open(f"/proc/{self.first()}/task/{self.first()}/children", encoding="ascii") as f:
                children = f.read().split()
            states = []
            for child in children:
                try:
                    with open(f"/proc/{child}/stat", encoding="ascii") as f:
                        states.append(f.read().rpartition(")")[2].split()[0])
                except FileNotFoundError:
                    states.append("gone")
            return "Z" in states or len(children) > 1
        await_(lambda: not dead(), "only the worker to be left")

    def test_what_a_pod_does_before_its_end_loses_no_request(self):
        self.start(**{"drain_s = 5": "drain_s = 1"})
        with fcgi.Connection(self.socket) as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/slow")))
            drain = subprocess.Popen(
                ["nsenter", "--target", str(self.first()), "--mount", "--pid", "--root", PROGRAM, "drain", "--wait",
                 "-s", self.control], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            await_(lambda: self.ask("ready").returncode != 0, "it to say that it drains")
            self.assertEqual(self.fetch("/").status, 200)
            with open(self.go, "w", encoding="utf-8") as f:
                f.write("answered")
            self.assertEqual(connection.read_response().body, b"answered")
        self.assertEqual(drain.communicate(timeout=60)[0] and drain.returncode, 0)
        self.log()

    def start_without_inotify(self, reload):
        """@return (the lines of its log, until it was ready; the application's file; its socket)"""
        app = self.write("plain.py", APPLICATION)
        socket = self.path("plain.sock")
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{socket}
            allow_root = yes
            [app site]
            file = {app}
            reload = {reload}
            """)
        process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c",
             'mount -t proc proc /proc && echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "inside",
             PROGRAM, "-c", config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=clean_environ(), preexec_fn=die_with_parent)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "[host.ready]" in line:
                break
        self.assertTrue(lines and "[host.ready]" in lines[-1], "".join(lines))
        return "".join(lines), app, socket

    def test_no_inotify_is_needed_where_nothing_is_watched(self):
        log, _, _ = self.start_without_inotify("off")
        self.assertNotRegex(log, r"inotify|\[reload\.unavailable\]")
        self.assertIn("[stale.clean]", log)  # the check is made all the same

    def test_without_inotify_files_are_looked_at(self):
        log, app, socket = self.start_without_inotify("auto")
        self.assertRegex(log, r"\[reload\.watch_limit\] inotify_init1 .*; polling every")
        with open(app, "w", encoding="utf-8") as f:
            f.write("def application(environ, start_response):\n"
                    "    start_response('200 OK', [])\n    return [b'new']\n")
        await_(lambda: fcgi.fetch(socket, "/").body == b"new", "the new code")


class Files(unittest.TestCase):
    def read(self, name):
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            return f.read()

    def test_times_and_paths_of_the_examples_agree(self):
        config, pod, nginx = self.read("fcgi_host.conf"), self.read("pod.yaml"), self.read("nginx.conf")
        seconds = {key: int(value) for key, value in re.findall(r"(drain_s|stop_timeout_s) = (\d+)", config)}
        grace = int(re.search(r"terminationGracePeriodSeconds: (\d+)", pod)[1])
        self.assertLess(sum(seconds.values()), grace)
        for name in ("fcgi_host.sock", "fcgi_host.ctl"):
            self.assertIn("/run/site/" + name, config)
        self.assertIn("unix:/run/site/fcgi_host.sock", nginx)
        self.assertEqual(set(re.findall(r"-s, (\S+?)\]", pod)), {"/run/site/fcgi_host.ctl"})


if __name__ == "__main__":
    unittest.main()
