"""`reload = restart`: the old code ends before the new is loaded, as a port or a lock needs."""

import json
import os
import signal
import subprocess
import threading

from support.host import HostTestCase, free_port, needs_recycling
from support.waiting import await_

#: Binds a port when it is imported, as prometheus_client.start_http_server() does.
APP = """
import http.server, os, threading, time
metrics = http.server.HTTPServer(("127.0.0.1", {port}), http.server.BaseHTTPRequestHandler)
threading.Thread(target=metrics.serve_forever, daemon=True).start()
import fcgi_host
fcgi_host.on_retire(metrics.shutdown)
fcgi_host.on_retire(metrics.server_close)
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["REQUEST_URI"] == "/slow":
        open({started!r}, "w").close()
        while not os.path.exists({go!r}):
            time.sleep(0.01)
    yield {version!r}.encode()
"""

#: flock() and lockf() are released when the descriptor is closed, or the interpreter ends.
LOCKS = """
import fcntl
held = open({path!r}, "w")
fcntl.{lock}(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{version!r}.encode()]
"""


class Restart(HostTestCase):
    def at(self, name):
        return os.path.join(self.folder, f"{self._testMethodName}-{name}")

    def text(self, version):
        return APP.format(port=self.port, version=version, started=self.at("started"), go=self.at("go"))

    def start_app(self, text=None, keys="reload = restart", host_keys=""):
        self.port = free_port()
        self.app = self.write("app.py", text or self.text("v1"))
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\ncontrol = {self.control}\n{host_keys}\n"
            f"[app one]\nfile = {self.app}\n{keys}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.host.fetch("/")  # a worker that does not serve yet is replaced, whatever is asked

    def save(self, text):
        with open(self.app + ".new~", "w") as f:
            f.write(text)
        os.replace(self.app + ".new~", self.app)

    def answer(self, path="/"):
        return self.host.fetch(path).body.decode()

    def ask_until(self, wanted, seen, path="/"):
        """Between the log line of an edit and the closing of the gate the old code answers."""
        while wanted not in seen:
            seen.append(self.answer(path))

    def command(self, *args):
        return subprocess.run([self.host.args[0], *args, "-s", self.control], timeout=60,
                              capture_output=True, text=True)

    def status(self):
        return json.loads(self.command("status", "--json").stdout)["workers"][0]["apps"][0]


@needs_recycling
class InTheProcess(Restart):
    def test_an_edit_of_an_application_that_binds_a_port(self):
        self.start_app()
        before = self.host.children()
        for i in range(2, 5):
            self.save(self.text(f"v{i}"))
            self.host.log.wait_for(r"\[reload\.switched\]", i - 1)
            self.assertEqual(self.answer(), f"v{i}")
        self.assertEqual(self.host.children(), before)
        self.assertEqual(self.status()["reload"]["strategy"], "interpreter")
        self.assertIn("reload = restart", self.status()["reload"]["why"])

    def test_requests_wait_while_the_old_code_finishes_and_the_new_one_loads(self):
        self.start_app()
        answers = {}

        def ask(path):
            answers[path] = self.answer(path)
        slow = threading.Thread(target=ask, args=["/slow"])
        slow.start()
        await_(lambda: os.path.exists(self.at("started")), "the slow request")
        self.save(self.text("v2"))
        self.host.log.wait_for(r"\[reload\.detected\]")
        seen = []
        quick = threading.Thread(target=self.ask_until, args=["v2", seen, "/quick"])
        quick.start()
        await_(lambda: self.status()["queued"] == 1, "the quick request to wait")
        self.write(self.at("go"), "")
        slow.join()
        quick.join()
        self.assertEqual(answers, {"/slow": "v1"})
        self.assertLessEqual(set(seen), {"v1", "v2"})
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")

    def test_a_broken_edit_is_the_error_page_until_the_next_edit(self):
        self.start_app()
        self.save("import no_such_module\n")
        self.host.log.wait_for(r"\[reload\.kept\].*; it does not serve: ")
        self.assertEqual(self.host.fetch("/").status, 500)
        self.save(self.text("v2"))
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v2")

    def test_a_load_that_fails_with_unchanged_files_is_tried_once_more(self):
        marker = self.at("fail")
        self.start_app(
            "import os\n"
            f"if os.path.exists({marker!r}):\n    os.remove({marker!r})\n    raise OSError('once')\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n    return [b'back']\n")
        self.write(marker, "")
        done = self.command("reload")
        self.assertIn("switched", done.stdout + done.stderr)
        self.assertEqual(self.answer(), "back")

    def test_a_lock_of_the_old_code_is_gone_when_the_new_takes_it(self):
        for lock in ("flock", "lockf"):
            path = self.path(lock)
            self.start_app(LOCKS.format(path=path, lock=lock, version="v1"))
            self.save(LOCKS.format(path=path, lock=lock, version="v2"))
            self.host.log.wait_for(r"\[reload\.retired\]")
            self.host.log.wait_for(r"\[reload\.switched\]")
            self.assertEqual(self.answer(), "v2")
            held = subprocess.run(
                ["python3", "-c", "import fcntl, sys\nf = open(sys.argv[1], 'r+')\n"
                 "try: fcntl.%s(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
                 "except BlockingIOError: sys.exit(3)" % lock, path], timeout=60)
            self.assertEqual(held.returncode, 3, f"{lock} is not held")
            self.host.stop()

    def test_without_it_log_and_status_suggest_it(self):
        self.start_app(keys="")
        self.save(self.text("v2"))
        line = self.host.log.wait_for(r"\[reload\.kept\]")
        self.assertIn("reload = restart", line)
        self.assertEqual(self.answer(), "v1")
        self.assertIn("reload = restart", self.status()["reload"]["why"])


class ByWorkers(Restart):
    KEYS = "interpreter = main\nreload = restart"

    def test_an_edit_of_an_application_that_binds_a_port(self):
        self.start_app(keys=self.KEYS)
        before = self.host.children()
        for i in range(2, 4):
            self.save(self.text(f"v{i}"))
            self.host.log.wait_for(r"\[worker\.replaced\]", i - 1)
            self.assertEqual(self.answer(), f"v{i}")
        self.assertNotEqual(self.host.children(), before)

    def test_connections_wait_while_there_is_no_worker(self):
        self.start_app(keys=self.KEYS)
        kept = self.host.connect()
        self.assertEqual(kept.request("/", keep=True).body, b"v1")
        slow = threading.Thread(target=self.host.fetch, args=["/slow"])
        slow.start()
        await_(lambda: os.path.exists(self.at("started")), "the slow request")
        self.save(self.text("v2"))
        self.host.log.wait_for(r"\[reload\.worker\]")
        seen = []
        quick = threading.Thread(target=self.ask_until, args=["v2", seen])
        quick.start()
        self.write(self.at("go"), "")
        slow.join()
        quick.join()
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertLessEqual(set(seen), {"v1", "v2"})
        self.assertEqual(kept.request("/", keep=True).body, b"v2")

    def test_by_hand_and_by_hup(self):
        self.start_app(keys=self.KEYS)
        self.assertIn("replaced", self.command("reload").stdout)
        self.assertEqual(self.answer(), "v1")
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.replaced\]", 2)
        self.assertEqual(self.answer(), "v1")

    def test_a_broken_edit_is_the_error_page_until_the_next_edit(self):
        self.start_app(keys=self.KEYS)
        self.save("import no_such_module\n")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.host.fetch("/").status, 500)
        self.save(self.text("v2"))
        self.host.log.wait_for(r"\[worker\.replaced\]", 2)
        self.assertEqual(self.answer(), "v2")

    def test_without_it_log_and_status_suggest_it(self):
        self.start_app(keys="interpreter = main")
        self.save(self.text("v2"))
        line = self.host.log.wait_for(r"\[worker\.kept\]")
        self.assertIn("reload = restart", line)
        self.assertEqual(self.answer(), "v1")
        await_(lambda: "reload = restart" in self.status()["reload"]["why"], "the hint")
