"""What a Python program keeps per process, kept from the process: run once in every interpreter.

One process runs many interpreters, and the host's own threads.  Signals and timers have no effect,
environment variables stay in the interpreter, and a change of a setting that all applications
share is done, but named in the log with its author.
fcgi_host/wsgi/application_setup.py calls the functions below.
"""

import _locale
import _posixsubprocess
import _signal
import _thread
import errno
import os
import posix
import resource
import sys
import time

import fcgi_host

WARN = 2  # enum log_level


def _calling_frame():
    """That of the code that called: not the standard library's wrapper."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _WRAPPERS:
        frame = frame.f_back
    return frame


def _caller():
    frame = _calling_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


_WRAPPERS = ("signal", "locale", "_thread", __name__)


def _replace(modules, name, function):
    """Set `function` wherever `name` may have been looked up already."""
    for module in modules:
        if isinstance(module, str):
            module = sys.modules.get(module)
        if module is not None and hasattr(module, name):
            setattr(module, name, _bound_like(getattr(module, name), function))


def _bound_like(original, function):
    """`function`, which as a member of a class is bound only if `original` is: one in C is not."""
    if type(function) is not type(_bound_like) or type(original) is type(_bound_like):
        return function
    function.__module__ = original.__module__
    return staticmethod(function)


# ---- Signals and timers ----


def _signal_name(number):
    for name, value in vars(_signal).items():
        if value == number and name.startswith("SIG") and not name.startswith("SIG_"):
            return name
    return str(number)


def withhold_signals():
    """Signals belong to the process: what would set or send one to it does nothing but log.
    Handlers read as those of a plain python3, and as what was set here."""
    get_handler, default, ignore = _signal.getsignal, _signal.SIG_DFL, _signal.SIG_IGN
    can_be_set = _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}
    handlers = {_signal.SIGINT: _signal.default_int_handler, _signal.SIGPIPE: ignore,
                _signal.SIGXFSZ: ignore}

    def refuse(what):
        fcgi_host._log(
            WARN, "app.signal", f"{_caller()}: {what} does nothing here: signals are the host's"
        )

    def getsignal(signalnum, /):
        handler = get_handler(signalnum)  # also refuses what is no signal
        if handler is None and signalnum in can_be_set:
            handler = default  # it is the host's own
        return handlers.get(signalnum, handler)

    def signal(signalnum, handler, /):
        before = getsignal(signalnum)
        if not callable(handler) and handler not in (default, ignore):
            raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable "
                            "object")
        if signalnum not in can_be_set:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        # asyncio.run() sets SIGINT's and takes it back, which nobody has asked for.
        if _calling_frame().f_globals.get("__name__") != "asyncio.runners":
            refuse(f"signal.signal({_signal_name(signalnum)}, ...)")
        handlers[signalnum] = handler
        return before

    def alarm(seconds, /):
        if not isinstance(seconds, int):
            raise TypeError(f"'{type(seconds).__name__}' object cannot be interpreted as an integer")
        refuse(f"signal.alarm({seconds})")
        return 0

    def setitimer(which, seconds, interval=0.0, /):
        before = _signal.getitimer(which)  # also refuses what is no timer
        float(seconds), float(interval)
        refuse("signal.setitimer()")
        return before

    def siginterrupt(signalnum, flag, /):
        get_handler(signalnum)
        refuse(f"signal.siginterrupt({_signal_name(signalnum)}, ...)")

    wakeup_fd = -1

    def set_wakeup_fd(fd, /, *, warn_on_full_buffer=True):
        nonlocal wakeup_fd
        if fd != -1:
            if os.get_blocking(fd):
                raise ValueError(f"the fd {fd} must be in non-blocking mode")
            refuse("signal.set_wakeup_fd()")
        before, wakeup_fd = wakeup_fd, fd
        return before

    def interrupt_main(signum=_signal.SIGINT, /):
        get_handler(signum)
        refuse(f"_thread.interrupt_main({_signal_name(signum)})")

    for function in (signal, getsignal):
        _replace((_signal,), function.__name__, function)  # signal.signal() looks it up there
    for function in (alarm, setitimer, siginterrupt):
        _replace((_signal, "signal"), function.__name__, function)  # a .pth file may import signal
    _replace((_signal, "signal"), "set_wakeup_fd", set_wakeup_fd)
    _replace((_thread,), "interrupt_main", interrupt_main)


# ---- Settings that all applications of a process share ----


def name_changes():
    """Log who changes what all applications of this process share, once for each setting."""
    named = set()

    def say(what):
        if what not in named:
            named.add(what)
            fcgi_host._log(
                WARN, "app.process", f"{_caller()}: {what} changes it for every application of "
                "this process"
            )

    def wrap(modules, name, what, is_change=lambda *args: True):
        original = getattr(modules[0], name, None)
        if original is None:
            return

        def wrapper(*args, **kwargs):
            result = original(*args, **kwargs)
            if is_change(result, *args):
                say(what)
            return result

        wrapper.__name__ = wrapper.__qualname__ = name
        wrapper.__doc__ = original.__doc__
        _replace(modules, name, wrapper)

    os_modules = (posix, os)
    wrap(os_modules, "chdir", "os.chdir()")
    wrap(os_modules, "fchdir", "os.fchdir()")
    wrap(os_modules, "umask", "os.umask()", _changes_umask)
    wrap(os_modules, "nice", "os.nice()", lambda result, *args: args != (0,))
    wrap(os_modules, "setpriority", "os.setpriority()")
    for name in ("setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid",
                 "setresgid", "setgroups", "initgroups", "chroot"):
        wrap(os_modules, name, f"os.{name}()")
    wrap((_locale, "locale"), "setlocale", "locale.setlocale()", _changes_locale())
    wrap((resource,), "setrlimit", "resource.setrlimit()")


def _changes_umask(before, mask):
    """Not so where it is only read: os.umask(0), then os.umask() with what that returned."""
    return mask not in (0, before) and before != 0


def _changes_locale():
    query = _locale.setlocale
    categories = [getattr(_locale, name) for name in dir(_locale) if name.startswith("LC_")]
    seen = {category: query(category, None) for category in categories}

    def is_change(result, category, value=None):
        before = seen.get(category)
        if value is not None:
            seen[category] = result
        return value is not None and result != before

    return is_change


# ---- Environment variables ----

# What getenv() would find if this interpreter were a process: os.environ, and what os.putenv()
# adds to it.  Children get it.
_environment = dict(os.environ._data)
_timezone_of_process = _environment.get(b"TZ")


def _child_environment():
    return dict(_environment)


def _putenv(name, value, /):
    name, value = _without_nulls(name), _without_nulls(value)
    sys.audit("os.putenv", name, value)
    if b"=" in name:
        raise ValueError("illegal environment variable name")
    if not name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _environment[name] = value


def _unsetenv(name, /):
    name = _without_nulls(name)
    sys.audit("os.unsetenv", name)
    if not name or b"=" in name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _environment.pop(name, None)


def _without_nulls(text):
    encoded = os.fsencode(text)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


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
    for name, function in (
        ("putenv", _putenv),
        ("unsetenv", _unsetenv),
        ("_create_environ", _child_environment),  # for os.reload_environ(), from 3.14 on
        ("execv", _execv),
        ("system", _system),
        ("posix_spawn", _with_environment(posix.posix_spawn, 2, _child_environment)),
        ("posix_spawnp", _with_environment(posix.posix_spawnp, 2, _child_environment)),
    ):
        _replace((posix, os), name, function)
    _replace((time,), "tzset", _tzset)
    os._spawnvef = _spawnvef
    sys.breakpointhook = sys.__breakpointhook__ = _BreakpointHook()
    # fork_exec(args, executables, close_fds, pass_fds, cwd, env, …) in 3.11 to 3.15.
    fork_exec = _with_environment(_posixsubprocess.fork_exec, 5, _environment_list)
    _replace((_posixsubprocess,), "fork_exec", fork_exec)
    _replace(("subprocess",), "_fork_exec", fork_exec)
    os.environ.update(variables)


def _tzset():
    """time.tzset() where the process's TZ stays what it is."""
    wanted = _environment.get(b"TZ")
    if wanted != _timezone_of_process:
        shown = [repr(os.fsdecode(zone)) if zone is not None else "not set"
                 for zone in (wanted, _timezone_of_process)]
        fcgi_host._log(
            WARN, "app.tz", f"{_caller()}: time.tzset() has no effect: TZ is {shown[0]} in this "
            f"application and {shown[1]} in the process, which other applications share"
        )
    _real_tzset()


_real_tzset = time.tzset


class _BreakpointHook:
    """breakpoint(), whose own hook reads $PYTHONBREAKPOINT from C's environment.

    The property gives what is to be called, so that no frame of ours is between that and the caller.
    """

    @property
    def __call__(self):
        import importlib
        import warnings

        hook = os.environ.get("PYTHONBREAKPOINT") or "pdb.set_trace"
        if hook == "0":
            return lambda *args, **kwargs: None
        module, dot, name = hook.rpartition(".")
        try:
            return getattr(importlib.import_module(module if dot else "builtins"), name)
        except (ImportError, AttributeError, TypeError, ValueError):  # the last two: no name
            warnings.warn(f'Ignoring unimportable $PYTHONBREAKPOINT: "{hook}"', RuntimeWarning, 2)
            return lambda *args, **kwargs: None


# ---- A process of one application ----


def adopt_environment(assignments, variables):
    """C's environment follows os.environ: the process is this application's alone.

    `assignments`: what the process was started with, since the generation before may have changed
    it.
    """
    initial = dict(assignment.split(b"=", 1) for assignment in assignments if b"=" in assignment)
    for name in os.environ._data.keys() - initial.keys():
        posix.unsetenv(name)
    for name, value in initial.items():
        if os.environ._data.get(name) != value:
            posix.putenv(name, value)
    os.environ._data.clear()
    os.environ._data.update(initial)
    os.environ.update(variables)
    _real_tzset()


def _forget(*args):
    """putenv() and unsetenv() of a spare."""


def prepare_environment(assignments, variables):
    """The same in a spare: the generation that serves has C's environment until settle()."""
    for name, function in (
        ("putenv", _forget), ("unsetenv", _forget), ("_create_environ", os.environ._data.copy)
    ):
        if hasattr(posix, name):
            _originals[name] = getattr(posix, name)
            _replace((posix, os), name, function)
    os.environ._data.clear()
    os.environ._data.update(assignment.split(b"=", 1) for assignment in assignments)
    os.environ.update(variables)


_originals = {}


def settle(assignments):
    """A spare is used now.  `assignments`: C's environment, as a list of NAME=VALUE."""
    if not _originals:
        return
    for name, function in _originals.items():
        _replace((posix, os), name, function)
    _originals.clear()
    current = dict(assignment.split(b"=", 1) for assignment in assignments if b"=" in assignment)
    for name in current.keys() - os.environ._data.keys():
        posix.unsetenv(name)
    for name, value in os.environ._data.items():
        if current.get(name) != value:
            posix.putenv(name, value)
    _real_tzset()


# ---- All of it ----


def set_up(variables, environment, is_spare):
    """`variables`: what the configuration sets; `environment`: the process's at its start, as a
    list of NAME=VALUE, where it is this application's alone, else None; `is_spare`: another
    generation serves on after this."""
    withhold_signals()
    if environment is None:
        separate_environment(variables)
        name_changes()
    elif is_spare:
        prepare_environment([each for each in environment if b"=" in each], variables)
    else:
        adopt_environment(environment, variables)
