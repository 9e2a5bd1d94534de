"""Streams of events that wait for something to tell: when code is replaced, and when clients go."""

import unittest

from support import fcgi
from support.host import HostTestCase, needs_recycling

APPLICATION = """
import os, queue, threading, time
import fcgi_host

events = queue.Queue()
version = "1"

def gets():
    yield b"data: hello\\n\\n"
    while True:
        yield b"data: %s\\n\\n" % events.get()

def reads():
    yield b"data: hello\\n\\n"
    while True:
        yield os.read(os.pipe()[0], 1)

def application(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return {"/gets": gets, "/reads": reads}.get(path, lambda: [version.encode()])()
"""


class EventStreams(HostTestCase):
    def start(self, app=""):
        self.text = APPLICATION
        self.file = self.write("app.py", self.text)
        return self.start_host("-c", self.config(f"""
            [app streams]
            file = {self.file}
            {app}
            """))

    def edit(self):
        self.write("app.py", self.text.replace('version = "1"', 'version = "2"'))

    def open_stream(self, host, path, **extra):
        """A connection on which the first event has come."""
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of(path, **extra)))
        response = fcgi.Response(1)
        connection.read_until(lambda: b"hello" in response.stdout, {1: response})
        return connection


@needs_recycling
class Drain(EventStreams):
    def test_a_stream_that_waits_in_a_queue_ends_with_its_code(self):
        host = self.start("drain_timeout_s = 1")
        stream = self.open_stream(host, "/gets")
        self.edit()
        host.log.wait_for(r"\[reload\.retired\]")
        self.assertFalse(stream.read_cut_response().ended)
        self.assertEqual(host.fetch().body, b"2")
        self.assertEqual(host.log.count(r"\[interpreter\.zombie\]"), 0)

    def test_what_cannot_be_ended_is_named_with_its_stack(self):
        host = self.start("drain_timeout_s = 1")
        self.open_stream(host, "/reads")
        self.edit()
        host.log.wait_for(r"\[interpreter\.zombie\]")
        line = host.log.wait_for(r"\[request\.stack\]")
        self.assertRegex(line, r"warn .*app=streams .*keeps its interpreter alive: GET /reads")
        host.log.wait_for(r"line \d+ in reads")


if __name__ == "__main__":
    unittest.main()
