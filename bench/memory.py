#!/usr/bin/python3
"""memory.py: memory (PSS) of 1, 2, 4, 8 workers of one application, after each has answered.

PSS divides what several processes share among them.  fcgi_host serves the application in a process
group of its own; where that gets a template, its workers are measured after they have been replaced
once, since the first ones of all are there before the template.  Printed per peer and number of
workers, MiB:
  total       of all processes of the host
  first       of them, the process that starts the others: supervisor, arbiter
  template    of them, the process that workers are forked from and that serves nothing
  each        of them, a worker; the mean
  the next    what a worker more has added since the row before
  imports     what of that is the imports': beyond what a worker of hello adds to the same peer
  relative    that, to the imports of one worker that was started cold
"""

import argparse
import concurrent.futures
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import applications
import common
import machine
import peers
from support.host import Log

THREADS = 4
DEADLINE_S = 60
MIB = 1024  # KiB


def _fcgi_host(folder, app, workers, **keys):
    keys = common.known(**keys) + f"process = own\nworkers = {workers}\n"
    host_keys = f"state_dir = off\ncontrol = {control_of(folder)}\n"
    return peers.fcgi_host(folder, [peers.App(app.file, "", keys)], THREADS, host_keys=host_keys)


def _gunicorn(folder, app, workers, options=()):
    return peers.gunicorn(folder, [peers.App(app.file, module=app.module)], THREADS, workers,
                          options=options)


def control_of(folder):
    return os.path.join(folder, "control")


OURS, COLD = "fcgi_host", "fcgi_host, cold"
PEERS = {OURS: _fcgi_host, COLD: functools.partial(_fcgi_host, preload="off"),
         "gunicorn --preload": functools.partial(_gunicorn, options=["--preload"]),
         "gunicorn": _gunicorn}


class Instance:
    """A peer with a number of workers, until the end of a `with` block."""

    def __init__(self, name, kind, workers):
        self._folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
        os.chmod(self._folder, 0o755)
        self._workers = workers
        try:
            app = applications.KINDS[kind](self._folder)
            command, self._address = PEERS[name](self._folder, app, workers)
            self._process = common.start(command, self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._log = Log(self._process.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fetch(self, url):
        return applications.parsed(peers.fetch(self._address, url).decode())[1]

    def answering(self):
        """The workers' process ids, each of which has answered.

        Requests that take a while at the same time, more than the workers' threads.
        """
        common.wait_until_answers(lambda: self._fetch("/"), self._process)
        urls = ["/wait"] * (2 * THREADS * self._workers)
        end = time.monotonic() + DEADLINE_S
        with concurrent.futures.ThreadPoolExecutor(len(urls)) as clients:
            while True:
                pids = set(clients.map(self._fetch, urls))
                if len(pids) == self._workers:
                    return pids
                if time.monotonic() > end:
                    raise RuntimeError(f"{len(pids)} of {self._workers} workers have answered")

    def fork_from_template(self):
        """Have all workers replaced by such as are forked from the template."""
        found = self._log.wait_for(r"\[template\.ready\]", deadline_s=DEADLINE_S)
        subprocess.run([common.PROGRAM, "reload", "-s", control_of(self._folder)], check=True,
                       capture_output=True)
        self._log.wait_for(r"\[worker\.ended\]", self._workers, DEADLINE_S)
        return int(re.search(r"by template (\d+)", found).group(1))

    def pss_kib(self, workers, template):
        """(total, first, template, workers' mean)"""
        pids = machine.in_sessions({self._process.pid})
        return (machine.pss_kib(pids), machine.pss_kib([self._process.pid]),
                machine.pss_kib([template] if template else []),
                machine.pss_kib(workers) / len(workers))


def measured(name, kind, workers):
    with Instance(name, kind, workers) as instance:
        pids, template = instance.answering(), None
        if name == OURS and common.knows("preload"):
            template = instance.fork_from_template()
            pids = instance.answering()
        return instance.pss_kib(pids, template)


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def mib(kib):
    return f"{kib / MIB:.1f}"


def imports_kib(kind):
    """What the first worker's imports take."""
    return measured(COLD, kind, 1)[0] - measured(COLD, "hello", 1)[0]


@functools.cache
def hello_adds(name, before, workers):
    """What one of these workers adds, KiB, where there is next to nothing to import."""
    return (measured(name, "hello", workers)[0] - measured(name, "hello", before)[0]) / (
        workers - before)


def print_peer(name, kind, counts, imports):
    before = None
    for workers in counts:
        try:
            total, first, template, each = measured(name, kind, workers)
            base = hello_adds(name, before[0], workers) if before else 0
        except (OSError, RuntimeError, AssertionError, subprocess.CalledProcessError) as e:
            row(name, kind, str(workers), f"not so: {str(e).splitlines()[0]}", *[""] * 6)
            continue
        more = ["", "", ""]
        if before:
            added = (total - before[1]) / (workers - before[0])
            more = [mib(added), mib(added - base), f"{(added - base) / imports:.2f}"]
        row(name, kind, str(workers), mib(total), mib(first), mib(template) if template else "-",
            mib(each), *more)
        before = workers, total


def arguments_of(argv):
    kinds = [kind for kind in applications.KINDS if kind != "hello"]
    short = {name.replace("fcgi_host, ", "").replace(" --", "-"): name for name in PEERS}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--apps", nargs="+", choices=kinds, default=kinds, metavar="APP",
                        help=", ".join(kinds))
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4, 8], metavar="N",
                        help="1 2 4 8")
    parser.add_argument("--peers", nargs="+", choices=short, default=list(short), metavar="PEER",
                        help=", ".join(short))
    arguments = parser.parse_args(argv)
    arguments.peers = [short[name] for name in arguments.peers]
    return arguments


def main():
    arguments = arguments_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the `with` blocks stop everything
    row("peer", "application", "workers", "total, MiB", "first", "template", "each", "the next",
        "imports", "relative")
    print("|" + "---|" * 10, flush=True)
    for kind in arguments.apps:
        if not applications.KINDS[kind].is_installed():
            row("", kind, "not installed", *[""] * 7)
            continue
        imports = imports_kib(kind)
        row("a cold worker beyond hello's", kind, "1", mib(imports), *[""] * 6)
        for name in arguments.peers:
            if name.startswith("gunicorn") and not shutil.which("gunicorn"):
                row(name, kind, "not installed", *[""] * 7)
            elif name != COLD or common.knows("preload"):
                print_peer(name, kind, arguments.workers, imports)


if __name__ == "__main__":
    main()
