"""Control groups with a memory limit, where this machine lets us make them."""

import os

from .waiting import await_


def _try_to_make(name, limit):
    """@return its folder, or None: it may not be made"""
    with open("/proc/self/cgroup", encoding="utf-8") as f:
        lines = [line.rstrip("\n").split(":", 2) for line in f]
    for number, controllers, path in lines:
        folder = "/sys/fs/cgroup" + ("/memory" if controllers == "memory" else "") + path
        limit_file = "memory.limit_in_bytes" if controllers == "memory" else "memory.max"
        try:
            if controllers not in ("", "memory"):
                continue
            group = os.path.join(folder, name)
            os.mkdir(group)
            with open(os.path.join(group, limit_file), "w", encoding="utf-8") as f:
                f.write(str(limit))
            return group
        except OSError:
            continue
    return None


def _is_removed(group):
    try:
        os.rmdir(group)
    except OSError:
        return False
    return True


def make(test, limit, empty):
    """A group for a test, which is skipped where there can be none.
    @param limit  bytes  @param empty  ends what is in it, at the end of the test"""
    group = _try_to_make(f"fcgi_host-test-{os.getpid()}", limit)
    if not group:
        test.skipTest("no control group with a memory limit can be made here")

    def remove():
        empty()
        await_(lambda: _is_removed(group), "the control group to be empty")

    test.addCleanup(remove)
    return group


def enter(group):
    """Let the calling process, and what it starts, be in it."""
    with open(os.path.join(group, "cgroup.procs"), "w", encoding="utf-8") as f:
        f.write("0")
