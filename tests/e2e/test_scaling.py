"""The number of workers follows the load, and process groups that have nothing to do end."""

import json
import os
import signal
import time
import unittest

from support import control_group, fcgi
from support.host import HostTestCase, run
from support.load import Load
from support.waiting import await_

APPLICATION = """
import json, os, threading, time
gate = threading.Event()
version = 1

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hold":
        gate.wait()
    if path == "/until":
        while not os.path.exists(environ["QUERY_STRING"]):
            time.sleep(0.05)
    if path == "/open":
        gate.set()
    if path == "/compute":
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid(), "version": version, "length": len(body),
                        "multiprocess": environ["wsgi.multiprocess"]}).encode()]
"""


class Scaled(HostTestCase):
    def start(self, host="", preexec_fn=None, **apps):
        """apps: {name: its keys}; each is mounted below its name."""
        self.control = self.path("control")
        text = f"[fcgi_host]\ncontrol = {self.control}\n{host}\n"
        for name, keys in apps.items():
            file = self.write(f"{name}.py", APPLICATION)
            text += f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
        self.conf = self.config(text)
        # Not asked whether it accepts: that would start a worker.
        self.host = self.start_host("-c", self.conf, ready=False, preexec_fn=preexec_fn)
        self.host.log.wait_for(r"\[host\.ready\]")
        return self.host

    def ask(self, path, **kw):
        response = self.host.fetch(path, **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def hold(self, marker):
        """Requests to "a" that wait until there is a file. @return their connections"""
        held = [self.host.connect() for _ in range(6)]
        for connection in held:
            connection.send(fcgi.whole_request(fcgi.params_of("/a/until", query=marker)))
        return held

    def workers(self):
        return [w for w in self.status()["workers"] if w["state"] in ("serving", "loading")]

    def wait_for_workers(self, count):
        await_(lambda: len(self.workers()) == count, f"{count} workers")


class Requests(Scaled):
    def test_requests_that_wait_get_more_workers_which_end_when_there_is_less_to_do(self):
        self.start("workers = 1-3", a="threads = 1")
        self.assertTrue(self.ask("/a/")["multiprocess"])
        self.assertEqual(len(self.workers()), 1)
        marker = self.path("marker")
        held = self.hold(marker)
        self.wait_for_workers(3)
        with open(marker, "w", encoding="utf-8"):
            pass
        for connection in held:
            self.assertEqual(connection.read_response().status, 200)
            connection.close()
        self.host.log.wait_for(r"\[worker\.scaled\].* 1 worker: there is less to do", deadline_s=60)
        self.wait_for_workers(1)

    def test_a_fixed_number_stays(self):
        self.start("workers = 2", a="threads = 1")
        with Load(lambda: self.host.fetch("/a/compute").status, threads=6):
            self.host.log.wait_for(r"worker \d+ started", 2)
        self.assertEqual(self.host.log.count(r"\[worker\.scaled\]"), 0)


class OnDemand(Scaled):
    def wait_idle(self, count=1, process="b"):
        self.host.log.wait_for(rf"\[process\.idle\] process {process}:", count)
        await_(lambda: process not in [w["process"] for w in self.workers()], "it to end")

    def test_the_first_request_starts_it_and_so_does_the_one_after_its_idle_time(self):
        self.start(a="", b="process = own\nworkers = 0-2\nidle_timeout_s = 1")
        self.assertEqual([w["process"] for w in self.workers()], ["shared"])
        first = self.ask("/b/")
        self.wait_idle()
        second = self.ask("/b/", method="POST", body=b"x" * 300000)
        self.assertEqual(second["length"], 300000)
        self.assertNotEqual(first["pid"], second["pid"])
        self.wait_idle(2)

    def test_a_group_that_has_a_worker_at_the_start_ends_after_its_idle_time(self):
        self.start(a="", b="process = own\nworkers = 2\nidle_timeout_s = 1")
        self.wait_idle()
        self.assertEqual(self.ask("/b/")["version"], 1)

    def test_a_request_in_hand_keeps_it(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1\nthreads = 2")
        with self.host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/b/hold")))
            await_(lambda: any(r["doing"] == "GET /b/hold" for w in self.workers()
                               for r in w.get("running", [])), "the request to run")
            self.ask("/a/")
            pid = self.ask("/b/")["pid"]
            time.sleep(2.5)  # longer than the idle time
            self.assertEqual(self.ask("/b/open")["pid"], pid)
            self.assertEqual(json.loads(connection.read_response().body)["pid"], pid)
        self.wait_idle()

    def test_a_connection_that_is_kept_open_outlives_it(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        with self.host.connect() as connection:
            for i in range(1, 4):
                response = connection.request("/b/", keep=True)
                self.assertEqual(response.status, 200)
                self.wait_idle(i)

    def test_the_status_tells_what_is_asleep(self):
        self.start(a="", b="process = own\nworkers = 0-1")
        code, out, _ = run("status", "-s", self.control)
        self.assertEqual(code, 0)
        self.assertIn("process b is asleep: b", out)
        self.ask("/b/")
        self.assertNotIn("asleep", run("status", "-s", self.control)[1])

    def test_all_asleep(self):
        self.start("workers = 0-2\nidle_timeout_s = 1", a="", b="process = own\nworkers = 0-1")
        self.assertEqual(self.workers(), [])
        self.assertEqual(self.ask("/b/")["version"], 1)
        self.assertEqual(self.ask("/a/")["version"], 1)

    def test_alone_it_ends_when_its_connections_are_closed(self):
        self.start("workers = 0-1\nidle_timeout_s = 1", a="")
        with self.host.connect() as connection:
            pid = json.loads(connection.request("/a/", keep=True).body)["pid"]
            time.sleep(2.5)  # longer than the idle time
            self.assertEqual(json.loads(connection.request("/a/", keep=True).body)["pid"], pid)
        self.wait_idle(process="shared")
        self.assertNotEqual(self.ask("/a/")["pid"], pid)

    def test_no_request_is_lost_while_it_falls_asleep_again_and_again(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        pids, statuses = set(), []
        for _ in range(6):
            response = self.host.fetch("/b/", method="POST", body=b"x" * 1000)
            statuses.append(response.status)
            pids.add(json.loads(response.body)["pid"])
            time.sleep(1)  # about the idle time
        self.assertEqual(statuses, [200] * 6)

    def test_what_was_edited_meanwhile_is_served(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        self.ask("/b/")
        self.wait_idle()
        self.write("b.py", APPLICATION.replace("version = 1", "version = 2"))
        self.assertEqual(self.ask("/b/")["version"], 2)

    def test_commands_and_another_configuration_find_nothing_to_do(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        code, out, err = run("reload", "-s", self.control, "b")
        self.assertEqual(code, 0, out + err)
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: [w["process"] for w in self.workers()] == ["shared"],
               "the group of b to sleep on")
        self.assertEqual(self.ask("/b/")["version"], 1)
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.replace("workers = 0-1\nidle_timeout_s = 1", "workers = 2"))
        self.host.signal(signal.SIGHUP)
        self.wait_for_workers(3)

    def test_it_stops_with_a_connection_that_waits(self):
        for path in ("/a/", "/b/"):  # the first one's worker accepts, and passes what is the other's
            with self.subTest(path):
                self.start("workers = 0-1", a="", b="process = own\nworkers = 0-1")
                self.host.signal(signal.SIGSTOP)
                with self.host.connect() as connection:
                    connection.send(fcgi.whole_request(fcgi.params_of(path)))
                    self.host.signal(signal.SIGTERM)
                    self.host.signal(signal.SIGCONT)
                    self.assertEqual(connection.read_response().status, 200)
                self.host.wait()

    def test_one_that_cannot_start_does_not_keep_the_others_asleep(self):
        gone = self.path("gone")
        os.mkdir(gone)
        self.start("workers = 0-1\nidle_timeout_s = 1", a="", b=f"process = own\nchdir = {gone}")
        os.rmdir(gone)
        os.kill(self.ask("/b/")["pid"], signal.SIGKILL)
        self.host.log.wait_for(r"\[worker\.failed\]")
        for _ in range(3):
            self.assertEqual(self.ask("/a/")["version"], 1)
            time.sleep(1.5)  # longer than the idle time

    def test_a_fixed_number_is_there_again_when_it_does_not_sleep_after_all(self):
        self.start("workers = 2\nidle_timeout_s = 1", a="")
        with self.host.connect() as connection:  # keeps the last one
            connection.request("/a/", keep=True)
            self.wait_for_workers(1)
            connection.request("/a/", keep=True)
            self.wait_for_workers(2)

    def test_it_stops_while_all_are_asleep(self):
        self.start("workers = 0-1", a="", b="process = own\nworkers = 0-1")
        self.host.stop()

    def test_an_application_that_does_not_load(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        self.write("b.py", "1 / 0\n")
        self.assertEqual(self.host.fetch("/b/").status, 500)
        self.wait_idle()
        self.write("b.py", APPLICATION)
        self.assertEqual(self.ask("/b/")["version"], 1)

    def test_a_crash_of_the_last_worker(self):
        self.start(a="", b="process = own\nworkers = 0-1\nidle_timeout_s = 1")
        pid = self.ask("/b/")["pid"]
        os.kill(pid, signal.SIGKILL)
        self.host.log.wait_for(r"\[worker\.crashed\]")
        self.assertNotEqual(self.ask("/b/")["pid"], pid)
        self.wait_idle()


class Age(Scaled):
    def test_a_worker_is_replaced_at_its_age(self):
        self.start("max_age_s = 1", a="", b="process = own\nmax_age_s = 1")
        with Load(lambda: self.host.fetch("/a/").status) as a, \
                Load(lambda: self.host.fetch("/b/").status) as b:
            self.host.log.wait_for(r"\[worker\.replaced\].*max_age_s", 4)
        self.assertEqual((a.failures, b.failures), ([], []))

    def test_a_process_has_a_number_of_requests(self):
        self.control = self.path("control")
        file = self.write("a.py", APPLICATION)
        self.host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.control}
            [process web]
            max_requests = 50
            [app a]
            file = {file}
            mount = /a
            process = web
            [app b]
            file = {file}
            mount = /b
            process = web
            """))
        with Load(lambda: self.host.fetch("/a/").status) as a, \
                Load(lambda: self.host.fetch("/b/").status) as b:
            self.host.log.wait_for(r"\[worker\.replaced\].*max_requests reached", 2)
        self.assertEqual((a.failures, b.failures), ([], []))


class Memory(Scaled):
    def setUp(self):
        self.group = control_group.make(self, 300 << 20, lambda: self.host.stop())

    def enter_group(self):
        control_group.enter(self.group)

    def start_in_group(self, keys):
        self.start("workers = 0-3", self.enter_group, a=keys)
        self.write("a.py", "block = b'x' * (170 << 20)\n" + APPLICATION)

    def test_a_replacement_that_would_not_fit_is_done_the_other_way_round(self):
        self.start_in_group("reload = worker")
        pid = self.ask("/a/")["pid"]
        with Load(lambda: self.host.fetch("/a/").status, threads=2) as load:
            self.write("a.py", "block = b'x' * (170 << 20)\n" +
                       APPLICATION.replace("version = 1", "version = 2"))
            self.host.log.wait_for(r"\[worker\.memory\] no memory for a second worker")
            await_(lambda: self.ask("/a/")["version"] == 2, "the new code")
        self.assertEqual(load.failures, [])
        self.assertNotEqual(self.ask("/a/")["pid"], pid)
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)

    def test_no_worker_is_added_that_would_not_fit(self):
        self.start_in_group("threads = 1")
        self.ask("/a/")
        held = self.hold(self.path("marker"))
        self.host.log.wait_for(r"\[worker\.memory\] process shared: requests wait")
        self.assertEqual(len(self.workers()), 1)
        for connection in held:
            connection.close()


if __name__ == "__main__":
    unittest.main()
