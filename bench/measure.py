"""One measurement of one peer: load from a core of its own, and what it cost the peer."""

import concurrent.futures
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile

import common
import machine

LOAD = os.environ.get("FCGI_HOST_LOAD", os.path.join(os.path.dirname(common.PROGRAM), "load"))

CORES = sorted(os.sched_getaffinity(0))
LOAD_CORES = CORES[:1]
#: One core for the server, if there are two.
SERVER_CORES = CORES[1:2] or CORES
#: Two of them, where two workers are measured; on a machine with two the load shares one.
TWO_CORES = CORES[1:3] if len(CORES) > 2 else CORES

#: Others may use so much of a core; beyond it a repetition is repeated, at last marked.
FOREIGN = 0.15
ATTEMPTS = 3

PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}

WRK_SCRIPT = """
done = function(summary, latency, requests)
    local e = summary.errors
    local buckets = {}
    for i = 1, #latency do
        local value, count = latency(i)
        buckets[i] = string.format("[%d, %d]", value, count)
    end
    io.write(string.format('\\nJSON {"requests": %d, "duration_us": %d, "failed": %d, ' ..
        '"buckets_us": [%s]}\\n', summary.requests, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout, table.concat(buckets, ", ")))
end
"""


def _run(command, deadline_s, accept=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, timeout=deadline_s,
                          stdin=subprocess.DEVNULL,
                          preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORES))
    if done.returncode not in accept:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def percentile(buckets, part):
    """What this part of the times did not exceed."""
    wanted, seen = part * sum(count for _, count in buckets), 0
    for upper, count in buckets:
        seen += count
        if seen >= wanted:
            return upper
    return 0.0


def merged(histograms):
    counts = {}
    for buckets in histograms:
        for upper, count in buckets:
            counts[upper] = counts.get(upper, 0) + count
    return sorted(counts.items())


class FastCgi:
    """Requests straight to a peer's socket, by `load`."""

    def __init__(self, connections=16, keep_open=False, post=0, text="Hello, World!", size=None,
                 url="/"):
        self.connections, self.keep_open = connections, keep_open
        self._answer = ["-p", str(post)] if post else ["-t", text]
        self._answer += ["-b", str(size)] if size is not None else []
        self._answer += ["-u", url] if url != "/" else []

    def command(self, peer):
        keep = ["-k"] if self.keep_open and peer.keeps_open else []
        return [LOAD, "-c", str(self.connections), *keep, *self._answer]

    def __call__(self, served, seconds):
        command = [*self.command(served.peer), "-s", str(seconds), "unix:" + served.address]
        # 1: not one was answered, which is a result.
        return json.loads(_run(command, seconds + 30, accept=(0, 1)))


class FastCgiToEach:
    """FastCgi to several URLs at once, a `load` for each; all of it together is the result."""

    def __init__(self, urls, connections):
        self._urls = urls
        self._loads = [FastCgi(connections // len(urls)) for _ in urls]

    def __call__(self, served, seconds):
        def one(load, url):
            command = [*load.command(served.peer), "-u", url, "-s", str(seconds),
                       "unix:" + served.address]
            return json.loads(_run(command, seconds + 30, accept=(0, 1)))
        with concurrent.futures.ThreadPoolExecutor() as threads:
            results = list(threads.map(one, self._loads, self._urls))
        buckets = merged([result["buckets_us"] for result in results])
        total = {key: sum(result[key] for result in results)
                 for key in ("requests", "with_warm_up", "per_second", "failed", "starved")}
        return {**total, "buckets_us": buckets, "faults": {},
                **{name: percentile(buckets, part) for name, part in PERCENTILES.items()},
                "max_us": max(result["max_us"] for result in results)}


class Http:
    """Requests to a web server, over connections kept open: by wrk, or ab where that is missing.

    Their own tools check no bodies: the status only.
    """

    def __init__(self, connections=16):
        self.connections = connections

    def command(self, _peer):
        tool = "wrk -t1" if shutil.which("wrk") else "ab -k"
        return [*tool.split(), "-c", str(self.connections)]

    def __call__(self, served, seconds):
        url = f"http://127.0.0.1:{served.address}/"
        command = self.command(served.peer)
        whole = str(max(1, round(seconds)))  # neither takes fractions
        return self._wrk(command, whole, url) if command[0] == "wrk" else \
            self._ab(command, whole, url)

    @staticmethod
    def _wrk(command, seconds, url):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(WRK_SCRIPT)
            script.flush()
            output = _run([*command, "-d", seconds + "s", "-s", script.name, url],
                          int(seconds) + 30)
        result = json.loads(re.search(r"^JSON (.*)", output, re.MULTILINE).group(1))
        buckets = result["buckets_us"]
        result.update({name: percentile(buckets, part) for name, part in PERCENTILES.items()})
        return {**result, "with_warm_up": result["requests"], "starved": 0, "faults": {},
                "max_us": buckets[-1][0] if buckets else 0,
                "per_second": 1e6 * result["requests"] / result["duration_us"]}

    @staticmethod
    def _ab(command, seconds, url):
        output = _run([*command, "-q", "-t", seconds, "-n", "100000000", url], int(seconds) + 60)

        def number(pattern):
            found = re.search(pattern, output, re.MULTILINE)
            return float(found.group(1)) if found else 0.0
        requests = int(number(r"^Complete requests: +(\d+)"))
        return {"requests": requests, "with_warm_up": requests, "starved": 0, "faults": {},
                "per_second": number(r"^Requests per second: +([\d.]+)"),
                "failed": int(number(r"^Failed requests: +(\d+)")
                              + number(r"^Non-2xx responses: +(\d+)")),
                "p50_us": 1e3 * number(r"^ +50% +(\d+)"), "p90_us": 1e3 * number(r"^ +90% +(\d+)"),
                "p99_us": 1e3 * number(r"^ +99% +(\d+)"), "p999_us": 0.0,
                "max_us": 1e3 * number(r"^ +100% +(\d+)"), "buckets_us": []}


def _once(load, served, seconds):
    with machine.Usage(served.pids) as usage:
        result = load(served, seconds)
    result["cpu_us"] = 1e6 * usage.cpu_s / max(1, result["with_warm_up"])
    result["foreign"] = usage.foreign
    return result


def repetition(load, served, seconds):
    """A measurement that others disturbed little: the best of a few attempts."""
    best = None
    for _ in range(ATTEMPTS):
        result = _once(load, served, seconds)
        if best is None or result["foreign"] < best["foreign"]:
            best = result
        if best["foreign"] <= FOREIGN:
            break
    return best


def summary(values):
    """Median, least and most."""
    return [statistics.median(values), min(values), max(values)]
