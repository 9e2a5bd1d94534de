"""A library that was imported in advance: what its import changed, withheld and put back.

Run in an interpreter that libraries are imported into in advance (application_preload.py).
"""

import atexit
import builtins
import codecs
import io
import os
import sys

import fcgi_host

from _frozen_importlib_external import ExtensionFileLoader

state = None  # the module application_state: use()


def use(module):
    global state
    state = module


class Segment:
    """A root, and what its import changed."""

    def __init__(self, node):
        self.node, self.name = node, node.name
        self.before = self.after = None
        self.modules = []  # (name, module), in the order of sys.modules
        self.attributes = []  # (parent, name, module): of packages that are older
        self.loggers = {}
        self.changes = []  # of older modules: application_changes.Change
        self.exits = []  # (register, function, args, kwargs): atexit.register(), on_retire()
        self.files = []  # (path, stamp) of modules
        self.data_files = []  # the same of what was opened to be read
        self.missing = []  # (name, path): what was looked for and not found
        self.used = set()  # names of lazy imports that it has made real (PEP 810)
        self.has_extension = False
        self.draws = False  # numbers from `random`

    def note(self, names, stamp_of, is_standard):
        """Its import has been done."""
        self.modules = [(name, sys.modules[name]) for name in names]
        for name, module in self.modules:
            package, _, stem = name.rpartition(".")
            parent = None if package in names else sys.modules.get(package)
            if parent is not None and getattr(parent, "__dict__", {}).get(stem) is module:
                self.attributes.append((parent, stem, module))
            self._note_file(getattr(module, "__spec__", None), stamp_of, is_standard)
        if self.after.loggers != self.before.loggers:
            Logger = sys.modules["logging"].Logger
            for name, logger in self.after.loggers.items():
                if isinstance(logger, Logger) and self.before.loggers.get(name) is not logger:
                    self.loggers[name] = logger

    def _note_file(self, spec, stamp_of, is_standard):
        loader = getattr(spec, "loader", None)
        path = getattr(loader, "archive", None) or getattr(loader, "path", None)
        self.has_extension |= isinstance(loader, ExtensionFileLoader)
        if isinstance(path, str) and not is_standard(path):
            self.files.append((path, getattr(loader, "stamp", None) or stamp_of(path)))

    def withhold(self):
        for change in reversed(self.changes):
            change.undo()
        for parent, stem, module in self.attributes:
            if vars(parent).get(stem) is module:
                delattr(parent, stem)
        for name in self.used.intersection(name for name, _ in self.modules):
            state.import_lazily(name)
        state.lazy_imports().update(self.used)
        state.loggers_changed()

    def conflict(self):
        """Why this cannot be put back; None: it can."""
        for name, module in self.modules:
            if sys.modules.get(name, module) is not module:
                return f"{name} is another module in sys.modules"
        loggers = state.loggers_by_name() or {}
        for name in self.loggers:
            if type(loggers.get(name, None)).__name__ not in ("PlaceHolder", "NoneType"):
                return f"the application has made the logger {name}"
        for change in self.changes:
            if not change.can_redo():
                return f"{change.text} is another one"
        return None

    def is_met(self):
        """Why an import would meet something else now; None: it would not."""
        return self._environ_is_met() or self.process_is_met()

    def _environ_is_met(self):
        """The part that is noted of each root, so that it is met the next time."""
        before = self.before
        environ = state.raw_environ()
        if environ != before.raw_environ:
            changed = state.difference(before.environ, state.decoded(environ))
            return f"os.environ is another one: {', '.join(sorted(changed))}"
        if sys.path != before.path:
            return "sys.path is another one"
        return None

    def process_is_met(self):
        """The part that is not noted."""
        before = self.before
        if state.finders() != before.finders or sys.path_hooks != before.hooks:
            return "modules are found in another way (sys.meta_path, sys.path_hooks)"
        if builtins.__import__ is not before.fixed["it changes __import__()"]:
            return "__import__() is another function"
        for name in state.HOOKS_OF_SYS:
            if getattr(sys, name) is not before.hooks_of_sys[name]:
                return f"sys.{name} is another one"
        for what, value in state.met().items():
            if value != before.met[what]:
                return f"{what} changed"
        return None

    def put_back(self):
        for name, module in self.modules:
            sys.modules[name] = module
        for parent, stem, module in self.attributes:
            setattr(parent, stem, module)
        state.lazy_imports().difference_update(self.used)
        self._put_back_environment()
        for name, get in state.LISTS.items():
            front, behind = state.inserted(self.before.lists[name], self.after.lists[name])
            if front or behind:
                current = get()
                current[:0] = front
                current += behind
        state.filters_changed()
        for name, value in self.after.hooks_of_sys.items():
            if value is not self.before.hooks_of_sys[name]:
                setattr(sys, name, value)
        for change in self.changes:
            change.redo()
        self._put_back_loggers()
        if self.changes:
            state.loggers_changed()
        self.put_back_exits()

    def forget(self):
        """It has been put back: nothing is to live longer for it."""
        self.before = self.after = None
        self.attributes, self.changes, self.loggers = [], [], {}

    def put_back_exits(self):
        for register, function, args, kwargs in self.exits:
            register(function, *args, **kwargs)
        self.exits = []

    def _put_back_environment(self):
        before, after = self.before, self.after
        if before.environ != after.environ:
            changes = state.difference(before.environ, after.environ)
            current = state.decoded(state.raw_environ())
            state.set_environ(state.changed_environ(current, changes))
        for current, was, now in (
            (sys.path, before.path, after.path),
            (sys.meta_path, before.finders, after.finders),
            (sys.path_hooks, before.hooks, after.hooks),
        ):
            front, behind = state.inserted(was, now)
            current[:0] = front
            current += behind

    def _put_back_loggers(self):
        if not self.loggers:
            return
        logging = sys.modules["logging"]
        manager = logging.root.manager
        with logging._lock:
            for name, logger in self.loggers.items():
                placeholder = manager.loggerDict.get(name)
                manager.loggerDict[name] = logger
                if placeholder is not None:
                    manager._fixupChildren(placeholder, logger)
                manager._fixupParents(logger)
                logger._cache.clear()


def _has_refresh(module):
    """Whether random numbers for this module are made anew in each process: refresh()."""
    return isinstance(module, str) and module.startswith("numpy.random")


class _Recorder:
    """Stands in for a function, and for good where somebody has kept it.  Like a built-in function
    it does not become a method."""

    __slots__ = ("_preload", "_function", "_note")

    def __init__(self, preload, function, note):
        self._preload, self._function, self._note = preload, function, note

    def __call__(self, *args, **kwargs):
        if self._preload.is_preparing():
            return self._note(self._function, *args, **kwargs)
        return self._function(*args, **kwargs)

    def __eq__(self, other):  # as in `os.scandir in os.supports_fd`
        return other is self or other is self._function

    def __hash__(self):
        return hash(self._function)


class Recorders:
    """Stand in for functions while modules are imported in advance."""

    def __init__(self, preload, names):
        self._preload, self._names = preload, names  # of modules that were there before
        notes = [
            (atexit, "register", preload.note_exit),
            (fcgi_host, "on_retire", preload.note_exit),
            (codecs, "register", preload.note_codec),
            (builtins, "open", preload.note_open),
            (io, "open", preload.note_open),
            (os, "listdir", preload.note_folder),
            (os, "scandir", preload.note_folder),
        ]
        if state.Snapshot.is_process:
            notes.append((os, "urandom", self._note_random))
        self._stand_ins, recorders = [], {}
        for module, name, note in notes:  # builtins.open and io.open are one
            original = getattr(module, name)
            recorder = recorders.setdefault(original, _Recorder(preload, original, note))
            self._stand_ins.append((module, name, original, recorder))

    def _note_random(self, function, size):
        frame = sys._getframe(2)
        while frame is not None and not _has_refresh(frame.f_globals.get("__name__")):
            frame = frame.f_back
        if frame is None:
            self._preload.note_random()
        return function(size)

    def __enter__(self):
        for module, name, _, recorder in self._stand_ins:
            setattr(module, name, recorder)
        return self

    def __exit__(self, *error):
        for module, name, original, recorder in self._stand_ins:
            setattr(module, name, original)
            self._replace(recorder, original)

    def watch_random(self):
        """`random`, once it has been imported: numbers that are drawn from it are nobody's loss,
        but a state that is set is. @return whether that is from now on"""
        random = sys.modules.get("random")
        if random is None or any(module is random for module, *_ in self._stand_ins):
            return False
        for name in ("seed", "setstate"):
            original = getattr(random, name)
            recorder = _Recorder(self._preload, original, self._preload.note_seed)
            self._stand_ins.append((random, name, original, recorder))
            setattr(random, name, recorder)
        return True

    def replace_in(self, changes):
        for _, _, original, recorder in self._stand_ins:
            for change in changes:
                change.before = original if change.before is recorder else change.before
                change.now = original if change.now is recorder else change.now

    def _replace(self, recorder, original):
        """Some have written `from atexit import register`."""
        for name, module in list(sys.modules.items()):
            namespace = getattr(module, "__dict__", None)
            if name not in self._names and isinstance(namespace, dict):
                for key, value in list(namespace.items()):
                    if value is recorder:
                        namespace[key] = original
