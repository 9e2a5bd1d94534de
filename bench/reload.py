#!/usr/bin/python3
"""reload.py [TRIALS]: from a saved file to the first answer of the new code.

Each peer serves the same application behind its own socket (nothing in front).  Four clients ask
all the time; a file is renamed over the old one, as editors do.  Printed per peer, over the
trials: median (min..max) of
  first new   ms from the save to the first answer of the new code
  last old    ms from the save to the last answer of the old code
  gap         the longest time without any answer, ms
and how many requests failed.
"""

import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import common
import peers

THREADS = 4
STOP_S = 20


def fcgi_host(folder, app):
    return peers.fcgi_host(folder, [app], THREADS)


def uwsgi(folder, app):
    return peers.uwsgi(folder, [app], THREADS, options=["--py-autoreload", "1"])


def gunicorn(folder, app):
    return peers.gunicorn(folder, [app], THREADS, options=["--reload"])


def mod_wsgi(folder, app):
    return peers.mod_wsgi(folder, [app], THREADS)


PEERS = {"fcgi_host": fcgi_host, "uwsgi --py-autoreload 1": uwsgi, "gunicorn --reload": gunicorn,
         "mod_wsgi daemon": mod_wsgi}
NEEDS = {"uwsgi --py-autoreload 1": "uwsgi_python3", "gunicorn --reload": "gunicorn",
         "mod_wsgi daemon": "apache2"}


class Client(threading.Thread):
    def __init__(self, fetch):
        super().__init__(daemon=True)
        self.fetch, self.answers, self.failures = fetch, [], 0
        self.wanted = True
        self.start()

    def run(self):
        while self.wanted:
            try:
                body = self.fetch()
                self.answers.append((time.monotonic(), body))
            except Exception:
                self.failures += 1
            time.sleep(0.001)


def trial(fetch, app, kind, version, deadline_s=12):
    clients = [Client(fetch) for _ in range(4)]
    time.sleep(0.3)
    saved = common.save(app, kind, version)
    end = time.monotonic() + deadline_s
    while time.monotonic() < end and not any(a and a[-1][1] == version for a in
                                             (c.answers for c in clients)):
        time.sleep(0.005)
    time.sleep(0.3)
    for client in clients:
        client.wanted = False
    for client in clients:
        client.join()
    answers = sorted(answer for client in clients for answer in client.answers)
    new = [t - saved for t, body in answers if body == version]
    old = [t - saved for t, body in answers if body != version]
    times = [t for t, _ in answers]
    return {"first new": 1e3 * min(new) if new else None,
            "last old": 1e3 * max(old) if old else None,
            "gap": 1e3 * max((b - a for a, b in zip(times, times[1:])), default=0) or None,
            "failed": sum(c.failures for c in clients), "asked": len(answers)}


def text(values):
    values = [v for v in values if v is not None]
    if not values:
        return "never"
    return f"{statistics.median(values):.0f} ({min(values):.0f}..{max(values):.0f})"


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


def measure(name, kind, trials):
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    os.chmod(folder, 0o755)
    app = os.path.join(folder, "app.py")
    common.save(app, kind, "v0")
    command, address = PEERS[name](folder, peers.App(app))

    def fetch():
        return peers.fetch(address).decode()
    process = common.start(command, folder, "log")
    try:
        common.wait_until_answers(fetch, process)
        time.sleep(1.5)  # pollers of the rivals take their first look
        results = [trial(fetch, app, kind, f"v{i + 1}") for i in range(trials)]
    except (OSError, http.client.HTTPException, common.fcgi.Closed) as e:
        print(f"| {name} | {kind} | does not serve: {e!r} | | | |", flush=True)
        return
    finally:
        stop(process)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"| {name} | {kind} | " + " | ".join(
        text([r[key] for r in results]) for key in ("first new", "last old", "gap"))
        + f" | {sum(r['failed'] for r in results)} of {sum(r['asked'] for r in results)} |",
        flush=True)


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| peer | application | first new, ms | last old, ms | gap, ms | failed |")
    print("|---|---|---|---|---|---|")
    for kind in common.APPS:
        for name in PEERS:
            needed = NEEDS.get(name)
            if needed and not shutil.which(needed, path="/usr/sbin:/usr/bin"):
                print(f"| {name} | {kind} | not installed | | | |")
                continue
            measure(name, kind, trials)


if __name__ == "__main__":
    main()
