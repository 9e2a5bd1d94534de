"""What the import of a library changes beside sys.modules: snapshots of it, and going back.

Run in an interpreter that libraries are imported into in advance (application_preload.py).
"""

import _locale
import _signal
import _thread
import atexit
import builtins
import gc
import os
import sys
import types

VERSION_BYTES = 8  # of a dictionary, in what versions_of() returns
_ABSENT = object()


def inserted(before, after):
    """What was added to a list: (in front, behind), or None if it was changed in another way."""
    if before == after:
        return [], []
    count = len(after) - len(before)
    if count > 0 and after[count:] == before:
        return after[:count], []
    if count > 0 and after[: len(before)] == before:
        return [], after[len(before) :]
    return None


def find_module(name):
    return sys.modules.get(name)


def _filters():
    warnings = find_module("warnings")
    return warnings.filters if warnings else None


def loggers_by_name():
    logging = find_module("logging")
    return logging.root.manager.loggerDict if logging else None


def _exits_of_threading():
    threading = find_module("threading")
    return threading._threading_atexits if threading else None


HOOKS_OF_SYS = ("stdin", "stdout", "stderr", "excepthook", "displayhook", "unraisablehook")
LISTS = {
    "warnings.filters": _filters,
    "threading's exit functions": _exits_of_threading,
}


def _umask():
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next(line for line in status if line.startswith("Umask"))


def _of_process():
    """What an import may not change in a process that is to be forked."""
    yield "it starts a thread", len(os.listdir("/proc/self/task"))
    yield "it opens a descriptor", len(os.listdir("/proc/self/fd"))
    yield "it changes the umask", _umask()
    yield "it changes a signal handler", [_signal.getsignal(number) for number in _signal.valid_signals()]


def _fixed():
    """What no import may change if it is to be made in advance: (what it did, value) pairs."""
    logging, socket = find_module("logging"), find_module("socket")
    yield "it changes sys.setrecursionlimit()", sys.getrecursionlimit()
    yield "it changes sys.settrace()", sys.gettrace()
    yield "it changes sys.setprofile()", sys.getprofile()
    yield "it changes __import__()", builtins.__import__
    yield "it changes builtins", tuple(vars(builtins))
    root = logging.root if logging else None
    yield "it changes the root logger", (tuple(root.handlers), root.level) if root else ((), 30)
    yield "it changes socket.setdefaulttimeout()", socket.getdefaulttimeout() if socket else None
    yield "it changes gc", (gc.isenabled(), gc.get_threshold(), tuple(map(id, gc.callbacks)))
    yield "it changes the working directory", os.path.realpath(os.curdir)
    yield "it changes the locale", _locale.setlocale(_locale.LC_ALL, None)
    if Snapshot.is_process:
        yield from _of_process()


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
        self.environ, self.path = dict(os.environ), list(sys.path)
        self.finders, self.hooks = finders(), list(sys.path_hooks)
        self.lists = {name: list(get() or ()) for name, get in LISTS.items()}
        self.loggers = dict(loggers_by_name() or ())
        self.hooks_of_sys = {name: getattr(sys, name) for name in HOOKS_OF_SYS}
        self.fixed = dict(_fixed())
        self.threads = _threads()

    def restore(self):
        set_environ(self.environ)
        sys.path[:] = self.path
        sys.meta_path[:] = [each for each in sys.meta_path if _is_internal(each)] + self.finders
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
        if after.threads != self.threads:
            yield "it starts a thread"
        for name in LISTS:
            if inserted(self.lists[name], after.lists[name]) is None:
                yield f"it changes {name}"


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


def filters_changed():
    warnings = find_module("warnings")
    if warnings:
        warnings._filters_mutated()


# ---- Monkey-patching ----


class Callables:
    """Finds functions and classes of modules that have been replaced."""

    def __init__(self, versions_of):
        self._versions_of = versions_of
        self._names, self._dicts = [], []
        self._values = []  # of each module, the callables by their names
        self._versions = None

    def add(self, name, module):
        if isinstance(module, types.ModuleType):
            values = {key: value for key, value in vars(module).items() if callable(value)}
            self._names.append(name)
            self._dicts.append(vars(module))
            self._values.append(values)

    def take_changes(self):
        """What was replaced or deleted since the last call: (module's name, its dictionary, name,
        value before, value now)."""
        versions = self._versions_of(self._dicts)
        before, self._versions = self._versions, versions
        if versions == before:
            return []
        changes = []
        for index in range(len(self._dicts)):  # nothing else is touched: others share its memory
            place = slice(index * VERSION_BYTES, (index + 1) * VERSION_BYTES)
            if before is None or versions[place] != before[place]:
                changes += self._compare(
                    self._names[index], self._dicts[index], self._values[index]
                )
        return changes

    @staticmethod
    def _compare(module, namespace, values):
        changes = []
        for name, value in values.items():
            now = namespace.get(name, _ABSENT)
            if now is not value:
                changes.append((module, namespace, name, value, now))
        for _, _, name, _, now in changes:
            values[name] = now
        return changes


def set_or_remove(namespace, name, value):
    if value is _ABSENT:
        namespace.pop(name, None)
    else:
        namespace[name] = value


def difference(before, after):
    """What to set (a value) and to remove (None), to get from one dictionary to another."""
    changes = {key: value for key, value in after.items() if before.get(key) != value}
    changes.update((key, None) for key in before if key not in after)
    return changes


