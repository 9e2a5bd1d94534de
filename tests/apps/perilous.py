"""An application that does to its worker what extension modules do: each path another misdeed."""

import ctypes
import os
import threading
import time

_opened = threading.Event()


def _dies_of_a_signal(environ):
    ctypes.string_at(0)  # reads address 0


def _aborts(environ):
    ctypes.CDLL(None).abort()


def _exits(environ):
    os._exit(3)


def _overflows(environ):
    """A C stack that is exhausted: the C library's parser of regular expressions is recursive."""
    ctypes.CDLL(None).regcomp(ctypes.create_string_buffer(256), b"(" * 1000000, 1)


def _spins(environ):
    while True:
        pass


def _spins_and_catches(environ):
    caught = []
    while len(caught) < 1000:
        try:
            while True:
                pass
        except Exception as e:
            caught.append(e)
    return repr(caught[0])


def _waits_for_ever(library):
    """In C, and no signal ends it: a lock that this very thread holds."""
    lock = ctypes.create_string_buffer(256)
    library.pthread_mutex_lock(lock)
    library.pthread_mutex_lock(lock)


def _keeps_the_gil(environ):
    _waits_for_ever(ctypes.PyDLL(None))


def _hangs_in_c(environ):
    _waits_for_ever(ctypes.CDLL(None))


def _grows(environ):
    _grows.kept = bytearray(80 << 20)
    for i in range(0, len(_grows.kept), 4096):
        _grows.kept[i] = 1


def _naps(environ):
    time.sleep(float(environ["QUERY_STRING"]))


def _holds(environ):
    _opened.wait(30)


def _opens(environ):
    _opened.set()


_MISDEEDS = {
    "/segv": _dies_of_a_signal, "/abort": _aborts, "/exit": _exits, "/overflow": _overflows,
    "/spin": _spins, "/catch": _spins_and_catches, "/gil": _keeps_the_gil,
    "/hang": _hangs_in_c, "/grow": _grows, "/nap": _naps, "/hold": _holds, "/open": _opens,
}


def application(environ, start_response):
    misdeed = _MISDEEDS.get(environ["PATH_INFO"])
    said = misdeed(environ) if misdeed else None
    body = f"{os.getpid()} {environ['fcgi_host.request_id']} {said or ''}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
