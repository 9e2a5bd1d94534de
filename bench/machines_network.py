"""Machines that are network namespaces on a bridge, each with a host, and HAProxy in front.

The configurations are those of docs/scaling.md, with other addresses and paths.  It needs root.
"""

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import common
from support.scaling_page import AGENT_PORT, MACHINES, configuration, replaced

HTTP_PORT = 8080
#: What serves on each machine.  A POST's number is noted on its disk (+) when the application begins,
#: and kept there before it is answered.
CODE = '''
import os, time
MACHINE, REVISION = {machine!r}, {revision!r}
POSTS = os.open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "posts"),
                os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
def application(environ, start_response):
    began = time.monotonic()
    number = environ["wsgi.input"].read()
    if number:
        os.write(POSTS, b"+%s\\n" % number)
    time.sleep(0.01)
    if number:
        os.write(POSTS, b"%s\\n" % number)
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{{MACHINE}} {{REVISION}} {{began!r}}".encode()]
'''
DOES_NOT_LOAD = "1 / 0\n"
DEADLINE_S = 60


def await_(condition, what, deadline_s=DEADLINE_S):
    """Its value, as soon as it is true."""
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise RuntimeError(f"waited {deadline_s} s for {what}")
        time.sleep(0.02)
    return value


def _ip(*words, check=True):
    subprocess.run(["ip", *words], check=check, stdin=subprocess.DEVNULL)


class Network:
    """A bridge, and namespaces behind it that reach each other and nothing else."""

    def __init__(self):
        self.serial = os.getpid()
        self._bridge = f"fh{self.serial}"
        self._namespaces = {}  # and their links
        self._prefix = self._unused_prefix()
        self.address = self._prefix + "1"
        _ip("link", "add", "name", self._bridge, "type", "bridge")
        try:
            _ip("address", "add", self.address + "/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
        except BaseException:
            self.remove()
            raise

    def _unused_prefix(self):
        """Of the addresses that are set aside for benchmarks (RFC 2544), those nobody here has."""
        taken = subprocess.run(["ip", "-4", "address"], check=True, capture_output=True,
                               text=True).stdout
        for i in range(256):
            prefix = f"198.18.{(self.serial + i) % 256}."
            if f"inet {prefix}" not in taken:
                return prefix
        raise RuntimeError("198.18.0.0/16 is in use")

    def add(self, number):
        """(name, address, link on the bridge) of a new namespace."""
        name, link = f"{self._bridge}-{number}", f"{self._bridge}.{number}"
        address = f"{self._prefix}{10 + number}"
        self._namespaces[name] = link
        _ip("netns", "add", name)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", link, "master", self._bridge, "up")
        for words in (("link", "set", "lo", "up"), ("address", "add", address + "/24", "dev", "eth0"),
                      ("link", "set", "eth0", "up")):
            _ip("-n", name, *words)
        return name, address, link

    def remove(self):
        """What runs in the namespaces is killed."""
        for name, link in self._namespaces.items():
            kill_all_in(name)
            # Its link would go with it, but not while TCP has something to say to those cut off.
            _ip("link", "delete", link, check=False)
            _ip("netns", "delete", name, check=False)
        self._namespaces = {}
        _ip("link", "delete", self._bridge, check=False)


def kill_all_in(namespace):
    """SIGKILL, until there is no process left."""
    def is_empty():
        told = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True)
        for pid in told.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not told.stdout
    await_(is_empty, f"{namespace} to be empty")


class Machine:
    """A namespace and a folder that is its disk; `revision` is that of the code on it."""

    def __init__(self, network, number, folder):
        self.namespace, self.address, self._link = network.add(number)
        self.name = f"m{number}"
        self.folder = os.path.join(folder, self.name)
        self._control = os.path.join(self.folder, "control")
        self._web_server = network.address
        self._process = None
        os.mkdir(self.folder)
        page = configuration("ini")
        self._conf = self._write("conf", replaced(page, {
            MACHINES[0]: self.address, "/run/fcgi_host/control": self._control,
            "/srv/blog/wsgi.py": os.path.join(self.folder, "wsgi.py"),
            # More than one worker from the beginning; what fcgi_host prepare is for.
            "workers = 1-8": "workers = 2", "[app blog]": "[app blog]\nreload = off"}))

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(path + ".new", path)
        return path

    def save(self, revision, code=CODE):
        """The code that serves from the next reload or start on."""
        self._write("wsgi.py", code.format(machine=self.name, revision=revision))
        self._write("REVISION", revision + "\n")

    def start(self):
        self._process = common.start(
            ["ip", "netns", "exec", self.namespace, common.PROGRAM, *common.as_root(),
             "-c", self._conf], self.folder, "log", FCGI_WEB_SERVER_ADDRS=self._web_server)
        await_(lambda: self.say("ready")[0] == 0, f"{self.name} to be ready")

    def say(self, command, *words):
        """(exit status, what it printed) of a command to the host."""
        done = subprocess.run([common.PROGRAM, *common.as_root(), command, "-s", self._control, *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout.strip()

    def tell(self, command, *words):
        """A command that must succeed."""
        code, text = self.say(command, *words)
        if code:
            raise RuntimeError(f"{self.name}: fcgi_host {command}: exit status {code}: {text}")
        return text

    def kill(self):
        """The whole host at once: (when it began, when nothing of it was left)."""
        began = time.monotonic()
        kill_all_in(self.namespace)
        gone = time.monotonic()
        self._process.wait()
        return began, gone

    def plug(self, is_connected):
        """Connect the machine to the network, or cut it off: then nobody hears that it is gone."""
        _ip("link", "set", self._link, "up" if is_connected else "down")

    def wait(self):
        """Its exit status, when it has stopped."""
        return self._process.wait(DEADLINE_S)

    def posts(self):
        """The numbers of those that the application has begun with, and of those that were kept."""
        path = os.path.join(self.folder, "posts")
        if not os.path.exists(path):
            return [], []
        with open(path, encoding="ascii") as f:
            lines = f.read().split()
        return ([int(line) for line in lines if line.startswith("+")],
                [int(line) for line in lines if not line.startswith("+")])

    def stop(self):
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                kill_all_in(self.namespace)
                self._process.wait()


class HAProxy:
    """In the namespace of whoever starts it, with the page's configuration for these machines."""

    def __init__(self, folder, address, machines):
        self.address, self.port = address, HTTP_PORT
        self._stats = os.path.join(folder, "stats")
        self._log = os.path.join(folder, "haproxy.log")
        path = os.path.join(folder, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self._text(machines))
        subprocess.run(["haproxy", "-c", "-q", "-f", path], check=True)
        self._process = common.start(["haproxy", "-db", "-f", path], folder, "haproxy.log")

    def _text(self, machines):
        text = replaced(configuration("haproxy"), {
            "/run/haproxy.sock": self._stats, "bind :80": f"bind {self.address}:{self.port}"})
        lines = re.findall(r"^    server .*\n", text, re.MULTILINE)
        assert len(lines) == len(MACHINES) and f"agent-port {AGENT_PORT}" in text, text
        return text.replace("".join(lines), "".join(
            replaced(lines[0], {f"blog{MACHINES[0][-2:]} ": machine.name + " ",
                                f"{MACHINES[0]}:": machine.address + ":"}) for machine in machines))

    def _show(self):
        """The rows of the statistics; none while it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(DEADLINE_S)
                s.connect(self._stats)
                s.sendall(b"show stat\n")
                text = s.makefile("r", encoding="utf-8").read()
        except OSError:
            return []
        return list(csv.DictReader(text.lstrip("# ").splitlines()))

    def await_up(self, names):
        """Until requests go to all of these."""
        def are_up():
            up = {row["svname"] for row in self._show()
                  if row["status"].startswith("UP") and int(row["weight"] or 0) > 1}
            return up >= set(names)
        await_(are_up, f"HAProxy to use {', '.join(names)}")

    def retries(self):
        """How many requests it has sent again, or to another server, since its start."""
        return sum(int(row["wretr"] or 0) + int(row["wredis"] or 0) for row in self._show()
                   if row["svname"] == "BACKEND")

    def log_lines(self):
        with open(self._log, encoding="utf-8", errors="backslashreplace") as f:
            return f.readlines()

    def stop(self):
        self._process.terminate()
        self._process.wait(DEADLINE_S)


class Site:
    """Machines that serve, and HAProxy before them, until the end of a `with` block."""

    def __init__(self, count, revision):
        self.machines, self.haproxy, self._network = [], None, None
        self.folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
        try:
            self._network = Network()
            for number in range(1, count + 1):
                self.machines.append(Machine(self._network, number, self.folder))
            for machine in self.machines:
                machine.save(revision)
                machine.start()
            self.haproxy = HAProxy(self.folder, self._network.address, self.machines)
            self.await_up()
        except BaseException:
            self._remove()
            raise

    def await_up(self):
        self.haproxy.await_up([machine.name for machine in self.machines])

    def _remove(self):
        # A second Ctrl-C would leave namespaces behind.
        before = {number: signal.signal(number, signal.SIG_IGN)
                  for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self.haproxy:
                self.haproxy.stop()
            for machine in self.machines:
                machine.stop()
        finally:
            if self._network:
                self._network.remove()
            shutil.rmtree(self.folder, ignore_errors=True)
            for number, handler in before.items():
                signal.signal(number, handler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._remove()
