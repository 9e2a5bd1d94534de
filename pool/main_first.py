"""Run once in the main interpreter: its side of main_first.h."""

import _frozen_importlib
import _frozen_importlib_external
import _imp
import _thread
import sys

_created = set()
_borrowed = {}  # search path entry -> by how many calls
_borrowing_lock = _thread.allocate_lock()  # held for these few lines only, never while importing


def create(name, path, search_path):
    """Create the extension module `name` of the file `path` (None: built in), unless it was.

    Only created, not executed: of a multi-phase module that is PyInit_ and Py_mod_create.  What
    counts is that CPython keeps its copy for this interpreter, which never ends.
    """
    key = (name, path)
    if key in _created:
        return
    # The lock that `import name` takes here, too: not beside an import by an application in main.
    with _frozen_importlib._ModuleLockManager(name):
        if key in _created or _is_imported(name, path):
            return
        other = sys.modules.get(name)
        try:
            _create(name, path, search_path)
        finally:
            if other is not None:  # of the same name, but not of this file
                sys.modules[name] = other
        _created.add(key)


def _is_imported(name, path):
    module = sys.modules.get(name)
    return module is not None and (path is None or getattr(module, "__file__", None) == path)


def _create(name, path, search_path):
    if path is None:
        loader = _frozen_importlib.BuiltinImporter
        _imp.create_builtin(_frozen_importlib.ModuleSpec(name, loader, origin="built-in"))
    else:
        loader = _frozen_importlib_external.ExtensionFileLoader(name, path)
        spec = _frozen_importlib.ModuleSpec(name, loader, origin=path)
        _with_search_path(search_path, _imp.create_dynamic, spec)


def _with_search_path(search_path, function, spec):
    """PyInit_ may import the package that it belongs to, from a virtualenv that is not ours.

    Found behind everything that is on our own path, and forgotten again, so that an application
    that lives in this interpreter does not come upon another one's packages.
    """
    borrowed = [entry for entry in search_path if isinstance(entry, str) and entry]
    with _borrowing_lock:
        for entry in borrowed:
            if entry in _borrowed:
                _borrowed[entry] += 1
            elif entry not in sys.path:
                _borrowed[entry] = 1
                sys.path.append(entry)
    try:
        return function(spec)
    finally:
        with _borrowing_lock:
            for entry in borrowed:
                _give_back(entry)


def _give_back(entry):
    if entry in _borrowed:
        _borrowed[entry] -= 1
        if not _borrowed[entry]:
            del _borrowed[entry]
            if entry in sys.path:
                sys.path.remove(entry)
            _forget_modules_below(entry.rstrip("/") + "/")


def _forget_modules_below(prefix):
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.startswith(prefix):
            sys.modules.pop(name, None)
