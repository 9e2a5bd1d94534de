#!/usr/bin/python3
"""profiling.py [ROUNDS] [SECONDS]: what `fcgi_host profile` costs the requests that it samples.

In each round the same host answers hello and Flask's smallest page for SECONDS, without and with
somebody who samples its stacks, at the default of 100 looks a second and at 1,000. Printed are
medians (least..most) of the rounds' ratios to the part without: CPU time for each request, requests
per second; and how many requests failed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import common
import machine
import measure

CONNECTIONS = 16
WAYS = (None, 100, 1000)


class Host:
    def __init__(self, folder, kind):
        self.address = os.path.join(folder, "sock")
        self.control = os.path.join(folder, "control")
        with open(os.path.join(folder, "app.py"), "w") as f:
            f.write(common.APPS[kind].format(version="Hello, World!"))
        conf = os.path.join(folder, "conf")
        with open(conf, "w") as f:
            f.write(f"[fcgi_host]\nlisten = unix:{self.address}\ncontrol = {self.control}\n"
                    f"[app app]\nfile = {folder}/app.py\nthreads = 4\nreload = off\n")
        self.process = common.start([common.PROGRAM, *common.as_root(), "-c", conf], folder, "log",
                                    cores=measure.SERVER_CORES)
        common.wait_until_answers(lambda: common.fetch_fcgi(self.address), self.process)

    def load(self, seconds):
        command = [measure.LOAD, "-c", str(CONNECTIONS), "-k", "-t", "Hello, World!", "-s",
                   str(seconds), "unix:" + self.address]
        with machine.Usage(machine.in_sessions([self.process.pid])) as usage:
            done = subprocess.run(command, capture_output=True, text=True, check=True,
                                  preexec_fn=lambda: os.sched_setaffinity(0, measure.LOAD_CORES))
        result = json.loads(done.stdout)
        return {"cpu_us": 1e6 * usage.cpu_s / result["with_warm_up"],
                "per_second": result["per_second"], "failed": result["failed"]}

    def profile(self, seconds, rate=100):
        return [common.PROGRAM, "profile", "-s", self.control, "--rate", str(rate), "-o",
                "/dev/null", "app", str(seconds)]

    def wait_until_unobserved(self):
        """One samples at a time: the CPU time of a thread counts only while it lives."""
        while subprocess.run(self.profile(0.01), stderr=subprocess.DEVNULL).returncode != 0:
            pass

    def load_while_profiled(self, seconds, rate):
        profile = subprocess.Popen(self.profile(3600, rate), stderr=subprocess.PIPE, text=True)
        try:
            profile.stderr.readline()  # it has a worker
            return self.load(seconds)
        finally:
            profile.kill()
            profile.wait()
            profile.stderr.close()
            self.wait_until_unobserved()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def a_round(host, seconds):
    return {way: host.load_while_profiled(seconds, way) if way else host.load(seconds)
            for way in WAYS}


def report(kind, rounds):
    failed = sum(result["failed"] for each in rounds for result in each.values())
    for way in WAYS[1:]:
        columns = []
        for key in ("cpu_us", "per_second"):
            ratios = [each[way][key] / each[None][key] for each in rounds]
            columns.append("{:.2f} ({:.2f}..{:.2f})".format(*measure.summary(ratios)))
        print(f"{kind:8} {way:6} {columns[0]:>22} {columns[1]:>22} {failed:7}", flush=True)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{'':8} {'looks/s':>6} {'CPU for each request':>22} {'requests/s':>22} {'failed':>7}")
    for kind in ("hello", "flask"):
        folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
        host = Host(folder, kind)
        try:
            report(kind, [a_round(host, seconds) for _ in range(rounds)])
        finally:
            host.stop()
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
