"""Run once in the main interpreter: its side of main_first.h.

note_handed_out(name, module) is there when it is used (handed_out.h).
"""

import _frozen_importlib
import _frozen_importlib_external
import _imp
import _thread
import sys

_created = set()
_modules = []  # kept: the end of a module can free (m_free) what others of its file still use


class _LentPath:
    """Last on sys.meta_path: finds modules where a sub-interpreter would, for the thread that
    creates an extension on its behalf, and for nobody else in this interpreter."""

    def __init__(self):
        self._of_thread = _thread._local()

    def call(self, search_path, function, *args):
        """Call function(*args) with `search_path` behind everything that is on our own.

        What was found there is forgotten again, so that an application that lives in this
        interpreter does not come upon another one's packages.
        """
        of_thread = self._of_thread
        before = vars(of_thread).copy()
        of_thread.path = [entry for entry in search_path if isinstance(entry, str) and entry]
        of_thread.found = found = set()
        try:
            return function(*args)
        finally:
            vars(of_thread).clear()
            vars(of_thread).update(before)
            for name in list(sys.modules):
                if name.partition(".")[0] in found:
                    sys.modules.pop(name, None)

    def find_spec(self, name, path=None, target=None):
        lent = getattr(self._of_thread, "path", None)
        if path is not None or not lent:
            return None
        spec = _frozen_importlib_external.PathFinder.find_spec(name, lent, target)
        if spec is not None:
            self._of_thread.found.add(name)
        return spec


_lent_path = _LentPath()
sys.meta_path.append(_lent_path)


def create(name, path, search_path):
    """Create the extension module `name` of the file `path` (None: built in), unless it was.

    Only created, not executed: of a multi-phase module that is PyInit_ (or PyModExport_) and
    Py_mod_create.  What counts is that CPython keeps its copy for this interpreter, which never
    ends.
    """
    key = (name, path)
    if key in _created:
        return
    # The lock that `import name` takes here, too: not beside an import by an application in main.
    with _frozen_importlib._ModuleLockManager(name):
        if key in _created:
            return
        if _is_imported(name, path):
            _name_slots(sys.modules[name])
            note_handed_out(name, sys.modules[name])
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
        spec = _frozen_importlib.ModuleSpec(name, loader, origin="built-in")
        _modules.append(_imp.create_builtin(spec))
        note_handed_out(name, _modules[-1])
        return
    loader = _frozen_importlib_external.ExtensionFileLoader(name, path)
    spec = _frozen_importlib.ModuleSpec(name, loader, origin=path)
    try:
        _lent_path.call(search_path, _create_dynamic, spec)
    finally:
        if not _is_on_own_path(path):
            sys.modules.pop(name, None)


def _create_dynamic(spec):
    """Create it with its package there, if it may ask for that.

    Wherever a module of a package is imported, the package is there, though its code may only have
    begun.  Were it not here, an extension that imports another module of its package would run the
    package's code, that imports the extension, and so have it created twice.
    """
    package = spec.name.rpartition(".")[0]
    if package and package not in sys.modules and _names_its_package(spec):
        try:
            _frozen_importlib._gcd_import(package)
        except Exception:
            pass  # it is for the interpreter that asks to say so
    if not _is_imported(spec.name, spec.origin):
        _modules.append(_imp.create_dynamic(spec))
        _name_slots(_modules[-1])
    note_handed_out(spec.name, sys.modules.get(spec.name))


def _name_slots(module):
    """Have copyreg cache in the module's classes what it would when one is pickled or copied.

    All interpreters share the classes of a single-phase extension, and the first one that pickles
    would leave an object of its own there.
    """
    import copyreg
    for value in list(vars(module).values()):
        if isinstance(value, type):
            try:
                copyreg._slotnames(value)
            except Exception:
                pass  # it is for who pickles to see


def _names_its_package(spec):
    """Whether a single-phase extension has, as a string, the name of a module of its package."""
    image = spec.loader.get_data(spec.origin)
    if b"\0PyModuleDef_Init\0" in image or b"\0PyModExport_" in image:
        return False  # multi-phase: it is not executed here
    top = spec.name.partition(".")[0].encode()
    folder = spec.origin.rsplit("/", spec.name.count(".") + 1)[0]
    at = image.find(b"\0" + top)
    while at >= 0:
        word = image[at + 1:image.find(b"\0", at + 1)].decode("latin-1")
        if word != spec.name and _is_module(folder, word):
            return True
        at = image.find(b"\0" + top, at + 1)
    return False


def _is_module(folder, name):
    path = f"{folder}/{name.replace('.', '/')}"
    return _frozen_importlib_external._path_isdir(path) or (
        _frozen_importlib_external._path_isfile(path + ".py"))


def _is_on_own_path(path):
    entries = (entry.rstrip("/") + "/" for entry in sys.path if isinstance(entry, str) and entry)
    return any(path.startswith(entry) for entry in entries)
