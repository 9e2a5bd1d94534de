"""A program as in a container, without the programs that make one: process 1 in namespaces of its own,
nobody's user, a root that it cannot write to.  Root makes it."""

import os
import signal
import subprocess

from . import control_group
from .host import Log, children_of, clean_environ, die_with_parent
from .waiting import DEADLINE_S, await_

NOBODY = 65534
#: Outside, the first of the users of a container that has a user namespace, and how many it has.
FIRST_USER, USERS = 100000, 65536

#: $root is what it will see; `lines` mount what is particular.
INSIDE = """
set -e
root=$1
shift
mount --make-rprivate /
mount --rbind / "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
{lines}
exec chroot "$root" setpriv --reuid {user} --regid {group} --clear-groups --no-new-privs "$@"
"""

#: It goes on as root of its user namespace when the users have been told to the kernel.
AS_OTHER_USERS = ["unshare", "--user", "--keep-caps", "bash", "-c",
                  'read -r && exec setpriv --reuid 0 --regid 0 --clear-groups "$@"', "users"]


def obstacle(with_users=False):
    """Why there can be none on this machine; "": there can."""
    if os.geteuid() != 0:
        return "needs root"
    user = ["--user", "--map-root-user"] if with_users else []
    can = subprocess.run(["unshare", *user, "--mount", "--pid", "--fork", "--ipc", "--cgroup",
                          "mount", "-t", "proc", "proc", "/proc"], capture_output=True).returncode == 0
    return "" if can else "this kernel does not let it make namespaces"


def in_memory(folder):
    """A line: an empty folder that anybody may write to."""
    return f'mount -t tmpfs -o mode=1777 tmpfs "$root{folder}"'


def shared(outside, inside):
    """A line: a folder or file of outside."""
    return f'[ -e "$root{inside}" ] || mkdir -p "$root{inside}"; mount --bind "{outside}" "$root{inside}"'


def own_control_groups(group):
    """A line: what is below a control group that a process entered before its namespace was made."""
    folder = '"$root/sys/fs/cgroup"'
    if control_group.is_version_2(group):  # not over the one of outside: the kernel sees twice the same
        mount = f"mount -t cgroup2 cgroup2 {folder}"
    else:
        mount = f"mkdir {folder}/memory; mount -t cgroup -o memory cgroup {folder}/memory"
    return f"mount -t tmpfs tmpfs {folder}; {mount}"


def own_cpu_stat(inside):
    """A line: a file that is there is the cpu.stat of the control group that all this is in."""
    return (f'mkdir "$root/run/groups"; mount -t cgroup2 cgroup2 "$root/run/groups"; '
            f'mount --bind "$root/run/groups/cpu.stat" "$root{inside}"')


def command(root, lines, argv, user=NOBODY, group=NOBODY):
    """@param root  an empty folder"""
    inside = INSIDE.format(lines="\n".join(lines), user=user, group=group)
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--cgroup",
            "bash", "-c", inside, "inside", root, *argv]


def first_of(process):
    """Of an unshare that has been started: the process that is number 1 inside."""
    return children_of(process.pid)[0]


class Container:
    """A program that runs in one."""

    def __init__(self, root, lines, argv, user=NOBODY, group=NOBODY, with_users=False, limits=None, env=None):
        """@param with_users  in a user namespace: its users are others outside
        @param limits  the control group that is the root of its own"""
        def before_exec():
            die_with_parent()
            if limits:
                control_group.enter(limits)
        self.with_users = with_users
        self.user = (FIRST_USER if with_users else 0) + user  # outside
        self.process = subprocess.Popen(
            [*(AS_OTHER_USERS if with_users else []), *command(root, lines, argv, user, group)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=clean_environ(**(env or {})), preexec_fn=before_exec)
        self.log = Log(self.process.stdout)
        if with_users:
            self._tell_users()

    def _tell_users(self):
        of_process = f"/proc/{self.process.pid}"
        await_(lambda: os.readlink(f"{of_process}/ns/user") != os.readlink("/proc/self/ns/user"),
               "a user namespace")
        for kind in ("uid", "gid"):
            with open(f"{of_process}/{kind}_map", "w", encoding="ascii") as f:
                f.write(f"0 {FIRST_USER} {USERS}")
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    @property
    def first(self):
        return first_of(self.process)

    def enter(self, *argv, user=NOBODY):
        """The command with which another program enters it, as a probe does."""
        return ["nsenter", "--target", str(self.first), "--mount", "--pid", "--ipc", "--cgroup", "--root",
                *(["--user"] if self.with_users else []), "--setuid", str(user), "--setgid", str(user), *argv]

    def wait(self):
        """@return its exit status"""
        code = self.process.wait(DEADLINE_S)
        self.log.wait_closed()
        return code

    def end(self):
        """Twice is fine."""
        if self.process.poll() is None:
            os.kill(self.first, signal.SIGKILL)  # unshare's --kill-child ends with a change of the user
        self.wait()
        self.process.stdin.close()
