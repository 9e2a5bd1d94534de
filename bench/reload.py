#!/usr/bin/python3
"""reload.py [TRIALS]: from a saved file to the first answer of the new code.

Each peer serves the same application behind its own socket (nothing in front).  Four clients ask
all the time; a file is renamed over the old one, as editors do.  Printed per peer, over the
trials: median (min..max) of
  first new   ms from the save to the first answer of the new code
  last old    ms from the save to the last answer of the old code
  gap         the longest time without any answer, ms
how many requests failed, also of those to another application in the same host, and how many
reloads found nothing that fcgi_host had prepared.  Then the worker process is killed as often:
  worker restart  ms from kill -9 to the first answer of another process
README.md says what the applications and the peers are, and when a trial begins.
"""

import argparse
import functools
import http.client
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import applications
import common
import peers
import readiness

THREADS = 4
CLIENTS = 4
DEADLINE_S = 12
COMES_BACK_S = 90
STOP_S = 20
BESIDE = "/beside"


class Peer:
    """How a host is started, and what it needs to be a fair peer."""

    def __init__(self, make, needs, ready, touches=False):
        self._make, self._needs, self.ready = make, needs, ready
        self.prepares = False  # the next reload, in advance
        self.touches = touches  # the WSGI file, after an edit: it looks at nothing else

    def is_installed(self):
        return bool(shutil.which(self._needs, path="/usr/sbin:/usr/bin"))

    def is_apart(self, _kind):
        """Whether this application is served in another way than by the peers before."""
        return True

    def has_beside(self, _kind):
        """Whether another application is served beside the one that is edited."""
        return False

    def start(self, folder, application, _kind):
        app = peers.App(application.file, module=application.module)
        command, address = self._make(folder, [app], THREADS)
        return common.start(command, folder, "log"), address


class Ours(Peer):
    """fcgi_host; keys of [app], of which an older build knows fewer."""

    def __init__(self, prepares=True, own=False, **keys):
        super().__init__(None, common.PROGRAM,
                         functools.partial(readiness.LogTells, prepares=prepares))
        self.prepares = prepares
        self._keys, self._own = keys, own

    def is_installed(self):
        return os.path.exists(common.PROGRAM)

    def is_apart(self, kind):
        if self._own:
            return kind != "heavy"  # which has a process of its own anyway
        return self.prepares or any(map(common.knows, self._keys))

    def has_beside(self, kind):
        return self._own or kind == "heavy"

    def start(self, folder, application, kind):
        keys = common.known(**self._keys) + ("process = own\n" if self._own else "")
        apps = [peers.App(application.file, "", keys)]
        if self.has_beside(kind):
            apps.append(peers.App(beside_in(folder), BESIDE))
        command, address = peers.fcgi_host(
            folder, apps, THREADS, host_keys="log_level = info\nstate_dir = off\n")
        return common.start(command, folder), address


class ModWsgi(Peer):
    def start(self, folder, application, kind):
        # What refuses sub-interpreters needs the main one.
        self._make = functools.partial(peers.mod_wsgi,
                                       group="%{GLOBAL}" if kind == "heavy" else None)
        return super().start(folder, application, kind)


def beside_in(folder):
    """The WSGI file of another application."""
    beside = os.path.join(folder, "beside")
    os.mkdir(beside)
    return applications.Hello(beside, "other").file


PEERS = {
    "fcgi_host": Ours(spare="on"),
    "fcgi_host, process = own": Ours(own=True),
    "fcgi_host, cold": Ours(prepares=False, spare="off", preload="off"),
    "uwsgi --py-autoreload 1": Peer(functools.partial(
        peers.uwsgi, options=["--py-autoreload", "1"]), "uwsgi_python3", readiness.Polls),
    "gunicorn --reload": Peer(functools.partial(
        peers.gunicorn, options=["--reload"]), "gunicorn", readiness.Polls),
    "mod_wsgi daemon": ModWsgi(None, "apache2", readiness.Ready, touches=True),
}
#: What tells a host from another on the command line.
SHORT = {"fcgi_host": "fcgi_host", "own": "fcgi_host, process = own", "cold": "fcgi_host, cold",
         "uwsgi": "uwsgi --py-autoreload 1", "gunicorn": "gunicorn --reload",
         "mod_wsgi": "mod_wsgi daemon"}


class Client(threading.Thread):
    """Asks until it is told to stop.  `seen` is set when the version that is waited for has come."""

    def __init__(self, fetch, awaited=None, seen=None):
        super().__init__(daemon=True)
        self._fetch, self._awaited, self._seen = fetch, awaited, seen
        self.answers, self.failures = [], 0
        self.wanted = True
        self.start()

    def run(self):
        while self.wanted:
            try:
                version, _ = self._fetch()
                self.answers.append((time.monotonic(), version))
                if version == self._awaited:
                    self._seen.set()
            except Exception:
                self.failures += 1
            time.sleep(0.001)


class Instance:
    """A peer that serves an application of a kind, until the end of a `with` block."""

    def __init__(self, name, kind):
        peer = PEERS[name]
        self._touches, self._has_beside = peer.touches, peer.has_beside(kind)
        self._versions = 0
        self._folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
        os.chmod(self._folder, 0o755)
        try:
            self._application = applications.KINDS[kind](self._folder)
            self._process, self._address = peer.start(self._folder, self._application, kind)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._ready = peer.ready(self._process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def fetch(self, url="/"):
        """Version and process id."""
        return applications.parsed(peers.fetch(self._address, url).decode())

    def wait_until_serves(self):
        common.wait_until_answers(self.fetch, self._process)
        if self._has_beside:
            common.wait_until_answers(lambda: self.fetch(BESIDE + "/"), self._process)
        self._ready.settle()

    def edit(self):
        """One trial; the host is ready for the next one when it is over."""
        self._versions += 1
        version, seen = f"v{self._versions}", threading.Event()
        clients = [Client(self.fetch, version, seen) for _ in range(CLIENTS)]
        beside = [Client(lambda: self.fetch(BESIDE + "/"))] if self._has_beside else []
        time.sleep(0.3)
        self._ready.begin()
        saved = self._application.save(version)
        if self._touches:
            os.utime(self._application.file)
        seen.wait(DEADLINE_S)
        time.sleep(0.3)
        for client in clients + beside:
            client.wanted = False
        for client in clients + beside:
            client.join()
        result = summed_up(clients, version, saved)
        result["beside"] = failed_of(beside)
        result["cold"] = self._ready.was_cold()
        if result["first new"] is None:  # some hosts take a minute until they answer at all again
            common.wait_until_answers(self.fetch, self._process, COMES_BACK_S)
        self._ready.settle("an edit" if seen.is_set() else None)
        return result

    def kills(self, count):
        """Trials; none follows one that was not answered in time: the host may be at an end."""
        results = []
        while len(results) < count and (not results or results[-1]["restart"]):
            try:
                results.append(self._kill())
            except Exception as e:  # it had answered once, but does so no more
                print(f"no answer before the next kill: {e!r}", file=sys.stderr)
                results.append({"restart": None, "failed": 1})
        return results

    def _kill(self):
        """Time from the end of the worker process to an answer of another one, and how many
        requests failed meanwhile."""
        _, victim = self.fetch()
        self._ready.begin()
        handle, failed = os.pidfd_open(victim), 0
        try:
            killed = time.monotonic()
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], STOP_S)
        finally:
            os.close(handle)
        while time.monotonic() < killed + DEADLINE_S:
            try:
                if self.fetch()[1] != victim:
                    took = time.monotonic() - killed
                    self._ready.settle("a kill")
                    return {"restart": 1e3 * took, "failed": failed}
            except Exception:
                failed += 1
                time.sleep(0.001)
        return {"restart": None, "failed": failed}


def stop(process):
    """A peer that hangs is killed, with all that it has started."""
    for number in signal.SIGTERM, signal.SIGKILL:
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_S)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            pass


def summed_up(clients, version, saved):
    answers = sorted(answer for client in clients for answer in client.answers)
    new = [t - saved for t, body in answers if body == version and t <= saved + DEADLINE_S]
    old = [t - saved for t, body in answers if body != version]
    times = [t for t, _ in answers]
    return {"first new": 1e3 * min(new) if new else None,
            "last old": 1e3 * max(old) if old else None,
            "gap": 1e3 * max((b - a for a, b in zip(times, times[1:])), default=0) or None,
            "failed": failed_of(clients)}


def failed_of(clients):
    """Requests that failed, and all."""
    failed = sum(client.failures for client in clients)
    return failed, failed + sum(len(client.answers) for client in clients)


# ---- What is printed ----

def text(values):
    """Median (least..most), and how often there was none in time."""
    there = [v for v in values if v is not None]
    if not there:
        return "never"
    late = len(values) - len(there)
    return (f"{statistics.median(there):.0f} ({min(there):.0f}..{max(there):.0f})"
            + (f", {late} not within {DEADLINE_S} s" if late else ""))


def of(pairs):
    failed, asked = (sum(column) for column in zip(*pairs))
    return f"{failed} of {asked}" if asked else "-"


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def heading(*cells):
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


def measure(name, kind, trials):
    """Print the row of the edits; the row of the kills."""
    try:
        with Instance(name, kind) as instance:
            instance.wait_until_serves()
            edits = [instance.edit() for _ in range(trials)]
            kills = instance.kills(trials)
    except (OSError, ValueError, http.client.HTTPException, common.fcgi.Closed) as e:
        row(name, kind, f"does not serve: {e!r}", *[""] * 5)
        return None
    cold = sum(r["cold"] for r in edits)
    row(name, kind, *(text([r[key] for r in edits]) for key in ("first new", "last old", "gap")),
        of(r["failed"] for r in edits), of(r["beside"] for r in edits),
        f"{cold} of {trials}" if PEERS[name].prepares else "-")
    return [name, kind, text([r["restart"] for r in kills]), str(sum(r["failed"] for r in kills))]


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, metavar="TRIALS", help="as --trials")
    parser.add_argument("--trials", type=int, default=5, help="edits, and kills, of each row (5)")
    parser.add_argument("--apps", nargs="+", choices=applications.KINDS, metavar="APP",
                        default=list(applications.KINDS), help=", ".join(applications.KINDS))
    parser.add_argument("--peers", nargs="+", choices=SHORT, metavar="PEER", default=list(SHORT),
                        help=", ".join(SHORT))
    arguments = parser.parse_args(argv)
    arguments.trials = arguments.count or arguments.trials
    return arguments


def main():
    arguments = arguments_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the `with` blocks stop everything
    restarts = []
    heading("peer", "application", "first new, ms", "last old, ms", "gap, ms", "failed",
            "failed beside", "cold")
    for kind in arguments.apps:
        if not applications.KINDS[kind].is_installed():
            row("", kind, "not installed", *[""] * 5)
            continue
        for name in map(SHORT.get, arguments.peers):
            if not PEERS[name].is_installed():
                row(name, kind, "not installed", *[""] * 5)
            elif PEERS[name].is_apart(kind):
                restarts.append(measure(name, kind, arguments.trials))
    print()
    heading("peer", "application", "worker restart, ms", "failed")
    for cells in filter(None, restarts):
        row(*cells)


if __name__ == "__main__":
    main()
