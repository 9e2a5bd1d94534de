"""Starts fcgi_host as a user would and looks after it until the end of a test.

FCGI_HOST names the program under test, FCGI_HOST_PYTHON the python it embeds (to know which
packages its applications can import); cmake/Tests.cmake sets them.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest

from . import fcgi
from .waiting import DEADLINE_S, await_

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(
    os.environ.get("FCGI_HOST", os.path.join(ROOT, "build/dev/bin/fcgi_host"))
)
#: What a host needs that the tests start as root.
AS_ROOT = ("--allow-root",) if os.geteuid() == 0 else ()
PYTHON = os.environ.get("FCGI_HOST_PYTHON", "/usr/bin/python3")
#: Of the Python in the program: 3.11.
PYTHON_VERSION = os.environ.get("FCGI_HOST_PYTHON_VERSION", "3.11")
APPS = os.path.join(ROOT, "tests", "apps")
IS_CI = bool(os.environ.get("CI"))

#: What a memory or undefined-behaviour error looks like in a log.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")
#: A line of the log as fcgi_host/base/log.h promises it.
LOG_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>debug|info|warn|error) (?P<pid>\d+)"
    r"(?P<about>(?: [a-z_]+=\S+)*) \[(?P<slug>[a-z_]+(?:\.[a-z_]+)+)\](?: (?P<text>.*))?"
)


def free_port():
    """A TCP port of 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening_socket(address=None, backlog=128):
    """A listening socket: of a path (unix), or (host, port)."""
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX)
    else:
        s = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(address)
    s.listen(backlog)
    return s


def clean_environ(**extra):
    """The environment that tests start from: nothing of the caller's Python or spawner."""
    environ = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    environ.update(extra)
    return {name: value for name, value in environ.items() if value is not None}


_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In a child before exec: an interrupted test leaves no web server and no host behind."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def children_of(pid):
    """Process ids of the children of a process (of its first thread)."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(child) for child in f.read().split()]


def comm_of(pid):
    """What a process calls itself; None when it is gone."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Log:
    """What a program writes to a pipe, line by line, as it comes."""

    def __init__(self, pipe):
        self._lines = []
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            return list(self._lines)

    @property
    def text(self):
        return "\n".join(self.lines)

    def find(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def count(self, pattern):
        return len(self.find(pattern))

    def wait_for(self, pattern, count=1, deadline_s=DEADLINE_S):
        """The count-th line that matches, waiting for it."""
        end = time.monotonic() + deadline_s
        with self._changed:
            while True:
                found = [line for line in self._lines if re.search(pattern, line)]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0 or self._closed:
                    text = "\n".join(self._lines)
                    raise AssertionError(f"no line {count} like {pattern!r} in the log:\n{text}")
                self._changed.wait(left)

    def wait_closed(self, deadline_s=DEADLINE_S):
        self._thread.join(deadline_s)


class Host:
    """A running fcgi_host."""

    def __init__(self, *args, address=None, env=None, stdin=subprocess.DEVNULL, cwd=None,
                 pass_fds=(), preexec_fn=None, allow_root=True):
        """address: where a client can reach it; args: its command line."""
        self.address = address
        self.args = [PROGRAM, *(AS_ROOT if allow_root else ()), *map(str, args)]
        def before_exec():
            die_with_parent()
            if preexec_fn:
                preexec_fn()
        self.process = subprocess.Popen(
            self.args, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd,
            env=clean_environ(**(env or {})), pass_fds=pass_fds, preexec_fn=before_exec,
        )
        self.log = Log(self.process.stdout)

    def wait_ready(self):
        """Until it accepts a connection."""
        def accepts():
            if self.process.poll() is not None:
                self.log.wait_closed()
                raise AssertionError(
                    f"{self.args} ended with {self.process.returncode}:\n{self.log.text}")
            try:
                fcgi.Connection(self.address).close()
                return True
            except OSError:
                return False
        await_(accepts, f"{self.address} to accept")
        return self

    def connect(self, **kw):
        return fcgi.Connection(self.address, **kw)

    def fetch(self, path="/", **kw):
        return fcgi.fetch(self.address, path, **kw)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline_s=DEADLINE_S):
        """Its exit status."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {deadline_s} s:\n{self.log.text}") from None
        self.log.wait_closed()
        return code

    def stop(self):
        """Ask it to stop, as a spawner would; its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait()
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise

    def children(self):
        """Process ids of its workers (their templates are no workers)."""
        return [pid for pid in children_of(self.process.pid)
                if comm_of(pid) not in ("fcgi_template", None)]


def has_module(*names):
    """Whether the host's Python can import these (distribution packages)."""
    code = "import " + ", ".join(names)
    return subprocess.run([PYTHON, "-c", code], capture_output=True).returncode == 0


def needs_modules(*names):
    """Skip without a package; a missing one fails in CI when it is the distribution's Python."""
    have = has_module(*names)
    if not have and IS_CI and PYTHON.startswith("/usr/bin/"):
        return lambda test: _failing(test, f"{PYTHON} cannot import {', '.join(names)}")
    return unittest.skipUnless(have, f"{PYTHON} cannot import {', '.join(names)}")


def needs_python(*version):
    """Skip with an older Python in the program."""
    is_new = tuple(map(int, PYTHON_VERSION.split("."))) >= version
    return unittest.skipUnless(is_new, f"this is CPython {PYTHON_VERSION}")


def needs_program(*paths):
    """Skip without a program; fail in CI."""
    missing = [path for path in paths if not shutil.which(path, path="/usr/sbin:/usr/bin:/sbin")]
    if missing and IS_CI:
        return lambda test: _failing(test, f"missing: {', '.join(missing)}")
    return unittest.skipIf(missing, f"missing: {', '.join(missing)}")


def recycles_in_process():
    """Whether interpreters are replaced in the living process (not so on CPython 3.12.0-3.12.6)."""
    code = "import sys; print(sys.version_info[:3])"
    out = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    return not out.startswith("(3, 12, ") or int(out.split(",")[2].rstrip(") \n")) >= 7


def needs_recycling(test):
    """Skip where every reload is a worker replacement, because of the Python."""
    return unittest.skipUnless(recycles_in_process(), "this CPython cannot end interpreters")(test)


def _failing(test, why):
    def fail(self, *_):
        raise AssertionError(why)
    if isinstance(test, type):
        test.setUpClass = classmethod(fail)
        return test
    return fail


class HostTestCase(unittest.TestCase):
    """A temporary folder, hosts that are stopped and checked, logs shown when a test fails."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.mkdtemp(prefix="fcgi_host-test-")
        os.chmod(cls.folder, 0o755)  # web servers that drop root look into it
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls._logs = []
        cls._serial = 0

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result is not None else 0
        super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            self._show_logs()

    @classmethod
    def _show_logs(cls):
        for name, text in cls._logs:
            lines = text().splitlines()[-60:]
            print(f"\n--- log of {name}\n" + "\n".join(lines), flush=True)

    @classmethod
    def path(cls, name):
        """A new name in the temporary folder."""
        cls._serial += 1
        stem, dot, suffix = name.partition(".")
        return os.path.join(cls.folder, f"{stem}-{cls._serial}{dot}{suffix}")

    @classmethod
    def write(cls, name, text, mode=0o644):
        """A file in the temporary folder, at exactly this name; its path."""
        path = os.path.join(cls.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(textwrap.dedent(text).lstrip("\n"))
        os.chmod(path, mode)
        return path

    def status(self):
        """The status document of the host whose control socket is self.control."""
        return status_of(self.control)

    @classmethod
    def config(cls, text):
        """A configuration file; its path."""
        cls._serial += 1
        return cls.write(f"fcgi_host-{cls._serial}.conf", text)

    # setUpClass may start a host for all tests of a class, a test one of its own.

    @classmethod
    def start_class_host(cls, *args, **kw):
        return cls._start(cls.addClassCleanup, *args, **kw)

    def start_host(self, *args, **kw):
        return self._start(self.addCleanup, *args, **kw)

    def start_command(self, *args, stdin=subprocess.DEVNULL):
        """The program with these arguments, its output in pipes, ended with the test."""
        command = subprocess.Popen(
            [PROGRAM, *args], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=clean_environ(), preexec_fn=die_with_parent)
        self.addCleanup(_end, command)
        return command

    @classmethod
    def _start(cls, add_cleanup, *args, listen=True, exit_status=0, ready=True, **kw):
        """A host on a unix socket (listen=True) or on the address given, stopped at the end."""
        if listen is True:
            address = cls.path("host.sock")
            args = ("--listen", "unix:" + address, *args)
        else:
            address = listen
        host = Host(*args, address=address, **kw)
        cls._logs.append((" ".join(host.args), lambda: host.log.text))
        add_cleanup(cls._stop, host, exit_status)
        return host.wait_ready() if ready and address else host

    @classmethod
    def _stop(cls, host, exit_status):
        code = host.stop()
        assert code == exit_status, f"exit status {code}, not {exit_status}:\n{host.log.text}"
        assert not SANITIZER.search(host.log.text), host.log.text


def _end(command):
    command.kill()
    command.wait()
    command.stdout.close()
    command.stderr.close()


def run(*args, env=None, stdin=subprocess.DEVNULL, cwd=None, deadline_s=DEADLINE_S,
        allow_root=True, **kw):
    """Run the program to its end: (exit status, standard output, standard error)."""
    done = subprocess.run(
        [PROGRAM, *(AS_ROOT if allow_root else ()), *map(str, args)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=clean_environ(**(env or {})), cwd=cwd, timeout=deadline_s, **kw,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def status_of(control):
    """The status document of a host."""
    code, out, err = run("status", "--json", "-s", control)
    assert code == 0, err
    return json.loads(out)
