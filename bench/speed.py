#!/usr/bin/python3
"""speed.py: what answering costs, beside uWSGI and mod_wsgi, in one interleaved run.

For every scenario its peers are started side by side, in one core, and measured in turn, from
another core, --repeat times; printed are medians (least..most) and, beside the aims, ratios to
the rival in its best number of threads.  Ratios are those of repetitions that followed each
other, since only they saw the same machine.  README.md says what the columns are.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import signal
import sys
import time

import common
import machine
import measure
import peers
from measure import FastCgi, FastCgiToEach, Http

HELLO = """
BODY = b"Hello, World!"
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [BODY]
"""
BIG = """
BODY = b"x" * 65536
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "65536")])
    return [BODY]
"""
ECHO = """
def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/octet-stream"),
                              ("Content-Length", str(len(body)))])
    return [body]
"""
FLASK = common.APPS["flask"].format(version="Hello, World!")
#: About a millisecond of Python: the load, which shares a core, does not count beside it.
COMPUTE = """
def application(environ, start_response):
    sum(i * i for i in range(15000))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]
"""

ALL = peers.FCGI_HOST + peers.UWSGI
BEHIND = peers.FCGI_HOST + peers.UWSGI_PROTOCOL + peers.MOD_WSGI
WITH_4_THREADS = [peer for peer in ALL + peers.MOD_WSGI if peer.threads == 4]

P999_WANTED = 0.25  # of the rival's


class Speed:
    """Requests per second, times and CPU time of an application."""

    def __init__(self, title, source, load, candidates=ALL, wanted=None, p999_wanted=P999_WANTED,
                 behind_nginx=False):
        self.title, self._source, self._load, self.peers = title, source, load, candidates
        self._wanted, self._p999_wanted = wanted, p999_wanted
        self._behind_nginx = behind_nginx

    def run(self, chosen, arguments):
        with contextlib.ExitStack() as stack:
            served = [stack.enter_context(peers.Served(
                peer, {"app.py": ("", self._source)}, measure.SERVER_CORES,
                behind_nginx=self._behind_nginx)) for peer in chosen]
            results = interleaved({s.peer.name: s for s in served}, self._load, arguments)
        for peer in chosen:
            command = self._load.command(peer)
            results[peer.name]["load"] = " ".join([os.path.basename(command[0]), *command[1:]])
        return {"peers": results, "aims": self._aims(chosen, results)}

    def _aims(self, chosen, results):
        aims = []
        for key, what, wanted, is_least in (
                ("per_second", "requests/s", self._wanted, True),
                ("p999_us", "p99.9", self._p999_wanted, False),
                ("cpu_us", "CPU/request", None, False)):
            name = f"{self.title}: {what}"
            aims += [compared(name, chosen, results, key, wanted, is_least),
                     with_before(name, chosen, results, key, is_least)]
        return list(filter(None, aims))

    @staticmethod
    def print(outcome):
        rows = [["peer", "requests/s", "CPU µs", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs",
                 "max µs", "failed", "starved", "others"]]
        for name, result in outcome["peers"].items():
            others = max(r["foreign"] for r in result["repetitions"])
            rows.append([name, span(result["per_second"]), span(result["cpu_us"], 1),
                         *(span(result[key]) for key in (*measure.PERCENTILES, "max_us")),
                         str(result["failed"]), str(result["starved"]),
                         f"{100 * others:.0f} %" + ("*" if others > measure.FOREIGN else "")])
        table(rows)


class AccessLog(Speed):
    """What a line for each request costs: each host against itself without."""

    def __init__(self):
        super().__init__("hello, with an access log", HELLO, FastCgi(keep_open=True),
                         list(dict.fromkeys((*peers.LOGGING.values(), *peers.LOGGING))))

    def _aims(self, chosen, results):
        return [{"aim": f"{self.title}: {what}", "against": peer.name, "wanted": None,
                 "is_least": is_least,
                 "ratios": {logging.name: ratio(results[logging.name], results[peer.name], key)}}
                for logging, peer in peers.LOGGING.items() if {logging, peer} <= set(chosen)
                for key, what, is_least in (("per_second", "requests/s", True),
                                            ("cpu_us", "CPU/request", False))]


class Workers:
    """Two worker processes on two cores against one on the same two."""

    title = "two workers on two cores"
    peers = [peer for peer in ALL if peer.threads == 4]
    _load = FastCgi(connections=8)

    def run(self, chosen, arguments):
        if len(measure.CORES) < 2:
            raise RuntimeError("needs two cores")
        with contextlib.ExitStack() as stack:
            served = {}
            for peer in chosen:
                for workers in (1, 2):
                    served[f"{peer.name} x {workers}"] = stack.enter_context(peers.Served(
                        peer, {"app.py": ("", COMPUTE)}, measure.TWO_CORES, workers))
            results = interleaved(served, self._load, arguments)
        aims = []
        for peer in chosen:
            one, two = (results[f"{peer.name} x {n}"] for n in (1, 2))
            aims.append({"aim": f"{self.title}: requests/s", "against": f"{peer.name} x 1",
                         "wanted": 1.8 if peer.is_ours else None, "is_least": True,
                         "ratios": {peer.name: ratio(two, one, "per_second")}})
        return {"peers": results, "aims": aims}

    print = staticmethod(Speed.print)


class Interpreters:
    """Two interpreters with a GIL of their own on two cores, against one on the same two."""

    title = "two interpreters with their own GIL on two cores"
    peers = peers.FCGI_HOST_OWN_GIL
    _sources = {"one.py": ("/one", COMPUTE), "two.py": ("/two", COMPUTE)}

    def run(self, chosen, arguments):
        if len(measure.CORES) < 2:
            raise RuntimeError("needs two cores")
        [peer] = chosen
        loads = {1: FastCgiToEach(["/one/", "/one/"], 8), 2: FastCgiToEach(["/one/", "/two/"], 8)}
        with peers.Served(peer, self._sources, measure.TWO_CORES) as served:
            results = interleaved({f"{peer.name} x {count}": served for count in loads},
                                  {f"{peer.name} x {n}": load for n, load in loads.items()},
                                  arguments)
        one, two = (results[f"{peer.name} x {n}"] for n in loads)
        return {"peers": results, "aims": [
            {"aim": f"{self.title}: requests/s", "against": f"{peer.name} x 1", "wanted": 1.8,
             "is_least": True, "ratios": {peer.name: ratio(two, one, "per_second")}}]}

    print = staticmethod(Speed.print)


class Passing:
    """Hello in a process group of its own, whose connections another group accepts, against hello at
    home there: over connections that stay open, which stay where they were passed, and over new
    ones, each of which is passed."""

    title = "hello in a process of its own"
    peers = [peer for peer in peers.FCGI_HOST if peer.threads == 4]
    _sources = {"home.py": ("/home", HELLO), "away.py": ("/away", HELLO, "process = own\n")}

    def run(self, chosen, arguments):
        [peer] = chosen
        loads = {f"{where}, {how}": FastCgi(keep_open=how == "kept open", url=f"/{where}/")
                 for how in ("kept open", "closed") for where in ("home", "away")}
        with peers.Served(peer, self._sources, measure.SERVER_CORES) as served:
            results = interleaved(dict.fromkeys(loads, served), loads, arguments)
        return {"peers": results, "aims": [
            {"aim": f"{self.title}, {how}: requests/s", "against": "at home", "wanted": wanted,
             "is_least": True,
             "ratios": {peer.name: ratio(results[f"away, {how}"], results[f"home, {how}"],
                                         "per_second")}}
            for how, wanted in (("kept open", 0.85), ("closed", None))]}

    print = staticmethod(Speed.print)


class Memory:
    """Memory (PSS of all processes) of one more hello application."""

    title = "memory of one more application"
    peers = WITH_4_THREADS
    MORE, REQUESTS, CLIENTS = 10, 50, 4

    def _pss_mib(self, peer, count):
        sources = {f"app{i}.py": (f"/a{i}", HELLO) for i in range(count)}
        with peers.Served(peer, sources) as served, \
                concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as clients:
            urls = [f"/a{i}/" for i in range(count) for _ in range(self.REQUESTS)]
            list(clients.map(lambda url: peers.fetch(served.address, url), urls))
            return machine.pss_kib(served.pids) / 1024

    def run(self, chosen, _):
        results = {}
        for peer in chosen:
            one, more = self._pss_mib(peer, 1), self._pss_mib(peer, 1 + self.MORE)
            results[peer.name] = {"one_mib": one, "more_mib": more, "repetitions":
                                  [{"mib": (more - one) / self.MORE}]}
        return {"peers": results,
                "aims": list(filter(None, [compared(self.title, chosen, results, "mib", 1.0,
                                                    False)]))}

    def print(self, outcome):
        rows = [["peer", "1 application, MiB", f"{1 + self.MORE} applications, MiB",
                 "each more, MiB"]]
        rows += [[name, f"{r['one_mib']:.1f}", f"{r['more_mib']:.1f}",
                  f"{r['repetitions'][0]['mib']:.2f}"] for name, r in outcome["peers"].items()]
        table(rows)


class Idle:
    """How often threads wake while nobody asks."""

    title = "wake-ups while idle"
    peers = WITH_4_THREADS
    #: What follows the last request has happened: the supervisor asks after 5 s whether workers live.
    SETTLE_S = 12

    def run(self, chosen, arguments):
        with contextlib.ExitStack() as stack:
            served = [stack.enter_context(peers.Served(peer, {"app.py": ("", HELLO)}))
                      for peer in chosen]
            for s in served:
                for _ in range(20):
                    peers.fetch(s.address)
            time.sleep(self.SETTLE_S)
            before = [machine.wake_ups(s.pids) for s in served]
            time.sleep(arguments.idle_seconds)
            results = {s.peer.name: {"wake_ups": machine.wake_ups(s.pids) - was}
                       for s, was in zip(served, before)}
        aims = [{"aim": f"{self.title}, in {arguments.idle_seconds:g} s", "against": "",
                 "wanted": 0, "is_least": False, "ratios": {name: [result["wake_ups"]] * 3}}
                for name, result in results.items() if name.startswith("fcgi_host")]
        return {"peers": results, "aims": aims}

    @staticmethod
    def print(outcome):
        table([["peer", "wake-ups"]] + [[name, str(result["wake_ups"])]
                                        for name, result in outcome["peers"].items()])


MIB = 1 << 20
SCENARIOS = {
    "hello-closed": Speed("hello, closed", HELLO, FastCgi(), wanted=1.2),
    "hello-kept": Speed("hello, kept open", HELLO, FastCgi(keep_open=True)),
    "hello-kept-64": Speed("hello, 64 connections kept open", HELLO,
                           FastCgi(connections=64, keep_open=True),
                           [peer for peer in ALL if peer.threads == 4]),
    "big": Speed("64 KiB", BIG, FastCgi(text="x", size=65536), wanted=1.2),
    "post": Speed("POST 1 MiB", ECHO, FastCgi(post=MIB), wanted=1.2),
    "flask": Speed("Flask hello", FLASK, FastCgi(), wanted=1.05),
    "nginx": Speed("hello through nginx", HELLO, Http(), BEHIND, wanted=1.1, p999_wanted=None,
                   behind_nginx=True),
    "access-log": AccessLog(),
    "passing": Passing(),
    "memory": Memory(),
    "workers": Workers(),
    "interpreters": Interpreters(),
    "idle": Idle(),
}


def interleaved(served, load, arguments):
    """{name: result} after --repeat rounds in which each had its turn, there and back again.

    `load` asks all, or is one for each name.
    """
    repetitions = {name: [] for name in served}
    for i in range(arguments.repeat):
        for name in list(served)[::-1 if i % 2 else 1]:
            asked = load[name] if isinstance(load, dict) else load
            result = measure.repetition(asked, served[name], arguments.seconds)
            repetitions[name].append(result)
            print(f"  {i + 1}/{arguments.repeat} {name}: {result['per_second']:.0f}/s",
                  file=sys.stderr, flush=True)
    results = {}
    for name, done in repetitions.items():
        result = {key: measure.summary([r[key] for r in done])
                  for key in ("per_second", "cpu_us", *measure.PERCENTILES, "max_us")}
        result["failed"] = sum(r["failed"] for r in done)
        result["starved"] = sum(r["starved"] for r in done)
        result["buckets_us"] = measure.merged(r.pop("buckets_us") for r in done)
        result["repetitions"] = done
        results[name] = result
    return results


def ratio(mine, other, key):
    """Of the repetitions of the same round."""
    return measure.summary([a[key] / b[key] if b[key] else 0
                            for a, b in zip(mine["repetitions"], other["repetitions"])])


def compared(aim, chosen, results, key, wanted, is_least):
    """Each of ours to the best of the rivals; None when there is nothing to compare."""
    ours = [peer.name for peer in chosen if peer.is_ours]
    rivals = [peer.name for peer in chosen if not peer.is_ours and peer.family != "before"]
    if not ours or not rivals:
        return None

    def median(name):
        return measure.summary([r[key] for r in results[name]["repetitions"]])[0]
    best = (max if is_least else min)(rivals, key=median)
    return {"aim": aim, "against": best, "wanted": wanted, "is_least": is_least,
            "ratios": {name: ratio(results[name], results[best], key) for name in ours}}


def with_before(aim, chosen, results, key, is_least):
    """Each of ours to the other build with as many threads; None without another build."""
    before = {peer.threads: peer.name for peer in chosen if peer.family == "before"}
    if not before:
        return None
    return {"aim": aim, "against": "before", "wanted": None, "is_least": is_least,
            "ratios": {peer.name: ratio(results[peer.name], results[before[peer.threads]], key)
                       for peer in chosen if peer.is_ours and peer.threads in before}}


def span(values, digits=0):
    median, least, most = (f"{value:.{digits}f}" for value in values)
    return median if least == most else f"{median} ({least}..{most})"


def table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i])
                        for i, cell in enumerate(row)))
    print(flush=True)


def print_aims(outcomes):
    """A row per aim, a column per setting of ours; "!" where the aim is missed."""
    aims = [aim for outcome in outcomes for aim in outcome["aims"]]
    columns = list(dict.fromkeys(name for aim in aims for name in aim["ratios"]))
    rows = [["aim", "wanted", *columns, "against"]]
    for aim in aims:
        wanted, cells = aim["wanted"], []
        for name in columns:
            values = aim["ratios"].get(name)
            missed = values and wanted is not None and (
                values[0] < wanted if aim["is_least"] else values[0] > wanted)
            cells.append(span(values, 2) + (" !" if missed else "  ") if values else "")
        sign = "≥" if aim["is_least"] else "≤"
        rows.append([aim["aim"], "" if wanted is None else f"{sign} {wanted:g}", *cells,
                     aim["against"]])
    if aims:
        table(rows)


def arguments_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeat", type=int, default=5, help="repetitions (5)")
    parser.add_argument("--seconds", type=float, default=3, help="of each repetition (3)")
    parser.add_argument("--idle-seconds", type=float, default=10, help="of the idle scenario (10)")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS),
                        metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--peers", nargs="+", metavar="PEER",
                        help="names such as uwsgi-t4, or without -tN for each number of threads")
    parser.add_argument("--before", metavar="PROGRAM",
                        help="another build of fcgi_host, a peer of the speed scenarios")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    return parser.parse_args(argv)


def choose(candidates, wanted):
    return [peer for peer in candidates if peer.is_installed
            and (not wanted or peer.name in wanted or peer.family in wanted)]


def about(arguments):
    return {"processor": machine.processor(), "cores": len(measure.CORES),
            "kernel": os.uname().release, "repeat": arguments.repeat,
            "seconds": arguments.seconds}


def main():
    arguments = arguments_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the `with` blocks stop everything
    if not os.path.exists(measure.LOAD):
        sys.exit(f"speed.py: no {measure.LOAD}: cmake --build --preset release --target load")
    machine_is = about(arguments)
    print(f"{machine_is['processor']}, {machine_is['cores']} cores; {arguments.repeat} times "
          f"{arguments.seconds:g} s\n")
    outcomes = {}
    before = peers.before(arguments.before)
    for name in arguments.only:
        scenario = SCENARIOS[name]
        chosen = choose(scenario.peers, arguments.peers)
        if arguments.before and isinstance(scenario, Speed):
            chosen += [before[peer] for peer in chosen if peer in before]
        if not chosen:
            continue
        print(f"{name}: {scenario.title}", flush=True)
        outcome = scenario.run(chosen, arguments)
        outcomes[name] = {"title": scenario.title, **outcome}
        scenario.print(outcome)
        if arguments.json:  # after each scenario: an interrupted run is not lost
            with open(arguments.json, "w", encoding="utf-8") as f:
                json.dump({"about": machine_is, "scenarios": outcomes}, f)
    print_aims(outcomes.values())


if __name__ == "__main__":
    main()
