"""The application behind the real web servers: what a web server could get wrong, path by path."""

import hashlib
import json
import os
import time
from urllib.parse import parse_qs

PATTERN = bytes(range(251)) * 4177  # about 1 MiB whose period fits no buffer


def _answer(start_response, body, status="200 OK", headers=()):
    body = body if isinstance(body, bytes) else body.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))),
                            *headers])
    return [body]


def show_environ(environ, start_response):
    shown = {k: v for k, v in environ.items() if type(v) in (str, int, bool)}
    return _answer(start_response, json.dumps(shown))


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [body]


def upload(environ, start_response):
    """The size of the body and its hash."""
    size, digest = 0, hashlib.sha256()
    while block := environ["wsgi.input"].read(1 << 16):
        size += len(block)
        digest.update(block)
    return _answer(start_response, f"{size} {digest.hexdigest()}")


def download(environ, start_response):
    """So many bytes, in blocks."""
    left = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    while left:
        block = PATTERN[:left]
        left -= len(block)
        yield block


def status(environ, start_response):
    return _answer(start_response, "as asked", environ["QUERY_STRING"].replace("+", " "))


def cookies(environ, start_response):
    return _answer(start_response, environ.get("HTTP_COOKIE", ""),
                   headers=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")])


def redirect(environ, start_response):
    return _answer(start_response, "go on", "302 Found", [("Location", "/elsewhere?x=1")])


def created(environ, start_response):
    return _answer(start_response, "made", "201 Created", [("Location", "/made/1")])


def moved(environ, start_response):
    return _answer(start_response, "gone", environ["QUERY_STRING"].replace("+", " "),
                   headers=[("Location", "/elsewhere")])


def etag(environ, start_response):
    if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
        start_response("304 Not Modified", [("ETag", '"v1"')])
        return []
    return _answer(start_response, "version 1", headers=[("ETag", '"v1"')])


def _await_file(path):
    deadline = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.01)


def two_blocks(environ, start_response):
    """A second block once the file that the query names exists."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first block\n"
    _await_file(environ["QUERY_STRING"])
    yield b"second block\n"


class _Endless:
    def __init__(self, path):
        self.path = path

    def __iter__(self):
        return self

    def __next__(self):
        return b"x" * 65536

    def close(self):
        with open(self.path, "w"):
            pass


def endless(environ, start_response):
    """Blocks without end; makes the file that the query names when it is closed."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return _Endless(environ["QUERY_STRING"])


def fail(environ, start_response):
    raise RuntimeError("the site failed on purpose")


def fail_late(environ, start_response):
    """Breaks off once the file that the query names exists."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"x" * 1000000
    _await_file(environ["QUERY_STRING"])
    raise RuntimeError("the site failed in the middle")


def say(environ, start_response):
    environ["wsgi.errors"].write("a word for the error log\n")
    return _answer(start_response, "said")


def form(environ, start_response):
    fields = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
    return _answer(start_response, json.dumps(fields))


PATHS = {
    "echo": echo, "upload": upload, "download": download, "status": status, "cookies": cookies,
    "redirect": redirect, "created": created, "moved": moved, "etag": etag, "two-blocks": two_blocks,
    "endless": endless, "fail": fail, "fail-late": fail_late, "say": say, "form": form,
}


def application(environ, start_response):
    """The last part of the path chooses; anything else shows the environ."""
    last = environ["PATH_INFO"].rpartition("/")[2]
    return PATHS.get(last, show_environ)(environ, start_response)
