"""Which libraries an application imports, in which order: run once in every interpreter.

A finder that is first on sys.meta_path notes what is imported.  The modules of an interpreter are
a forest: a *root* is imported by the application's own code (or by what a library does when it is
called, not imported), its children are imported while it is executed.  The list of the roots is
what application_preload.py imports in advance into the next interpreter.
"""

import _frozen_importlib
import _thread
import marshal
import os
import sys

import fcgi_host

_get_ident = _thread.get_ident
_INSTALLED = ("/site-packages/", "/dist-packages/")
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def hide_from_tracebacks(function):
    """Python leaves out the frames of its import system, which are known by their file."""
    function.__code__ = function.__code__.replace(co_filename=_IMPORT_SYSTEM)
    return function


def own_roots(files, folders):
    """The folders of an application's own code: of its WSGI files, and those on its python_path."""
    roots = {os.path.realpath(folder) for folder in folders}
    for file in files:
        folder = os.path.realpath(os.path.dirname(file))
        while os.path.exists(os.path.join(folder, "__init__.py")) and os.path.dirname(folder) != folder:
            package, folder = folder, os.path.dirname(folder)
            roots.add(package)
        if not any(name in folder + "/" for name in _INSTALLED):
            roots.add(folder)
    return tuple(sorted(root.rstrip("/") + "/" for root in roots))


class Node:
    """A module that was imported, and what was imported for it."""

    __slots__ = ("name", "children", "environ", "path", "is_late", "has_failed")

    def __init__(self, name, environ=None, path=None, is_late=False):
        self.name = name
        self.children = []
        self.environ = environ  # of a root: what differs from the beginning; None: nothing
        self.path = path  # of a root: sys.path, if it is not as in the beginning
        self.is_late = is_late  # imported after the applications had loaded
        self.has_failed = False

    def pack(self):
        return (
            self.name,
            [child.pack() for child in self.children],
            None if self.environ is None else dict(sorted(self.environ.items())),
            self.path,
            self.is_late,
            self.has_failed,
        )

    @classmethod
    def unpack(cls, packed):
        name, children, environ, path, is_late, has_failed = packed
        node = cls(name, environ, path, is_late)
        node.children = [cls.unpack(child) for child in children]
        node.has_failed = has_failed
        return node


def raw_environ():
    """A copy of os.environ as bytes: decoding all of it takes long, and other threads change it."""
    return dict(getattr(os.environ, "_data", os.environ))


def decoded(environ):
    """What raw_environ() returned, as text."""
    return {os.fsdecode(key): os.fsdecode(value) for key, value in environ.items()}


def difference(before, after):
    """What to set (a value) and to remove (None), to get from one dictionary to another."""
    changes = {key: value for key, value in after.items() if before.get(key) != value}
    changes.update((key, None) for key in before if key not in after)
    return changes


class _Execution:
    """A loader's exec_module(), for one call."""

    __slots__ = ("_libraries", "_loader", "_before", "_execute")

    def __init__(self, libraries, loader):
        self._libraries, self._loader = libraries, loader
        self._before = vars(loader).get("exec_module")
        self._execute = loader.exec_module

    @hide_from_tracebacks
    def __call__(self, module):
        if self._before is None:
            vars(self._loader).pop("exec_module", None)
        else:
            self._loader.exec_module = self._before
        self._libraries.execute(self._execute, module)


class Libraries:
    """Finds modules as the finders after it do, and notes those that are executed."""

    def __init__(self, files, folders, virtualenvs, is_standard):
        self._places = files, folders, virtualenvs
        self._resolved = self._resolve()
        self.own = own_roots(files, folders)
        self.is_standard = is_standard
        self.roots = []
        self.preload = None  # application_preload.Preload, where something was imported in advance
        self.is_loaded = False  # the applications have loaded: what comes now is late
        self._open = {}  # of each thread, what is being executed; None: the application's own
        self._environ, self._path = {}, []
        self._latest = None, None  # os.environ when it was looked at, and how it differs then
        self._finding = set()  # (thread, name) of what the finders after this one are asked for
        self._looked_for = []  # (thread, spec) of namespace packages that may come to be
        self._late = set()  # names of late roots: what is imported again and again is noted once

    def _resolve(self):
        return [os.path.realpath(place) for places in self._places for place in places]

    def has_moved(self):
        """Whether a symbolic link leads to another release than when the interpreter was made."""
        return self._resolve() != self._resolved

    def install(self):
        sys.meta_path.insert(0, self)
        for importer in (_frozen_importlib.BuiltinImporter, _frozen_importlib.FrozenImporter):
            self._watch_class(importer)

    def begin(self):
        """From now on code of the applications runs."""
        data = raw_environ()
        self._environ, self._path, self._latest = decoded(data), list(sys.path), (data, None)

    def base(self):
        return self._environ, self._path

    def is_own(self, file):
        return (
            isinstance(file, str)
            and file.startswith(self.own)
            and not any(name in file for name in _INSTALLED)
        )

    def is_own_spec(self, spec):
        if spec.has_location or spec.origin not in (None, "built-in", "frozen"):
            return self.is_own(spec.origin)
        locations = list(spec.submodule_search_locations or ())
        return bool(locations) and any(self.is_own(str(each) + "/") for each in locations)

    # ---- Finding ----

    def find(self, name, path=None, target=None):
        """As the import system without this finder."""
        key = _get_ident(), name
        self._finding.add(key)
        try:
            for finder in list(sys.meta_path):
                find_spec = getattr(finder, "find_spec", None)
                if finder is self or find_spec is None:
                    continue
                spec = find_spec(name, path, target)
                if spec is not None:
                    return spec
            return None
        finally:
            self._finding.discard(key)

    @hide_from_tracebacks
    def find_spec(self, name, path=None, target=None):
        for finder in sys.meta_path:
            if finder is self:
                break
        else:  # an application has put something around each finder (mercurial's hgdemandimport)
            return None
        if (_get_ident(), name) in self._finding:  # another finder asks all the others
            return None
        self._note_namespaces()
        preload = self.preload
        if preload is not None and preload.has(name):
            return preload.find(name, path, target)
        spec = self.find(name, path, target)
        if spec is not None:
            if preload is not None:
                preload.check_found(spec)
            self._watch(spec)
        elif preload is not None:
            preload.note_missing(name, path)
        return spec

    def _watch(self, spec):
        """Be told when the module is executed."""
        loader = spec.loader
        if loader is None:  # a namespace package: nothing is executed
            self._looked_for.append((_get_ident(), spec))
            return
        if isinstance(loader, type):
            return
        try:
            if type(vars(loader).get("exec_module")) is not _Execution:  # it may have many modules
                loader.exec_module = _Execution(self, loader)
        except (AttributeError, TypeError):  # a loader of another kind: it goes unnoticed
            pass

    def _note_namespaces(self):
        """Those that have come to be since this thread imported something."""
        ident = _get_ident()
        for each in [each for each in self._looked_for if each[0] == ident]:
            self._looked_for.remove(each)
            spec = each[1]
            if getattr(sys.modules.get(spec.name), "__spec__", None) is spec:
                self.close(self.open(spec))

    def _watch_class(self, importer):
        """The same for modules that are built in: their loader is a class."""
        create, execute = importer.create_module, importer.exec_module

        def create_module(spec):
            preload = self.preload
            if preload is not None and preload.has(spec.name):
                return preload.release(spec.name, spec) or create(spec)
            return create(spec)

        def exec_module(module):
            preload = self.preload
            if preload is None or not preload.adopt(module):
                self.execute(execute, module)

        importer.create_module = staticmethod(hide_from_tracebacks(create_module))
        importer.exec_module = staticmethod(hide_from_tracebacks(exec_module))

    # ---- Noting ----

    @hide_from_tracebacks
    def execute(self, execute, module):
        spec = getattr(module, "__spec__", None)
        if not isinstance(getattr(spec, "name", None), str):  # made by hand
            execute(module)
            return
        node = self.open(spec)
        try:
            execute(module)
        except BaseException:
            if node is not None:
                node.has_failed = True
            raise
        finally:
            self.close(node)

    def open(self, spec):
        """A module is about to be executed. @return its node; None: it is the application's own"""
        if self.preload is not None:
            self.preload.opened(spec)
        node = None if self.is_own_spec(spec) else self.note(Node(spec.name))
        self._open.setdefault(_get_ident(), []).append(node)
        return node

    def note(self, node):
        parents = self._open.get(_get_ident())
        if parents and parents[-1] is not None:
            parents[-1].children.append(node)
            return node
        path = [entry for entry in sys.path if type(entry) is str]
        node.environ = self._environ_difference()
        node.path = None if path == self._path else path
        node.is_late = self.is_loaded
        if node.is_late and node.name in self._late:
            return node
        self.roots.append(node)
        if node.is_late:
            self._late.add(node.name)
            fcgi_host._library_came()
        return node

    def _environ_difference(self):
        data = raw_environ()
        if data != self._latest[0]:
            environ = decoded(data)
            same = environ == self._environ
            self._latest = data, None if same else difference(self._environ, environ)
        return self._latest[1]

    def is_within_library(self):
        """Whether the calling thread executes a library's module."""
        nodes = self._open.get(_get_ident())
        return bool(nodes) and nodes[-1] is not None

    def close(self, node):
        ident = _get_ident()
        nodes = self._open.get(ident, ())
        if nodes and nodes[-1] is node:
            nodes.pop()
        if not nodes:
            self._open.pop(ident, None)

    def describe(self):
        """The roots, as bytes, with those that may still come.  The same roots are the same bytes."""
        self._note_namespaces()
        roots = self.roots + (self.preload.rest() if self.preload is not None else [])
        return marshal.dumps([root.pack() for root in roots], 2)


def install(files, folders, virtualenvs, is_standard):
    libraries = Libraries(files, folders, virtualenvs, is_standard)
    libraries.install()
    return libraries
