"""A client of text/event-stream over HTTP/1.1, as a browser's EventSource is, and the pages that
listen to one (`live = on`)."""

import re
import socket
import threading
import time

from .waiting import DEADLINE_S

#: "SLOT-STATE" in a page.
MARK = re.compile(r'data-live="([0-9]+-[0-9]+)"')


def mark_of(page):
    """What a page says that it came from; None: it has no script."""
    found = MARK.findall(page)
    assert len(found) < 2, page
    return found[0] if found else None


class EventStream:
    """A page that listens; its events as they come: [(name, data)]."""

    def __init__(self, port, path, headers=()):
        self.events = []
        self.lines = []
        self.status = None
        self.is_closed = False
        self._changed = threading.Condition()
        self._port = port
        self._request = "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1",
                                     "Accept: text/event-stream", *headers]) + "\r\n\r\n"
        self._connect()

    def _connect(self):
        self._socket = socket.create_connection(("127.0.0.1", self._port), DEADLINE_S)
        self._socket.settimeout(None)
        self._socket.sendall(self._request.encode())
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _connect_again(self):
        """As a browser does when the worker has gone that it was connected to."""
        self.close()
        self.lines = []
        self.is_closed = False
        self._connect()

    def _read(self):
        try:
            with self._socket.makefile("rb") as file:
                status = file.readline().decode().split(" ", 1)[1].strip()
                is_chunked = False
                while (line := file.readline()) not in (b"\r\n", b""):
                    is_chunked |= line.lower().startswith(b"transfer-encoding: chunked")
                self._note(lambda: setattr(self, "status", status))
                self._read_body(file, is_chunked)
        except (OSError, ValueError, IndexError):
            pass
        self._note(lambda: setattr(self, "is_closed", True))

    def _read_body(self, file, is_chunked):
        text = ""
        while True:
            size = int(file.readline().strip() or b"0", 16) if is_chunked else 1
            block = file.read(size)
            if not block:
                return
            if is_chunked:
                file.readline()
            text += block.decode()
            while "\n" in text:
                line, _, text = text.partition("\n")
                self._note(lambda: self._take(line))

    def _note(self, change):
        with self._changed:
            change()
            self._changed.notify_all()

    def _take(self, line):
        if line:
            self.lines.append(line)
            return
        fields = dict(each.split(": ", 1) for each in self.lines)
        self.lines = []
        if "data" in fields:
            assert fields["id"] == fields["data"]
            self.events.append((fields.get("event", "message"), fields["data"]))
        if "retry" in fields:
            self.events.append(("retry", fields["retry"]))

    def await_(self, condition, what):
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), DEADLINE_S):
                raise AssertionError(f"waited in vain for {what}: {self.status} {self.events}")
        return self

    def opened(self):
        return self.await_(lambda s: ("retry", "300") in s.events or s.is_closed, "the stream")

    def wait_for(self, name, count=1):
        """The data of the count-th event of that name."""
        def found(stream):
            return [data for each, data in stream.events if each == name]

        deadline = time.monotonic() + DEADLINE_S
        while True:
            self.await_(lambda s: len(found(s)) >= count or s.is_closed, f"{count} of {name}")
            if len(found(self)) >= count:
                return found(self)[count - 1]
            if time.monotonic() > deadline:
                raise AssertionError(f"no {count} of {name}: {self.status} {self.events}")
            self._connect_again()

    def told(self):
        """The events that tell something."""
        return [event for event in self.events if event[0] != "retry"]

    def wait_closed(self):
        return self.await_(lambda s: s.is_closed, "the end of the stream")

    def close(self):
        if self._socket.fileno() >= 0:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the server has closed
            self._thread.join(DEADLINE_S)
            self._socket.close()
