"""access_log: a line for each request, in every format, and none is lost."""

import json
import os
import re
import signal
import socket
import threading
import unittest

from support import fcgi
from support.applications import HELLO
from support.host import AS_ROOT, HostTestCase
from support.waiting import await_

APPLICATION = """
    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/raises":
            raise ValueError("x")
        if path == "/parts":
            write = start_response("201 Created", [("X-Long", "x" * 2000)])
            for _ in range(3):
                write(b"part.")
            return []
        if path == "/file":
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](open(__file__, "rb"))
        if path == "/short":
            start_response("200 OK", [("Content-Length", "100")])
            return [b"short"]
        start_response("200 OK", [])
        return [environ.get("HTTP_TRACEPARENT", "none").encode()]
    """

COMBINED = re.compile(
    r'(?P<client>\S+) - (?P<user>\S+) \[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000\] '
    r'"(?P<method>\S+) (?P<url>\S+) (?P<protocol>\S+)" (?P<status>\d{3}) (?P<bytes>\d+) '
    r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"(?P<rest>( [a-z_]+=\S+)+(?: cut)?)')


class AccessLog(HostTestCase):
    def start(self, access_log=None, keys="", app_keys="", code=APPLICATION, **kw):
        self.log = access_log or self.path("access.log")
        self.app = self.write("shop.py", code)
        return self.start_host("-c", self.config(f"""
            [fcgi_host]
            access_log = {self.log}
            ping_path = /-/ping
            ready_path = /-/ready
            {keys}
            [app shop]
            file = {self.app}
            mount = /
            {app_keys}"""), **kw)

    def lines(self, count):
        """The lines of the file, when it has so many."""
        def read():
            with open(self.log, encoding="utf-8") as f:
                return f.read().splitlines()
        await_(lambda: len(read()) >= count, f"{count} lines")
        return read()

    def test_every_answer_has_a_line_that_tells_what_was_sent(self):
        host = self.start()
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        response = host.fetch("/a", query="b=c", HTTP_USER_AGENT='say "x"\n', REMOTE_USER="ann",
                              HTTP_TRACEPARENT=trace)
        self.assertEqual(response.body.decode(), trace)
        host.fetch("/raises")
        host.fetch("/parts")
        host.fetch("/file")
        host.fetch("/head", method="HEAD")
        with host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/short")))
            connection.read_cut_response()
        found = {m["url"]: m for m in map(COMBINED.fullmatch, self.lines(6))}
        self.assertEqual(
            {url: (m["method"], m["status"], m["bytes"]) for url, m in found.items()},
            {"/a?b=c": ("GET", "200", str(len(trace))), "/raises": ("GET", "500", "22"),
             "/parts": ("GET", "201", "15"),
             "/file": ("GET", "200", str(os.path.getsize(self.app))),
             "/head": ("HEAD", "200", "0"), "/short": ("GET", "200", "5")})
        first = found["/a?b=c"]
        self.assertEqual((first["client"], first["user"], first["agent"]),
                         ("127.0.0.1", "ann", r'say \"x\"\x0a'))
        self.assertRegex(first["rest"], r" app=shop gen=1 req=\d+-\d+ ms=\d+\.\d{3} queue_ms=\d+\.\d{3}"
                                        r" gil_ms=\d+\.\d{3} trace=4bf92f3577b34da6a3ce929d0e0e4736$")
        self.assertTrue(found["/short"]["rest"].endswith(" cut"), found["/short"][0])

    def test_as_json_it_is_an_object_with_the_names_of_opentelemetry(self):
        host = self.start(keys="log_format = json")
        host.fetch("/é".encode().decode("latin-1"), query="b=c", HTTP_USER_AGENT="x\x1b")
        entry = json.loads(self.lines(1)[0])
        for key, value in {"http.request.method": "GET", "url.path": "/é", "url.query": "b=c",
                           "http.response.status_code": 200, "http.response.body.size": 4,
                           "client.address": "127.0.0.1", "user_agent.original": "x\x1b",
                           "fcgi_host.app": "shop", "fcgi_host.generation": 1,
                           "event": "request"}.items():
            self.assertEqual(entry[key], value, key)
        self.assertGreater(entry["http.server.request.duration"], 0)

    def test_short_lines_in_a_file_have_no_colours(self):
        host = self.start(keys="access_format = short")
        host.fetch("/a", query="b=c\x1b[31m")
        host.fetch("/raises")
        self.assertEqual([re.sub(r"[0-9.]+ ms$", "N ms", line) for line in self.lines(2)],
                         [r"GET /a?b=c\x1b[31m 200 N ms", "GET /raises 500 N ms"])

    def test_on_the_command_line(self):
        app = self.write("short.py", HELLO)
        host = self.start_host(app, "--access-log", "stdout", "--access-format", "short")
        host.fetch("/a")
        host.log.wait_for(r"^GET /a 200 \d+\.\d ms$")

    def test_as_json_a_line_is_never_short(self):
        host = self.start(keys="log_format = json\naccess_format = short")
        host.fetch("/a")
        self.assertEqual(json.loads(self.lines(1)[0])["url.path"], "/a")

    def test_probes_have_none_and_what_no_application_answers_has(self):
        other = self.write("other.py", HELLO)
        host = self.start(app_keys=f"""
            host = shop.example
            [app other]
            file = {other}
            host = else.example""")
        host.fetch("/-/ping")
        host.fetch("/-/ready")
        self.assertEqual(host.fetch("/", HTTP_HOST="other.example").status, 404)
        line = COMBINED.fullmatch(self.lines(1)[0])
        self.assertEqual((line["url"], line["status"]), ("/", "404"))
        self.assertNotIn("app=", line["rest"])

    def test_after_a_rotation_every_worker_writes_to_the_new_file(self):
        host = self.start(keys="workers = 2")
        host.fetch("/before")
        self.lines(1)
        os.rename(self.log, self.log + ".1")
        host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(self.log), "the new file")

        def is_new():
            host.fetch("/after")
            return os.path.getsize(self.log + ".1") == size
        size = -1
        while not is_new():  # a worker has not heard of it yet
            size = os.path.getsize(self.log + ".1")
        self.assertIn("/after", self.lines(1)[-1])

    def test_the_lines_of_all_requests_are_there_when_the_host_has_ended(self):
        host = self.start(keys="workers = 2", app_keys="threads = 4")

        def ask():
            with host.connect() as connection:
                for number in range(200):
                    connection.request(f"/{number}", keep=True)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        host.stop()
        with open(self.log, encoding="utf-8") as f:
            lines = f.read().splitlines()
        self.assertEqual(len(lines), 8 * 200)
        self.assertTrue(all(COMBINED.fullmatch(line) for line in lines))

    def test_a_worker_that_a_template_has_made_writes_to_it_too(self):
        host = self.start(app_keys="process = own\nworkers = 0-1\nidle_timeout_s = 1", code=HELLO)
        host.fetch("/1")
        host.log.wait_for(r"\[template\.ready\]")
        os.rename(self.log, self.log + ".1")
        host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(self.log), "the new file")
        host.log.wait_for(r"\[process\.idle\]")
        host.fetch("/2")
        self.assertIn("/2", self.lines(1)[0])

    def test_a_reader_that_does_not_read_holds_nobody_up(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        host = self.start(fifo)
        with host.connect() as connection:
            for number in range(3000):  # more than the pipe takes
                self.assertEqual(
                    connection.request(f"/{number}", keep=True, HTTP_USER_AGENT="x" * 100).status, 200)
        with open(fifo, encoding="utf-8") as f:
            for number in range(3000):
                self.assertIn(f"GET /{number} ", f.readline())

    def test_it_may_go_to_standard_output(self):
        address = self.path("host.sock")
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{address}
            access_log = stdout
            [app hello]
            file = {self.write("hello.py", HELLO)}
            """)
        command = self.start_command(*AS_ROOT, "-c", config)
        await_(lambda: os.path.exists(address), "the socket")
        fcgi.fetch(address, "/x")
        self.assertIn('"GET /x HTTP/1.1" 200', command.stdout.readline())


@unittest.skipIf(os.path.lexists("/dev/log"), "the lines would be in this machine's own log")
@unittest.skipUnless(os.access("/dev", os.W_OK), "needs to be the system's log")
class SystemLog(HostTestCase):
    def test_lines_go_to_syslog(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind("/dev/log")
            self.addCleanup(os.unlink, "/dev/log")
            log.settimeout(30)
            app = self.write("hello.py", HELLO)
            host = self.start_host("-c", self.config(
                f"[fcgi_host]\naccess_log = syslog\n[app hello]\nfile = {app}\n"))
            host.fetch("/x")
            self.assertRegex(log.recv(4096).decode(),
                             r'^<30>.* fcgi_host\[\d+\]: .*"GET /x HTTP/1.1" 200 .* app=hello ')


if __name__ == "__main__":
    unittest.main()
