"""Control groups with a limit, where this machine lets us make them."""

import os

from .waiting import await_

#: What version 1 has instead, where the host reads it.
VERSION_1 = {"memory.max": "memory.limit_in_bytes"}


def is_version_2(group):
    return os.path.exists(os.path.join(group, "cgroup.controllers"))


def _make_in(folder, name, file, limit):
    """@return the group, or None: it may not be made, or has no such limit"""
    group = os.path.join(folder, name)
    try:
        os.mkdir(group)
    except OSError:
        return None
    try:
        with open(os.path.join(group, file), "r+", encoding="utf-8") as f:
            f.write(str(limit))
        return group
    except OSError:
        os.rmdir(group)
        return None


def _try_to_make(name, file, limit):
    controller = file.partition(".")[0]
    with open("/proc/self/cgroup", encoding="utf-8") as f:
        lines = [line.rstrip("\n").split(":", 2) for line in f]
    for number, controllers, path in lines:
        if number == "0":
            group = _make_in("/sys/fs/cgroup" + path, name, file, limit)
        elif controllers == controller and file in VERSION_1:
            group = _make_in(f"/sys/fs/cgroup/{controller}{path}", name, VERSION_1[file], limit)
        else:
            group = None
        if group:
            return group
    return None


def _is_removed(group):
    try:
        os.rmdir(group)
    except OSError:
        return False
    return True


def make(test, limit, empty, file="memory.max"):
    """A group for a test, which is skipped where there can be none.
    @param limit  what is written to the file  @param empty  ends what is in it, at the end of the test"""
    group = _try_to_make(f"fcgi_host-test-{os.getpid()}", file, limit)
    if not group:
        test.skipTest(f"no control group with a {file} can be made here")

    def remove():
        empty()
        await_(lambda: _is_removed(group), "the control group to be empty")

    test.addCleanup(remove)
    return group


def enter(group):
    """Let the calling process, and what it starts, be in it."""
    with open(os.path.join(group, "cgroup.procs"), "w", encoding="utf-8") as f:
        f.write("0")
