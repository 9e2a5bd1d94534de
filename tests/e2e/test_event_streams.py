"""Streams of events that wait for something to tell: when code is replaced, and when clients go."""

import unittest

from support import fcgi
from support.host import HostTestCase, free_port, needs_recycling
from support.waiting import await_

APPLICATION = """
import ctypes, os, queue, select, socket, subprocess, sys, threading, time
import fcgi_host

events = queue.Queue()
version = "1"
lock = threading.Lock()
lock.acquire()
rlock = threading.RLock()
owner = threading.Thread(target=rlock.acquire)
owner.start()
owner.join()

def polls():
    poll = select.poll()
    poll.register(os.pipe()[0], select.POLLIN)
    poll.poll()

def polls_an_epoll():
    epoll = select.epoll()
    epoll.register(os.pipe()[0], select.EPOLLIN)
    epoll.poll()

def waits_for_a_child(wait):
    child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    try:
        wait(child)
    finally:
        child.kill()

kept_open = []

def open_socket():
    ours, others = socket.socketpair()
    kept_open.append(others)
    return ours

def fills(send):
    while True:
        send(b"x" * 65536)

def sends_datagrams():
    ours, others = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
    others.bind("")
    fills(lambda data: ours.sendto(data[:1000], others.getsockname()))

def receives_within_an_hour():
    ours = open_socket()
    ours.settimeout(3600)
    ours.recv(1)

def simply_gets():
    queue.SimpleQueue().get()

def enters(lock):
    with lock:
        pass

def joins():
    thread = threading.Thread(target=lambda: time.sleep(3600), daemon=True)
    thread.start()
    thread.join()

waits = {
    "sleep": lambda: time.sleep(3600),
    "select": lambda: select.select([os.pipe()[0]], [], []),
    "poll": polls,
    "epoll": polls_an_epoll,
    "read": lambda: os.read(os.pipe()[0], 1),
    "recv": lambda: open_socket().recv(1),
    "recv_timeout": receives_within_an_hour,
    "recvfrom": lambda: open_socket().recvfrom(1),
    "recvmsg": lambda: open_socket().recvmsg(1),
    "write": lambda: fills(lambda data, pipe=os.pipe(): os.write(pipe[1], data)),
    "send": lambda: fills(open_socket().send),
    "sendto": sends_datagrams,
    "sendmsg": lambda: fills(lambda data, ours=open_socket(): ours.sendmsg([data])),
    "accept": lambda: socket.create_server(("127.0.0.1", 0)).accept(),
    "child": lambda: waits_for_a_child(lambda child: child.wait()),
    "child_wait": lambda: waits_for_a_child(lambda child: os.wait()),
    "child_wait3": lambda: waits_for_a_child(lambda child: os.wait3(0)),
    "child_wait4": lambda: waits_for_a_child(lambda child: os.wait4(child.pid, 0)),
    "child_waitid": lambda: waits_for_a_child(
        lambda child: os.waitid(os.P_PID, child.pid, os.WEXITED)),
    "event": lambda: threading.Event().wait(),
    "queue": events.get,
    "simple_queue": simply_gets,
    "join": joins,
    "lock": lock.acquire,
    "lock_timeout": lambda: lock.acquire(timeout=3600),
    "with_lock": lambda: enters(lock),
    "rlock": rlock.acquire,
    "rlock_timeout": lambda: rlock.acquire(timeout=3600),
    "with_rlock": lambda: enters(rlock),
    "semaphore": threading.Semaphore(0).acquire,
}

def gets():
    yield b"data: hello\\n\\n"
    while True:
        yield b"data: %s\\n\\n" % events.get()

def waits_in_c():
    yield b"data: hello\\n\\n"
    while True:
        ctypes.CDLL(None).pause()

def waits_in(name):
    yield b"data: hello\\n\\n"
    while True:
        waits[name]()

caught = []

def catches():
    yield b"data: hello\\n\\n"
    try:
        events.get()
    except fcgi_host.ClientGone as e:
        caught.append(e)

def asks(gone):
    yield b"data: hello\\n\\n"
    while not gone():
        time.sleep(0.01)
    caught.append("asked")

def application(environ, start_response):
    path = environ["PATH_INFO"]
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    if path == "/waits":
        return [" ".join(waits).encode()]
    if path.startswith("/wait/"):
        return waits_in(path[6:])
    if path == "/asks":
        return asks(environ["fcgi_host.client_gone"])
    if path == "/caught":
        return [repr((caught, environ["fcgi_host.client_gone"]())).encode()]
    streams = {"/gets": gets, "/in-c": waits_in_c, "/catches": catches}
    return streams.get(path, lambda: [version.encode()])()
"""


class EventStreams(HostTestCase):
    def start(self, app="", host="", **kw):
        self.text = APPLICATION
        self.file = self.write("app.py", self.text)
        return self.start_host("-c", self.config(f"""
            [fcgi_host]
            {host}
            [app streams]
            file = {self.file}
            {app}
            """), **kw)

    def edit(self):
        self.write("app.py", self.text.replace('version = "1"', 'version = "2"'))

    def open_stream(self, host, path, keep=False, **extra):
        """A connection on which the first event has come, and the response so far."""
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of(path, **extra), keep=keep))
        return connection, self.await_hello(connection)

    def await_hello(self, connection):
        response = fcgi.Response(1)
        connection.read_until(lambda: b"hello" in response.stdout, {1: response})
        return response


@needs_recycling
class Drain(EventStreams):
    def test_a_stream_that_waits_in_a_queue_ends_with_its_code(self):
        host = self.start("drain_timeout_s = 1")
        stream, _ = self.open_stream(host, "/gets")
        self.edit()
        host.log.wait_for(r"\[reload\.retired\]")
        self.assertFalse(stream.read_cut_response().ended)
        self.assertEqual(host.fetch().body, b"2")
        self.assertEqual(host.log.count(r"\[interpreter\.zombie\]"), 0)

    def test_whatever_python_waits_in_ends_with_its_code(self):
        host = self.start("drain_timeout_s = 1\nthreads = 40")
        names = host.fetch("/waits").body.decode().split()
        self.assertGreater(len(names), 10)
        for name in names:
            self.open_stream(host, "/wait/" + name)
        self.edit()
        host.log.wait_for(r"\[(reload\.retired|interpreter\.zombie)\]")
        self.assertEqual(host.log.find(r"keeps its interpreter"), [])
        self.assertEqual(host.log.find(r"\[interpreter\.zombie\]"), [])
        self.assertEqual(host.fetch().body, b"2")

    def test_what_cannot_be_ended_is_named_with_its_stack(self):
        host = self.start("drain_timeout_s = 1")
        self.open_stream(host, "/in-c")
        self.edit()
        host.log.wait_for(r"\[interpreter\.zombie\]")
        line = host.log.wait_for(r"\[request\.stack\]")
        self.assertRegex(line, r"warn .*app=streams .*keeps its interpreter alive: GET /in-c")
        host.log.wait_for(r"line \d+ in waits_in_c")


class ClientGone(EventStreams):
    """One thread: a stream that goes on would keep every other request waiting."""

    def test_the_thread_of_a_client_that_has_gone_serves_again(self):
        host = self.start("threads = 1\non_client_gone = raise")
        for _ in range(4):
            self.open_stream(host, "/gets")[0].close()
            self.assertEqual(host.fetch().body, b"1")
        self.assertEqual(host.log.find(r" (error|warn) .*\[(?!host\.root)"), [])

    def test_whatever_it_waits_in(self):
        host = self.start("threads = 1\non_client_gone = raise")
        for name in ("sleep", "select", "poll", "epoll", "read", "recvmsg", "write", "accept",
                     "child_waitid"):
            with self.subTest(name):
                self.open_stream(host, "/wait/" + name)[0].close()
                self.assertEqual(host.fetch().body, b"1")
        self.assertEqual(host.log.find(r" error "), [])

    def test_over_tcp(self):
        port = free_port()
        host = self.start("threads = 1\non_client_gone = raise",
                          host=f"listen = 127.0.0.1:{port}", listen=("127.0.0.1", port))
        self.open_stream(host, "/gets")[0].close()
        self.assertEqual(host.fetch().body, b"1")

    def test_on_a_kept_connection(self):
        host = self.start("threads = 1\non_client_gone = raise")
        connection = host.connect()
        self.addCleanup(connection.close)
        for path in ("/", "/", "/gets"):
            connection.send(fcgi.whole_request(fcgi.params_of(path), keep=True))
            if path == "/":
                self.assertEqual(connection.read_response().body, b"1")
        self.await_hello(connection)
        connection.close()
        self.assertEqual(host.fetch().body, b"1")

    def test_an_aborted_request(self):
        for keeps_before in (False, True):
            host = self.start("threads = 1\non_client_gone = raise")
            connection = host.connect()
            self.addCleanup(connection.close)
            if keeps_before:
                connection.request("/", keep=True)
            connection.send(fcgi.whole_request(fcgi.params_of("/gets"), keep=True))
            response = self.await_hello(connection)
            connection.send(fcgi.abort())
            connection.read_until(lambda: response.ended, {1: response})
            self.assertEqual(connection.request("/", keep=True).body, b"1")

    def test_a_body_that_never_comes(self):
        host = self.start("threads = 1\non_client_gone = raise-any")
        connection = host.connect()
        self.addCleanup(connection.close)
        params = fcgi.params_of("/gets", method="POST", CONTENT_LENGTH="1000000")
        connection.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)) +
                        fcgi.stream(fcgi.STDIN, 1, b"x" * 1000, end=False))
        self.await_hello(connection)
        connection.close()
        self.assertEqual(host.fetch().body, b"1")

    def test_raise_means_methods_that_change_nothing(self):
        host = self.start("threads = 2\non_client_gone = raise", host="log_level = debug")
        self.open_stream(host, "/gets", method="POST")[0].close()
        self.open_stream(host, "/gets")[0].close()
        host.log.wait_for(r"\[request\.closed\] GET /gets")
        self.assertEqual(host.log.count(r"\[request\.closed\] POST"), 0)

    def test_an_application_can_catch_it(self):
        host = self.start("threads = 1\non_client_gone = raise-any")
        self.open_stream(host, "/catches", method="POST")[0].close()
        self.assertEqual(host.fetch("/caught").body, b"([ClientGone()], False)")

    def test_an_application_can_ask(self):
        host = self.start("threads = 1")
        self.open_stream(host, "/asks")[0].close()
        self.assertEqual(host.fetch("/caught").body, b"(['asked'], False)")

    def test_without_it_nothing_is_raised(self):
        host = self.start("threads = 2")
        self.open_stream(host, "/catches")[0].close()
        self.open_stream(host, "/asks")[0].close()
        await_(lambda: b"asked" in host.fetch("/caught").body)
        self.assertEqual(host.fetch("/caught").body, b"(['asked'], False)")


if __name__ == "__main__":
    unittest.main()
