"""Templates: workers are forked from a process that has imported the libraries, and are workers like
any other."""

import json
import os
import pwd
import signal
import subprocess
import unittest

from support import fcgi
from support.host import PYTHON, HostTestCase, has_module
from support.load import Load
from support.waiting import await_

#: In a folder of its own on the path, as a library is.
LIBRARY = """
import contextvars, decimal, os, threading
pid = os.getpid()
version = 1
decimal.getcontext().prec = 7
variable = contextvars.ContextVar("variable", default=0)
variable.set(1)
local = threading.local()
local.value = 1
"""
APPLICATION = """
import ctypes, json, os, random, re, resource, sys, threading, uuid
import library
gate = threading.Event()
version = 1

def kinds_of_files():
    kinds = []
    for name in os.listdir("/proc/self/fd"):
        try:
            kinds.append(re.sub("[0-9]+", "", os.readlink("/proc/self/fd/" + name)))
        except OSError:
            pass
    return sorted(kinds)

def facts(environ):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
    mask = os.umask(0)
    os.umask(mask)
    return {
        "pid": os.getpid(), "parent": os.getppid(), "library": library.pid,
        "version": version, "library_version": library.version,
        "random": random.random(), "uuid": str(uuid.uuid4()), "urandom": os.urandom(8).hex(),
        "numpy": sys.modules["numpy"].random.random() if "numpy" in sys.modules else None,
        "is_main": threading.main_thread() is threading.current_thread(),
        "main_ident": threading.main_thread().ident, "ident": threading.get_ident(),
        "threads": len(threading.enumerate()),
        "of_thread": [library.decimal.getcontext().prec, library.variable.get(),
                      getattr(library.local, "value", 0)] if library.version else None,
        "is_multiprocess": environ["wsgi.multiprocess"],
        "generation": environ["fcgi_host.generation"],
        "interpreter": environ["fcgi_host.interpreter"],
        "env": os.environ.get("VARIABLE"), "modules": sorted(name for name in WANTED if name in sys.modules),
        "process": {
            "umask": mask, "cwd": os.getcwd(), "uid": os.getresuid(), "gid": os.getresgid(),
            "groups": sorted(os.getgroups()), "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "session": os.getsid(0), "group": os.getpgid(0),
            "limits": [resource.getrlimit(limit) for limit in range(16)],
            "signals": [status[name] for name in ("SigBlk", "SigIgn", "SigCgt")],
            "comm": status["Name"], "no_new_privs": status["NoNewPrivs"],
            "oom": open("/proc/self/oom_score_adj").read(), "argv": sys.argv, "path": sys.path[1:],
            "switch_interval": sys.getswitchinterval(), "environ": dict(os.environ),
        },
        "files": kinds_of_files(),
    }

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hold":
        gate.wait()
    if path == "/open":
        gate.set()
    if path == "/crash":
        ctypes.string_at(0)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"length": len(body), **facts(environ)}).encode()]
"""


class Templates(HostTestCase):
    def start(self, keys="", more="", preload="library json http.client", log=None,
              ready=True, libraries=()):
        """One application in a group of its own; it has a template when this returns."""
        self.control, folder = self.path("control"), self.path("libraries")
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        self.library = os.path.join(folder, "library.py")
        for name, text in {"library.py": LIBRARY, **dict(libraries)}.items():
            self.save(os.path.join(folder, name), text)
        self.file = self.write("app.py", "WANTED = ('http.client', 'library')\n" + APPLICATION)
        self.text = (f"[fcgi_host]\ncontrol = {self.control}\nlog = {log or 'stderr'}\n{more}\n"
                     f"[app app]\nfile = {self.file}\nprocess = own\npython_path = {folder}\n"
                     f"preload = {preload}\n{keys}\n")
        self.conf = self.config(self.text)
        self.host = self.start_host("-c", self.conf, ready=False)
        if log:
            await_(lambda: "[template.ready]" in read(log), "a template")
            return self.host
        self.host.log.wait_for(r"\[host\.ready\]")
        if ready:
            self.host.log.wait_for(r"\[template\.ready\]")
        return self.host

    def save(self, path, text):
        saved = self.path("saved")
        with open(saved, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(saved, 0o644)
        os.replace(saved, path)

    def ask(self, path="/", **kw):
        response = self.host.fetch(path, **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def template(self):
        """Its process id, once it is ready."""
        return await_(lambda: self.status()["templates"], "a template")[0]["pid"]

    def workers(self):
        return [worker["pid"] for worker in self.status()["workers"]]

    def preload(self):
        return [app["preload"] for worker in self.status()["workers"] for app in worker["apps"]]

    def crash(self):
        """Kill the only worker; what the next one says."""
        before = self.ask()["pid"]
        started = self.host.log.count(r"\[app\.loaded\]")
        os.kill(before, signal.SIGKILL)
        self.host.log.wait_for(r"\[app\.loaded\]", started + 1)
        after = self.ask()
        self.assertNotEqual(after["pid"], before)
        return after

    def assert_warm(self, facts, template=None):
        self.assertEqual(facts["library"], template or self.template())
        self.assertNotEqual(facts["pid"], facts["library"])
        self.assertEqual(facts["parent"], self.host.process.pid)

    def cold_and_warm(self):
        """What a worker says that is not forked from it, and one that is."""
        os.kill(self.template(), signal.SIGKILL)
        cold = self.crash()
        self.assert_cold(cold)
        self.host.log.wait_for(r"\[template\.remade\]")
        warm = self.crash()
        self.assert_warm(warm)
        return cold, warm

    def assert_cold(self, facts):
        self.assertEqual(facts["library"], facts["pid"])


class Forks(Templates):
    def test_a_worker_after_a_crash_is_forked_from_it(self):
        self.start()
        for _ in range(3):
            facts = self.crash()
            self.assert_warm(facts)
            self.assertEqual(facts["modules"], ["http.client", "library"])

    def test_the_first_worker_is_forked_from_it_where_modules_are_named(self):
        self.start("workers = 3")
        self.assertEqual(self.host.log.count(r"\[template\.ready\]"), 1)
        text = self.host.log.text
        self.assertLess(text.index("[template.ready]"), text.index("[worker.started]"))
        self.assertTrue(all(each["modules"] > 0 for each in self.preload()), self.preload())
        self.assert_warm(self.ask())

    def test_the_others_of_a_start_wait_for_it_where_the_first_must_tell(self):
        self.start("workers = 4", preload="auto")
        text = self.host.log.text
        self.assertLess(text.index("[template.ready]"), text.rindex("[worker.started]"))
        self.assertEqual(sorted(each["modules"] > 0 for each in self.preload()),
                         [False, True, True, True])

    def test_workers_do_not_wait_for_one_that_cannot_be_made(self):
        self.start("workers = 2", preload="library killer", ready=False,
                   libraries={"killer.py": "import os\nos.kill(os.getpid(), 9)\n"})
        self.assertEqual(len(self.workers()), 2)
        text = self.host.log.text
        self.assertNotIn("[template.ready]", text)
        self.assert_cold(self.ask())

    def test_such_a_worker_is_like_any_other(self):
        self.start("umask = 0027\nchdir = /\nnice = 3\nrlimit.core = 0\nenv.VARIABLE = process")
        cold, warm = self.cold_and_warm()
        self.assertEqual(warm["process"]["umask"], 0o027)
        self.assertEqual(warm["process"], cold["process"])
        # Nobody sends to its own group's mailbox, whose other end a child of fork() has, too.
        cold["files"].remove("socket:[]")
        self.assertEqual(warm["files"], cold["files"])
        for facts in (cold, warm):
            self.assertTrue(facts["is_main"])
            self.assertEqual(facts["main_ident"], facts["ident"])
            self.assertEqual(facts["threads"], 1)
        self.assertEqual(warm["of_thread"], [7, 1, 1])
        for key in ("of_thread", "is_multiprocess", "generation", "interpreter", "env"):
            self.assertEqual(warm[key], cold[key], key)

    def test_no_two_workers_share_random_numbers(self):
        has_numpy = has_module("numpy")
        self.start(preload="library random uuid" + " numpy" * has_numpy)
        seen = [self.crash() for _ in range(3)]
        for facts in seen:
            self.assert_warm(facts)
        for key in ("random", "uuid", "urandom") + ("numpy",) * has_numpy:
            self.assertEqual(len({facts[key] for facts in seen}), 3, (key, seen))

    def test_an_edit_is_served_by_a_worker_that_is_forked_from_it(self):
        self.start()
        template = self.template()
        for version in (2, 3):
            with open(self.file, "a", encoding="utf-8") as f:
                f.write("\nversion += 1\n")
            await_(lambda: self.ask()["version"] == version, "the new code")
            self.assert_warm(self.ask(), template)
        self.assertEqual(self.template(), template)

    def test_nothing_is_lost_when_workers_are_replaced_under_load(self):
        self.start()
        with Load(lambda: self.host.fetch("/").status) as load:
            for version in (2, 3, 4):
                with open(self.file, "a", encoding="utf-8") as f:
                    f.write("\nversion += 1\n")
                await_(lambda: self.ask()["version"] == version, "the new code")
                load.await_answers()
        self.assertEqual(load.failures, [])
        self.assert_warm(self.ask())

    def test_more_workers_are_forked_from_it(self):
        self.start("workers = 1-3", more="stop_timeout_s = 1")
        held = [self.host.connect() for _ in range(6)]
        for connection in held:
            connection.send(fcgi.whole_request(fcgi.params_of("/hold")))
        self.host.log.wait_for(r"\[worker\.scaled\].*requests wait")
        await_(lambda: len(self.workers()) > 1, "another worker")
        self.host.log.wait_for(r"\[app\.loaded\]", 2)
        preloads = await_(lambda: [p for p in self.preload() if p["modules"] > 0], "a warm one")
        self.assertGreater(preloads[0]["saved_ms"], 0)
        for connection in held:
            connection.close()

    def test_the_first_request_after_an_idle_time_starts_one_that_is_forked_from_it(self):
        self.start("workers = 0-1\nidle_timeout_s = 1", ready=False)
        self.assert_cold(self.ask())
        self.host.log.wait_for(r"\[process\.idle\]")
        template = self.template()
        await_(lambda: not self.workers(), "the last worker to end")
        self.assertEqual(self.template(), template)
        self.assert_warm(self.ask(), template)

    def test_a_crash_leaves_last_words(self):
        self.start()
        self.crash()
        with self.assertRaises(fcgi.Closed):
            self.host.fetch("/crash")
        line = self.host.log.wait_for(r"\[worker\.crashed\].*SIGSEGV")
        self.assertIn("GET /crash", line)
        self.host.log.wait_for(r"ctypes.*in string_at")
        self.assert_warm(self.ask())

    def test_requests_are_passed_to_and_from_its_workers(self):
        other = self.write("other.py", "WANTED = ()\n" + APPLICATION.replace("import library", """
class library:
    pid = version = 0"""))
        self.start("mount = /app", more=f"[app other]\nfile = {other}\nmount = /other\n")
        for path in ("/app/", "/other/"):
            self.ask(path)
        before = self.ask("/app/")["pid"]
        os.kill(before, signal.SIGKILL)
        with self.host.connect() as connection:
            facts = [json.loads(connection.request(path, keep=True).body)
                     for path in ("/app/", "/other/", "/app/", "/other/", "/app/")]
        self.assertEqual(len({each["pid"] for each in facts}), 2)
        self.assert_warm(facts[0])
        self.assertEqual(facts[0]["pid"], facts[4]["pid"])
        body = os.urandom(200000)
        self.assertEqual(self.ask("/app/", method="POST", body=body)["length"], len(body))


class Lives(Templates):
    def test_one_that_dies_is_made_again(self):
        self.start()
        template = self.template()
        os.kill(template, signal.SIGKILL)
        self.host.log.wait_for(r"\[template\.remade\].*died of SIGKILL")
        self.assertNotEqual(self.template(), template)
        self.assert_warm(self.crash())

    def test_without_it_workers_start_as_before(self):
        self.start()
        os.kill(self.template(), signal.SIGKILL)
        self.assert_cold(self.crash())
        self.assertRegex(self.preload()[0]["why"], "^not made yet: .*SIGKILL")
        self.host.log.wait_for(r"\[template\.remade\]")
        self.assert_warm(self.crash())

    def test_one_that_hangs_is_not_waited_for_long(self):
        self.start()
        template = self.template()
        os.kill(template, signal.SIGSTOP)
        with Load(lambda: self.host.fetch("/").status, threads=1) as load:
            with open(self.file, "a", encoding="utf-8") as f:
                f.write("\nversion += 1\n")
            await_(lambda: self.ask()["version"] == 2, "the new code")
        self.assertEqual(load.failures, [])
        self.assert_cold(self.ask())
        self.host.log.wait_for(r"\[template\.unused\].*does not answer")
        self.host.log.wait_for(r"\[template\.remade\]")
        self.assertFalse(os.path.exists(f"/proc/{template}"))
        self.assert_warm(self.crash())

    def test_one_that_cannot_be_made_is_tried_three_times(self):
        # Only there: the application does not import it.
        self.start(preload="library killer", ready=False,
                   libraries={"killer.py": "import os\nos.kill(os.getpid(), 9)\n"})
        self.host.log.wait_for(r"\[template\.failed\]")
        self.assert_cold(self.crash())
        self.assertIn("3 templates in a row", self.preload()[0]["why"])
        self.assertEqual(self.status()["templates"], [])

    def test_a_module_that_cannot_be_imported_is_left_out(self):
        self.start(preload="no_such_module library")
        line = self.host.log.wait_for(r"\[template\.ready\]")
        self.assertIn("left out: no_such_module (it raises ModuleNotFoundError", line)
        self.assert_warm(self.crash())

    def test_a_module_that_starts_a_thread_is_left_out(self):
        self.start(preload="library starter", ready=False, libraries={
            "starter.py": "import threading\n"
                          "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"})
        line = self.host.log.wait_for(r"\[template\.ready\]")
        self.assertIn("left out: starter (it starts a thread)", line)
        self.assert_warm(self.crash())

    def test_a_changed_library_is_not_served_from_it(self):
        self.start()
        self.assert_warm(self.crash())
        self.save(self.library, LIBRARY + "version = 2\n")
        await_(lambda: self.ask()["library_version"] == 2, "the new library")
        self.assert_cold(self.ask())
        self.host.log.wait_for(r"\[template\.remade\].*changed: .*library\.py")
        facts = self.crash()
        self.assert_warm(facts)
        self.assertEqual(facts["library_version"], 2)

    def test_another_configuration_gets_another_one(self):
        self.start("env.VARIABLE = one")
        template = self.template()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(self.text.replace("VARIABLE = one", "VARIABLE = two"))
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.ask()["env"] == "two", "the new configuration")
        self.host.log.wait_for(r"\[template\.remade\].*the configuration has changed")
        self.assertNotEqual(self.template(), template)
        self.assertFalse(os.path.exists(f"/proc/{template}"))
        facts = self.crash()
        self.assert_warm(facts)
        self.assertEqual(facts["env"], "two")

    def test_off_and_what_cannot_have_one(self):
        second = self.write("second.py", "def application(e, s):\n    s('200 OK', [])\n    return []\n")
        self.start(preload="off", ready=False,
                   more=f"[app sub]\nfile = {second}\nmount = /sub\n[app sub2]\nfile = {second}\n"
                        "mount = /sub2\n")
        self.crash()
        self.assertEqual(self.status()["templates"], [])
        self.assertEqual(self.host.log.find(r"\[template\."), [])
        seen = {app["name"]: app["preload"]
                for worker in self.status()["workers"] for app in worker["apps"]}
        self.assertEqual(set(seen), {"app", "sub", "sub2"})
        self.assertEqual(seen["app"], {"modules": 0, "saved_ms": 0, "bytes": 0, "why": "preload = off"})
        self.assertEqual(seen["sub"]["why"], "nothing has been edited yet")

    def test_the_log_of_its_workers_is_the_one_after_a_rotation(self):
        log = self.path("log")
        self.start(log=log)
        os.rename(log, log + ".1")
        self.host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(log), "a new log")
        template = self.template()
        await_(lambda: log + ".1" not in files_of(template), "the template to let the old one go")
        before = self.ask()["pid"]
        os.kill(before, signal.SIGKILL)
        await_(lambda: "[app.loaded]" in read(log), "the next worker")
        self.assert_warm(self.ask())


class Ends(Templates):
    def test_it_ends_with_the_host(self):
        self.start("workers = 2")
        pids = [self.template(), *self.workers()]
        self.assertEqual(self.host.stop(), 0)
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}")], [])

    def test_it_ends_with_a_group_that_is_asleep(self):
        self.start("workers = 0-1\nidle_timeout_s = 1", ready=False)
        self.ask()
        self.host.log.wait_for(r"\[process\.idle\]")
        template = self.template()
        await_(lambda: not self.workers(), "the last worker to end")
        self.assertEqual(self.host.stop(), 0)
        self.assertFalse(os.path.exists(f"/proc/{template}"))

    def test_it_dies_with_the_supervisor(self):
        self.start()
        facts = self.crash()
        pids = [self.template(), facts["pid"]]
        self.host.process.kill()
        self.host.process.wait()
        await_(lambda: not any(is_alive(pid) for pid in pids), "all to be gone")
        with self.assertRaises(OSError):
            fcgi.Connection(self.host.address)

    @classmethod
    def _stop(cls, host, exit_status):
        if host.process.poll() is None:
            super()._stop(host, exit_status)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Users(Templates):
    def test_its_workers_are_the_groups_user(self):
        user = pwd.getpwnam("www-data")
        if subprocess.run(["runuser", "-u", user.pw_name, "--", PYTHON, "-c", ""],
                          capture_output=True).returncode != 0:
            self.skipTest("this user cannot reach Python's libraries")
        self.start("user = www-data\nenv.VARIABLE = x")
        cold, warm = self.cold_and_warm()
        self.assertEqual(warm["process"], cold["process"])
        self.assertEqual(warm["process"]["uid"], [user.pw_uid] * 3)
        self.assertEqual(warm["process"]["no_new_privs"].strip(), "1")


def is_alive(pid):
    """Not so of one that has ended and that nobody has waited for."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def files_of(pid):
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return found


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


if __name__ == "__main__":
    unittest.main()
