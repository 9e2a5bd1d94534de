"""Process groups: each application is answered by its own, whoever accepted the connection."""

import concurrent.futures
import json
import os
import re
import signal
import textwrap
import threading
import unittest

from support import fcgi
from support.host import HostTestCase, needs_modules, run
from support.load import Load
from support.waiting import await_

APPLICATION = """
import json, os, sys, threading
gate = threading.Event()
version = 1

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hold":
        gate.wait()
    if path == "/open":
        gate.set()
    if path == "/crash":
        os.kill(os.getpid(), 11)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    yield json.dumps({
        "app": NAME, "pid": os.getpid(), "version": version, "script": environ["SCRIPT_NAME"],
        "interpreter": environ["fcgi_host.interpreter"],
        "generation": environ["fcgi_host.generation"],
        "multiprocess": environ["wsgi.multiprocess"], "length": len(body), "sum": sum(body[:1000]),
    }).encode()
"""


class Processes(HostTestCase):
    HOST = ""

    def start(self, sections, first="", **kw):
        """sections: {application: its keys}; each is mounted below its name."""
        self.control, self.files = self.path("control"), {}
        text = f"[fcgi_host]\ncontrol = {self.control}\n{self.HOST}\n{first}\n"
        for name, keys in sections.items():
            file = self.write(f"{name}.py", f"NAME = {name!r}\n" + APPLICATION)
            self.files[name] = file
            text += f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
        self.conf = self.config(text)
        self.host = self.start_host("-c", self.conf, **kw)
        self.host.log.wait_for(r"\[host\.ready\]")
        return self.host

    def save(self, name, text):
        """As an editor does: the file is never there in part."""
        path = self.path("saved")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(path, self.files[name])

    def edit(self, name):
        with open(self.files[name], "a", encoding="utf-8") as f:
            f.write("\nversion += 1\n")

    def ask(self, name, rest="/", **kw):
        response = self.host.fetch(f"/{name}{rest}", **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def pids(self, process):
        return [w["pid"] for w in self.status()["workers"] if w["process"] == process]


class Homes(Processes):
    def test_each_application_is_answered_by_its_group(self):
        self.start({"a": "", "b": "process = own", "c": "process = web", "d": "process = web"},
                   "[process web]\nworkers = 2")
        pids = {process: self.pids(process) for process in ("shared", "b", "web")}
        self.assertEqual([len(p) for p in pids.values()], [1, 1, 2])
        for _ in range(20):
            for name, process in (("a", "shared"), ("b", "b"), ("c", "web"), ("d", "web")):
                answer = self.ask(name)
                self.assertEqual((answer["app"], answer["script"]), (name, f"/{name}"))
                self.assertIn(answer["pid"], pids[process])
                self.assertEqual(answer["multiprocess"], process == "web")
                self.assertEqual(answer["interpreter"], "main" if name == "b" else name)

    def test_a_kept_connection_goes_where_each_request_belongs(self):
        self.start({"a": "", "b": "process = own", "c": "process = own"})
        with self.host.connect() as connection:
            for name in "abcabbaaccbacabc":
                response = connection.request(f"/{name}/", keep=True)
                self.assertEqual(json.loads(response.body)["app"], name)
        await_(lambda: sum(w["connections"]["open"] for w in self.status()["workers"]) == 0,
               "the connection to be closed")

    def test_requests_sent_ahead_follow_their_connection(self):
        self.start({"a": "", "b": "process = own"})
        with self.host.connect() as connection:
            names = "abbaab"
            connection.send(b"".join(
                fcgi.whole_request(fcgi.params_of(f"/{name}/"), keep=True) for name in names))
            for name in names:
                self.assertEqual(json.loads(connection.read_response().body)["app"], name)

    def test_bodies_of_any_size(self):
        self.start({"a": "", "b": "process = own", "c": "process = own"})
        for size in (0, 1, 1000, 16384, 60000, 70000, 300000, 5000000):
            for name in "abc":
                body = bytes(i % 251 for i in range(min(size, 1000))) + b"x" * max(0, size - 1000)
                answer = self.ask(name, method="POST", body=body)
                self.assertEqual((answer["app"], answer["length"]), (name, size))
                self.assertEqual(answer["sum"], sum(body[:1000]))

    def test_a_body_that_comes_slowly_and_one_that_is_cut(self):
        self.start({"a": "", "b": "process = own"})
        for name in "ab":
            with self.host.connect() as connection:
                params = fcgi.params_of(f"/{name}/", method="POST", CONTENT_LENGTH="200000")
                connection.send_dribbled(
                    fcgi.whole_request(params, b"y" * 200000, keep=True), 17000)
                self.assertEqual(json.loads(connection.read_response().body)["length"], 200000)
            with self.host.connect() as connection:
                connection.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)) +
                                fcgi.stream(fcgi.STDIN, 1, b"x" * 1000, end=False))
        self.assertEqual(self.ask("a")["app"], "a")
        self.assertEqual(self.ask("b")["app"], "b")

    def test_an_abort_reaches_the_request_where_it_is(self):
        self.start({"a": "", "b": "process = own\nthreads = 2"})
        with self.host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/b/hold"), keep=True))
            await_(lambda: any(r["doing"] == "GET /b/hold" for w in self.status()["workers"]
                               for r in w.get("running", [])), "the request to run")
            connection.send(fcgi.abort())
            self.ask("b", "/open")
            connection.read_response()
            self.assertEqual(connection.request("/a/", keep=True).status, 200)

    def test_authorizers(self):
        self.start({"a": "", "b": "process = own"})
        for _ in range(6):
            with self.host.connect() as connection:
                response = connection.request("/b/", role=fcgi.AUTHORIZER)
                self.assertEqual(response.status, 200)

    def test_the_status_page_is_served_by_all(self):
        self.HOST = "status_path = /-/status"
        self.start({"a": "", "b": "process = own"})
        for _ in range(6):
            body = self.host.fetch("/-/status", query="json").body
            self.assertEqual({w["process"] for w in json.loads(body)["workers"]}, {"shared", "b"})
            text = self.host.fetch("/-/status", query="openmetrics").body.decode()
            labels = set(re.findall(r'^fcgi_host_requests_total\{worker="\d+",process="(\w+)",'
                                    r'app="(\w)"\}', text, re.MULTILINE))
            self.assertEqual(labels, {("shared", "a"), ("b", "b")})

    def test_scripts_are_served_by_the_shared_group(self):
        folder = self.path("scripts")
        os.makedirs(folder)
        file = os.path.join(folder, "one.py")
        with open(file, "w", encoding="utf-8") as f:
            f.write("NAME = 'script'\n" + APPLICATION)
        self.start({"b": "process = own", "c": "process = own"}, f"[scripts]\nroot = {folder}\n")
        shared = self.pids("shared")
        for _ in range(8):
            answer = json.loads(self.host.fetch("/one.py", SCRIPT_FILENAME=file).body)
            self.assertEqual((answer["app"], [answer["pid"]]), ("script", shared))

    def test_one_application_is_one_group(self):
        self.start({"a": ""})
        self.assertEqual([w["process"] for w in self.status()["workers"]], ["shared"])


class Neighbours(Processes):
    """What happens to one group is not the others' business."""
    HOST = "stuck_timeout_s = 8"

    def setUp(self):
        self.start({"a": "", "b": "process = own", "c": "process = own"})
        self.before = {name: self.ask(name) for name in "abc"}

    def assert_untouched(self, *names):
        for name in names:
            answer = self.ask(name)
            self.assertEqual((answer["pid"], answer["generation"]),
                             (self.before[name]["pid"], self.before[name]["generation"]))

    def loads(self, *names):
        return [Load(lambda name=name: self.host.fetch(f"/{name}/").status, threads=2)
                for name in names]

    def test_an_edit_replaces_the_workers_of_one_group(self):
        with Load(lambda: self.host.fetch("/b/").status) as edited, self.loads("a")[0] as a, \
                self.loads("c")[0] as c:
            for version in (2, 3):
                self.edit("b")
                await_(lambda: self.ask("b")["version"] == version, "the new code")
        self.assertEqual((edited.failures, a.failures, c.failures), ([], [], []))
        self.assert_untouched("a", "c")

    def test_an_edit_in_the_shared_group_stays_in_its_process(self):
        self.edit("a")
        await_(lambda: self.ask("a")["version"] == 2, "the new code")
        self.assert_untouched("b", "c")

    def test_a_crash_costs_the_requests_of_one_group(self):
        with self.loads("a")[0] as a, self.loads("c")[0] as c:
            for _ in range(3):
                pid = self.ask("b")["pid"]
                os.kill(pid, signal.SIGKILL)
                await_(lambda: self.ask("b")["pid"] != pid, "another worker")
        self.assertEqual((a.failures, c.failures), ([], []))
        self.assert_untouched("a", "c")

    def test_requests_for_a_worker_that_is_gone_wait_for_the_next(self):
        pid = self.ask("b")["pid"]
        os.kill(pid, signal.SIGKILL)
        answers = []
        clients = [threading.Thread(target=lambda: answers.append(self.ask("b")["app"]))
                   for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(answers, ["b"] * 20)

    def test_a_group_that_takes_nothing_does_not_stop_the_others(self):
        pid = self.ask("b")["pid"]
        os.kill(pid, signal.SIGSTOP)
        waiting = []
        try:
            for _ in range(600):
                connection = self.host.connect()
                self.addCleanup(connection.close)
                connection.send(fcgi.whole_request(fcgi.params_of("/b/")))
                waiting.append(connection)
            self.assertEqual(self.ask("a")["app"], "a")
            self.assertEqual(waiting[-1].read_response().status, 503)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(waiting[0].read_response().status, 200)
        statuses = {connection.read_response().status for connection in waiting[1:-1]}
        self.assertEqual(statuses, {200, 503})

    def test_others_accept_when_the_shared_worker_does_not_answer(self):
        pid = self.ask("a")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            asked = self.host.connect()
            self.addCleanup(asked.close)
            asked.send(fcgi.whole_request(fcgi.params_of("/b/")))
            self.assertEqual(json.loads(asked.read_response().body)["app"], "b")
            self.assert_untouched("b", "c")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.ask("a")["pid"], pid)

    def test_a_reload_by_hand_concerns_the_group(self):
        code, _, err = run("reload", "-s", self.control, "b")
        self.assertEqual(code, 0, err)
        self.assertNotEqual(self.ask("b")["pid"], self.before["b"]["pid"])
        self.assert_untouched("a", "c")

    def test_a_reload_of_all_concerns_every_group(self):
        code, _, err = run("reload", "-s", self.control)
        self.assertEqual(code, 0, err)
        for name in "bc":
            self.assertNotEqual(self.ask(name)["pid"], self.before[name]["pid"])
        again = self.ask("a")  # in its process, or where that is not possible in another one
        self.assertNotEqual((again["pid"], again["generation"]),
                            (self.before["a"]["pid"], self.before["a"]["generation"]))

    def test_a_broken_edit_is_kept_in_its_group(self):
        with open(self.files["b"], "a", encoding="utf-8") as f:
            f.write("\n1 / 0\n")
        self.host.log.wait_for(r"\[worker\.kept\]")
        self.assertEqual(self.ask("b")["version"], 1)
        self.assert_untouched("a", "b", "c")


class Ends(Processes):
    def test_an_application_that_joins_another_group(self):
        self.start({"a": "", "b": "", "c": "process = web"}, "[process web]\n")
        with open(self.conf, encoding="utf-8") as f:
            apart = f.read()
        together = apart.replace("mount = /b\n", "mount = /b\nprocess = web\n")
        self.save("c", "import time\ntime.sleep(0.5)\nNAME = 'c'\n" + APPLICATION)
        with Load(lambda: self.host.fetch("/b/").status) as b, \
                Load(lambda: self.host.fetch("/c/").status) as c:
            for text, pids in ((together, "c"), (apart, "a"), (together, "c")):
                with open(self.conf, "w", encoding="utf-8") as f:
                    f.write(text)
                self.host.signal(signal.SIGHUP)
                await_(lambda: self.ask("b")["pid"] == self.ask(pids)["pid"], "its new home")
        self.assertEqual((b.failures, c.failures), ([], []))
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)

    def test_connections_outlive_a_group_that_is_taken_away(self):
        self.start({"a": "", "c": "", "b": "process = own"})
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with self.host.connect() as connection:
            self.assertEqual(connection.request("/b/", keep=True).status, 200)
            with open(self.conf, "w", encoding="utf-8") as f:
                f.write(text[:text.index("[app b]")])
            self.host.signal(signal.SIGHUP)
            self.host.log.wait_for(r"\[process\.ended\] process b")
            for path, status in (("/b/", 404), ("/a/", 200)):
                self.assertEqual(connection.request(path, keep=True).status, status)

    def test_the_configuration_that_is_read_last_counts(self):
        self.start({"a": "", "b": "process = own"})
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        file = self.write("c.py", "NAME = 'c'\n" + APPLICATION)
        for keys in ("", "process = own\n", "mount = /d\n"):
            with open(self.conf, "w", encoding="utf-8") as f:
                f.write(text + f"[app c]\nfile = {file}\n" +
                        (keys if "mount" in keys else "mount = /c\n" + keys))
            self.host.signal(signal.SIGHUP)
        await_(lambda: self.host.fetch("/d/").status == 200, "the last configuration")
        self.assertEqual(self.host.fetch("/c/").status, 404)

    def test_a_new_application_of_a_group_that_does_not_load(self):
        self.start({"a": "", "c": "process = web"}, "[process web]\n")
        file = self.write("e.py", "NAME = 'e'\n1 / 0\n" + APPLICATION)
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write(f"[app e]\nfile = {file}\nmount = /e\nprocess = web\n")
        self.host.signal(signal.SIGHUP)
        await_(lambda: self.host.fetch("/e/").status == 500, "the error page")
        self.assertEqual(self.ask("c")["app"], "c")
        self.write("e.py", "NAME = 'e'\n" + APPLICATION)
        await_(lambda: self.host.fetch("/e/").status == 200, "the mended code")

    def test_a_stop_while_one_waits_after_crashes(self):
        self.start({"a": "", "b": "process = own"})
        for wait_ms in (250, 500, 1000):
            os.kill(self.ask("b")["pid"], signal.SIGSEGV)
            self.host.log.wait_for(rf"\[worker\.waiting\] the next worker starts in {wait_ms} ms")
        with self.host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/b/")))
            self.host.signal(signal.SIGTERM)
            self.assertEqual(connection.read_response().status, 200)
        self.host.wait()

    def test_a_graceful_stop_answers_everything(self):
        self.start({"a": "", "b": "process = own", "c": "process = own"})
        held = []
        for name in "abcabc":
            connection = self.host.connect()
            self.addCleanup(connection.close)
            connection.send(fcgi.whole_request(fcgi.params_of(f"/{name}/hold"), keep=True))
            held.append((name, connection))
        await_(lambda: sum(len(w["running"]) for w in self.status()["workers"]) == 6,
               "all to run")
        for name in "abc":
            self.ask(name, "/open")
        self.host.signal(signal.SIGTERM)
        for name, connection in held:
            self.assertEqual(json.loads(connection.read_response().body)["app"], name)
        self.assertEqual(self.host.wait(), 0)
        self.assertEqual(self.host.log.count("worker.unfinished"), 0)

    def test_a_stop_under_load_loses_nothing_that_was_accepted(self):
        self.start({"a": "", "b": "process = own", "c": "process = own"})

        def fetch(name):
            try:
                return self.host.fetch(f"/{name}/").status
            except (ConnectionRefusedError, FileNotFoundError):
                return 200  # was never accepted
        with Load(lambda: fetch("a")) as a, Load(lambda: fetch("b")) as b, \
                Load(lambda: fetch("c")) as c:
            self.host.signal(signal.SIGTERM)
            self.assertEqual(self.host.wait(), 0)
        self.assertEqual((a.failures, b.failures, c.failures), ([], [], []))

    def test_another_configuration_makes_and_ends_groups(self):
        self.start({"a": "", "b": "process = own"})
        pids = {name: self.ask(name)["pid"] for name in "ab"}
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        file = self.write("c.py", "NAME = 'c'\n" + APPLICATION)
        first = text.replace("process = own", "")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(first + f"[app c]\nfile = {file}\nmount = /c\nprocess = own\n")
        with Load(lambda: self.host.fetch("/a/").status) as a, \
                Load(lambda: self.host.fetch("/b/").status) as b:
            self.host.signal(signal.SIGHUP)
            await_(lambda: self.host.fetch("/c/").status == 200, "the new application")
            await_(lambda: self.pids("b") == [], "the group of b to end")
        self.assertEqual((a.failures, b.failures), ([], []))
        self.assertEqual(self.ask("b")["pid"], self.ask("a")["pid"])
        self.assertNotIn(self.ask("c")["pid"], (*pids.values(), self.ask("a")["pid"]))
        self.assertEqual({w["process"] for w in self.status()["workers"]}, {"shared", "c"})


@needs_modules("lxml.etree")
class Moved(Processes):
    """An application that no sub-interpreter can bear, among others."""

    def start_projects(self, *extra):
        self.control, self.files = self.path("control"), {}
        text = f"[fcgi_host]\ncontrol = {self.control}\n"
        for name in ("one", "two"):
            folder = self.path(name)
            os.makedirs(os.path.join(folder, "mysite"))
            with open(os.path.join(folder, "mysite/__init__.py"), "w", encoding="utf-8") as f:
                f.write(f"NAME = {name!r}\n")
            self.files[name] = os.path.join(folder, "mysite/wsgi.py")
            with open(self.files[name], "w", encoding="utf-8") as f:
                f.write("import lxml.etree\nfrom mysite import NAME\n" + APPLICATION)
            text += (f"[app {name}]\nfile = {self.files[name]}\nmount = /{name}\n"
                     f"python_path = {folder}\n")
        plain = self.write("plain.py", "NAME = 'plain'\n" + APPLICATION)
        text += f"[app plain]\nfile = {plain}\nmount = /plain\n"
        self.host = self.start_host("-c", self.config(text + "".join(extra)))
        self.host.log.wait_for(r"\[host\.ready\] 3 applications in")

    def test_two_projects_with_the_same_module_names(self):
        self.start_projects()
        answers = [self.ask(name) for name in ("one", "two", "plain")]
        self.assertEqual([a["app"] for a in answers], ["one", "two", "plain"])
        self.assertEqual([a["interpreter"] for a in answers], ["main", "main", "plain"])
        self.assertEqual(len({a["pid"] for a in answers}), 3)
        apps = {app["name"]: (worker["process"], app) for worker in self.status()["workers"]
                for app in worker["apps"]}
        self.assertEqual({name: process for name, (process, _) in apps.items()},
                         {"one": "one", "two": "two", "plain": "shared"})
        self.assertIn("lxml.etree refuses", apps["one"][1]["placement"]["why"])
        self.assertRegex(apps["one"][1]["placement"]["since"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(apps["plain"][1]["placement"],
                         {"process": "shared", "interpreter": "plain", "why": None, "since": None})
        self.assertEqual([apps["one"][1]["placement"][key] for key in ("process", "interpreter")],
                         ["one", "main"])

    def test_an_edit_of_one_is_nobody_elses_business(self):
        self.start_projects()
        before = {name: self.ask(name)["pid"] for name in ("one", "two", "plain")}
        with open(self.files["one"], "a", encoding="utf-8") as f:
            f.write("\nversion = 2\n")
        await_(lambda: self.ask("one")["version"] == 2, "the new code")
        self.assertEqual(self.ask("two")["pid"], before["two"])
        self.assertEqual(self.ask("plain")["pid"], before["plain"])

    def test_a_shared_worker_that_is_replaced_does_not_load_them_again(self):
        self.start_projects()
        pid = self.ask("plain")["pid"]
        os.kill(pid, signal.SIGKILL)
        await_(lambda: self.ask("plain")["pid"] != pid, "another worker")
        self.assertEqual(self.host.log.count(r"\[app\.placed\]"), 2)
        self.assertEqual(self.ask("one")["app"], "one")

    def test_a_process_with_the_name_of_one_that_was_moved_to_is_refused(self):
        self.start_projects()
        self.ask("one")
        conf = self.host.args[self.host.args.index("-c") + 1]
        with open(conf, "a", encoding="utf-8") as f:
            f.write("[process one]\nworkers = 1\n"
                    f"[app three]\nfile = {self.files['two']}\nmount = /three\nprocess = one\n")
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r'\[host\.config\].* process "one" is that of one already')
        self.assertEqual(self.ask("one")["app"], "one")

    def test_an_edit_that_makes_it_refuse(self):
        self.start({"a": "", "b": ""})
        before = self.ask("a")
        with Load(lambda: self.host.fetch("/a/").status) as a, \
                Load(lambda: self.host.fetch("/b/").status) as b:
            file = self.files["b"]
            with open(file, encoding="utf-8") as f:
                text = f.read()
            self.save("b", "import lxml.etree\n" + text + "\nversion = 2\n")
            await_(lambda: self.ask("b")["version"] == 2, "the new code")
        self.assertEqual((a.failures, b.failures), ([], []))
        self.assertEqual(self.ask("b")["interpreter"], "main")
        after = self.ask("a")
        self.assertNotEqual(after["pid"], self.ask("b")["pid"])
        self.assertEqual((after["pid"], after["generation"]),
                         (before["pid"], before["generation"]), "the neighbour is untouched")
        self.host.log.wait_for(r"app=b .*\[reload\.retired\] its applications have another")

    def test_an_edit_that_makes_it_refuse_and_breaks_it(self):
        self.start({"a": "", "b": ""})
        with open(self.files["b"], encoding="utf-8") as f:
            text = f.read()
        before = self.ask("b")
        with Load(lambda: self.host.fetch("/b/").status) as b:
            self.save("b", "import lxml.etree\n1 / 0\n" + text)
            self.host.log.wait_for(r"app=b .*\[worker\.kept\]")
            await_(lambda: len(self.status()["workers"]) == 1, "the other process to end")
            self.assertEqual(self.ask("b")["pid"], before["pid"])
            self.save("b", "import lxml.etree\n" + text + "\nversion = 3\n")
            await_(lambda: self.ask("b")["version"] == 3, "the new code")
        self.assertEqual(b.failures, [])
        self.assertEqual(self.ask("b")["interpreter"], "main")

    def test_an_edit_that_makes_it_refuse_and_breaks_what_a_request_had_imported(self):
        late = self.write("late_of_b.py", "")
        self.start({"a": "", "b": ""})
        with open(self.files["b"], encoding="utf-8") as f:
            text = f.read().replace('    path = environ', '    import late_of_b\n    path = environ')
        self.save("b", text + "version = 2\n")
        await_(lambda: self.ask("b")["version"] == 2, "the module to be imported")
        before = self.ask("b")
        with open(late, "w", encoding="utf-8") as f:
            f.write("1 / 0\n")
        self.host.log.wait_for(r"app=b .*\[reload\.kept\]")
        self.save("b", "import lxml.etree\n" + text)
        self.host.log.wait_for(r"app=b .*\[worker\.kept\]")
        self.assertEqual(self.ask("b")["pid"], before["pid"])

    def start_late(self, *names):
        """Applications that import lxml in a request, as Django does with its URLconf."""
        self.start({name: "" for name in names})
        for name in names[1:]:
            with open(self.files[name], encoding="utf-8") as f:
                text = f.read()
            self.save(name, text.replace('    path = environ', '    import lxml.etree\n'
                                         '    path = environ') + "version = 2\n")

    def test_a_refusal_that_a_request_meets(self):
        self.start_late("a", "b")
        before = self.ask("a")
        await_(lambda: b'"version": 2' in self.host.fetch("/b/").body, "the application to work")
        self.assertEqual(self.ask("b")["interpreter"], "main")
        self.assertEqual(self.ask("a")["pid"], before["pid"])
        self.assertRegex(self.host.log.wait_for(r"\[app\.placed\]"), "lxml.etree refuses")

    def test_a_refusal_that_a_request_meets_where_nobody_else_is(self):
        self.start({"b": ""})
        with open(self.files["b"], encoding="utf-8") as f:
            text = f.read()
        self.save("b", text.replace('    path = environ', '    import lxml.etree\n'
                                    '    path = environ') + "version = 2\n")
        await_(lambda: b'"version": 2' in self.host.fetch("/b/").body, "the application to work")
        self.assertEqual(self.ask("b")["interpreter"], "main")
        self.assertEqual([w["process"] for w in self.status()["workers"]], ["shared"])

    def test_one_that_goes_on_without_what_refuses_gets_it(self):
        file = self.write("c.py", "try:\n    import lxml.etree\nexcept ImportError:\n"
                          "    NAME = 'without'\nelse:\n    NAME = 'with'\n" + APPLICATION)
        self.start({"a": "", "b": ""}, f"[app c]\nfile = {file}\nmount = /c\n")
        await_(lambda: self.ask("c")["app"] == "with", "the extension")

    def test_served_code_never_goes_back_while_it_moves(self):
        pipe, hold = self.path("pipe"), self.path("hold")
        os.mkfifo(pipe)
        open(hold, "w", encoding="utf-8").close()
        text = textwrap.dedent(f"""
            import fcgi_host, os
            VERSION = b"1"
            if fcgi_host.info()["interpreter"] == "main" and os.path.exists({hold!r}):
                open({pipe!r}).read()

            def application(environ, start_response):
                start_response("200 OK", [])
                if environ["PATH_INFO"] == "/refused":
                    try:
                        import lxml.etree
                    except ImportError:
                        pass
                return [VERSION]
            """)
        file = self.write("c.py", text)
        self.start({"a": ""}, f"[app c]\nfile = {file}\nmount = /c\n")
        answers = []

        def ask():
            answers.append(self.host.fetch("/c/").body)
            return answers[-1]
        self.assertEqual(ask(), b"1")
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            refused = thread.submit(self.host.fetch, "/c/refused")
            with open(pipe, "w"):  # the new process has read the file, and loads it
                os.remove(hold)
                self.write("c.py", text.replace('b"1"', 'b"2"'))
                for _ in range(500):  # time enough for the old one to reload
                    ask()
            self.assertEqual(refused.result().status, 200)
        await_(lambda: ask() == b"2", "the new code")
        for _ in range(50):
            ask()
        self.assertEqual(answers, sorted(answers))
        self.assertEqual(self.host.fetch("/c/refused").body, b"2")

    def test_one_that_crashes_while_loading_is_tried_alone(self):
        self.start({"a": "", "b": ""})
        with open(self.files["b"], encoding="utf-8") as f:
            text = f.read()
        self.save("b", text + "import ctypes\nctypes.string_at(0)\n")
        self.host.log.wait_for(r"app=b .*\[app\.failed\] not loaded again")
        self.assertEqual(self.ask("a")["app"], "a")
        self.assertIn(self.host.fetch("/b/").status, (500, 503))
        a = self.ask("a")
        self.save("b", text + "version = 2\n")
        await_(lambda: self.host.fetch("/b/").status == 200, "the mended code")
        self.assertEqual(self.ask("b")["version"], 2)
        self.assertEqual(self.ask("a")["pid"], a["pid"])

    def test_alone_it_stays_in_the_shared_group(self):
        file = self.write("wsgi.py", "import lxml.etree\nNAME = 'x'\n" + APPLICATION)
        self.control = self.path("control")
        self.host = self.start_host("--control", self.control, file)
        self.host.log.wait_for(r"\[host\.ready\]")
        self.assertEqual(self.pids("shared"), [json.loads(self.host.fetch("/").body)["pid"]])


if __name__ == "__main__":
    unittest.main()
