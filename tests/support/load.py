"""Clients that ask without a pause while something is done to the host."""

import threading

from . import fcgi
from .waiting import DEADLINE_S, await_


class Load:
    """`threads` clients, each asking one thing after the other; every answer is kept.

    with Load(fetch) as load: …    fetch() gives a status; what it raises is a failure
    """

    def __init__(self, fetch, threads=4):
        self.answers = 0
        self.failures = []
        self._fetch = fetch
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        while not self._is_over.is_set():
            try:
                status = self._fetch()
                problem = None if status == 200 else f"status {status}"
            except (OSError, fcgi.Closed, ValueError) as e:
                problem = repr(e)
            with self._lock:
                self.answers += 1
                if problem:
                    self.failures.append(problem)

    def await_answers(self, more=20):
        """Until so many more have been answered."""
        want = self.answers + more
        await_(lambda: self.answers >= want, f"{more} more answers")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.await_answers()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive(), "a client still waits"
