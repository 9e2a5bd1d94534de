"""What the import of a library changes beside sys.modules: snapshots of it, and going back.

Run in an interpreter that libraries are imported into in advance (application_preload.py).
"""

import _locale
import _signal
import _thread
import atexit
import builtins
import os
import sys


_was_there = "gc" in sys.modules
import gc  # noqa: E402

if not _was_there:  # who looks at sys.modules does not see what is needed here
    del sys.modules["gc"]


_open, _listdir = open, os.listdir  # these are recorded while libraries are imported


def inserted(before, after):
    """What was added to a list: (in front, behind), or None if it was changed in another way."""
    for index in range(len(after) - len(before) + 1):
        if after[index : index + len(before)] == before:
            return after[:index], after[index + len(before) :]
    return None


def find_module(name):
    return sys.modules.get(name)


def _filters():
    warnings = find_module("warnings")
    return warnings.filters if warnings else None


def loggers_by_name():
    logging = find_module("logging")
    return logging.root.manager.loggerDict if logging else None


def loggers_changed():
    """Loggers keep in mind which levels they let through."""
    logging = find_module("logging")
    if logging:
        logging.root.manager._clear_cache()


def _exits_of_threading():
    threading = find_module("threading")
    return threading._threading_atexits if threading else None


HOOKS_OF_SYS = ("stdin", "stdout", "stderr", "excepthook", "displayhook", "unraisablehook")
LISTS = {
    "warnings.filters": _filters,
    "threading's exit functions": _exits_of_threading,
}


def _umask():
    with _open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next(line for line in status if line.startswith("Umask"))


def _of_process():
    """What an import may not change in a process that is to be forked."""
    yield "it starts a thread", len(_listdir("/proc/self/task"))
    yield "it opens a descriptor", len(_listdir("/proc/self/fd"))
    yield "it changes the umask", _umask()
    yield "it changes a signal handler", [_signal.getsignal(number) for number in _signal.valid_signals()]


def _fixed():
    """What no import may change if it is to be made in advance: (what it did, value) pairs."""
    logging, socket = find_module("logging"), find_module("socket")
    yield "it changes sys.setrecursionlimit()", sys.getrecursionlimit()
    yield "it changes sys.settrace()", sys.gettrace()
    yield "it changes sys.setprofile()", sys.getprofile()
    yield "it changes __import__()", builtins.__import__
    root = logging.root if logging else None
    yield "it changes the root logger", (tuple(root.handlers), root.level) if root else ((), 30)
    if socket:
        yield "it changes socket.setdefaulttimeout()", socket.getdefaulttimeout()
    yield "it changes gc", (gc.isenabled(), gc.get_threshold(), tuple(map(id, gc.callbacks)))
    yield "it changes the working directory", os.path.realpath(os.curdir)
    yield "it changes the locale", _locale.setlocale(_locale.LC_ALL, None)
    if Snapshot.is_process:
        yield from _of_process()


def random_state():
    random = find_module("random")
    return random.getstate() if random else None


def met():
    """What else an import may depend on."""
    warnings = find_module("warnings")
    filters = warnings.filters if warnings else ()
    return {
        "which warnings raise": [each for each in filters if each[0] == "error"],
        "builtins": tuple(vars(builtins)),
        "sys.argv": list(sys.argv),
    }


def _is_internal(finder):
    """interpreter_setup.py's, which takes itself out."""
    return getattr(finder, "__module__", None) == "interpreter_setup"


def finders():
    return [finder for finder in sys.meta_path if not _is_internal(finder)]


def _threads():
    threading = find_module("threading")
    return len(threading.enumerate()) if threading else 1


class Snapshot:
    is_process = False  # of a process to be forked, which has one thread

    def __init__(self):
        self.raw_environ = raw_environ()
        self.environ, self.path = decoded(self.raw_environ), list(sys.path)
        self.finders, self.hooks = finders(), list(sys.path_hooks)
        self.all_finders = list(sys.meta_path)
        self.lists = {name: list(get() or ()) for name, get in LISTS.items()}
        self.loggers = dict(loggers_by_name() or ())
        self.hooks_of_sys = {name: getattr(sys, name) for name in HOOKS_OF_SYS}
        self.fixed, self.met = dict(_fixed()), met()
        self.threads = _threads()

    def restore(self):
        set_environ(self.environ)
        sys.path[:] = self.path
        there = sys.meta_path[:]
        sys.meta_path[:] = [
            each for each in self.all_finders if each in there or not _is_internal(each)
        ]
        sys.path_hooks[:] = self.hooks
        for name, get in LISTS.items():
            current = get()
            if current is not None:
                current[:] = self.lists[name]
        filters_changed()
        vars(sys).update(self.hooks_of_sys)
        loggers = loggers_by_name()
        if loggers is not None:
            loggers.clear()
            loggers.update(self.loggers)

    def fixed_changes(self, after):
        """What an import changed that it should not have changed."""
        for what, value in self.fixed.items():
            if after.fixed[what] != value:
                yield what
        for what, value in self.met.items():
            if after.met[what] != value:
                yield f"it changes {what}"
        if after.threads != self.threads:
            yield "it starts a thread"
        for name, before, now in self._pairs(after):
            if inserted(before, now) is None:
                yield f"it changes {name}"

    def _pairs(self, after):
        for name in LISTS:
            yield name, self.lists[name], after.lists[name]
        yield "sys.path", self.path, after.path
        yield "sys.meta_path", self.finders, after.finders
        yield "sys.path_hooks", self.hooks, after.hooks


def raw_environ():
    """A copy of os.environ as bytes: decoding all of it takes long, and other threads change it."""
    return dict(getattr(os.environ, "_data", os.environ))


def decoded(environ):
    """What raw_environ() returned, as text."""
    return {os.fsdecode(key): os.fsdecode(value) for key, value in environ.items()}


def set_environ(environ):
    for key in [key for key in os.environ if key not in environ]:
        del os.environ[key]
    for key, value in environ.items():
        if os.environ.get(key) != value:
            os.environ[key] = value


def changed_environ(environ, changes):
    environ = dict(environ)
    for key, value in (changes or {}).items():
        if value is None:
            environ.pop(key, None)
        else:
            environ[key] = value
    return environ


def lazy_imports():
    """The names of what has been imported lazily and not been used (PEP 810)."""
    return getattr(sys, "lazy_modules", set())


def import_lazily(name):
    """Its package imports it when it is asked for its name."""
    exec(f"lazy import {name}", {"__name__": __name__})


def filters_changed():
    warnings = find_module("warnings")
    if warnings:
        warnings._filters_mutated()


def difference(before, after):
    """What to set (a value) and to remove (None), to get from one dictionary to another."""
    changes = {key: value for key, value in after.items() if before.get(key) != value}
    changes.update((key, None) for key in before if key not in after)
    return changes


