#!/usr/bin/python3
"""machines.py: three machines behind HAProxy; one is killed, drained, deployed to, under load.

The machines are network namespaces, the configurations those of docs/scaling.md.  Every request is
numbered, and every POST is kept on its machine's disk.  Exit status 1 where a promise is broken:
no failed GET; no failed POST but those that a killed machine, or one that was cut off, had in hand;
no POST done twice, none lost that was answered; a coherent deploy within a second, or none.
"""

import argparse
import concurrent.futures
import contextlib
import os
import shutil
import signal
import statistics
import sys
import time

import common
import machines_network as network
from machines_load import Load, servers_of

MACHINES = 3
BEFORE_S = 1.0  # of load, before anything happens
AFTER_S = 1.0
#: How long a machine serves on that is drained only to be restarted: HAProxy asks once a second.
DRAIN_S = 3
#: Longer than tcp-ut: HAProxy has given up what was in hand there.
UNPLUGGED_S = 25
COHERENT_MS = 1000


class Broken(list):
    """What was promised and not kept."""

    def check(self, is_kept, what):
        if not is_kept:
            self.append(what)
            print(f"  BROKEN: {what}", flush=True)


def died_with(request, machine, began, gone):
    """Whether a request that failed was in hand on a machine when all of it was gone.

    HAProxy logs nothing of a request that failed on a connection that its client had used before;
    such a one no machine that lives may have begun with.
    """
    return request.had_by in (machine.name, None) and request.sent < gone and request.ended > began


class Rig:
    """The site, and what its scenarios have in common."""

    def __init__(self, site):
        self.site, self.broken = site, Broken()
        self.machines = site.machines
        self._revision = 1
        self.load = None  # of the scenario

    @property
    def revision(self):
        """That the machines have and serve."""
        return f"r{self._revision}"

    def next_revision(self):
        self._revision += 1
        return self.revision

    @contextlib.contextmanager
    def scenario(self, name):
        """Load, and afterwards a row of the table.

        Yielded is a list, to be filled: (machine, when its end began, until when it was away).
        """
        self.site.await_up()
        kills, retries = [], self.site.haproxy.retries()
        address = self.site.haproxy.address, self.site.haproxy.port
        with Load(address) as self.load:
            time.sleep(BEFORE_S)
            yield kills
            time.sleep(AFTER_S)
        self._report(name, self.load.requests, kills, self.site.haproxy.retries() - retries)

    def await_answers(self, revision):
        """Until each machine has answered with this revision, as the clients see it."""
        names = {machine.name for machine in self.machines}
        since = time.monotonic()

        def have_answered():
            return names <= {r.machine for r in self.load.requests
                             if r.sent >= since and r.revision == revision}
        network.await_(have_answered, f"answers of {revision} of {', '.join(sorted(names))}")

    def _report(self, name, requests, kills, retries):
        gets, posts = ([r for r in requests if r.method == method] for method in ("GET", "POST"))
        failed_gets, failed = ([r for r in some if r.problem] for some in (gets, posts))
        had_by, kept = self._disks({r.number for r in posts})
        if failed or failed_gets:
            had_by.update(servers_of(self.site.haproxy.log_lines()))
        for request in failed_gets + failed:
            request.had_by = had_by.get(request.number)
        in_hand = [r for r in failed if any(died_with(r, *kill) for kill in kills)]
        others = [r for r in failed if r not in in_hand]
        doubled = len(kept) - len(set(kept))
        lost = {r.number for r in posts if not r.problem} - set(kept)
        slowest = max(r.ended - r.sent for r in requests)
        print(f"{name:26} {len(gets) - len(failed_gets):8} {len(failed_gets):6} {len(posts):6} "
              f"{len(posts) - len(failed):8} {len(failed):6} {len(in_hand):7} "
              f"{len(set(kept) & {r.number for r in failed}):5} {doubled:7} {len(lost):5} "
              f"{retries:8} {1e3 * slowest:10.0f}", flush=True)
        for request in (failed_gets + others)[:8]:
            print(f"  {request}")
        self.broken.check(not failed_gets, f"{name}: {len(failed_gets)} GETs failed")
        self.broken.check(not others, f"{name}: {len(others)} POSTs failed that no lost machine had")
        self.broken.check(not doubled, f"{name}: {doubled} POSTs were done twice")
        self.broken.check(not lost, f"{name}: {len(lost)} POSTs were answered and not kept")

    def _disks(self, numbers):
        """({number: machine that began with it}, numbers that were kept, as often as they were)"""
        had_by, kept = {}, []
        for machine in self.machines:
            begun, done = machine.posts()
            had_by.update((number, machine.name) for number in begun if number in numbers)
            kept += [number for number in done if number in numbers]
        return had_by, kept

    def on_all(self, do):
        """do(machine) of all machines at the same moment; {machine: result}."""
        with concurrent.futures.ThreadPoolExecutor(len(self.machines)) as executor:
            return dict(zip(self.machines, executor.map(do, self.machines)))


def kill(rig, times):
    """SIGKILL of every process of one machine after the other; each is started again."""
    with rig.scenario("kill -9") as kills:
        for i in range(times):
            machine = rig.machines[i % len(rig.machines)]
            kills.append((machine, *machine.kill()))
            time.sleep(2 * AFTER_S)
            machine.start()
            rig.site.await_up()
            rig.await_answers(rig.revision)


def unplug(rig, times):
    """One machine after the other is cut off from the network, and comes back."""
    with rig.scenario("unplugged") as kills:
        for i in range(times):
            machine = rig.machines[i % len(rig.machines)]
            began = time.monotonic()
            machine.plug(False)
            time.sleep(UNPLUGGED_S)
            kills.append((machine, began, time.monotonic()))
            machine.plug(True)
            rig.site.await_up()
            rig.await_answers(rig.revision)


def _drain(rig, machine, *words):
    machine.tell("drain", *words, "--wait")
    status = machine.wait()
    rig.broken.check(status == 0, f"{machine.name}: exit status {status} after drain")


def drain(rig, times):
    """One is stopped as the page says, with its drain_s, and started again."""
    with rig.scenario("drain"):
        for i in range(times):
            machine = rig.machines[i % len(rig.machines)]
            _drain(rig, machine)
            machine.start()
            rig.site.await_up()
            rig.await_answers(rig.revision)


def rolling_restart(rig, times):
    """New code on one after the other: drained and started again."""
    with rig.scenario("rolling, drain and start"):
        for _ in range(times):
            revision = rig.next_revision()
            for machine in rig.machines:
                machine.save(revision)
                _drain(rig, machine, "--for", str(DRAIN_S))
                machine.start()
                rig.site.await_up()
            rig.await_answers(revision)


def rolling_reload(rig, times):
    """New code on one after the other: reloaded."""
    with rig.scenario("rolling, reload"):
        for _ in range(times):
            revision = rig.next_revision()
            for machine in rig.machines:
                machine.save(revision)
                machine.tell("reload", "--expect", revision)
            rig.await_answers(revision)


class Switch:
    """How the machines went over to a revision: times in ms."""

    def __init__(self, requests, revision, since):
        answers = [r for r in requests if not r.problem and r.ended >= since]
        new = [r for r in answers if r.revision == revision]
        names = {r.machine for r in new}
        first = {name: min(r.ended for r in new if r.machine == name) for name in names}
        begun = {name: min(r.began for r in new if r.machine == name) for name in names}
        old = [r for r in answers if r.revision != revision]
        #: Between the first answers of the new code of the first machine and of the last.
        self.spread_ms = 1e3 * (max(first.values()) - min(first.values()))
        #: From then until the application began with the last request that got old code.
        mixed = [r.began - min(begun.values()) for r in old]
        self.mixed_ms = 1e3 * max([0, *mixed])
        #: Requests that old code began with after the same machine's new code had begun with one.
        self.old_after_new = sum(r.began > begun[r.machine] for r in old)


def _spread(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f}..{max(values):.0f})"


def coherent(rig, times):
    """New code is prepared on all, and then committed on all at the same moment."""
    switches = []
    with rig.scenario("prepare, commit"):
        for _ in range(times):
            revision = rig.next_revision()
            rig.on_all(lambda machine: machine.save(revision))
            since = time.monotonic()
            rig.on_all(lambda machine: machine.tell("prepare", "--expect", revision))
            early = sum(r.revision == revision for r in rig.load.requests)
            rig.broken.check(not early, f"{early} answers of {revision} before the commit")
            rig.on_all(lambda machine: machine.tell("commit"))
            rig.await_answers(revision)
            time.sleep(AFTER_S)
            switches.append(Switch(rig.load.requests, revision, since))
    spreads, mixed = [s.spread_ms for s in switches], [s.mixed_ms for s in switches]
    print(f"  first new answers of the machines, apart: {_spread(spreads)} ms; old code began with "
          f"requests until {_spread(mixed)} ms after the first new one; on the same machine, after "
          f"its first new one: {sum(s.old_after_new for s in switches)} requests", flush=True)
    rig.broken.check(max(spreads + mixed) < COHERENT_MS, "the machines did not switch within a second")


def failing(rig, times):
    """One cannot prepare: its code does not load, or it has another revision.  Nobody switches."""
    served = rig.revision
    last = rig.machines[-1]
    with rig.scenario("prepare fails, abort"):
        for i in range(times):
            revision = f"{served}-bad{i}"
            for machine in rig.machines[:-1]:
                machine.save(revision)
            if i % 2 == 0:
                last.save(revision, network.DOES_NOT_LOAD)
            prepared = rig.on_all(lambda machine: machine.say("prepare", "--expect", revision))
            failures = [machine.name for machine, (code, _) in prepared.items() if code]
            rig.broken.check(failures == [last.name], f"prepare failed on {failures}, not {last.name}: "
                             f"{[text for _, text in prepared.values()]}")
            rig.on_all(lambda machine: machine.say("abort"))
            for machine in rig.machines:
                machine.save(served)
            time.sleep(AFTER_S)
    new = sum(r.revision not in (served, None) for r in rig.load.requests)
    rig.broken.check(not new, f"{new} answers of code that was not committed")


SCENARIOS = {"kill": kill, "unplug": unplug, "drain": drain, "restart": rolling_restart,
             "reload": rolling_reload, "commit": coherent, "abort": failing}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=3, help="of each scenario (3)")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS),
                        metavar="SCENARIO", help=", ".join(SCENARIOS))
    arguments = parser.parse_args()
    missing = [name for name in ("ip", "haproxy", common.PROGRAM) if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit("machines.py: needs root" + "".join(f", and {name}" for name in missing))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with network.Site(MACHINES, "r1") as site:
        rig = Rig(site)
        print(f"{'scenario':26} {'GETs':>8} {'failed':>6} {'POSTs':>6} {'answered':>8} {'failed':>6} "
              f"{'in hand':>7} {'kept':>5} {'doubled':>7} {'lost':>5} {'retries':>8} {'slowest ms':>10}",
              flush=True)
        for name in arguments.only:
            SCENARIOS[name](rig, arguments.times)
    sys.exit(1 if rig.broken else 0)


if __name__ == "__main__":
    main()
