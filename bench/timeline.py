#!/usr/bin/python3
"""timeline.py: what the clients see while a file is saved under load.

A fixed number of connections ask without a pause; the file is renamed over the old one, as
editors do.  For every 20 ms: answers of the old and of the new code, failures, and the slowest
answer.  Printed is a line per peer; --json FILE is for plot.py.
"""

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import time

import common
import measure
import peers

INTERVAL_MS = 20
BEFORE_S = 1.5  # rivals that look once a second have taken their first look
THREADS = 4


def _touch_reload(folder, apps, threads, workers):
    return peers.uwsgi(folder, apps, threads, workers, options=["--touch-reload", apps[0].file])


PEERS = {peer.family: peer for peer in (
    peers.FCGI_HOST[1],
    peers.Peer("uwsgi --touch-reload", _touch_reload, THREADS, [peers.UWSGI_PROGRAM]),
    peers.Peer("uwsgi --py-autoreload 1",
               functools.partial(peers.uwsgi, options=["--py-autoreload", "1"]), THREADS,
               [peers.UWSGI_PROGRAM]),
)}


def record(peer, kind, connections, seconds):
    """The load's own report, and when the file was saved."""
    with peers.Served(peer, {"app.py": ("", common.APPS[kind].format(version="old"))},
                      measure.SERVER_CORES) as served:
        load = subprocess.Popen(
            [measure.LOAD, "-c", str(connections), "-w", "0", "-s", str(BEFORE_S + seconds),
             "-m", str(INTERVAL_MS), "-t", "old", "-t", "new", "unix:" + served.address],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, measure.LOAD_CORES))
        try:
            time.sleep(BEFORE_S)
            saved = common.save(served.files[0], kind, "new")
            output, _ = load.communicate(timeout=seconds + 30)
        finally:
            load.kill()
            load.wait()
    return json.loads(output), saved


def longest_silence_ms(intervals):
    longest = silent = 0
    for _, old, new, _, _ in intervals:
        silent = 0 if old + new else silent + INTERVAL_MS
        longest = max(longest, silent)
    return longest


def timeline(report, saved):
    """What happened when, in ms from the save: the beginning of each interval counts."""
    began = report["began_ns"] / 1e6 - 1e3 * saved
    intervals = [[began + i * INTERVAL_MS, *what] for i, what in enumerate(report["timeline"])]
    del intervals[-1:]  # cut short by the end
    new = [at for at, _, count, _, _ in intervals if count]
    old = [at + INTERVAL_MS for at, count, _, _, _ in intervals if count]
    return {"intervals": intervals, "first_new_ms": min(new, default=None),
            "last_old_ms": max(old, default=None), "silent_ms": longest_silence_ms(intervals),
            "slowest_ms": max(what[-1] for what in intervals) / 1e3, "failed": report["failed"],
            "starved": report["starved"], "answers": report["with_warm_up"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--app", choices=common.APPS, default="hello")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4, help="after the save (4)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER",
                        help=", ".join(PEERS))
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not os.path.exists(measure.LOAD):
        sys.exit(f"timeline.py: no {measure.LOAD}: cmake --build --preset release --target load")
    results = {}
    print(f"{'peer':24} {'first new ms':>12} {'last old ms':>12} {'silent ms':>10} "
          f"{'slowest ms':>11} {'failed':>7} {'answers':>8}")
    for name in arguments.peers:
        if not PEERS[name].is_installed:
            continue
        result = timeline(*record(PEERS[name], arguments.app, arguments.connections,
                                  arguments.seconds))
        results[name] = result
        first, last = (f"{ms:.0f}" if ms is not None else "never"
                       for ms in (result["first_new_ms"], result["last_old_ms"]))
        print(f"{name:24} {first:>12} {last:>12} {result['silent_ms']:>10} "
              f"{result['slowest_ms']:>11.1f} {result['failed']:>7} {result['answers']:>8}",
              flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as f:
            json.dump({"app": arguments.app, "connections": arguments.connections,
                       "interval_ms": INTERVAL_MS, "peers": results}, f)


if __name__ == "__main__":
    main()
