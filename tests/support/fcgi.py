"""A FastCGI client (the web server's side), written from the FastCGI 1.0 specification.

It shares nothing with the host: no libfcgi, no constants of ours. It can send what a web server
would never send: split anywhere, out of order, malformed.
"""

import socket
import struct
from typing import NamedTuple

from .waiting import DEADLINE_S

# FastCGI 1.0, section 8, "Types and constants"
VERSION_1 = 1
BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR, DATA = range(1, 9)
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
NULL_REQUEST_ID = 0
KEEP_CONN = 1
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)
MAX_CONTENT_BYTES = 65535


class Record(NamedTuple):
    type: int
    request_id: int
    content: bytes


class Closed(Exception):
    """The application closed the connection in the middle of something."""


def record(type_, request_id, content=b"", padding=0, version=VERSION_1):
    """One record (section 3.3)."""
    return (
        struct.pack(">BBHHBx", version, type_, request_id, len(content), padding)
        + content
        + bytes(padding)
    )


def stream(type_, request_id, data, chunk=MAX_CONTENT_BYTES, end=True):
    """A stream as records (section 3.3): non-empty ones, then the empty one that ends it."""
    out = [record(type_, request_id, data[i : i + chunk]) for i in range(0, len(data), chunk)]
    if end:
        out.append(record(type_, request_id))
    return b"".join(out)


def begin(request_id=1, role=RESPONDER, keep=False, flags=None):
    """FCGI_BEGIN_REQUEST (section 5.1)."""
    flags = (KEEP_CONN if keep else 0) if flags is None else flags
    return record(BEGIN_REQUEST, request_id, struct.pack(">HB5x", role, flags))


def abort(request_id=1):
    return record(ABORT_REQUEST, request_id)


def _length(n):
    return struct.pack(">B", n) if n < 128 else struct.pack(">I", n | 0x80000000)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def pair(name, value):
    """One name-value pair (section 3.4)."""
    name, value = _bytes(name), _bytes(value)
    return _length(len(name)) + _length(len(value)) + name + value


def pairs(items):
    items = items.items() if hasattr(items, "items") else items
    return b"".join(pair(name, value) for name, value in items)


def parse_pairs(data):
    result, at = [], 0

    def length():
        nonlocal at
        if data[at] < 128:
            at += 1
            return data[at - 1]
        at += 4
        return struct.unpack_from(">I", data, at - 4)[0] & 0x7FFFFFFF

    while at < len(data):
        name_len = length()
        value_len = length()
        name = data[at : at + name_len]
        value = data[at + name_len : at + name_len + value_len]
        at += name_len + value_len
        result.append((name.decode("latin-1"), value.decode("latin-1")))
    return result


def get_values(*names):
    """FCGI_GET_VALUES (section 4.1)."""
    return record(GET_VALUES, NULL_REQUEST_ID, pairs([(name, "") for name in names]))


def params_of(path="/", query="", method="GET", **extra):
    """Meta-variables of a plain request (RFC 3875, section 4.1)."""
    params = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "test",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": path + ("?" + query if query else ""),
        "HTTP_HOST": "localhost",
    }
    params.update(extra)
    return {name: value for name, value in params.items() if value is not None}


def whole_request(params, body=b"", request_id=1, role=RESPONDER, keep=False, chunk=32768):
    """All records of one request."""
    return (
        begin(request_id, role, keep)
        + stream(PARAMS, request_id, pairs(params), chunk)
        + stream(STDIN, request_id, body, chunk)
    )


class Response:
    """What came back for one request."""

    def __init__(self, request_id):
        self.request_id = request_id
        self.stdout = b""
        self.stderr = b""
        self.records = []
        self.stdout_closed = False
        self.ended = False  # FCGI_END_REQUEST arrived
        self.app_status = None
        self.protocol_status = None

    def add(self, rec):
        assert not self.ended, f"record after FCGI_END_REQUEST: {rec}"
        self.records.append(rec)
        if rec.type == STDOUT:
            assert not self.stdout_closed, "FCGI_STDOUT after its end"
            self.stdout += rec.content
            self.stdout_closed = not rec.content
        elif rec.type == STDERR:
            self.stderr += rec.content
        elif rec.type == END_REQUEST:
            assert len(rec.content) == 8, rec
            self.app_status, self.protocol_status = struct.unpack(">IB3x", rec.content)
            self.ended = True
        else:
            raise AssertionError(f"an application does not send {rec}")

    # The CGI response inside FCGI_STDOUT (RFC 3875, section 6).

    @property
    def head(self):
        head, blank, _ = self.stdout.partition(b"\r\n\r\n")
        assert blank, f"no end of headers in {self.stdout[:200]!r}"
        return head

    @property
    def body(self):
        return self.stdout.partition(b"\r\n\r\n")[2]

    @property
    def header_list(self):
        lines = self.head.decode("latin-1").split("\r\n")
        return [tuple(part.strip() for part in line.split(":", 1)) for line in lines]

    @property
    def headers(self):
        return {name.lower(): value for name, value in self.header_list}

    @property
    def status_line(self):
        return self.headers.get("status", "200 OK")

    @property
    def status(self):
        return int(self.status_line.split()[0])

    def __repr__(self):
        return (
            f"<Response {self.stdout[:300]!r} stderr={self.stderr[:2000]!r} ended={self.ended} "
            f"app={self.app_status} protocol={self.protocol_status}>"
        )


class Connection:
    """A connection to a FastCGI application."""

    def __init__(self, address, timeout_s=DEADLINE_S, source=None):
        """address: a path of a unix socket, or (host, port); source: the address to come from."""
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout_s)
            try:
                self.socket.connect(address)
            except OSError:
                self.socket.close()
                raise
        else:
            self.socket = socket.create_connection(address, timeout_s,
                                                   (source, 0) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def shutdown_writing(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)

    def send_dribbled(self, data, size=1):
        """Each `size` bytes in a system call of their own."""
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(data), size):
            self.socket.sendall(data[i : i + size])

    def _fill(self, size):
        while len(self._received) < size:
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed(f"closed with {self._received!r} left over")
            self._received += more

    def read_record(self):
        """The next record. Closed when the connection ends before or within it."""
        self._fill(8)
        version, type_, request_id, length, padding = struct.unpack(">BBHHBx", self._received[:8])
        if version == 0:  # nobody's version: how the application shows that this is no regular end
            raise Closed("cut")
        assert version == VERSION_1, f"version {version}"
        self._fill(8 + length + padding)
        content = self._received[8 : 8 + length]
        self._received = self._received[8 + length + padding :]
        return Record(type_, request_id, content)

    def read_until(self, done, responses):
        """Sort records into `responses` (by request id) until done()."""
        while not done():
            rec = self.read_record()
            assert rec.request_id in responses, f"nobody asked for {rec}"
            responses[rec.request_id].add(rec)

    def read_response(self, request_id=1):
        """Everything up to FCGI_END_REQUEST."""
        response = Response(request_id)
        self.read_until(lambda: response.ended, {request_id: response})
        return response

    def read_cut_response(self, request_id=1):
        """Everything until the connection closes, be it the regular end or not."""
        response = Response(request_id)
        try:
            while True:
                rec = self.read_record()
                if rec.request_id != NULL_REQUEST_ID:  # a management record says nothing of it
                    assert rec.request_id == request_id, f"nobody asked for {rec}"
                    response.add(rec)
        except Closed:
            pass
        return response

    def at_end(self):
        """Wait for the application to close; True when it did without sending anything."""
        try:
            return not self._received and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def request(self, path="/", body=b"", request_id=1, role=RESPONDER, keep=False, **extra):
        """Send one request and read its response."""
        if body and "CONTENT_LENGTH" not in extra:
            extra["CONTENT_LENGTH"] = str(len(body))
        if body and "method" not in extra:
            extra["method"] = "POST"
        self.send(whole_request(params_of(path, **extra), body, request_id, role, keep))
        return self.read_response(request_id)


def fetch(address, path="/", **kw):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        return connection.request(path, **kw)
