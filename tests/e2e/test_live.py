"""`fcgi_host serve --live`: the reload reaches the browser."""

import os
import re
import signal
import subprocess
import tempfile
import unittest
import urllib.request

from support import fcgi
from support.events import EventStream, mark_of
from support.host import (
    HostTestCase, Log, PROGRAM, children_of, clean_environ, free_port, needs_modules,
    needs_program, needs_recycling, run,
)
from support.waiting import await_

PAGE = """
import threading

def application(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "application/json" if path == "/json" else "text/html")]
    if path == "/csp":
        headers.append(("Content-Security-Policy", "default-src 'none'"))
    if path == "/self":
        headers.append(("Content-Security-Policy", "default-src 'self'"))
    if path == "/raise":
        raise ValueError("raised in %s")
    start_response("200 OK", headers)
    return [b"<body>%s</body>"]
"""
BROKEN = "def application(:\n"


class Live(HostTestCase):
    def serve(self, *args, server="nginx", live=True):
        temporary = tempfile.mkdtemp(prefix="serve-", dir="/tmp")
        os.chmod(temporary, 0o755)
        self.addCleanup(os.rmdir, temporary)
        self.port = free_port()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", *args, *["--live"][:live], "--server", server,
             "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environ(TMPDIR=temporary))
        self.log = Log(self.process.stdout)
        self._logs.append(("serve", lambda: self.log.text))
        self.addCleanup(self.stop)
        self.log.wait_for(r"\[host\.ready\]")
        await_(lambda: self.get_or_none("/"), "the web server")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(60), 0)

    def get(self, path="/", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=named)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def get_or_none(self, path):
        try:
            return self.get(path)
        except OSError:
            return None

    def listen(self, page, **options):
        """As the page's script does."""
        stream = EventStream(self.port, f"/.fcgi_host/live?{mark_of(page)}", **options)
        self.addCleanup(stream.close)
        return stream.opened()

    def save(self, name, text):
        """As an editor does: the file is never there in part. Its path."""
        path = os.path.join(self.folder, self.id(), name)
        os.replace(self.write(f"{self.id()}/saved", text), path)
        return path

    def write_page(self, version, name="app", before=""):
        return self.save(name + ".py", before + PAGE % (version, version))

    def host_pid(self):
        """The supervisor's."""
        return int(re.search(r"info (\d+) \[worker\.started\]", self.log.text)[1])

    def check_edits(self):
        """An edit, a broken one, its repair: each page says what the stream promised."""
        first = self.get()
        self.assertIn("<body>v1</body><script", first)
        stream = self.listen(first)
        self.write_page("v2")
        state = stream.wait_for("reload")
        second = self.get()
        self.assertIn("v2", second)
        self.assertEqual(mark_of(second), state)

        stream = self.listen(second)
        self.save("app.py", BROKEN)
        state = stream.wait_for("error")
        error = self.get()
        self.assertIn("SyntaxError", error)
        self.assertEqual(mark_of(error), state)
        self.assertIn("SyntaxError", self.get("/json", Sec_Fetch_Dest="document"))
        self.assertIsNone(mark_of(self.get("/", Sec_Fetch_Dest="empty")))

        stream = self.listen(error)
        self.write_page("v2")
        state = stream.wait_for("reload")
        repaired = self.get()
        self.assertIn("v2", repaired)
        self.assertEqual(mark_of(repaired), state)
        self.assertEqual(stream.told(), [("reload", state)])


class Servers(Live):
    def check_server(self, server):
        self.serve(self.write_page("v1"), server=server)
        self.check_edits()
        stream = self.listen(self.get())
        self.stop()
        stream.wait_closed()
        self.assertNotIn(".fcgi_host", self.log.text, "no line for each stream")

    @needs_program("nginx")
    def test_behind_nginx(self):
        self.check_server("nginx")

    @needs_program("lighttpd")
    def test_behind_lighttpd(self):
        self.check_server("lighttpd")

    @needs_program("apache2")
    def test_behind_apache(self):
        self.check_server("apache")


@needs_program("nginx")
class Streams(Live):
    def test_a_page_of_older_code_is_told_as_it_connects_and_no_other(self):
        self.serve(self.write_page("v1"))
        first = self.get()
        self.listen(first)
        self.write_page("v2")
        await_(lambda: "v2" in self.get(), "the new code")
        state = self.listen(first).wait_for("reload")
        # A browser that connects again tells what it was told last.
        again = self.listen(first, headers=[f"Last-Event-ID: {state}"])
        current = self.listen(self.get())
        self.save("app.py", BROKEN)
        for stream in (again, current):
            stream.wait_for("error")
            self.assertEqual(len(stream.told()), 1)

    def test_a_page_that_listens_for_all(self):
        self.serve(self.write_page("v1"))
        stream = EventStream(self.port, "/.fcgi_host/live?all")
        self.addCleanup(stream.close)
        self.assertEqual(stream.wait_for("reload"), mark_of(self.get()))
        self.save("app.py", BROKEN)
        self.assertEqual(stream.wait_for("error"), mark_of(self.get()))

    def test_the_same_content_is_no_news(self):
        app = self.write_page("v1")
        self.serve(app)
        stream = self.listen(self.get())
        with open(app, "rb") as file:
            content = file.read()
        with open(app, "wb") as file:
            file.write(content)
        self.write_page("v2")
        stream.wait_for("reload")
        self.assertEqual(len(stream.told()), 1)

    def test_many_streams_hold_nothing_up(self):
        """One thread serves, 20 pages listen; an edit, other requests and the end go by them."""
        self.serve(self.write_page("v1"))
        streams = [self.listen(self.get()) for _ in range(20)]
        self.assertIn("v1", self.get())
        self.write_page("v2")
        states = {stream.wait_for("reload") for stream in streams}
        self.assertEqual(states, {mark_of(self.get())})
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(60), 0)
        for stream in streams:
            stream.wait_closed()
        self.assertEqual(self.log.find(r"\[worker\.(unfinished|killed|crashed)\]"), [])

    def test_pages_that_have_gone_are_forgotten(self):
        self.serve(self.write_page("v1"))
        page = self.get()
        worker, = children_of(self.host_pid())

        def descriptors():
            return len(os.listdir(f"/proc/{worker}/fd"))

        streams = [self.listen(page) for _ in range(5)]
        opened = descriptors()
        for stream in streams:
            stream.close()
        await_(lambda: descriptors() <= opened - 5, "no stream")

    def test_of_too_many_the_oldest_is_closed(self):
        self.serve(self.write_page("v1"))
        page = self.get()
        streams = [self.listen(page) for _ in range(65)]
        streams[0].wait_closed()
        self.write_page("v2")
        for stream in streams[1:]:
            stream.wait_for("reload")

    def test_a_crash_is_no_news(self):
        """A page whose request crashes the worker must not ask again by itself, and so on."""
        self.serve(self.write_page("v1"))
        page = self.get()
        stream = self.listen(page)
        worker, = children_of(self.host_pid())
        os.kill(worker, signal.SIGKILL)
        stream.wait_closed()
        self.log.wait_for(r"\[app\.loaded\]", 2)
        again = self.get()
        self.assertEqual(mark_of(again), mark_of(page))
        stream = self.listen(page)
        self.write_page("v2")
        stream.wait_for("reload")
        self.assertEqual(len(stream.told()), 1)

    def test_a_host_that_is_asked_to_reload_tells_it(self):
        self.serve(self.write_page("v1"))
        page = self.get()
        stream = self.listen(page)
        self.process.send_signal(signal.SIGHUP)
        stream.wait_closed()
        self.log.wait_for(r"\[worker\.replaced\]")
        self.listen(page).wait_for("reload")

    def test_pages_of_an_earlier_host_are_outdated(self):
        app = self.write_page("v1")
        self.serve(app)
        page = self.get()
        self.stop()
        self.serve(app)
        self.listen(page).wait_for("reload")

    def test_wrong_requests_for_the_stream(self):
        self.serve(self.write_page("v1"))
        for query in ("", "?", "?x", "?1", "?1-", "?-1", "?64-1", "?0-1x",
                      "?0-99999999999999999999999"):
            self.assertEqual(self.get("/.fcgi_host/live" + query), "Bad Request\n", query)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/.fcgi_host/live?0-1", b"x")
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=60)
        self.assertEqual(raised.exception.code, 405)
        raised.exception.close()
        self.assertIn("v1", self.get("/.fcgi_host/other"))


@needs_program("nginx")
class Places(Live):
    """Where an application may live."""

    def start_apps(self, **keys):
        """Each application below its name."""
        text = "[fcgi_host]\nlive = on\n"
        for name, lines in keys.items():
            app = self.write_page(name + " v1", name)
            text += f"[app {name}]\nfile = {app}\nmount = /{name}\ndev = on\n{lines}\n"
        self.host = self.start_host("--config", self.config(text))
        self.host.log.wait_for(r"\[host\.ready\]")

    def page(self, name):
        return self.host.fetch(f"/{name}/").body.decode()

    def stream(self, page):
        connection = self.host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(
            fcgi.params_of("/.fcgi_host/live", query=mark_of(page)), keep=True))
        return connection

    def read(self, connection):
        """What comes up to the first event."""
        text = b""
        while b"data" not in text:
            record = connection.read_record()
            text += record.content if record.type == fcgi.STDOUT else b""
        return text.decode()

    def await_event(self, page, event):
        """A browser connects again, to whichever worker there is, until it is told."""
        while True:
            try:
                text = self.read(self.stream(page))
            except fcgi.Closed:
                continue
            self.assertEqual(re.findall("event: (.*)", text), [event])
            return text

    def test_several_applications_are_told_apart(self):
        self.start_apps(first="", second="reload = worker\nprocess = own")
        first, second = self.page("first"), self.page("second")
        stream = self.stream(first)
        self.write_page("second v2", "second")
        self.await_event(second, "reload")
        self.assertIn("second v2", self.page("second"))
        self.write_page("first v2", "first")
        try:
            text = self.read(stream)
            self.assertEqual(re.findall("event: (.*)", text), ["reload"])
        except fcgi.Closed:  # this Python's interpreters are replaced with their worker
            text = self.await_event(first, "reload")
        self.assertIn(mark_of(self.page("first")), text)

    @needs_modules("lxml.etree")
    def test_an_application_that_moves_to_a_process_of_its_own(self):
        self.start_apps(first="", second="")
        other, page = self.page("first"), self.page("second")
        stream = self.stream(other)
        refused = "import lxml.etree\n"
        self.write_page("second v2", "second", before=refused)
        self.await_event(page, "reload")
        page = self.page("second")
        self.assertIn("second v2", page)
        self.save("second.py", refused + BROKEN)
        self.await_event(page, "error")
        page = self.page("second")
        self.assertIn("SyntaxError", page)
        self.write_page("second v3", "second", before=refused)
        self.await_event(page, "reload")
        self.assertIn("second v3", self.page("second"))
        self.write_page("first v2", "first")
        self.assertIn("event: reload", self.read(stream))

    @needs_modules("lxml.etree")
    def test_a_broken_edit_that_would_move_it(self):
        self.start_apps(first="", second="")
        page = self.page("second")
        refused = "import lxml.etree\n"
        self.save("second.py", refused + "1 / 0\n")
        self.await_event(page, "error")
        page = self.page("second")
        self.assertIn("ZeroDivisionError", page)
        self.write_page("second v2", "second", before=refused)
        self.await_event(page, "reload")
        self.assertIn("second v2", self.page("second"))

    def test_what_the_application_does_not_import_counts_if_it_is_watched(self):
        self.write(f"{self.id()}/page.html", "one")
        self.start_apps(app="watch = *.html")
        page = self.page("app")
        self.save("page.html", "two")
        self.await_event(page, "reload")

    def check_replaced(self, keys):
        self.start_apps(app=keys)
        page = self.page("app")
        self.write_page("app v2")
        self.await_event(page, "reload")
        page = self.page("app")
        self.assertIn("app v2", page)
        self.save("app.py", BROKEN)
        self.await_event(page, "error")
        page = self.page("app")
        self.assertIn("SyntaxError", page)
        self.write_page("app v3")
        self.await_event(page, "reload")
        self.assertIn("app v3", self.page("app"))

    def test_the_main_interpreter(self):
        self.check_replaced("interpreter = main")

    def test_a_process_of_its_own(self):
        self.check_replaced("process = own")

    def test_a_worker_that_is_replaced_for_each_edit(self):
        self.check_replaced("reload = worker")

    @needs_recycling
    def test_an_interpreter_that_ends_before_the_next_is_built(self):
        self.check_replaced("reload = restart")

    def test_an_application_that_does_not_load_at_the_start(self):
        app = self.save("app.py", BROKEN)
        self.serve(app)
        error = self.get()
        self.assertIn("SyntaxError", error)
        stream = self.listen(error)
        self.write_page("v1")
        stream.wait_for("reload")
        self.assertIn("v1", self.get())


@needs_program("nginx")
class Pages(Live):
    def test_which_responses_get_the_script(self):
        self.serve(self.write_page("v1"))
        script = self.get("/.fcgi_host/live.js")
        self.assertIn("EventSource", script)
        self.assertIn(script, self.get("/"))
        self.assertIsNotNone(mark_of(self.get("/", Sec_Fetch_Dest="document")))
        raised = self.get("/raise")
        self.assertIn("raised in v1", raised)
        self.assertIsNotNone(mark_of(raised))
        by_path = self.get("/self")
        self.assertIn('<script src="/.fcgi_host/live.js" data-live="', by_path)
        self.assertNotIn("EventSource", by_path)
        for path, headers in (("/json", {}), ("/csp", {}), ("/", {"Sec_Fetch_Dest": "empty"}),
                              ("/", {"X_Requested_With": "XMLHttpRequest"})):
            self.assertEqual(self.get(path, **headers), "<body>v1</body>", (path, headers))
        self.log.wait_for(r"warn .* app=app gen=1 .*\[live\.forbidden\]")
        self.get("/csp")
        self.assertEqual(self.log.count(r"\[live\.forbidden\]"), 1)

    def test_nothing_without_the_option(self):
        self.serve(self.write_page("v1"), live=False)
        self.assertEqual(self.get("/"), "<body>v1</body>")
        for path in ("/.fcgi_host/live?0-1", "/.fcgi_host/live.js"):
            self.assertEqual(self.get(path), "<body>v1</body>")

    def test_nothing_without_dev(self):
        app = self.write_page("v1")
        for settings in ("live = on\n[app app]\n", "live = off\n[app app]\ndev = on\n"):
            config = self.config(f"[fcgi_host]\n{settings}file = {app}\n")
            host = self.start_host("--config", config)
            self.assertEqual(host.fetch("/").body, b"<body>v1</body>")

    def test_more_workers_are_refused(self):
        app = self.write_page("v1")
        status, _, err = run("-t", "--live", "--dev", "--workers", "2", app)
        self.assertEqual(status, 2)
        self.assertIn("live = on needs one worker", err)


if __name__ == "__main__":
    unittest.main()
