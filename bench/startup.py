#!/usr/bin/python3
"""startup.py [hello|flask|django] [N…]: start-up of N applications, each in an interpreter of its own (1 10 100 500).

Printed for each N: time until the first and the last application have answered, CPU time and memory of the worker for each
application, and what the check for stale state took for the first and the last tenth of them.
"""

import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

import common
from support import fcgi

LIMIT_S = 300


def worker_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return int(f.read().split()[0])


def cpu_ms(pid):
    """Of all its threads, those that have ended, too."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def answers(address, path):
    try:
        return fcgi.fetch(address, path, SERVER_NAME="localhost").status == 200
    except (OSError, fcgi.Closed):
        return False


def wait_for(address, path):
    end = time.monotonic() + LIMIT_S
    while not answers(address, path):
        if time.monotonic() > end:
            raise SystemExit(f"{path} does not answer")
        time.sleep(0.005)


def measure(kind, count):
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    address, conf = os.path.join(folder, "sock"), os.path.join(folder, "conf")
    with open(conf, "w") as f:
        f.write(f"[fcgi_host]\nmax_interpreters = {count}\n")
        for i in range(count):
            os.mkdir(os.path.join(folder, str(i)))
            app = os.path.join(folder, str(i), "app.py")
            common.save(app, kind, "v0")
            f.write(f"[app a{i}]\nfile = {app}\nmount = /a{i}\n")
    began = time.monotonic()
    process = common.start([common.PROGRAM, *common.as_root(), "--listen", "unix:" + address, "-c",
                            conf], folder, "log")
    try:
        wait_for(address, "/a0/")
        first_s = time.monotonic() - began
        wait_for(address, f"/a{count - 1}/")
        last_s = time.monotonic() - began
        worker = worker_of(process.pid)
        cpu, memory = cpu_ms(worker), rss_mb(worker)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        with open(os.path.join(folder, "log")) as f:
            checks = [float(ms) for ms in re.findall(r"\[stale\.\w+\].* ([\d.]+) ms", f.read())]
        shutil.rmtree(folder, ignore_errors=True)
    tenth = max(1, len(checks) // 10)
    print(f"{count:4} {kind}: first answer {first_s:.2f} s, last {last_s:.2f} s; each "
          f"{cpu / count:.1f} ms CPU, {memory / count:.2f} MB; check "
          f"{statistics.median(checks[:tenth]):.1f} … {statistics.median(checks[-tenth:]):.1f} ms",
          flush=True)


def main():
    words = sys.argv[1:]
    kind = words.pop(0) if words and words[0] in common.APPS else "hello"
    for count in map(int, words or ["1", "10", "100", "500"]):
        measure(kind, count)


if __name__ == "__main__":
    main()
