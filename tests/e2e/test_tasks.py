"""[task NAME]: what an application is to do at certain times, once per host, never twice at a time."""

import os
import signal
import time
import unittest

from support.host import HostTestCase, run
from support.waiting import await_

APPLICATION = """
    import os
    import fcgi_host

    FOLDER = {folder!r}
    VERSION = {version!r}

    def note(text):
        with open(os.path.join(FOLDER, "notes"), "a") as f:
            f.write(text + "\\n")

    def digest():
        info = fcgi_host.info()
        note("{{}} {{}} {{}}".format(VERSION, info["app"], info["generation"]))

    class Group:
        @staticmethod
        def method():
            note("method")

    async def coroutine():
        note("coroutine")

    def fails():
        raise ValueError("no good")

    def exits():
        note("exits")
        raise SystemExit

    def waits():
        note("begins")
        with open(os.path.join(FOLDER, "go")) as f:  # a FIFO
            note(f.read())

    def crashes():
        note("crashes")
        import ctypes
        ctypes.string_at(0)

    def application(environ, start_response):
        start_response("200 OK", [])
        return [VERSION.encode()]
    """


class Tasks(HostTestCase):
    def setUp(self):
        super().setUp()
        self.folder = self.path("folder")
        os.mkdir(self.folder)
        os.mkfifo(os.path.join(self.folder, "go"))
        self.control = self.path("control")
        self.file = self.write("shop.py", self.code("1"))
        self.module = os.path.splitext(os.path.basename(self.file))[0]

    def code(self, version):
        return APPLICATION.format(folder=self.folder, version=version)

    def text(self, app_keys="", host_keys="", **tasks):
        sections = "".join(f"[task {name}]\napp = shop\ncall = {self.module}:{call}\n{when}\n"
                           for name, (call, when) in tasks.items())
        return f"[fcgi_host]\n{host_keys}\n[app shop]\nfile = {self.file}\n{app_keys}\n{sections}"

    def start(self, *args, options=None, **tasks):
        """@param options  of start_host()"""
        self.configuration = self.config(self.text(*args, **tasks))
        self.host = self.start_host("--control", self.control, "-c", self.configuration,
                                    **(options or {}))

    def notes(self):
        try:
            with open(os.path.join(self.folder, "notes"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def await_note(self, note, count=1):
        await_(lambda: self.notes().count(note) >= count, f"{count} notes {note!r}")

    def go(self, text="goes on"):
        with open(os.path.join(self.folder, "go"), "w", encoding="utf-8") as f:
            f.write(text)

    def tasks(self):
        return {task["name"]: task for task in self.status()["tasks"]}

    def await_state(self, name, **expected):
        await_(lambda: expected.items() <= self.tasks()[name].items(), f"{name} to be {expected}")
        return self.tasks()[name]

    def test_each_runs_in_the_generation_that_serves_and_is_told_of(self):
        self.start(digest=("digest", "every = 1s"), method=("Group.method", "every = 1s"),
                   later=("coroutine", "every = 1s"), ends=("exits", "every = 1s"))
        for note in ("1 shop 1", "method", "coroutine", "exits"):
            self.await_note(note)
        task = self.await_state("digest", outcome="done", failures=0, why="")
        self.assertEqual((task["app"], task["call"]), ("shop", f"{self.module}:digest"))
        self.assertRegex(task["ended_at"], r"^\d{4}-.*Z$")
        self.assertRegex(task["next_at"], r"^\d{4}-.*Z$")
        self.assertGreaterEqual(task["runs"], 1)
        self.await_state("ends", outcome="done")
        self.host.log.wait_for(r"info \d+ app=shop gen=1 \[task\.done\] digest: \w+:digest, ")

    def test_one_that_fails_is_logged_and_harms_nothing(self):
        self.start(bad=("fails", "every = 1s"), none=("no_such_name", "every = 1s"))
        self.host.log.wait_for(r"error \d+ app=shop gen=1 \[task\.failed\] bad: \S+, \S+ ms: Traceback")
        task = self.await_state("bad", outcome="failed", why="ValueError: no good")
        self.assertGreaterEqual(task["failures"], 1)
        self.host.log.wait_for(r"AttributeError: module .* has no attribute 'no_such_name'")
        self.await_state("bad", runs=2)  # it is tried again
        self.assertEqual(self.host.fetch("/").body, b"1")

    def test_it_never_runs_twice_at_a_time_in_all_workers_together(self):
        self.start("", "workers = 2", waits=("waits", "every = 1s"))
        self.await_note("begins")
        self.await_state("waits", state="running")
        self.host.log.wait_for(r"\[task\.late\] waits: it still runs", count=2)
        self.assertEqual(self.notes(), ["begins"])
        self.go()
        self.await_note("begins", 2)
        self.go()

    def test_it_runs_the_new_code_after_an_edit_and_the_old_one_is_drained(self):
        self.start("drain_timeout_s = 60", waits=("waits", "every = 1s"), digest=("digest", "every = 1s"))
        self.await_note("begins")
        self.write("shop.py", self.code("2"))
        await_(lambda: any(note.startswith("2 shop") for note in self.notes()), "the new code to run")
        self.assertEqual(self.host.log.count(r"\[reload\.retired\]"), 0)
        self.go("of the old code")
        self.await_note("of the old code")
        self.host.log.wait_for(r"\[reload\.retired\]|\[worker\.ended\]")
        self.await_note("begins", 2)
        self.go()

    def test_it_waits_for_an_application_that_does_not_serve(self):
        self.write("shop.py", "raise ValueError('not yet')\n")
        self.start(digest=("digest", "every = 1s"))
        self.host.log.wait_for(r"\[task\.waiting\] digest: the application does not serve")
        self.await_state("digest", state="waiting", runs=0)
        self.write("shop.py", self.code("2"))
        await_(lambda: any(note.startswith("2 shop") for note in self.notes()), "the task to run")
        self.await_state("digest", outcome="done")
        self.assertEqual(self.host.log.count(r"\[task\.waiting\]"), 1)

    def test_it_wakes_a_process_group_that_is_asleep_and_keeps_it_awake(self):
        self.start("process = own\nworkers = 0-1\nidle_timeout_s = 1", "",
                   options={"ready": False},  # to connect would wake it
                   waits=("waits", "every = 2s"))
        self.host.log.wait_for(r"\[process\.started\] process shop: a task is due")
        self.await_note("begins")
        self.host.log.wait_for(r"\[task\.late\]")  # longer than its idle time
        self.assertEqual(self.host.log.count(r"\[process\.idle\]"), 0)
        self.go()
        self.host.log.wait_for(r"\[process\.idle\]")

    def test_a_worker_that_dies_of_it_is_the_end_of_that_run(self):
        self.start(bad=("crashes", "every = 1s"))
        self.host.log.wait_for(r"\[worker\.crashed\] .*SIGSEGV.* while serving task bad")
        self.host.log.wait_for(r"\[task\.failed\] bad: its worker has ended")
        self.await_state("bad", why="its worker has ended")
        await_(lambda: self.host.fetch("/").body == b"1", "another worker")
        self.await_note("crashes", 2)

    def test_another_configuration_has_other_tasks(self):
        self.start(digest=("digest", "every = 1s"), old=("Group.method", "every = 1s"))
        self.await_note("1 shop 1")
        await_(lambda: self.tasks()["digest"]["runs"] > 0, "it to be counted")
        with open(self.configuration, "w", encoding="utf-8") as f:
            f.write(self.text(digest=("digest", "every = 1s"), new=("coroutine", "every = 1s")))
        self.host.signal(signal.SIGHUP)
        self.await_note("coroutine")
        self.assertEqual(set(self.tasks()), {"digest", "new"})
        self.assertGreater(self.tasks()["digest"]["runs"], 0)  # it has not begun anew

    def test_at_a_time_of_day_of_the_hosts_time_zone(self):
        second = time.time() % 86400
        west = int(second - (3 * 3600 - 3)) % 86400  # there it is three seconds before 03:00
        zone = f"XXX{west // 3600:02}:{west // 60 % 60:02}:{west % 60:02}"
        self.start(options={"env": {"TZ": zone}}, night=("digest", "at = 03:00"))
        self.assertEqual(self.tasks()["night"]["runs"], 0)
        self.await_note("1 shop 1")
        task = self.await_state("night", runs=1, outcome="done")
        self.assertGreater(task["next_at"], task["ended_at"])

    def test_the_host_ends_when_a_task_has(self):
        self.start("", "stop_timeout_s = 60", waits=("waits", "every = 1s"))
        self.await_note("begins")
        self.host.signal(signal.SIGTERM)
        self.host.log.wait_for(r"\[host\.stopping\]")
        self.go("before the end")
        self.await_note("before the end")
        self.host.log.wait_for(r"\[host\.stopped\]")

    def test_what_is_wrong_in_the_configuration_is_said(self):
        for lines, message in (
            ("app = shop\ncall = a:b", 'either "every" or "at" says when, and not both'),
            ("app = shop\ncall = a:b\nevery = 1h\nat = 03:00", "not both"),
            ("app = shop\ncall = a:b\nevery = 1w", '"1w" is not a time such as 30s, 5m, 1h or 2d'),
            ("app = shop\ncall = a:b\nevery = 0", '"0" is not a time'),
            ("app = shop\ncall = a:b\nat = 24:00", '"24:00" is not a time of day such as 03:00'),
            ("app = shop\ncall = a.b\nevery = 1h", '"a.b" is not MODULE:FUNCTION'),
            ("app = shop\ncall = a:b()\nevery = 1h", "is not MODULE:FUNCTION"),
            ("app = blog\ncall = a:b\nevery = 1h", "there is no [app blog]"),
            ("app = shop\nevery = 1h", "[task x] call: this key is required"),
            ("call = a:b\nevery = 1h", "[task x] app: this key is required"),
        ):
            with self.subTest(lines):
                path = self.config(f"[app shop]\nfile = {self.file}\n[task x]\n{lines}\n")
                code, _, err = run("-t", "-c", path)
                self.assertEqual(code, 2)
                self.assertIn(message, err)
                self.assertIn(path, err)


if __name__ == "__main__":
    unittest.main()
