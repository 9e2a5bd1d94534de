"""Run once in every interpreter that serves applications, before any of them is loaded.

One process runs many interpreters, so whatever Python keeps per process must not reach it from
here: environment variables, signal handlers, the standard streams.  fcgi_host/wsgi/wsgi.c
calls the functions below; they are kept in the state of the module `fcgi_host`.
"""

import _posixsubprocess
import _signal
import _thread
import io
import os
import posix
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

    def write(self, data):
        data = bytes(data)
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


def set_up_streams():
    sys.stdout = sys.__stdout__ = _text_stream(INFO, "app.stdout")
    sys.stderr = sys.__stderr__ = _text_stream(WARN, "app.stderr")
    # Descriptor 0 may be the listening socket.
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.argv = ["fcgi_host"]


# ---- Signals ----


def _signal_name(number):
    for name, value in vars(_signal).items():
        if value == number and name.startswith("SIG") and not name.startswith("SIG_"):
            return name
    return str(number)


def _caller():
    """file:line of the code that called signal.signal()."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "signal":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def ignore_signal_handlers():
    """signal.signal() changes the whole process, and the host needs its signals itself."""

    def signal(signalnum, handler):
        before = _signal.getsignal(signalnum)  # also refuses what is no signal
        name = _signal_name(signalnum)
        text = f"{_caller()}: signal.signal({name}, ...) does nothing here: signals are the host's"
        fcgi_host._log(WARN, "app.signal", text)
        return before

    _signal.signal = signal  # signal.signal() looks it up there


# ---- Environment variables ----

# What getenv() would find if this interpreter were a process: os.environ, and what os.putenv()
# adds to it.  Children get it.
_environment = dict(os.environ._data)


def _child_environment():
    return dict(_environment)


def _putenv(name, value, /):
    name, value = os.fsencode(name), os.fsencode(value)
    if not name or b"=" in name:
        raise ValueError("illegal environment variable name")
    if b"\0" in name or b"\0" in value:
        raise ValueError("embedded null byte")
    sys.audit("os.putenv", name, value)
    _environment[name] = value


def _unsetenv(name, /):
    name = os.fsencode(name)
    sys.audit("os.unsetenv", name)
    _environment.pop(name, None)


def _with_environment(function, index, convert):
    """`function` with this interpreter's environment where its argument `index` is None."""

    def wrapper(*args, **kwargs):
        if len(args) > index and args[index] is None:
            args = (*args[:index], convert(), *args[index + 1 :])
        return function(*args, **kwargs)

    wrapper.__name__ = wrapper.__qualname__ = function.__name__
    wrapper.__doc__ = function.__doc__
    return wrapper


def _environment_list():
    return [name + b"=" + value for name, value in _environment.items()]


def _wait(pid):
    while True:
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return status


def _system(command):
    command = os.fsencode(command)
    sys.audit("os.system", command)
    return _wait(posix.posix_spawn("/bin/sh", ["sh", "-c", command], _child_environment()))


def _execv(path, argv, /):
    posix.execve(path, argv, _child_environment())


def _spawnvef(mode, file, args, env, func):
    """os._spawnvef() without fork()."""
    if not isinstance(args, (tuple, list)):
        raise TypeError("argv must be a tuple or a list")
    if not args or not args[0]:
        raise ValueError("argv first element cannot be empty")
    searches = func in (os.execvp, os.execvpe)
    spawn = posix.posix_spawnp if searches else posix.posix_spawn
    try:
        pid = spawn(file, args, _child_environment() if env is None else env)
    except OSError:
        if mode == os.P_NOWAIT:
            raise
        return 127  # as the child of os.spawnv() does
    return pid if mode == os.P_NOWAIT else os.waitstatus_to_exitcode(_wait(pid))


def separate_environment(variables):
    """os.environ changes no more than this interpreter and its children."""

    def replace(name, function):
        setattr(os, name, function)
        setattr(posix, name, function)

    replace("putenv", _putenv)
    replace("unsetenv", _unsetenv)
    replace("execv", _execv)
    replace("system", _system)
    replace("posix_spawn", _with_environment(posix.posix_spawn, 2, _child_environment))
    replace("posix_spawnp", _with_environment(posix.posix_spawnp, 2, _child_environment))
    os._spawnvef = _spawnvef
    # fork_exec(args, executables, close_fds, pass_fds, cwd, env, …) in 3.11, 3.12 and 3.13.
    fork_exec = _with_environment(_posixsubprocess.fork_exec, 5, _environment_list)
    _posixsubprocess.fork_exec = fork_exec
    subprocess = sys.modules.get("subprocess")
    if subprocess is not None and hasattr(subprocess, "_fork_exec"):
        subprocess._fork_exec = fork_exec
    for name, value in variables.items():
        os.environ[name] = value


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


# ---- All of it ----


def _only_virtualenv(applications):
    chosen, chooser = None, None
    for name, virtualenv, _, _ in applications:
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
    for name, _, _, assignments in applications:
        for assignment in assignments:
            key, _, value = assignment.partition("=")
            if variables.setdefault(key, value) != value:
                raise SetupError(
                    f"applications {owners[key]} and {name} share an interpreter, "
                    f"but not the value of env.{key}"
                )
            owners.setdefault(key, name)
    return variables


def set_up(applications):
    """`applications`: (name, virtualenv or None, python_path, env) of all in this interpreter."""
    set_up_streams()
    ignore_signal_handlers()
    separate_environment(_all_variables(applications))
    virtualenv = _only_virtualenv(applications)
    if virtualenv is not None:
        enter_virtualenv(virtualenv)
    # Resolved once: when `current -> releases/41` is moved on, this generation keeps to its own.
    folders = (os.path.realpath(folder) for _, _, path, _ in applications for folder in path)
    sys.path[:0] = dict.fromkeys(folders)


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
    """Leave out the frames of the import system and the host's own that lead to an application."""
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(
        ("<frozen importlib", "<fcgi_host")
    ):
        traceback = traceback.tb_next
    exception.__traceback__ = traceback
