"""From one generation to the next: the application's modules that requests had imported.

A framework may import most of an application at the first request (Django: URLconf and views), so
the next generation has loaded without a look at them.  fcgi_host/wsgi/modules.c runs this, first in
the old generation, then, before it serves, in the next one.
"""

import _frozen_importlib
import marshal
import sys


def _own_modules(loaders):
    """(name, module, file)"""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        file = loaders.own_file(spec)
        if file is not None and spec.name == name:
            yield name, module, file


def describe(loaders):
    """The application's own modules, in the order of their imports: (name, file, stamp), as bytes;
    then those whose import is put off.

    `loaders`: the module application_import of this interpreter."""
    found = [
        (name, file, module.__spec__.loader.stamp) for name, module, file in _own_modules(loaders)
    ]
    found += [
        (name, file, stamp)
        for name, (file, stamp) in loaders.put_off.items()
        if name not in sys.modules
    ]
    return marshal.dumps(found)


class _Modules:
    """The modules of the generation before, as they are now."""

    def __init__(self, description, stamp_of):
        self._specs = {}
        self._names = {}
        self.all = [name for name, _, _ in description]
        self.changed = {
            name
            for name, path, stamp in description
            if self.path(name) != path or stamp_of(path) != stamp
        }

    def _spec(self, name):
        """None: it is gone.  Nothing is imported for that."""
        if name not in self._specs:
            module = sys.modules.get(name)
            spec = getattr(module, "__spec__", None)
            if spec is None:
                spec = self._find(name)
            self._specs[name] = spec
        return self._specs[name]

    def _find(self, name):
        package = name.rpartition(".")[0]
        path = None
        if package:
            spec = self._spec(package)
            path = getattr(spec, "submodule_search_locations", None)
            if path is None:
                return None
        return _frozen_importlib._find_spec(name, path)

    def path(self, name):
        spec = self._spec(name)
        return None if spec is None else spec.origin

    def _used_names(self, name):
        """What the module's own code names, functions' and classes' code not included."""
        if name not in self._names:
            try:
                code = self._spec(name).loader.get_code(name)
                self._names[name] = frozenset(code.co_names)
            except Exception:  # it is not to be looked into: it imports what it imports
                self._names[name] = frozenset()
        return self._names[name]

    def _imports(self, name, imported):
        package, _, stem = imported.rpartition(".")
        return name.startswith(imported + ".") or any(
            used == stem or used == imported or used.endswith("." + stem)
            for used in self._used_names(name)
        )

    def concerned(self):
        """The changed ones, and those that import them, directly or not."""
        concerned = set(self.changed)
        fresh = concerned
        while fresh:
            others = [name for name in self.all if name not in concerned]
            fresh = {
                name for name in others if any(self._imports(name, each) for each in fresh)
            }
            concerned |= fresh
        return concerned


def import_changed(description, loaders):
    """Import what the generation before had imported and this one has not, where it may have
    changed: an error shows now.  Modules that are gone are no error by themselves."""
    description = marshal.loads(description)
    late = [name for name, _, _ in description if name not in sys.modules]
    is_lazy = loaders.PutOff().has_own()
    if not late and not is_lazy:
        return
    modules = _Modules(description, loaders.stamp_of)
    concerned = modules.concerned() if modules.changed else set()
    for name in late:
        if name in concerned and name not in sys.modules and modules.path(name) is not None:
            _import(name)
    if is_lazy:
        _Resolution(modules, concerned, loaders).run()


class _Resolution:
    """What is concerned and put off (PEP 810) is imported, as is what the generation before did not
    know: the names that mean it are looked up in it."""

    _PREFIX, _SUFFIX = "<lazy_import '", "'>"  # what repr() puts around the absolute name

    def __init__(self, modules, concerned, loaders):
        self._known, self._concerned, self._loaders = set(modules.all), concerned, loaders
        self._wanted = set(concerned)
        self._done = set()  # (module, key)

    def run(self):
        """Until the modules that this brings put nothing off that is wanted."""
        before = None
        while before != (len(sys.modules), len(self._done)):
            before = len(sys.modules), len(self._done)
            for name in self._modules():
                _frozen_importlib._gcd_import(name)
            for value in self._names():
                value.resolve()

    def _modules(self):
        """Those that are there, and those of which it is an error that they are gone."""
        own = {name for name, _ in self._loaders.PutOff().own()}
        self._wanted |= own - self._known
        gone = self._concerned & sys.lazy_modules - sys.modules.keys()
        return sorted(own & self._wanted | gone)

    def _names(self):
        for name, module, _ in list(_own_modules(self._loaders)):
            for key, value in list(vars(module).items()):
                if type(value).__name__ == "lazy_import" and (name, key) not in self._done:
                    if not self._wanted.isdisjoint(self._packages(value)):
                        self._done.add((name, key))
                        yield value

    def _packages(self, value):
        """a, a.b and a.b.c of a.b.c"""
        name = repr(value).removeprefix(self._PREFIX).removesuffix(self._SUFFIX)
        while name:
            yield name
            name = name.rpartition(".")[0]


def _import(name):
    try:
        _frozen_importlib._gcd_import(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
