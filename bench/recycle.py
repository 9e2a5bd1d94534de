#!/usr/bin/python3
"""recycle.py [COUNT] [hello|flask|django]: COUNT recycles of one application under load.

Every response is checked; printed at the end: failures, generations that could not be ended,
worker replacements, time per recycle, and resident memory of the worker before and after.
"""

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

import common


def worker_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return int(f.read().split()[0])


def rss_mb(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    kind = sys.argv[2] if len(sys.argv) > 2 else "flask"
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    app, address = os.path.join(folder, "app.py"), os.path.join(folder, "sock")
    common.save(app, kind, "v0")
    process = common.start([common.PROGRAM, *common.as_root(), "--listen", "unix:" + address, app],
                           folder, "log")
    failures, answers, wanted = [], [0], [True]

    def ask():
        try:
            body = common.fetch_fcgi(address)
            if not re.fullmatch(r"v\d+", body):
                failures.append(body)
            answers[0] += 1
            return body
        except Exception as error:
            failures.append(repr(error))

    def load():
        while wanted[0]:
            ask()

    try:
        common.wait_until_answers(lambda: common.fetch_fcgi(address), process)
        clients = [threading.Thread(target=load, daemon=True) for _ in range(2)]
        for client in clients:
            client.start()
        marks, began = [], time.monotonic()
        for i in range(1, count + 1):
            common.save(app, kind, f"v{i}")
            end = time.monotonic() + 30
            while ask() != f"v{i}":
                if time.monotonic() > end:
                    raise SystemExit(f"recycle {i} did not come")
                time.sleep(0.002)
            if i in (count // 4 or 1, count):
                marks.append(rss_mb(worker_of(process.pid)))
        took = time.monotonic() - began
        wanted[0] = False
        for client in clients:
            client.join()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        with open(os.path.join(folder, "log")) as f:
            log = f.read()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{count} recycles of {kind}: {1e3 * took / count:.1f} ms each, {answers[0]} answers, "
          f"{len(failures)} failed, {log.count('[interpreter.zombie]')} not ended, "
          f"{log.count('[worker.replaced]')} workers replaced, "
          f"{log.count('[worker.crashed]')} crashed")
    print(f"resident memory after a quarter {marks[0]:.1f} MB, at the end {marks[-1]:.1f} MB")
    for failure in failures[:5]:
        print("  " + failure)
    for line in re.findall(r".* (?:warn|error) .*", log)[:20]:
        print("  " + line)


if __name__ == "__main__":
    main()
