"""Imports the modules of applications: run once in every interpreter that serves them.

Python takes cached byte code for current when the source's size and its modification time, in
whole seconds, are as they were.  Two edits of the same size within one second look the same to
it, so a host that reloads at once must not trust byte code that was cached so soon after an edit.
"""

import _frozen_importlib
import _frozen_importlib_external
import os
import sys
import time
import zipimport

import fcgi_host

from _frozen_importlib_external import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
    cache_from_source,
)

# Byte code says nothing about an edit within the same second.  Two, since file systems round, and
# the clock of a network file system is another one.
RACY_S = 2.0

DEFAULT_CALLABLES = ("application", "app")


class LoadError(Exception):
    """A mistake that needs no traceback: its text says all."""


def stamp_of(path):
    """Differs when the file was written again, or another has its place; None: it is not there."""
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size, info.st_ino, info.st_dev


# A method of the base class, down to the frames that tracebacks leave out; see fcgi_host._compile.
_method = type(SourceFileLoader("", "").get_data)
_source_to_code = _method(_frozen_importlib._call_with_frames_removed, fcgi_host._compile)


class ApplicationSourceLoader(SourceFileLoader):
    """As its base class, without trust in byte code that was written soon after the source."""

    source_to_code = _source_to_code
    stamp = None

    def __eq__(self, other):  # whatever it has noted of the file
        return self.__class__ == other.__class__ and (self.name, self.path) == (
            other.name, other.path)

    __hash__ = SourceFileLoader.__hash__

    def path_stats(self, path):
        fcgi_host._reads(path)
        self.stamp = self.stamp or stamp_of(path)  # the first: what was loaded
        result = super().path_stats(path)
        self._source_mtime = result["mtime"]
        return result

    def get_data(self, path):
        if path.endswith(".pyc") and path == cache_from_source(self.path):
            if os.stat(path).st_mtime - self._source_mtime < RACY_S:
                raise OSError("cached byte code that may be older than its source")
        return super().get_data(path)

    def _cache_bytecode(self, source_path, bytecode_path, data):
        if time.time() - self._source_mtime >= RACY_S:
            super()._cache_bytecode(source_path, bytecode_path, data)


class WsgiFileLoader(SourceFileLoader):
    """Loads a WSGI file, whatever its suffix; always from its source."""

    source_to_code = _source_to_code
    stamp = None

    def get_code(self, fullname):
        fcgi_host._reads(self.path)
        self.stamp = self.stamp or stamp_of(self.path)
        return self.source_to_code(self.get_data(self.path), self.path)


class ApplicationExtensionLoader(ExtensionFileLoader):
    """As its base class; what it reads is told, as for all loaders here."""

    def create_module(self, spec):
        fcgi_host._reads(spec.origin)
        return super().create_module(spec)


class ApplicationBytecodeLoader(SourcelessFileLoader):
    def get_code(self, fullname):
        fcgi_host._reads(self.path)
        return super().get_code(fullname)


_standard_library = os.path.dirname(os.__file__)


def is_standard(path):
    inside = path == _standard_library or path.startswith(_standard_library + "/")
    return inside and "/site-packages" not in path and "/dist-packages" not in path


def _finder_for(path):
    """A path hook: folders outside of the standard library."""
    if is_standard(path):
        raise ImportError("the standard library's", path=path)
    return _hook(path)


_hook = FileFinder.path_hook(
    (ApplicationExtensionLoader, _frozen_importlib_external._imp.extension_suffixes()),
    (ApplicationSourceLoader, SOURCE_SUFFIXES),
    (ApplicationBytecodeLoader, BYTECODE_SUFFIXES),
)


def _archive_finder_for(path):
    """A path hook: what is imported from a zip file is read from that file."""
    finder = zipimport.zipimporter(path)
    fcgi_host._reads(finder.archive)
    return finder


def install():
    """From now on modules outside of the standard library are found by these path hooks."""
    sys.path_hooks[:0] = (_finder_for, _archive_finder_for)
    for path in list(sys.path_importer_cache):
        if not is_standard(path):
            del sys.path_importer_cache[path]


_INSTALLED = ("/site-packages/", "/dist-packages/")


def own_file(spec):
    """The file of a module of the application's own; None: of another kind."""
    loader = getattr(spec, "loader", None)
    if not isinstance(loader, (ApplicationSourceLoader, WsgiFileLoader)):
        return None
    return None if any(folder in loader.path for folder in _INSTALLED) else loader.path


put_off = {}  # name → (file, stamp) of own modules that loading has imported lazily (PEP 810)


def _lazy_names():
    return sorted(getattr(sys, "lazy_modules", ()))  # at once: other threads use what they name


class PutOff:
    """Finds modules whose import is put off; nothing is imported for that."""

    def __init__(self):
        self._specs = {}

    def find(self, name):
        """Its spec; None: there is no module of that name."""
        if name not in self._specs:
            try:
                self._specs[name] = self._find(name)
            except Exception:  # of a path hook: the import will say so
                self._specs[name] = None
        return self._specs[name]

    def _find(self, name):
        loaded = sys.modules.get(name)
        if loaded is not None:
            return getattr(loaded, "__spec__", None)
        package, _, stem = name.rpartition(".")
        if not package:
            return None if stem in sys.stdlib_module_names else PathFinder.find_spec(name)
        places = getattr(self.find(package), "submodule_search_locations", None)
        return None if places is None else PathFinder.find_spec(name, places)

    def has_own(self):
        """Whether a module of the application's own, or a name in one, is imported lazily."""
        return any(
            own_file(self.find(name)) or own_file(self.find(name.rpartition(".")[0] or name))
            for name in _lazy_names()
        )

    def own(self):
        """(name, file) of the application's own that are not there yet."""
        for name in _lazy_names():
            file = own_file(self.find(name)) if name not in sys.modules else None
            if file is not None:
                yield name, file


def note_put_off():
    """The applications have loaded: an edit of what they put off is one of what they are."""
    for name, file in PutOff().own():
        fcgi_host._reads(file)
        put_off[name] = file, stamp_of(file)


def _place(file):
    """(import root, dotted name) of a WSGI file.

    Folders that are packages belong to the name: mysite/wsgi.py of a Django project is
    `mysite.wsgi`.  Symbolic links in the folder's path are resolved, so that all modules of one
    generation come from the same release however long it imports more.
    """
    folder = os.path.realpath(os.path.dirname(file))
    stem = os.path.splitext(os.path.basename(file))[0]
    names = [] if stem == "__init__" else [stem.replace(".", "_")]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        parent, name = os.path.split(folder)
        if not name:
            break
        names.insert(0, name)
        folder = parent
    return folder, ".".join(names)


def _is_taken(name, file):
    """Whether `import name` means (or should mean) something else than `file`."""
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    loaded = sys.modules.get(name)
    if loaded is not None:
        return getattr(loaded, "__file__", None) != file
    spec = PathFinder.find_spec(name)
    return spec is not None and spec.origin != file


def _free_name(name, file):
    """A name for a module of its own; its stem unless another module has that name."""
    free, number = name, 1
    while _is_taken(free, file):
        number += 1
        free = f"wsgi_{name}" if number == 2 else f"wsgi_{name}_{number - 1}"
    return free


def _import_file(name, file):
    """Execute a WSGI file, as a script is: without the import system's lock of its module.

    gevent replaces the thread's identity (monkey.patch_all()); a lock held across that could not be
    released any more.  Applications of one interpreter are loaded one after the other.
    """
    spec = _frozen_importlib_external.spec_from_file_location(
        name, file, loader=WsgiFileLoader(name, file)
    )
    return _frozen_importlib._load_unlocked(spec)


import_name = _frozen_importlib._gcd_import


def _import_standard(name):
    """Before a file of the same name is on the path: it may want the original (json.py)."""
    try:
        _frozen_importlib._gcd_import(name)
    except ImportError:  # of another platform
        pass


def _import_module(file):
    root, name = _place(file)
    file = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))
    if not os.path.exists(file):
        raise LoadError(f"{file}: no such file")
    package, _, stem = name.rpartition(".")
    if not package and stem in sys.stdlib_module_names:
        _import_standard(stem)
    if root not in sys.path:
        sys.path.insert(0, root)
    if not package:
        name = _free_name(name, file)
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) != file:
            raise LoadError(
                f"{file}: its module name {name} is taken in this interpreter by "
                f"{getattr(loaded, '__file__', 'another module')}; "
                "give the application an interpreter of its own"
            )
        return loaded
    if not package:
        return _import_file(name, file)
    parent = _frozen_importlib._gcd_import(package)
    module = sys.modules.get(name) or _import_file(name, file)
    setattr(parent, stem, module)
    return module


def _find_callable(module, dotted):
    found = module
    for name in dotted.split("."):
        found = getattr(found, name)
    return found


def load(file, callable_name):
    """Import a WSGI file and return its application object."""
    module = _import_module(file)
    names = DEFAULT_CALLABLES if callable_name is None else (callable_name,)
    for name in names:
        try:
            application = _find_callable(module, name)
        except AttributeError:
            continue
        if not callable(application):
            raise LoadError(
                f"{file}: {name} is no callable, but of type {type(application).__name__}"
            )
        return application
    raise LoadError(f"{file} defines no {' or '.join(names)}")


def _ask(application, environ, host, mount, path, take):
    """A GET request for `path`, asked of the application itself; its body is given to take().

    Returns status and headers.
    """
    import io

    path, _, query = path.partition("?")
    heads = []

    def start_response(status, headers, exc_info=None):
        heads.append((status, headers))
        return take

    environ.update(
        {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": mount,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": host,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": host,
            "HTTP_USER_AGENT": "fcgi_host-check",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        }
    )
    result = application(environ, start_response)
    try:
        for block in result:
            take(block)
    finally:
        if hasattr(result, "close"):
            result.close()
    return heads[-1]


def check(*request):
    """The status (a number) of a GET request."""
    status, _ = _ask(*request, lambda block: None)
    return int(status.split(None, 1)[0])


def answer(*request):
    """The whole answer to a GET request, as bytes."""
    blocks = []
    status, headers = _ask(*request, blocks.append)
    head = "".join(f"{line}\n" for line in (status, *map(": ".join, headers)))
    return head.encode("latin-1", "replace") + b"\n" + b"".join(blocks)
