"""Run once in every interpreter that serves applications, before any of them is loaded.

One process runs many interpreters, so whatever Python keeps per process must not reach it from
here: environment variables, signal handlers, the standard streams.  fcgi_host/wsgi/wsgi.c
calls the functions below; they are kept in the state of the module `fcgi_host`.
"""

import _thread
import io
import os
import site
import sys

import fcgi_host

DEBUG, INFO, WARN, ERROR = range(4)  # enum log_level


class SetupError(Exception):
    """A mistake in the configuration: its text says all, a traceback would not help."""


# ---- Standard streams ----


class LogStream(io.RawIOBase):
    """Bytes that become lines of the log; each thread's unfinished line waits for its end."""

    LONGEST_LINE = 8192  # longer ones are cut into pieces of this size

    def __init__(self, level, slug):
        self._level = level
        self._slug = slug
        self._local = _thread._local()

    def writable(self):
        return True

    def fileno(self):
        """For faulthandler and for the standard error of a child process."""
        return fcgi_host._log_fd()

    def divert(self, receive):
        """What the calling thread writes goes to receive(bytes); None: to the log again."""
        self._local.receive = receive

    def write(self, data):
        data = bytes(data)
        receive = getattr(self._local, "receive", None)
        if receive is not None:
            receive(data)
            return len(data)
        waiting = getattr(self._local, "waiting", b"") + data
        lines, newline, rest = waiting.rpartition(b"\n")
        if len(rest) > self.LONGEST_LINE:
            lines, rest = waiting, b""
        self._local.waiting = rest
        if newline or lines:
            self._emit(lines)
        return len(data)

    def flush(self):
        waiting = getattr(self._local, "waiting", b"")
        self._local.waiting = b""
        self._emit(waiting)

    def _emit(self, data):
        text = data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
        if text and not text.isspace():
            fcgi_host._log(self._level, self._slug, text)


def _text_stream(level, slug):
    # write_through: no buffer of its own, which two threads' lines would mix in.
    return io.TextIOWrapper(
        LogStream(level, slug), "utf-8", "backslashreplace", newline="\n", write_through=True
    )


_streams = []  # the host's standard output and error, whatever an application puts in their place


def divert(receive_out, receive_err):
    """LogStream.divert() for both. Returns the two text streams."""
    for stream, receive in zip(_streams, (receive_out, receive_err)):
        stream.buffer.divert(receive)
    return tuple(_streams)


def set_up_streams():
    _streams[:] = _text_stream(INFO, "app.stdout"), _text_stream(WARN, "app.stderr")
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = _streams
    # Descriptor 0 may be the listening socket.
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.argv = ["fcgi_host"]


# ---- Where modules come from ----


def _standard_library():
    """The entries of sys.path that are not packages installed for the system."""
    folder = os.path.dirname(os.__file__)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    libraries = {folder, os.path.join(folder, "lib-dynload")}
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        for libdir in {"lib", sys.platlibdir}:
            libraries.add(os.path.join(prefix, libdir, f"python{version}"))
            libraries.add(os.path.join(prefix, libdir, f"python{version}", "lib-dynload"))
            libraries.add(os.path.join(prefix, libdir, f"python{version.replace('.', '')}.zip"))
    python_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    libraries.update(os.path.abspath(entry) for entry in python_path if entry)
    return libraries


def _includes_system_packages(virtualenv):
    try:
        with open(os.path.join(virtualenv, "pyvenv.cfg"), encoding="utf-8") as lines:
            for line in lines:
                key, _, value = line.partition("=")
                if key.strip().lower() == "include-system-site-packages":
                    return value.strip().lower() == "true"
    except FileNotFoundError:  # made by virtualenv before version 20
        pass
    return False


def enter_virtualenv(virtualenv):
    """What Python does when started by a virtual environment's own python."""
    virtualenv = os.path.realpath(virtualenv)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = os.path.join(virtualenv, "lib", version, "site-packages")
    if not os.path.isdir(packages):
        raise SetupError(
            f"virtualenv: {packages} is missing: {virtualenv} is no virtual environment, "
            f"or one for another version than {version}"
        )
    standard = _standard_library()
    kept = [entry for entry in sys.path if entry in standard]
    installed = [entry for entry in sys.path if entry not in standard]
    sys.path[:] = kept
    sys.prefix = sys.exec_prefix = virtualenv
    site.PREFIXES = [virtualenv]
    executable = os.path.join(virtualenv, "bin", "python")
    if os.path.exists(executable):
        sys.executable = executable
    site.addsitedir(packages)
    if _includes_system_packages(virtualenv):
        site.PREFIXES += [sys.base_prefix]
        sys.path += installed
    else:
        site.ENABLE_USER_SITE = False


# ---- Imports that are put off (PEP 810) ----


def _never(importing, imported, names):
    return False


def set_lazy_imports(mode):
    """Before 3.15 no import is put off."""
    if hasattr(sys, "set_lazy_imports"):
        sys.set_lazy_imports("all" if mode == "all" else "normal")
        sys.set_lazy_imports_filter(_never if mode == "off" else None)


# ---- All of it ----


def _only_virtualenv(applications):
    chosen, chooser = None, None
    for name, virtualenv, *_ in applications:
        if virtualenv is not None and chosen not in (None, virtualenv):
            raise SetupError(
                f"applications {chooser} and {name} share an interpreter, "
                f"but not a virtualenv: {chosen}, {virtualenv}"
            )
        if virtualenv is not None:
            chosen, chooser = virtualenv, name
    return chosen


def _all_variables(applications):
    variables, owners = {}, {}
    for name, _, _, assignments, _ in applications:
        for assignment in assignments:
            key, _, value = assignment.partition("=")
            if variables.setdefault(key, value) != value:
                raise SetupError(
                    f"applications {owners[key]} and {name} share an interpreter, "
                    f"but not the value of env.{key}"
                )
            owners.setdefault(key, name)
    return variables


def set_up(applications, process, environment, is_spare):
    """`applications`: (name, virtualenv or None, python_path, env, lazy_imports) of all here;
    `process`: the module application_process; `environment`, `is_spare`: for its set_up()."""
    set_up_streams()
    process.set_up(_all_variables(applications), environment, is_spare)
    virtualenv = _only_virtualenv(applications)
    if virtualenv is not None:
        enter_virtualenv(virtualenv)
    # Resolved once: when `current -> releases/41` is moved on, this generation keeps to its own.
    folders = (os.path.realpath(folder) for _, _, path, *_ in applications for folder in path)
    sys.path[:0] = dict.fromkeys(folders)
    for *_, lazy_imports in applications:  # the same of all
        set_lazy_imports(lazy_imports)


# ---- For the C side ----


def reads_plainly(file):
    """Whether reading `file` gives the bytes behind its fileno().

    Not so for text files and for those that unpack (gzip.GzipFile), which have a fileno() too.
    """
    if type(file) in (io.FileIO, io.BufferedReader, io.BufferedRandom):
        return True
    return (
        not isinstance(file, io.IOBase)
        and hasattr(file, "fileno")
        and hasattr(file, "tell")
        and not hasattr(file, "encoding")
    )


def trim_traceback(exception):
    """Leave out the frames of the import system and the host's own that lead to an application.

    An exception of the import system itself keeps its frames: nothing else says where it is from.
    """
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(
        ("<frozen importlib", "<fcgi_host")
    ):
        traceback = traceback.tb_next
    if traceback is not None or getattr(exception, "filename", None):  # a SyntaxError says where
        exception.__traceback__ = traceback
