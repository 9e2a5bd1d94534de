#!/usr/bin/python3
"""interruptions.py [TIMES]: what crashes, kills, replacements and stops cost the clients.

Four clients ask without a pause, one connection for each request, while the interruption happens
TIMES times.  Printed for each kind: requests, failures, response times of the requests that were
answered, and the longest time in which nobody got an answer.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import common

APP = """
import ctypes
def application(environ, start_response):
    if environ["PATH_INFO"] == "/segv":
        ctypes.string_at(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!"]
"""

CLIENTS = 4


class Clients:
    def __init__(self, address):
        self.times, self.failures, self.gap = [], 0, 0.0
        self._address = address
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._is_over = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]

    def _run(self):
        while not self._is_over:
            start = time.monotonic()
            try:
                common.fetch_fcgi(self._address)
                failed = False
            except Exception:
                failed = True
            now = time.monotonic()
            with self._lock:
                if failed:
                    self.failures += 1
                else:
                    self.times.append(now - start)
                    self.gap = max(self.gap, now - self._last)
                    self._last = now

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def report(self, kind, times):
        ordered = sorted(self.times)

        def percentile(share):
            return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
        print(f"{kind:34} {times:5} {len(ordered) + self.failures:9} {self.failures:9} "
              f"{percentile(0.5):8.2f} {percentile(0.99):8.2f} {self.gap * 1000:12.0f}", flush=True)


def worker_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as f:
        return int(f.read().split()[0])


def replace(process, control, address):
    subprocess.run([common.PROGRAM, "reload", "-s", control], check=True, capture_output=True)


def kill(process, control, address):
    os.kill(worker_of(process), signal.SIGKILL)


def crash(process, control, address):
    try:
        common.fcgi.fetch(address, "/segv")
    except Exception:
        pass


def nothing(process, control, address):
    pass


def measure(kind, interrupt, times, folder, workers=1):
    address, control = os.path.join(folder, "sock"), os.path.join(folder, "control")
    conf = os.path.join(folder, "conf")
    with open(conf, "w") as f:
        f.write(f"[fcgi_host]\nlisten = unix:{address}\ncontrol = {control}\nworkers = {workers}\n"
                f"[app hello]\nfile = {folder}/app.py\nreload = worker\n")
    process = common.start([common.PROGRAM, *common.as_root(), "-c", conf], folder, "log")
    try:
        common.wait_until_answers(lambda: common.fetch_fcgi(address), process)
        with Clients(address) as clients:
            for _ in range(times):
                interrupt(process, control, address)
                time.sleep(0.5)
        clients.report(kind, times)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    try:
        with open(os.path.join(folder, "app.py"), "w") as f:
            f.write(APP)
        print(f"{'interruption':34} {'times':>5} {'requests':>9} {'failures':>9} {'p50 ms':>8} "
              f"{'p99 ms':>8} {'silence ms':>12}")
        measure("none", nothing, times, folder)
        measure("worker replacement", replace, times, folder)
        measure("kill -9 of the worker", kill, times, folder)
        measure("segmentation fault", crash, times, folder)
        measure("kill -9 of one of two workers", kill, times, folder, workers=2)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
