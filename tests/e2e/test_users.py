"""Process groups with users, limits and environments of their own: needs root to start them."""

import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import unittest

from support import fcgi
from support.host import PYTHON, HostTestCase, needs_modules, run
from support.load import Load
from support.waiting import await_

APPLICATION = """
import ctypes, json, os, resource, time
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
version = 1

def read(path):
    try:
        with open(path) as f:
            return f.read(20)
    except OSError as error:
        return type(error).__name__

def facts(environ):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
    mask = os.umask(0)
    os.umask(mask)
    return {
        "uid": os.getresuid(), "gid": os.getresgid(), "groups": sorted(os.getgroups()),
        "no_new_privs": status["NoNewPrivs"], "capabilities": int(status["CapEff"], 16),
        "umask": mask, "cwd": os.getcwd(), "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name.upper()))
                   for name in ("nofile", "core", "nproc", "fsize")},
        "unlimited": resource.RLIM_INFINITY, "hour": time.localtime(0).tm_hour,
        "real": {name: (libc.getenv(name.encode()) or b"").decode() for name in NAMES},
        "environ": {name: os.environ.get(name, "") for name in NAMES},
        "pid": os.getpid(), "version": version, "files": [read(path) for path in FILES],
        "interpreter": environ["fcgi_host.interpreter"], "process_maps": bool(read("/proc/self/maps")),
    }

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/crash":
        ctypes.string_at(0)
    if path == "/say":
        print("said by", NAME, file=environ["wsgi.errors"])
    if path == "/grow":
        try:
            with open(environ["QUERY_STRING"], "wb") as f:
                f.write(bytes(100000))
                f.flush()
        except OSError as error:
            print("grow:", error.errno, file=environ["wsgi.errors"])
    length = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"length": length, **facts(environ)}).encode()]
"""
NAMES = ("HOME", "USER", "LOGNAME", "SHELL", "TZ", "LC_ALL", "SITE", "COMMON")
#: Users that every Debian has.
USERS = {"a": "www-data", "b": "backup", "c": "daemon"}


def can_run_python(user):
    """Whether a user reaches the libraries of the Python that is tested."""
    return subprocess.run(["runuser", "-u", user, "--", PYTHON, "-c", ""],
                          capture_output=True).returncode == 0


class Users(HostTestCase):
    USERS = USERS

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can start processes as other users")
        for user in self.USERS.values():
            if not can_run_python(user):
                self.skipTest(f"{user} cannot run {PYTHON}")

    def write_application(self, name, user):
        """A WSGI file, and a secret beside it, that nobody else may read."""
        entry = pwd.getpwnam(user)
        self.secrets[name] = self.write(f"{self.serial}-{name}/secret", f"of {name}\n", 0o600)
        self.files[name] = self.write(
            f"{self.serial}-{name}/wsgi.py", f"NAME, NAMES, FILES = {name!r}, {NAMES}, "
            f"{[f'{self.folder}/{self.serial}-{each}/secret' for each in 'abc']}\n" + APPLICATION,
            0o600)
        for path in (self.secrets[name], self.files[name], os.path.dirname(self.files[name])):
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def start(self, keys, host="", sections="", users=None, **kw):
        """keys: {application: its keys}; each is mounted below its name."""
        type(self)._serial += 1
        self.serial, self.files, self.secrets = self._serial, {}, {}
        self.control = self.path("control")
        text = f"[fcgi_host]\ncontrol = {self.control}\n{host}\n{sections}\n"
        for name, lines in keys.items():
            self.write_application(name, (users or self.USERS)[name])
            text += f"[app {name}]\nfile = {self.files[name]}\nmount = /{name}\n{lines}\n"
        self.conf = self.config(text)
        self.host = self.start_host("-c", self.conf, allow_root=False, **kw)
        return self.host

    def start_three(self, host="", **kw):
        """Three sites with users of their own: a shares the common processes."""
        host = self.start(
            {"a": "", "b": "process = own\nuser = backup", "c": "process = jobs"},
            f"user = www-data\n{host}", "[process jobs]\nuser = daemon\n", **kw)
        return host

    def ask(self, name, rest="/", **kw):
        response = self.host.fetch(f"/{name}{rest}", **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def edit(self, name):
        with open(self.files[name], "a", encoding="utf-8") as f:
            f.write("\nversion += 1\n")

    def assert_user(self, answer, user):
        entry = pwd.getpwnam(user)
        self.assertEqual((answer["uid"], answer["gid"]), ([entry.pw_uid] * 3, [entry.pw_gid] * 3))
        self.assertEqual((answer["no_new_privs"], answer["capabilities"]), ("1", 0))

    def assert_users(self):
        for name, user in self.USERS.items():
            self.assert_user(self.ask(name), user)


class ThreeSites(Users):
    def test_each_is_its_user_and_reads_its_own_files_only(self):
        self.start_three()
        self.host.log.wait_for(r"\[host\.ready\]")
        for i, (name, user) in enumerate(self.USERS.items()):
            answer = self.ask(name)
            self.assert_user(answer, user)
            self.assertEqual(answer["groups"], [pwd.getpwnam(user).pw_gid])
            self.assertEqual(answer["files"], [f"of {each}\n" if each == name else
                                               "PermissionError" for each in "abc"], i)
            entry = pwd.getpwnam(user)
            self.assertEqual([answer["real"][n] for n in ("HOME", "USER", "LOGNAME", "SHELL")],
                             [entry.pw_dir, user, user, entry.pw_shell])
            self.assertEqual(answer["environ"]["HOME"], entry.pw_dir)
            self.assertTrue(answer["process_maps"], "what the check reads")
        self.assertEqual(self.host.log.count(r"\[host\.root\]"), 0)

    def test_limits_and_environment(self):
        folder = self.path("chdir")
        os.makedirs(folder)
        self.start({"a": "env.SITE = of a\nenv.TZ = Asia/Kolkata",
                    "b": "process = own\nuser = backup\nnice = -3\numask = 0077\nenv.TZ = Asia/Tokyo\n"
                         "env.LC_ALL = C.UTF-8\nenv.SITE = of b\nrlimit.nofile = 300",
                    "c": "process = jobs\nenv.SITE = of c", "d": "process = jobs"},
                   f"user = www-data\numask = 0027\nchdir = {os.path.basename(folder)}\nnice = 4\n"
                   "rlimit.nofile = 500\nrlimit.core = 0\nenv.COMMON = for all\nenv.TZ = UTC-1\n",
                   "[process jobs]\nuser = daemon\nchdir = /\numask = 0\nrlimit.core = unlimited\n"
                   "rlimit.nproc = 1000\nenv.TZ = UTC+2\nenv.SITE = of jobs\n"
                   "env.LC_ALL = C\n", users={**USERS, "d": "daemon"})
        a, b, c, d = (self.ask(name) for name in "abcd")
        self.assertEqual([x["umask"] for x in (a, b, c, d)], [0o027, 0o077, 0, 0])
        self.assertEqual([x["nice"] for x in (a, b, c, d)], [4, -3, 4, 4])
        self.assertEqual([x["cwd"] for x in (a, b, c, d)], [folder, folder, "/", "/"])
        self.assertEqual([x["limits"]["nofile"] for x in (a, b, c)],
                         [[500, 500], [300, 300], [500, 500]])
        unlimited = a["unlimited"]
        self.assertEqual([x["limits"]["core"] for x in (a, b, c)], [[0, 0], [0, 0], [unlimited, unlimited]])
        self.assertEqual(c["limits"]["nproc"], [1000, 1000])
        # The C library's: where an application is alone, its own TZ; else that of its processes.
        self.assertEqual([x["hour"] for x in (a, b, c)], [5, 9, 22])
        self.assertEqual([x["real"]["TZ"] for x in (a, b, c)],
                         ["Asia/Kolkata", "Asia/Tokyo", "UTC+2"])
        self.assertEqual([x["real"]["LC_ALL"] for x in (a, b, c)], ["", "C.UTF-8", "C"])
        self.assertEqual([x["environ"]["SITE"] for x in (a, b, c, d)],
                         ["of a", "of b", "of c", "of jobs"])
        self.assertEqual([x["environ"]["COMMON"] for x in (a, b, c)], ["for all"] * 3)
        self.assertEqual(c["real"]["SITE"], "of jobs")

    def test_an_application_with_another_user_is_set_apart(self):
        self.start({"a": "", "b": "user = backup", "c": "user = www-data\ngroup = daemon"},
                   "user = www-data", users={"a": "www-data", "b": "backup", "c": "www-data"})
        a, b, c = (self.ask(name) for name in "abc")
        self.assert_user(a, "www-data")
        self.assert_user(b, "backup")
        daemon = grp.getgrnam("daemon").gr_gid
        self.assertEqual((c["uid"][0], c["gid"]), (pwd.getpwnam("www-data").pw_uid, [daemon] * 3))
        self.assertEqual(len({a["pid"], b["pid"], c["pid"]}), 3)

    def test_numbers_are_users(self):
        self.start({"a": ""}, "user = 54321\ngroup = 54322", users={"a": "www-data"}, ready=False)
        os.chown(self.files["a"], 54321, 54322)
        os.chown(os.path.dirname(self.files["a"]), 54321, 54322)
        self.host.wait_ready()
        await_(lambda: self.host.fetch("/a/").status == 200, "the file to be readable")
        answer = self.ask("a")
        self.assertEqual((answer["uid"], answer["gid"], answer["groups"]),
                         ([54321] * 3, [54322] * 3, [54322]))
        self.assertEqual([answer["real"][n] for n in ("HOME", "USER", "LOGNAME", "SHELL")],
                         ["/", "", "", ""])

    def test_supplementary_groups(self):
        if not shutil.which("useradd", path="/usr/sbin"):
            self.skipTest("no useradd")
        user = f"fcgih{os.getpid()}"
        subprocess.run(["/usr/sbin/useradd", "-M", "-N", "-g", "nogroup", "-G", "backup,daemon", user],
                       check=True, capture_output=True)
        self.addCleanup(subprocess.run, ["/usr/sbin/userdel", user], check=True, capture_output=True)
        self.start({"a": ""}, f"user = {user}", users={"a": user})
        self.assertEqual(self.ask("a")["groups"],
                         sorted(grp.getgrnam(name).gr_gid for name in ("nogroup", "backup", "daemon")))

    def test_a_file_that_grows_beyond_its_limit_is_an_error_not_a_crash(self):
        self.start({"a": "user = www-data\nrlimit.fsize = 50000"}, users={"a": "www-data"})
        os.chmod(self.folder, 0o777)
        self.addCleanup(os.chmod, self.folder, 0o755)
        pid = self.ask("a")["pid"]
        self.ask("a", "/grow", query=self.path("grown"))
        self.host.log.wait_for("grow: 27")
        self.assertEqual(self.ask("a")["pid"], pid)

    @needs_modules("lxml.etree")
    def test_what_is_moved_has_its_own_keys_then(self):
        self.start({"a": "", "b": "umask = 0013\nenv.TZ = Asia/Tokyo"}, "user = www-data\nnice = 2",
                   users={"a": "www-data", "b": "www-data"})
        self.assertEqual((self.ask("b")["umask"], self.ask("b")["nice"]), (0o022, 2))
        with open(self.files["b"], "a", encoding="utf-8") as f:
            f.write("\nimport lxml.etree\nversion = 2\n")
        await_(lambda: self.ask("b")["version"] == 2, "the move")
        answer = self.ask("b")
        self.assert_user(answer, "www-data")
        self.assertEqual((answer["umask"], answer["nice"], answer["hour"], answer["interpreter"]),
                         (0o013, 2, 9, "main"))


class Life(Users):
    def test_edits_are_taken_up_and_nothing_is_lost(self):
        self.start_three()
        self.host.log.wait_for(r"\[host\.ready\]")
        for name in "abc":
            with Load(lambda name=name: self.host.fetch(f"/{name}/").status, threads=2) as load:
                self.edit(name)
                await_(lambda name=name: self.ask(name)["version"] == 2, "the new code")
                load.await_answers(10)
            self.assertEqual(load.failures, [])
        self.assert_users()

    def test_replaced_and_crashed_workers_have_the_same_user(self):
        self.start_three("stop_timeout_s = 5")
        self.host.log.wait_for(r"\[host\.ready\]")
        before = {name: self.ask(name)["pid"] for name in "abc"}
        with Load(lambda: self.host.fetch("/b/").status) as load:
            self.host.signal(signal.SIGHUP)
            await_(lambda: all(self.ask(name)["pid"] != before[name] for name in "abc"), "new workers")
        self.assertEqual(load.failures, [])
        self.assert_users()
        before = {name: self.ask(name)["pid"] for name in "abc"}
        for i, name in enumerate("abc", 1):
            with self.host.connect() as connection:
                connection.send(fcgi.whole_request(fcgi.params_of(f"/{name}/crash")))
                crash = self.host.log.wait_for(r"\[worker\.crashed\]", i)
            self.assertIn(f"while serving GET /{name}/crash", crash)
            self.host.log.wait_for("^    Fatal Python error: Segmentation fault", i)
            await_(lambda name=name: self.host.fetch(f"/{name}/").status == 200, "another worker")
            self.assertNotEqual(self.ask(name)["pid"], before[name])
        self.assert_users()

    def test_connections_and_bodies_go_from_user_to_user(self):
        self.start_three()
        with self.host.connect() as connection:
            for i, name in enumerate("abccbbaacabcba"):
                size = (0, 100, 70000, 300000)[i % 4]
                response = connection.request(f"/{name}/", body=b"x" * size, keep=True, method="POST")
                answer = json.loads(response.body)
                self.assert_user(answer, self.USERS[name])
                self.assertEqual(answer["length"], size)
        for name in "abc":
            self.assertEqual(self.ask(name, method="POST", body=b"y" * 5000000)["length"], 5000000)

    def test_workers_end_with_a_host_that_is_killed(self):
        # What tells them of its end is undone by a change of the user.
        self.start_three(exit_status=-signal.SIGKILL)
        self.host.log.wait_for(r"\[host\.ready\]")
        workers = self.host.children()
        self.assertEqual(len(workers), 3)
        self.host.process.kill()
        await_(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in workers), "their end")

    def test_the_log_is_opened_again_for_workers_that_cannot(self):
        folder = self.path("log")
        os.makedirs(folder, 0o700)
        log, rotated = os.path.join(folder, "log"), os.path.join(folder, "log.1")
        self.start_three(f"log = {log}")

        def said(path, name):
            with open(path, encoding="utf-8") as f:
                return f"said by {name}" in f.read()

        for name in "abc":
            self.ask(name, "/say")
            await_(lambda name=name: said(log, name), "the line")
        os.rename(log, rotated)
        self.host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(log), "the new log")
        for name in "abc":
            def says(name=name):
                self.ask(name, "/say")
                return said(log, name)
            await_(says, "the line in the new log")
        size = os.path.getsize(rotated)
        for name in "abc":
            self.ask(name, "/say")
        self.assertEqual((os.path.getsize(rotated), os.stat(log).st_uid), (size, 0))

    def test_a_new_configuration_with_another_log_and_other_users(self):
        self.start_three(f"log = {self.path('log')}")
        before = {name: self.ask(name)["pid"] for name in "abc"}
        folder = self.path("log")
        os.makedirs(folder, 0o700)
        log = os.path.join(folder, "log")
        with open(self.conf, encoding="utf-8") as f:
            text = f.read().replace("user = daemon", "user = nobody\ngroup = daemon\nnice = 7")
        text = "\n".join(f"log = {log}" if line.startswith("log =") else line
                         for line in text.splitlines())
        os.chmod(self.files["c"], 0o640)
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text + "\n")
        self.host.signal(signal.SIGHUP)
        for name in "abc":
            await_(lambda name=name: self.ask(name)["pid"] != before[name], f"the new one of {name}")
        self.assertEqual(self.ask("c")["nice"], 7)
        self.assertEqual(self.ask("c")["uid"], [pwd.getpwnam("nobody").pw_uid] * 3)
        for name in "abc":
            self.ask(name, "/say")
            with open(log, encoding="utf-8") as f:
                self.assertIn(f"said by {name}", f.read())

    def test_a_new_configuration_that_would_be_root_is_kept_out(self):
        self.start_three()
        before = self.ask("c")["pid"]
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.replace("user = daemon", "user = root"))
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[host\.config\] the configuration in effect stays: .*:\d+: "
                               r"\[process jobs\] user: .* would run as root")
        self.assertEqual(self.ask("c")["pid"], before)


class Refusals(Users):
    USERS = {"a": "www-data"}

    def test_root_needs_a_user_or_leave(self):
        app = self.write("app.py", APPLICATION)
        address = self.path("never.sock")
        code, out, err = run("--listen", "unix:" + address, app, allow_root=False)
        self.assertEqual((code, out), (2, ""))
        self.assertRegex(err, r"would run as root.*user = NAME.*allow_root = yes")
        self.assertFalse(os.path.exists(address), "before anything listens")
        for text, where in (
                (f"[fcgi_host]\n[app a]\nfile = {app}\n", r":1: \[fcgi_host\]: the appl"),
                (f"[app a]\nfile = {app}\n", "conf: the appl"),
                (f"[fcgi_host]\nuser = root\n[app a]\nfile = {app}\n", r":2: \[fcgi_host\] user: "),
                (f"[fcgi_host]\nuser = nobody\n[app b]\nfile = {app}\nuser = 0\n", r":5: \[app b\] user: "),
                (f"[fcgi_host]\nuser = nobody\n[process p]\nuser = root\n[app b]\nfile = {app}\n"
                 "process = p\n", r":4: \[process p\] user: ")):
            conf = self.config(text)
            for arguments in (("-t", "-c", conf), ("-c", conf, "--listen", "unix:" + address)):
                code, out, err = run(*arguments, allow_root=False)
                self.assertEqual((code, out), (2, ""), text)
                self.assertRegex(err, where)
                self.assertIn("would run as root", err)
            self.assertEqual(run("-t", "-c", conf, allow_root=False)[0], 2)
            self.assertEqual(run("--allow-root", "-t", "-c", conf, allow_root=False)[0], 0)

    def test_root_with_leave_is_warned(self):
        self.start({"a": ""}, "allow_root = yes")
        self.host.log.wait_for(r"warn .*\[host\.root\]")
        self.assertEqual(self.ask("a")["uid"], [0] * 3)
        self.assertEqual(self.ask("a")["no_new_privs"], "0")

    def test_a_group_that_cannot_be_what_it_should_fails(self):
        folder = self.path("closed")
        os.makedirs(folder, 0o700)
        self.start({"a": ""}, f"user = www-data\nchdir = {folder}", exit_status=1, ready=False)
        self.assertEqual(self.host.wait(), 1)
        self.host.log.wait_for(r"\[worker\.failed\] process shared: .*chdir .*: Permission denied")
        self.host.log.wait_for(r"\[host\.failed\]")

    def test_who_is_not_root_can_be_nobody_else(self):
        app = self.write("app.py", APPLICATION)
        program = shutil.copy(os.environ["FCGI_HOST"], self.folder)

        def run_as(text):
            done = subprocess.run(["runuser", "-u", "www-data", "--", program, "-t", "-c",
                                   self.config(text)], capture_output=True, text=True)
            return done.returncode, done.stderr

        for keys, wrong in (("user = backup", r":2: \[fcgi_host\] user: backup: only a host that root"),
                            ("group = daemon", r":2: \[fcgi_host\] group: daemon: only"),
                            ("user = root", r":2: \[fcgi_host\] user: root: only"),
                            ("user = www-data\ngroup = daemon", r":3: \[fcgi_host\] group: daemon")):
            code, err = run_as(f"[fcgi_host]\n{keys}\n[app a]\nfile = {app}\n")
            self.assertEqual(code, 2)
            self.assertRegex(err, wrong)
        self.assertEqual(run_as(f"[fcgi_host]\nuser = www-data\n[app a]\nfile = {app}\n")[0], 0)

    def test_a_user_that_the_host_is_already(self):
        # Its own user, which it needs not become: the rest is done.
        program = shutil.copy(os.environ["FCGI_HOST"], self.path("fcgi_host"))
        folder = self.path("www-data")
        os.makedirs(folder)
        shutil.chown(folder, "www-data", "www-data")
        self.serial, self.files, self.secrets = 0, {}, {}
        self.write_application("a", "www-data")
        conf = self.config(f"[fcgi_host]\nuser = www-data\numask = 0077\n[app a]\nmount = /a\n"
                           f"file = {self.files['a']}\nrlimit.nofile = 100\n")
        address = os.path.join(folder, "sock")
        process = subprocess.Popen(
            ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups", program, "-c", conf,
             "--listen", "unix:" + address], stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        await_(lambda: os.path.exists(address), "the socket")
        answer = json.loads(fcgi.fetch(address, "/a/").body)
        self.assert_user(answer, "www-data")
        self.assertEqual((answer["umask"], answer["real"]["HOME"]), (0o077, "/var/www"))

    def test_the_owner_of_the_socket(self):
        self.start({"a": ""}, "user = www-data", listen=None, ready=False, exit_status=2)
        self.assertEqual(self.host.wait(), 2)
        for more, owner, group, mode in (
                (",user=www-data,group=backup", "www-data", "backup", 0o660),
                (",mode=0600,user=backup", "backup", "root", 0o600),
                (",group=daemon,mode=0666", "root", "daemon", 0o666)):
            address = self.path("owned.sock")
            host = self.start_host("-c", self.conf, "--listen", f"unix:{address}{more}",
                                   listen=address, allow_root=False)
            status = os.stat(address)
            self.assertEqual((pwd.getpwuid(status.st_uid).pw_name,
                              grp.getgrgid(status.st_gid).gr_name, status.st_mode & 0o777),
                             (owner, group, mode))
            self.assertEqual(host.stop(), 0)
            self.assertFalse(os.path.exists(address))


if __name__ == "__main__":
    unittest.main()
