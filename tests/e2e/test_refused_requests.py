"""A safe request in which an extension module refuses sub-interpreters is answered once, by the
process of its own that the application gets."""

import os
import signal
import threading
import unittest

from support import fcgi
from support.host import HostTestCase, needs_modules
from support.load import Load
from support.waiting import await_

APPLICATION = """
import os, fcgi_host
closed = []
gate = None
if fcgi_host.info()["interpreter"] == "main":
    if os.path.exists(BROKEN):
        1 / 0
    if os.path.exists(GATE):
        open(GATE).read()

class Body:
    def __init__(self, body):
        self.body = iter([body])
    def __iter__(self):
        return self.body
    def close(self):
        with open(CLOSED, "a") as f:
            f.write("closed by %s\\n" % fcgi_host.info()["interpreter"])

def application(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid())),
               ("X-Interpreter", environ["fcgi_host.interpreter"])]
    if path == "/plain":
        start_response("200 OK", headers)
        return [b"plain"]
    if path == "/begun":
        start_response("200 OK", headers)(b"begun ")
    if path == "/errors":
        environ["wsgi.errors"].write("about to import\\n")
        environ["wsgi.errors"].flush()
    if path == "/read":
        environ["wsgi.input"].read()
    if path == "/swallowed":
        try:
            import lxml.etree
            got = b"with"
        except ImportError:
            got = b"without"
        start_response("200 OK", headers)
        return Body(got)
    if path == "/page":
        try:
            import lxml.etree
        except ImportError as e:
            start_response("500 Oh", headers)
            return Body(str(e).encode())
    import lxml.etree
    if path != "/begun":
        start_response("200 OK", headers)
    return [b"served"]
"""


@needs_modules("lxml.etree")
class Refused(HostTestCase):
    def start(self, *names, keys="", first="", ready=2):
        self.control = self.path("control")
        self.gate, self.broken, self.closed = (self.path(n) for n in ("gate", "broken", "closed"))
        text = f"[fcgi_host]\ncontrol = {self.control}\n{first}\n"
        for name in names:
            file = self.write(f"{name}.py",
                              f"GATE, BROKEN, CLOSED = {self.gate!r}, {self.broken!r}, "
                              f"{self.closed!r}\n" + APPLICATION)
            text += f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
            self.file = file
        self.host = self.start_host("-c", self.config(text))
        self.host.log.wait_for(r"\[host\.ready\]")

    def close_gate(self):
        """The process of its own loads until open_gate()."""
        os.mkfifo(self.gate)

    def open_gate(self):
        fd = os.open(self.gate, os.O_WRONLY)
        os.unlink(self.gate)
        os.close(fd)

    def send(self, path="/b/", keep=False, **kw):
        connection = self.host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of(path, **kw), keep=keep))
        return connection

    def withheld(self, count=1):
        self.host.log.wait_for(r"\[request\.withheld\] GET .*waits", count)

    def assert_by_own(self, response, body=b"served"):
        self.assertEqual((response.status, response.body), (200, body), response)
        self.assertEqual(response.headers["x-interpreter"], "main")

    # Answered by the new process.

    def test_the_first_request_is_answered(self):
        self.start("a", "b")
        self.assert_by_own(self.host.fetch("/b/"))
        self.assertEqual(self.host.log.count(r"request\.exception"), 0)
        self.assertEqual(self.host.log.count(r"\[app\.placed\]"), 1)

    def test_methods_that_are_safe(self):
        for method in ("GET", "HEAD", "OPTIONS"):
            with self.subTest(method):
                self.start("a", "b")
                response = self.host.fetch("/b/", method=method)
                self.assert_by_own(response, b"" if method == "HEAD" else b"served")
                self.host.stop()

    def test_a_page_that_the_application_makes_of_it_is_dropped_and_closed(self):
        self.start("a", "b")
        self.assert_by_own(self.host.fetch("/b/page"))
        with open(self.closed, encoding="utf-8") as f:
            self.assertEqual(f.read(), "closed by b\n")

    def test_a_refusal_that_the_application_swallows(self):
        self.start("a", "b")
        self.assert_by_own(self.host.fetch("/b/swallowed"), b"with")

        def closed():
            with open(self.closed, encoding="utf-8") as f:
                return f.read().splitlines()
        await_(lambda: len(closed()) == 2, "the body to be closed, after its last byte")
        self.assertEqual(closed(), ["closed by b", "closed by main"])

    def test_a_connection_that_is_kept(self):
        self.start("a", "b")
        with self.host.connect() as connection:
            for path in ("/b/plain", "/b/", "/a/plain", "/b/"):
                self.assertEqual(connection.request(path, keep=True).status, 200)

    def test_requests_sent_ahead(self):
        self.start("a", "b")
        self.close_gate()
        with self.host.connect() as connection:
            connection.send(b"".join(fcgi.whole_request(fcgi.params_of(p), keep=True)
                                     for p in ("/b/", "/b/plain")))
            self.withheld()
            self.open_gate()
            self.assert_by_own(connection.read_response())
            self.assert_by_own(connection.read_response(), b"plain")

    def test_text_for_the_error_log_does_not_matter(self):
        self.start("a", "b")
        self.assert_by_own(self.host.fetch("/b/errors"))

    def test_many_requests_while_the_process_loads(self):
        self.start("a", "b", keys="threads = 3")
        self.close_gate()
        waiting = [self.send() for _ in range(20)]
        self.withheld(20)
        self.assertEqual(self.host.fetch("/b/plain").headers["x-interpreter"], "b")
        app = [app for app in self.status()["workers"][0]["apps"] if app["name"] == "b"][0]
        self.assertEqual((app["queued"], app["requests"]), (20, 1))
        self.open_gate()
        for connection in waiting:
            self.assert_by_own(connection.read_response())
        counts = {(w["process"], app["name"]): app["requests"]
                  for w in self.status()["workers"] for app in w["apps"]}
        self.assertEqual(counts[("b", "b")], 20)

    def test_requests_that_keep_coming(self):
        self.start("a", "b")
        with Load(lambda: self.host.fetch("/b/").status) as b, \
                Load(lambda: self.host.fetch("/a/plain").status) as a:
            b.await_answers(50)
        self.assertEqual((a.failures, b.failures), ([], []))

    def test_several_workers(self):
        self.start("a", "b", first="workers = 2")
        with Load(lambda: self.host.fetch("/b/").status, threads=6) as b:
            b.await_answers(50)
        self.assertEqual(b.failures, [])

    def test_alone_it_is_answered_by_the_worker_that_replaces_this_one(self):
        self.start("b")
        self.assert_by_own(self.host.fetch("/b/"))
        self.assertEqual([w["process"] for w in self.status()["workers"]], ["shared"])

    def test_alone_with_requests_that_keep_coming(self):
        self.start("b")
        with Load(lambda: self.host.fetch("/b/").status) as b:
            b.await_answers(50)
        self.assertEqual(b.failures, [])

    def test_in_a_process_that_applications_share_on_purpose(self):
        self.start("a", "b", keys="process = web", first="[process web]")
        self.assert_by_own(self.host.fetch("/b/"))

    def test_a_script(self):
        folder = self.path("scripts")
        os.makedirs(folder)
        file = os.path.join(folder, "one.py")
        with open(file, "w", encoding="utf-8") as f:
            f.write("GATE = BROKEN = CLOSED = '/nowhere'\n" + APPLICATION)
        self.start("a", first=f"[scripts]\nroot = {folder}")
        self.assert_by_own(self.host.fetch("/one.py", SCRIPT_FILENAME=file))

    # Answered by the application where it was.

    def test_a_method_that_is_not_safe(self):
        self.start("a", "b")
        self.assertEqual(self.host.fetch("/b/", method="POST", body=b"x").status, 500)
        await_(lambda: self.host.fetch("/b/plain").headers["x-interpreter"] == "main", "the move")
        self.assert_by_own(self.host.fetch("/b/", method="POST", body=b"x"))

    def test_a_response_that_was_begun(self):
        self.start("a", "b")
        connection = self.send("/b/begun")
        response = connection.read_cut_response()
        self.assertEqual(response.body, b"begun ")

    def test_a_body_that_was_read(self):
        self.start("a", "b")
        self.assertEqual(self.host.fetch("/b/read", method="GET", body=b"some").status, 500)

    def test_a_body_that_was_not_read(self):
        self.start("a", "b")
        self.assert_by_own(self.host.fetch("/b/", method="GET", body=b"some"))

    def test_more_than_the_queue_holds(self):
        self.start("a", "b", keys="queue = 2\nthreads = 1")
        self.close_gate()
        waiting = [self.send() for _ in range(2)]
        self.withheld(2)
        self.assertEqual(self.host.fetch("/b/").status, 500)
        self.open_gate()
        for connection in waiting:
            self.assert_by_own(connection.read_response())

    def test_a_move_that_is_taken_back(self):
        self.start("a", "b")
        with open(self.broken, "w", encoding="utf-8"):
            pass
        response = self.host.fetch("/b/page")
        self.assertEqual((response.status, response.headers["x-interpreter"]), (500, "b"))
        self.assertIn(b"Interpreter change detected", response.body)
        self.host.log.wait_for(r"app=b .*\[worker\.kept\]")
        # It is not tried again for each request.
        self.assertEqual(self.host.fetch("/b/page").status, 500)
        self.assertEqual(self.host.fetch("/b/swallowed").body, b"without")
        self.assertEqual(self.host.log.count(r"\[app\.placed\]"), 1)
        os.unlink(self.broken)
        with open(self.file, "a", encoding="utf-8") as f:
            f.write("\n# mended\n")
        self.host.log.wait_for(r"app=b .*\[reload\.switched\]")
        self.assert_by_own(self.host.fetch("/b/"))

    # What happens to those that wait.

    def test_a_client_that_goes_while_its_request_waits(self):
        self.start("a", "b")
        self.close_gate()
        for keep in (False, True):
            connection = self.send(keep=keep)
            self.withheld(1 + keep)
            connection.close()
            await_(lambda: self.queued() == 0, "the request to be forgotten")
        self.open_gate()
        self.assert_by_own(self.host.fetch("/b/"))

    def queued(self):
        return sum(app["queued"] for w in self.status()["workers"] for app in w["apps"])

    def test_an_abort_while_a_request_waits(self):
        self.start("a", "b")
        self.close_gate()
        connection = self.send(keep=True)
        self.withheld()
        connection.send(fcgi.abort())
        self.assertEqual(connection.read_response().body, b"")
        self.open_gate()

    def test_a_request_that_runs_out_of_its_time(self):
        self.start("a", "b", keys="request_timeout_s = 1")
        self.close_gate()
        self.assertEqual(self.host.fetch("/b/").status, 504)
        self.host.log.wait_for(r"app=b .*\[request\.timeout\] ran out of its 1 s while it waited")
        self.open_gate()

    def test_a_stop_while_requests_wait(self):
        for names in (("a", "b"), ("b",)):
            with self.subTest(names):
                self.start(*names)
                self.close_gate()
                waiting = [self.send() for _ in range(5)]
                self.withheld(5)
                self.host.signal(signal.SIGTERM)
                for connection in waiting:
                    self.assertIn(connection.read_response().status, (200, 500, 503))
                os.close(os.open(self.gate, os.O_RDWR))
                self.assertEqual(self.host.wait(), 0)

    def test_another_configuration_while_requests_wait(self):
        self.start("a", "b")
        self.close_gate()
        waiting = [self.send() for _ in range(5)]
        self.withheld(5)
        opening = threading.Thread(target=self.open_gate)
        self.host.signal(signal.SIGHUP)
        opening.start()
        for connection in waiting:
            self.assert_by_own(connection.read_response())
        opening.join()

    def test_a_new_process_that_crashes_while_requests_wait(self):
        self.start("a", "b")
        self.close_gate()
        waiting = [self.send() for _ in range(5)]
        self.withheld(5)
        self.host.log.wait_for(r"\[process\.started\] process b")
        shared = [w["pid"] for w in self.status()["workers"] if w["process"] == "shared"]
        own = await_(lambda: set(self.host.children()) - set(shared), "its worker").pop()
        os.kill(own, signal.SIGKILL)
        self.open_gate()
        for connection in waiting:
            self.assert_by_own(connection.read_response())


if __name__ == "__main__":
    unittest.main()
