"""Scripts whose extension modules refuse sub-interpreters: each gets a process of its own."""

import json
import os
import signal
import threading
import unittest

from support.host import HostTestCase, needs_modules, run
from support.load import Load
from support.waiting import await_

PLAIN = """
import json, os
version = 1

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([os.getpid(), environ["fcgi_host.interpreter"], version,
                        environ["wsgi.input"].read().decode()]).encode()]
"""
AT_LOAD = "import lxml.etree\n" + PLAIN
IN_REQUEST = PLAIN.replace("    start_response", "    import lxml.etree\n    start_response")


@needs_modules("lxml.etree")
class Scripts(HostTestCase):
    def start(self, *more, scripts="", host="", **files):
        self.control, self.root = self.path("control"), self.path("root")
        os.mkdir(self.root)
        for name, text in {"plain": PLAIN, **files}.items():
            self.save(name, text)
        self.conf = self.config("\n".join([
            "[fcgi_host]", f"control = {self.control}", host,
            "[scripts]", f"root = {self.root}", scripts, *more]))
        self.host = self.start_host("-c", self.conf)
        self.host.log.wait_for(r"\[host\.ready\]")

    def file(self, name):
        return os.path.join(self.root, name + ".py")

    def save(self, name, text):
        """As an editor does: the file is never there in part."""
        path = self.path("saved")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(path, self.file(name))

    def fetch(self, name, **kw):
        return self.host.fetch("/" + name, SCRIPT_FILENAME=self.file(name), **kw)

    def ask(self, name, **kw):
        response = self.fetch(name, **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def workers(self):
        return self.status()["workers"]

    def processes(self):
        return {worker["process"] for worker in self.workers()}

    def test_each_is_alone_in_a_main_interpreter_and_the_shared_worker_stays(self):
        self.start(one=AT_LOAD, two=AT_LOAD, three=IN_REQUEST)
        plain = self.ask("plain")
        answers = [self.ask(name) for name in ("one", "two", "three")]
        self.assertEqual([a[1] for a in answers], ["main"] * 3)
        self.assertEqual(len({plain[0], *(a[0] for a in answers)}), 4)
        self.assertEqual(self.ask("plain"), plain)
        self.assertEqual(self.processes(),
                         {"shared", *(self.file(name) for name in ("one", "two", "three"))})
        apps = [(w["process"], app["name"], app["placement"])
                for w in self.workers() for app in w["apps"]]
        placements = {name: placement for _, name, placement in apps}
        self.assertEqual(len(apps), 4)
        self.assertIsNone(placements[self.file("plain")]["why"])
        self.assertIn("lxml.etree refuses", placements[self.file("one")]["why"])

    def test_requests_that_come_meanwhile_wait(self):
        self.start(one=AT_LOAD, two=IN_REQUEST)
        for name, method in (("one", "POST"), ("two", "GET")):
            answers = []
            clients = [threading.Thread(target=lambda: answers.append(
                self.ask(name, method=method, body=b"body" if method == "POST" else b"")[1:]))
                for _ in range(20)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            body = "body" if method == "POST" else ""
            self.assertEqual(answers, [["main", 1, body]] * 20)

    def test_several_shared_workers(self):
        self.start(host="workers = 2", one=IN_REQUEST, two=AT_LOAD)
        with Load(lambda: self.fetch("one").status) as one, \
                Load(lambda: self.fetch("two").status) as two:
            one.await_answers(50)
        self.assertEqual((one.failures, two.failures), ([], []))
        self.assertEqual(len(self.workers()), 4)

    def test_one_that_goes_on_without_what_refuses_gets_it(self):
        self.start(one="try:\n    import lxml.etree\nexcept ImportError:\n    pass\n" + PLAIN)
        self.ask("one")
        await_(lambda: self.ask("one")[1] == "main", "the extension")

    def test_an_edit_replaces_its_process_only(self):
        self.start(one=AT_LOAD, two=AT_LOAD)
        before = {name: self.ask(name) for name in ("plain", "one", "two")}
        with Load(lambda: self.fetch("one").status) as one:
            self.save("one", AT_LOAD + "version = 2\n")
            await_(lambda: self.ask("one")[2] == 2, "the new code")
        self.assertEqual(one.failures, [])
        for name in ("plain", "two"):
            self.assertEqual(self.ask(name), before[name])

    def test_an_edit_that_makes_it_refuse(self):
        self.start(one=PLAIN)
        before = self.ask("one"), self.ask("plain")
        self.assertEqual(before[0][1], self.file("one"))
        with Load(lambda: self.fetch("one").status) as one:
            self.save("one", AT_LOAD + "version = 2\n")
            await_(lambda: self.ask("one")[2] == 2, "the new code")
        self.assertEqual(one.failures, [])
        self.assertEqual(self.ask("one")[1], "main")
        self.assertEqual(self.ask("plain"), before[1])
        self.host.log.wait_for(r"app=\S+one\.py .*\[reload\.retired\] it has another process")

    def test_a_broken_script(self):
        self.start(one="import lxml.etree\n1 / 0\n" + PLAIN)
        plain = self.ask("plain")
        await_(lambda: self.fetch("one").status == 500, "the error page")
        self.save("one", AT_LOAD)
        await_(lambda: self.fetch("one").status == 200, "the mended code")
        self.assertEqual(self.ask("plain"), plain)

    def test_one_that_only_a_sub_interpreter_can_bear(self):
        """It refuses in a request, and does not load in a process of its own."""
        self.start(one="import fcgi_host\n"
                       "if fcgi_host.info()['interpreter'] == 'main':\n    1 / 0\n" + IN_REQUEST)
        plain = self.ask("plain")
        self.assertEqual(self.fetch("one").status, 500)
        self.host.log.wait_for(r"app=\S+one\.py .*\[worker\.kept\]")
        self.assertEqual(self.fetch("one").status, 500)
        self.assertEqual(self.host.log.count(r"\[app\.placed\]"), 1)
        self.save("one", IN_REQUEST)
        await_(lambda: self.fetch("one").status == 200, "the mended code")
        self.assertEqual(self.ask("plain"), plain)

    def test_one_that_crashes_its_process(self):
        self.start(one=AT_LOAD)
        plain, pid = self.ask("plain"), self.ask("one")[0]
        os.kill(pid, signal.SIGKILL)
        await_(lambda: self.ask("one")[0] != pid, "another process")
        self.assertEqual(self.ask("plain"), plain)

    def test_one_that_crashes_while_loading_costs_the_shared_worker_once(self):
        self.start(one="import ctypes\nctypes.string_at(0)\n" + PLAIN, two=AT_LOAD)
        self.ask("plain")
        self.fetch_whatever("one")
        self.host.log.wait_for(r"\[app\.failed\] not loaded again")
        pid = await_(lambda: self.fetch("plain").status == 200 and self.ask("plain")[0], "a worker")
        self.assertIn(self.fetch("one").status, (500, 503))
        self.assertEqual(self.ask("plain")[0], pid)
        self.save("one", PLAIN)
        await_(lambda: self.fetch("one").status == 200, "the mended code")

    def fetch_whatever(self, name):
        """The connection may be lost with its worker."""
        try:
            self.fetch(name)
        except Exception:  # pylint: disable=broad-except
            pass

    def test_a_script_that_is_deleted_ends_its_process(self):
        self.start(one=AT_LOAD)
        self.ask("one")
        self.assertIn(self.file("one"), self.processes())
        os.unlink(self.file("one"))
        self.host.log.wait_for(r"\[process\.ended\]")
        self.assertEqual(self.processes(), {"shared"})
        self.assertEqual(self.fetch("one").status, 404)
        self.save("one", PLAIN)
        self.assertEqual(self.ask("one")[1], self.file("one"))
        self.save("one", AT_LOAD + "version = 3\n")
        await_(lambda: self.ask("one")[1:3] == ["main", 3], "its process")

    def test_its_connection_is_kept_open_when_its_process_ends(self):
        self.start(one=AT_LOAD)
        self.ask("one")
        with self.host.connect() as connection:
            self.assertEqual(connection.request("/one", SCRIPT_FILENAME=self.file("one"),
                                                keep=True).status, 200)
            os.unlink(self.file("one"))
            self.host.log.wait_for(r"\[process\.ended\]")
            for name, status in (("one", 404), ("plain", 200)):
                self.assertEqual(connection.request("/" + name, SCRIPT_FILENAME=self.file(name),
                                                    keep=True).status, status)

    def test_beyond_the_limit_they_share_one(self):
        names = ["one", "two", "three", "four"]
        self.start(scripts="max_processes = 2", **{name: AT_LOAD for name in names})
        plain = self.ask("plain")
        for _ in range(2):
            answers = {name: self.ask(name) for name in names}
        self.assertEqual({a[1] for a in answers.values()}, {"main"})
        self.assertEqual(answers["three"][0], answers["four"][0])
        self.assertEqual(self.processes(),
                         {"shared", "scripts", self.file("one"), self.file("two")})
        self.assertEqual(self.ask("plain"), plain)

    def test_none_has_its_own(self):
        self.start(scripts="max_processes = 0", one=AT_LOAD, two=IN_REQUEST)
        plain = self.ask("plain")
        with Load(lambda: self.fetch("one").status) as one:
            self.assertEqual(self.ask("two")[1], "main")
        self.assertEqual(one.failures, [])
        self.assertEqual(self.ask("one")[0], self.ask("two")[0])
        self.assertEqual(self.processes(), {"shared", "scripts"})
        self.assertEqual(self.ask("plain"), plain)

    def test_a_reload_by_hand(self):
        self.start(one=AT_LOAD)
        plain, one = self.ask("plain"), self.ask("one")
        code, _, err = run("reload", "-s", self.control, self.file("one"))
        self.assertEqual(code, 0, err)
        self.assertNotEqual(self.ask("one")[0], one[0])
        self.assertEqual(self.ask("plain"), plain)

    def test_another_configuration(self):
        self.start(one=AT_LOAD)
        self.ask("one")
        with Load(lambda: self.fetch("one").status) as one, \
                Load(lambda: self.fetch("plain").status) as plain:
            for count in (1, 2):
                self.host.signal(signal.SIGHUP)
                self.host.log.wait_for(r"\[host\.config\]", count)
            one.await_answers()
        self.assertEqual((one.failures, plain.failures), ([], []))
        self.assertEqual(self.processes(), {"shared", self.file("one")})

    def test_a_configuration_without_its_root(self):
        self.start(one=AT_LOAD)
        self.ask("one")
        other = self.path("other")
        os.mkdir(other)
        with open(self.conf, encoding="utf-8") as f:
            text = f.read()
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text.replace(self.root, other))
        self.host.signal(signal.SIGHUP)
        await_(lambda: self.processes() == {"shared"}, "its process to end")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(text)
        self.host.signal(signal.SIGHUP)
        await_(lambda: self.fetch("one").status == 200, "the root")
        self.assertEqual(self.ask("one")[1], "main")

    def test_a_stop_answers_everything(self):
        self.start(one=AT_LOAD, two=IN_REQUEST)

        def fetch(name):
            try:
                return self.fetch(name).status
            except (ConnectionRefusedError, FileNotFoundError):
                return 200  # was never accepted
        with Load(lambda: fetch("one")) as one, Load(lambda: fetch("two")) as two:
            self.host.signal(signal.SIGTERM)
            self.assertEqual(self.host.wait(), 0)
        self.assertEqual((one.failures, two.failures), ([], []))


if __name__ == "__main__":
    unittest.main()
