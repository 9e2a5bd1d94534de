"""Requests whose thread no exception reaches: the host answers in its place (request_timeout_s)."""

import os
import unittest

from support import fcgi
from support.host import HostTestCase
from support.waiting import await_

APPLICATION = """
import os, threading

gate = os.open({gate!r}, os.O_RDWR)

def wait():
    os.readv(gate, [bytearray(1)])  # in C: RequestTimeout waits as well

class Closes(list):
    def __iter__(self):
        return iter([b"whole"])
    def close(self):
        wait()

def application(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain")]
    if path == "/before":
        wait()
    elif path == "/event":
        threading.Event().wait()
    elif path == "/body":
        environ["wsgi.input"].read()
    elif path == "/after":
        write = start_response("200 OK", headers)
        write(b"some")
        wait()
        write(b" more")
        return []
    elif path == "/close":
        start_response("200 OK", headers + [("Content-Length", "5")])
        return Closes()
    elif path == "/full":
        start_response("200 OK", headers)
        return [b"x" * 50_000_000]
    start_response("200 OK", headers)
    return [b"%s in %d" % (path.encode(), os.getpid())]
"""


class StuckRequests(HostTestCase):
    def start(self, app="threads = 1", host=""):
        self.gate = self.path("gate")
        os.mkfifo(self.gate)
        file = self.write("app.py", APPLICATION.format(gate=self.gate))
        host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            {host}
            [app stuck]
            file = {file}
            request_timeout_s = 1
            reload = off
            {app}
            """))
        self.assertEqual(host.fetch().status, 200)
        return host

    def open_gate(self):
        fd = os.open(self.gate, os.O_RDWR)
        os.write(fd, b".")
        os.close(fd)

    def connect(self, host):
        connection = host.connect()
        self.addCleanup(connection.close)
        return connection

    def test_nothing_sent_is_answered_504_and_the_thread_serves_again(self):
        host = self.start()
        before = host.fetch("/a").body
        self.assertEqual(host.fetch("/before").status, 504)
        line = host.log.wait_for(r"\[request\.timeout\].*504")
        self.assertRegex(line, r"app=stuck .*req=\S+ .*GET /before: answered with status 504")
        self.open_gate()
        self.assertEqual(host.fetch("/a").body, before)
        self.assertEqual(host.log.count(r"\[request\.stuck\]|\[worker\.replaced\]"), 0)

    def test_a_thread_that_waits_for_an_event_gets_the_exception(self):
        host = self.start()
        self.assertEqual(host.fetch("/event").status, 500)
        host.log.wait_for(r"RequestTimeout")
        self.assertEqual(host.log.count("does not come back"), 0)

    def test_what_is_half_sent_is_cut_visibly(self):
        host = self.start()
        connection = self.connect(host)
        connection.send(fcgi.whole_request(fcgi.params_of("/after"), keep=True))
        response = connection.read_cut_response()
        self.assertFalse(response.ended)
        self.assertEqual(response.body, b"some")
        self.open_gate()
        self.assertEqual(host.fetch("/a").status, 200)

    def test_a_client_that_takes_nothing_is_cut_off(self):
        host = self.start()
        connection = self.connect(host)
        connection.send(fcgi.whole_request(fcgi.params_of("/full")))
        host.log.wait_for(r"\[request\.timeout\].*the response was cut")
        self.assertEqual(host.fetch("/a").status, 200)
        self.assertFalse(connection.read_cut_response().ended)

    def test_the_connection_is_kept_and_serves_others_while_the_thread_is_stuck(self):
        host = self.start("threads = 2")
        connection = self.connect(host)
        connection.send(fcgi.whole_request(fcgi.params_of("/before"), keep=True))
        self.assertEqual(connection.read_response().status, 504)
        self.assertEqual(connection.request("/b", keep=True).body[:4], b"/b i")
        self.open_gate()  # what the application says now goes nowhere
        for _ in range(20):
            self.assertEqual(connection.request("/c", keep=True).body[:4], b"/c i")

    def test_a_complete_response_does_not_hold_its_connection(self):
        host = self.start("threads = 2")
        connection = self.connect(host)
        connection.send(fcgi.whole_request(fcgi.params_of("/close"), keep=True))
        connection.send(fcgi.whole_request(fcgi.params_of("/d"), keep=True, request_id=2))
        responses = {1: fcgi.Response(1), 2: fcgi.Response(2)}
        connection.read_until(lambda: responses[2].ended, responses)
        self.assertEqual(responses[1].body, b"whole")
        self.assertEqual(responses[2].body[:4], b"/d i")
        self.open_gate()

    def test_a_body_that_does_not_come_is_answered_504(self):
        host = self.start()
        connection = self.connect(host)
        params = fcgi.params_of("/body", method="POST", CONTENT_LENGTH="1000000")
        connection.send(fcgi.begin(keep=True) + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)) +
                        fcgi.stream(fcgi.STDIN, 1, b"x" * 1000, end=False))
        host.log.wait_for(r"\[request\.timeout\].*504")
        connection.send(fcgi.stream(fcgi.STDIN, 1, b"x" * 999000))
        self.assertEqual(connection.read_response().status, 504)
        self.assertEqual(connection.request("/e", keep=True).body[:4], b"/e i")

    def test_the_thread_is_not_waited_for_when_the_host_stops(self):
        host = self.start(host="stop_timeout_s = 86400", app="drain_timeout_s = 86400")
        self.assertEqual(host.fetch("/before").status, 504)
        host.stop()

    def test_the_thread_is_not_waited_for_when_the_worker_is_replaced(self):
        host = self.start("drain_timeout_s = 86400")
        before = await_(host.children)
        self.assertEqual(host.fetch("/before").status, 504)
        host.log.wait_for(r"\[worker\.replaced\].*stuck")
        await_(lambda: not set(before) & set(host.children()), "its end")


if __name__ == "__main__":
    unittest.main()
