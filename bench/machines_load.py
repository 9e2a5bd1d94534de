"""Clients that ask a load balancer, and remember every request: numbered GETs and POSTs.

No client asks twice: what comes again has been repeated by the load balancer.
"""

import http.client
import itertools
import re
import threading
import time

GETS, POSTS = 8, 4  # clients; half of each keep their connection, as browsers do
TIMEOUT_S = 70  # longer than the load balancer's own

#: Numbers are unique in a run: they find a request in the load balancer's log and on the disks.
_numbers = itertools.count(1)


class Request:
    """What became of a request: times as time.monotonic() says them."""

    def __init__(self, method):
        self.method, self.number = method, next(_numbers)
        self.sent = self.ended = None
        #: Of the answer: when the application began with it.
        self.machine = self.revision = self.began = None
        self.problem = None  # None: it was answered
        self.had_by = None  # the machine that had it, where it failed and that is known

    @property
    def path(self):
        return f"/{self.method.lower()}?n={self.number}"

    def __str__(self):
        return (f"{self.method} {self.number}: {self.problem} after "
                f"{1e3 * (self.ended - self.sent):.0f} ms, had by {self.had_by}")


class _Client:
    def __init__(self, load, method, keeps_open):
        self._load, self._method, self._keeps_open = load, method, keeps_open
        self._connection = None
        self.requests = []

    def run(self):
        while not self._load.is_over:
            request = Request(self._method)
            request.sent = time.monotonic()
            try:
                self._ask(request)
            except (OSError, http.client.HTTPException, ValueError) as error:
                request.problem = f"{type(error).__name__}: {error}"
            request.ended = time.monotonic()
            self.requests.append(request)
            if request.problem or not self._keeps_open:
                self._close()
        self._close()

    def _ask(self, request):
        if not self._connection:
            self._connection = http.client.HTTPConnection(*self._load.address, timeout=TIMEOUT_S)
        body = str(request.number).encode() if request.method == "POST" else None
        headers = {} if self._keeps_open else {"Connection": "close"}
        self._connection.request(request.method, request.path, body, headers)
        reply = self._connection.getresponse()
        text = reply.read().decode()
        if reply.status != 200:
            raise ValueError(f"status {reply.status}")
        request.machine, request.revision, began = text.split()
        request.began = float(began)

    def _close(self):
        if self._connection:
            self._connection.close()
        self._connection = None


class Load:
    """Requests from all clients without a pause, within a `with` block."""

    def __init__(self, address):
        self.address, self.is_over = address, False
        self._clients = [_Client(self, method, keeps_open=i % 2 == 0)
                         for method, count in (("GET", GETS), ("POST", POSTS)) for i in range(count)]
        self._threads = [threading.Thread(target=client.run, daemon=True)
                         for client in self._clients]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self._threads:
            thread.join()

    @property
    def requests(self):
        """Those that have ended, in the order in which they were sent."""
        return sorted((request for client in self._clients for request in list(client.requests)),
                      key=lambda request: request.sent)


#: Of a line of `option httplog`: the server, and the request's number.
_LOG_LINE = re.compile(r" blog/(?P<server>\S+) .* \"(?:GET|POST) /\w+\?n=(?P<number>\d+) ")


def servers_of(log_lines):
    """{number: the server that had the request last} as the load balancer's log tells."""
    found = filter(None, map(_LOG_LINE.search, log_lines))
    return {int(line["number"]): line["server"] for line in found}
