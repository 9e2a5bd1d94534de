#!/usr/bin/python3
"""lazy_imports.py [TRIALS]: what `lazy_imports = all` (Python 3.15) does for Flask and Django.

Printed: the load of the application, its first request and both together, with all and with normal, and
their ratios: median (least..most) of the trials (15), in which the two take turns.
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

MODES = ("normal", "all")


def measure(kind, mode):
    """Load and first request, in ms, of a host of its own."""
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    address, app = os.path.join(folder, "sock"), os.path.join(folder, "app.py")
    common.save(app, kind, "v0")
    with open(os.path.join(folder, "conf"), "w") as f:
        f.write(f"[app a]\nfile = {app}\nlazy_imports = {mode}\nspare = off\n")
    process = common.start([common.PROGRAM, *common.as_root(), "--listen", "unix:" + address, "-c",
                            os.path.join(folder, "conf")], folder)
    try:
        log = ""
        while "[host.ready]" not in log:
            log += process.stdout.readline().decode()
        load_ms = float(re.search(r"\[app\.loaded\].* ([\d.]+) ms", log).group(1))
        began = time.monotonic()
        common.fetch_fcgi(address)
        return load_ms, 1e3 * (time.monotonic() - began)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def spread(numbers, digits):
    numbers = sorted(numbers)
    middle = statistics.median(numbers)
    return f"{middle:.{digits}f} ({numbers[0]:.{digits}f}..{numbers[-1]:.{digits}f})"


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for kind in ("flask", "django"):
        times = {mode: [] for mode in MODES}
        for trial in range(trials + 1):
            for mode in MODES:
                load, request = measure(kind, mode)
                if trial:  # before that, byte code may have to be written
                    times[mode].append((load, request, load + request))
        for i, what in enumerate(("load", "first request", "both")):
            normal, all_ = ([each[i] for each in times[mode]] for mode in MODES)
            ratios = [a / n for a, n in zip(all_, normal)]
            print(f"{kind}, {what}: normal {spread(normal, 1)} ms, all {spread(all_, 1)} ms, "
                  f"ratio {spread(ratios, 2)}", flush=True)


if __name__ == "__main__":
    main()
