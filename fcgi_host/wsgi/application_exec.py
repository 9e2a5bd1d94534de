"""Runs a file that somebody wants to have run beside an application, on a thread made for it.

The application does not notice: its `__main__`, its sys.argv and its standard streams stay what they
are.  What this thread prints goes to `fd`, as packets that begin with a letter.
"""

import builtins
import linecache
import posix
import traceback

#: Below what fits into a packet (link/session.h).
PIECE = 16384


def _wait_for_room(fd):
    """In a wait that the host can end (pool/python/waits.h), as write() is none."""
    import select

    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    poller.poll()


def _send_packet(fd, packet):
    while True:
        try:
            return posix.write(fd, packet)
        except BlockingIOError:
            _wait_for_room(fd)
        except OSError:
            raise SystemExit from None  # nobody reads any more: the command has gone


def _sender(fd, letter):
    def send(data):
        for begin in range(0, len(data), PIECE):
            _send_packet(fd, letter + data[begin : begin + PIECE])

    return send


def _lines(source):
    return source.decode("utf-8", "replace").splitlines(True)


#: Of a file that ended by SystemExit without a word: its own, or the host's (wsgi.h).
EXITED = 3


def _exit_status(code, stderr):
    """What python3 makes of sys.exit(code); here every failure is 1."""
    if code is None:
        return EXITED
    if code == 0:
        return 0
    if not isinstance(code, int):
        print(code, file=stderr)
    return 1


def _run(name, arguments, source, stderr):
    module = type(builtins)("__main__")
    module.__file__ = name
    module.__builtins__ = builtins
    module.argv = [name, *arguments]
    try:
        exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
    except SystemExit as end:
        return _exit_status(end.code, stderr)
    except BaseException as error:
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, trace, file=stderr)
        return 1
    return 0


def run(setup, fd, out, err, name, arguments, source):
    """Run it, and return the exit status.

    `setup`: the module application_setup; `out`, `err`: the letters; `source`: bytes.
    """
    before = linecache.cache.get(name)
    # The file may be another machine's, or nobody's that the worker's user can read.
    linecache.cache[name] = (len(source), None, _lines(source), name)
    _, stderr = setup.divert(_sender(fd, out), _sender(fd, err))
    try:
        return _run(name, arguments, source, stderr)
    finally:
        setup.divert(None, None)
        if before is None:
            linecache.cache.pop(name, None)
        else:
            linecache.cache[name] = before
