"""Database servers in a temporary folder, on a Unix socket only."""

import glob
import os
import pwd
import shutil
import socket
import subprocess

from .host import clean_environ, die_with_parent
from .waiting import await_

#: PostgreSQL refuses to run as root, and Debian keeps its programs out of PATH.
USER = "nobody"
AM_ROOT = os.geteuid() == 0
POSTGRESQL = max(glob.glob("/usr/lib/postgresql/*/bin"), default="/usr/lib/postgresql/bin",
                 key=lambda folder: [int(n) for n in folder.split("/") if n.isdecimal()])
MARIADB = ("/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db")


class DatabaseServer:
    """A server in the foreground, as a user that is not root; stopped at the end."""

    def __init__(self, folder, prepare, serve, socket_path):
        self._log_path = os.path.join(folder, "server.log")
        if AM_ROOT:
            shutil.chown(folder, USER)
        self._as_user = {"stdin": subprocess.DEVNULL, "cwd": folder, "env": clean_environ(),
                         "stderr": subprocess.STDOUT}
        if AM_ROOT:
            self._as_user.update(user=USER, group=pwd.getpwnam(USER).pw_gid, extra_groups=[])
        with open(self._log_path, "ab") as log:
            done = subprocess.run(prepare, stdout=log, **self._as_user)
            assert done.returncode == 0, self.log_text
            self.process = subprocess.Popen(serve, stdout=log, preexec_fn=die_with_parent,
                                            **self._as_user)
        await_(lambda: self._accepts(socket_path), f"{serve[0]} to accept")

    @property
    def log_text(self):
        with open(self._log_path, encoding="utf-8", errors="backslashreplace") as f:
            return f.read()

    def _accepts(self, socket_path):
        assert self.process.poll() is None, self.log_text
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(socket_path)
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()


def start_postgresql(folder):
    """Users need no password; `folder` is what clients name as the host."""
    data = os.path.join(folder, "data")
    program = os.path.join(POSTGRESQL, "postgres")
    return DatabaseServer(
        folder, [os.path.join(POSTGRESQL, "initdb"), "-D", data, "-U", "test", "-A", "trust",
                 "-E", "UTF8", "--locale=C", "--no-sync"],
        [program, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
        os.path.join(folder, ".s.PGSQL.5432"))


def start_mariadb(folder):
    """root needs no password; clients connect to `folder`/socket."""
    data, path = os.path.join(folder, "data"), os.path.join(folder, "socket")
    common = ["--no-defaults", "--datadir=" + data]
    return DatabaseServer(
        folder, [MARIADB[1], *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        [MARIADB[0], *common, "--socket=" + path, "--skip-networking",
         "--pid-file=" + os.path.join(folder, "pid")], path)
