"""The application of the wire tests: each path shows one behaviour of a host."""

import json
import threading

_gates = {}
_events = []
_lock = threading.Lock()


def _gate(name):
    with _lock:
        return _gates.setdefault(name, threading.Event())


def _note(event):
    with _lock:
        _events.append(event)


def _text(start_response, text, status="200 OK"):
    body = text.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def hello(environ, start_response):
    return _text(start_response, "Hello, World!")


def show_environ(environ, start_response):
    shown = {k: v if isinstance(v, (str, int, bool)) else repr(v) for k, v in environ.items()}
    return _text(start_response, json.dumps(shown))


def authorize(environ, start_response):
    """Lets pass, and hands on what it was asked as."""
    start_response("200 OK", [("Variable-ROLE", environ["FCGI_ROLE"]),
                              ("Variable-APP", environ["fcgi_host.app"])])
    return [b"never shown"]


def echo(environ, start_response):
    """The body as read() gives it."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [body]


def ignore(environ, start_response):
    """Answers without having read the body."""
    return _text(start_response, "ignored")


def hold(environ, start_response):
    """Waits until /open?NAME is asked for; /events has "held NAME" when it is inside."""
    name = environ["QUERY_STRING"]
    _note("held " + name)
    _gate(name).wait(60)
    return _text(start_response, "held " + name)


def open_gate(environ, start_response):
    _gate(environ["QUERY_STRING"]).set()
    return _text(start_response, "open")


def events(environ, start_response):
    with _lock:
        return _text(start_response, json.dumps(_events))


class _Endless:
    """Blocks without end; notes when it is closed."""

    def __init__(self, name):
        self.name = name

    def __iter__(self):
        return self

    def __next__(self):
        return b"x" * 65536

    def close(self):
        _note("closed " + self.name)


def endless(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    _note("endless " + environ["QUERY_STRING"])
    return _Endless(environ["QUERY_STRING"])


def read_then_note(environ, start_response):
    """Reads the whole body and notes how that went: the client may go away meanwhile."""
    name = environ["QUERY_STRING"]
    _note("reading " + name)
    try:
        size = len(environ["wsgi.input"].read())
        _note(f"read {name} {size}")
    except Exception as e:
        _note(f"failed {name} {type(e).__name__}")
        raise
    return _text(start_response, str(size))


def large(environ, start_response):
    size = int(environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [b"x" * size]


def both_ways(environ, start_response):
    """Writes each block of the body back as soon as it has read it."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    while block := environ["wsgi.input"].read(65536):
        yield block


def stderr(environ, start_response):
    environ["wsgi.errors"].write("a word to the web server\n")
    environ["wsgi.errors"].flush()
    return _text(start_response, "said")


def fail(environ, start_response):
    raise RuntimeError("the application failed on purpose")


def fail_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"half of "
    raise RuntimeError("the application failed in the middle")


PATHS = {
    "/": hello, "/environ": show_environ, "/authorize": authorize, "/echo": echo,
    "/ignore": ignore, "/hold": hold, "/open": open_gate, "/events": events, "/endless": endless,
    "/read": read_then_note, "/large": large, "/both-ways": both_ways, "/stderr": stderr,
    "/fail": fail, "/fail-late": fail_late,
}


def application(environ, start_response):
    handler = PATHS.get(environ["PATH_INFO"])
    if handler is None:
        return _text(start_response, "no such path", "404 Not Found")
    return handler(environ, start_response)
