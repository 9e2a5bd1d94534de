"""What /proc says of processes, and who else used the machine."""

import os
import resource
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:  # it has ended
        return ""


def in_sessions(sessions):
    """Process ids of the members of these sessions."""
    found = []
    for name in os.listdir("/proc"):
        # After the command in parentheses: state, parent, process group, session.
        fields = _read(f"/proc/{name}/stat").rpartition(")")[2].split() if name.isdigit() else []
        if len(fields) > 3 and int(fields[3]) in sessions:
            found.append(int(name))
    return found


def _threads(pid):
    try:
        return [f"/proc/{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _cpu_of(thread):
    ran = _read(thread + "/schedstat").split()
    if ran:
        return int(ran[0]) / 1e9
    fields = _read(thread + "/stat").rpartition(")")[2].split()  # a kernel without schedstat
    return (int(fields[11]) + int(fields[12])) * TICK_S if fields else 0


def cpu_s(pids):
    """CPU time of all their threads that live, in seconds."""
    return sum(_cpu_of(thread) for pid in pids for thread in _threads(pid))


def _field(text, name):
    """The number of a line "name:  number …" of /proc, 0 without it."""
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def pss_kib(pids):
    """Their memory; what several processes share is divided among them."""
    return sum(_field(_read(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in pids)


def wake_ups(pids):
    """How often their threads went to sleep and were woken."""
    return sum(_field(_read(thread + "/status"), "voluntary_ctxt_switches")
               for pid in pids for thread in _threads(pid))


def _busy_s():
    user, nice, system, _, _, irq, softirq, steal = map(
        int, _read("/proc/stat").split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


def _children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Usage:
    """CPU time of some processes, and of everybody else, while a `with` block runs.

    Children that the block waits for are ours, too: the load.
    """

    def __init__(self, pids):
        self._pids = pids

    def _now(self):
        return (time.monotonic(), _busy_s(), cpu_s(self._pids),
                _children_s() + time.process_time())

    def __enter__(self):
        self._before = self._now()
        return self

    def __exit__(self, *_):
        took, busy, self.cpu_s, load = (b - a for a, b in zip(self._before, self._now()))
        #: CPU that others used, in cores.
        self.foreign = max(0.0, (busy - self.cpu_s - load) / took)


def processor():
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine
