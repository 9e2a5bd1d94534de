"""Many requests leave nothing behind."""

import gc
import io
import sys
import unittest

import _harness
import fcgi_host
from support import PARAMS, serve, set_up

# What a process may grow by for reasons of its own (the heap's fragments, the interpreter's
# specialised code): a few bytes, a hundredth of a reference per request of the long loops.
TOLERATED_BYTES = 1 << 20
TOLERATED_REFERENCES = 1000
REQUESTS = 100_000


with open("/proc/self/maps") as maps:
    # It keeps freed memory for a while, and has a check for leaks of its own.
    WITH_SANITIZER = "libasan" in maps.read()


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]


def generating(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        yield b"a"
        yield b"b"
    finally:
        environ.clear()


def writing(environ, start_response):
    write = start_response("200 OK", headers=[], exc_info=None)
    write(b"a" * 100)
    fcgi_host.info()
    return ()


def long_head(environ, start_response):
    start_response("200 OK", [("X-Long", "x" * 2000)])
    return [environ["wsgi.input"].read(), b""]


def wrapping(environ, start_response):
    start_response("200 OK", [])
    return environ["wsgi.file_wrapper"](io.BytesIO(b"abc"))


def failing(environ, start_response):
    start_response("200 OK", [])
    raise KeyError("x")


def misusing(environ, start_response):
    for arguments in (("200 OK", [1]), ("x", []), ("200 OK", [("a", "\n")]), ()):
        try:
            start_response(*arguments)
        except (TypeError, ValueError):
            pass
    return ["text"]


class Leaks(unittest.TestCase):
    def expect_no_growth(self, run, count):
        run(count // 2)  # until caches are full and the interpreter has specialised its code
        gc.collect()
        objects = len(gc.get_objects())
        none, true = sys.getrefcount(None), sys.getrefcount(True)
        before = resident_bytes()
        run(count)
        gc.collect()
        grown = resident_bytes() - before
        if not WITH_SANITIZER:
            self.assertLess(grown, TOLERATED_BYTES)
        self.assertLess(len(gc.get_objects()) - objects, TOLERATED_REFERENCES)
        self.assertLess(abs(sys.getrefcount(None) - none), TOLERATED_REFERENCES)
        self.assertLess(abs(sys.getrefcount(True) - true), TOLERATED_REFERENCES)

    def test_applications_that_answer(self):
        set_up()
        listed = [(name.encode(), value.encode()) for name, value in PARAMS.items()]
        for application in (plain, generating, writing, long_head, wrapping):
            with self.subTest(application.__name__):
                loaded = _harness.wrap(application, 0)
                self.expect_no_growth(lambda count: _harness.repeat(loaded, listed, count), REQUESTS)
        self.assertEqual(_harness.log(), [])

    def test_parameters_that_differ_each_time(self):
        def run(count):
            for n in range(count):
                names = {f"HTTP_X_{n}_{m}": f"{n}" * 10 for m in range(20)}
                serve(plain, {**PARAMS, **names, "REMOTE_PORT": str(n)})

        self.expect_no_growth(run, REQUESTS // 100)

    def test_requests_with_bodies_and_errors(self):
        def reading(environ, start_response):
            file = environ["wsgi.input"]
            data = [file.read(3), file.readline(), *file.readlines(10), *file]
            print(len(data), file=environ["wsgi.errors"])
            start_response("200 OK", [])
            return data

        def run(count):
            body = [b"line\n" * 5, "busy", b"more\n" * 10 + b"x" * 20_000]
            length = sum(len(step) for step in body[::2])
            for _ in range(count):
                serve(reading, body=body, content_length=length)
                serve(reading, body=body, content_length=length + 1)
                serve(failing)
                serve(failing, app=1)
                serve(misusing)
                serve(generating, close_after=1)
                serve(generating, waits=1)

        self.expect_no_growth(run, 400)


if __name__ == "__main__":
    unittest.main()
