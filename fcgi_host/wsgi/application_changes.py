"""What is replaced or changed in modules, by a library's import or by the application.

Of each module that is told, its global names are looked at, its classes' attributes, and what the
lists, dictionaries and sets hold that these names mean, and their objects' attributes.  Of modules of the standard library only
the functions and classes: their other names change as they are used.

Run in an interpreter that libraries are imported into in advance (application_preload.py).
"""

import sys

_ABSENT = object()
_Module = type(sys)
_Function = type(lambda: None)
_PLAIN = (str, int, bytes, float, bool, type(None), tuple, _Module)  # nothing to look into
_Descriptor = type(vars(type("Any", (), {}))["__dict__"])


# What the import system and the interpreter set.
_OF_MODULES = {"__spec__", "__loader__", "__builtins__", "__cached__", "__warningregistry__"}
_OF_CLASSES = {"__dict__", "__weakref__", "__module__", "__abstractmethods__", "_abc_impl"}


def _is_put_off(value):
    """Whether it stands for what is imported when it is used (PEP 810)."""
    return type(value).__name__ == "lazy_import"


def _is_a(value, kind):
    """As isinstance(), which asks the value, too: a proxy sets itself up then."""
    return issubclass(type(value), kind)


class Change:
    """One name or key of a holder, or all of a list: the value before, and now."""

    __slots__ = ("_holder", "base", "key", "before", "now")

    def __init__(self, holder, base, key, before, now):
        self._holder, self.base = holder, base  # all that the holder had before
        self.key, self.before, self.now = key, before, now

    @property
    def text(self):
        return self._holder.text_of(self.key)

    @property
    def is_setting(self):
        """Whether this looks like somebody's doing, and not like what a library notes for itself."""
        name = str(self.key)
        if self.before is _ABSENT and name.startswith("_") or _is_put_off(self.before):
            return False
        if callable(self.now) or callable(self.before):
            return self._holder.has_settings
        return self._holder.has_settings and not name.startswith("_") and "counter" not in name

    def undo(self):
        self._holder.set(self.key, self.now, self.before)

    def redo(self):
        self._holder.set(self.key, self.before, self.now)

    def can_redo(self):
        """Whether the application has left it as it was; else the import might do otherwise."""
        if _is_put_off(self.before):  # it may have been used, which gave it the same value
            return any(self._holder.value_of(self.key) is each for each in (self.before, self.now))
        return self._holder.is_as(self.base, self.key, self.before)


class _Holder:
    """`target`: what versions_of() is asked about."""

    has_settings = True

    def __init__(self, name, target):
        self.name, self.target = name, target
        self._values = self.read()

    def compare(self):
        """@return the changes since the last call"""
        before, self._values = self._values, self.read()
        now = self._values
        changes = [
            Change(self, before, key, before.get(key, _ABSENT), value)
            for key, value in now.items()
            if before.get(key, _ABSENT) is not value
        ]
        changes += [Change(self, before, key, before[key], _ABSENT) for key in before if key not in now]
        return changes

    def text_of(self, key):
        return f"{self.name}.{key}"

    def is_as(self, base, key, before):
        return self.read().get(key, _ABSENT) is before

    def value_of(self, key):
        return self.read().get(key, _ABSENT)


class _Globals(_Holder):
    """A module."""

    def read(self):
        return {
            key: value
            for key, value in self.target.copy().items()  # other threads may change it
            if key not in _OF_MODULES and not _is_a(value, _Module)
        }

    def compare(self):
        changes = super().compare()
        for change in changes:
            if _is_put_off(change.before) and change.now is _ABSENT:  # by now it may be a module
                change.now = self.value_of(change.key)
        return changes

    def value_of(self, key):
        return self.target.get(key, _ABSENT)

    def set(self, key, before, now):
        if now is _ABSENT:
            self.target.pop(key, None)
        else:
            self.target[key] = now


class _StandardGlobals(_Globals):
    """A module of the standard library."""

    _names = None

    def read(self):
        if self._names is None:
            self._names = {
                key
                for key, value in self.target.copy().items()
                if callable(value) or _is_put_off(value)
            }
        now = self.target.copy()
        return {key: now[key] for key in self._names if key in now and not _is_a(now[key], _Module)}


class _Attributes(_Holder):
    """A class."""

    def read(self):
        attributes = vars(self.target).copy()
        return {key: value for key, value in attributes.items() if key not in _OF_CLASSES}

    def set(self, key, before, now):
        if now is not _ABSENT:
            type.__setattr__(self.target, key, now)
        elif key in vars(self.target):
            type.__delattr__(self.target, key)


class _Container(_Holder):
    def __init__(self, name, target):
        super().__init__(name, target)
        self.has_settings = not name.rpartition(".")[2].startswith("_")


class _Items(_Container):
    """A dictionary."""

    def read(self):
        return dict(self.target)

    def is_as(self, base, key, before):
        """A registry: what is added may depend on what is there."""
        now = self.read()
        return now.keys() == base.keys() and all(now[key] is base[key] for key in now)

    def text_of(self, key):
        return f"{self.name}[{key!r}]"

    def set(self, key, before, now):
        if now is _ABSENT:
            self.target.pop(key, None)
        else:
            self.target[key] = now


class _State(_Items):
    """The attributes of an object: most are what its class notes for itself."""

    def __init__(self, name, target):
        super().__init__(name, target)
        self.has_settings = False

    def is_as(self, base, key, before):
        return self.read().get(key, _ABSENT) is before

    def text_of(self, key):
        return f"{self.name}.{key}"


class _Dispatch(_Items):
    """What functools.singledispatch() keeps of a function, beside a cache."""

    def __init__(self, name, target, clear_cache):
        super().__init__(name, target)
        self._clear_cache = clear_cache

    def set(self, key, before, now):
        super().set(key, before, now)
        self._clear_cache()


class _LoggerState(_State):
    """A logger: a library sets it after the application, and so it has the last word."""

    _KEYS = ("level", "propagate", "disabled")

    def read(self):
        return {key: self.target.get(key) for key in self._KEYS}

    def is_as(self, base, key, before):
        return True


class _Elements(_Container):
    """A list or a set: its only key is None, of all that it holds."""

    def read(self):
        return {None: tuple(self.target)}

    def compare(self):
        before, self._values = self._values, self.read()
        old, new = before[None], self._values[None]
        if self._is_same(old, new):
            return []
        return [Change(self, before, None, old, new)]

    def text_of(self, key):
        return self.name

    def is_as(self, base, key, before):
        return self._is_same(tuple(self.target), before)

    def _is_same(self, one, other):
        if _is_a(self.target, set):  # which has its elements in any order
            return len(one) == len(other) and set(one) == set(other)
        return len(one) == len(other) and all(map(_is, one, other))

    def set(self, key, before, now):
        merged = self._merge(before, now)
        merged = now if merged is None else merged
        if _is_a(self.target, list):
            self.target[:] = merged
            return
        self.target.clear()
        if _is_a(self.target, set):
            self.target.update(merged)
        else:
            self.target.extend(merged)

    def _merge(self, before, now):
        """What it is to hold, so that what others have added stays; None: that is unclear."""
        current = tuple(self.target)
        if _is_a(self.target, set):
            return (set(current) - set(before)) | set(now)
        if len(current) == len(before) and all(map(_is, current, before)):
            return now
        if len(now) >= len(before) and all(map(_is, now, before)):
            return current + now[len(before) :]
        return None


class _LoggerElements(_Elements):
    """Its handlers or filters."""

    def is_as(self, base, key, before):
        return True


def _is(one, other):
    return one is other


def _has_state(kind):
    """Whether objects of this class are looked into: not those of the standard library's."""
    module = vars(kind).get("__module__")
    return isinstance(module, str) and module.partition(".")[0] not in sys.stdlib_module_names


def _namespace_of(value):
    """Its own __dict__, not one that it makes up; None: it has none."""
    for kind in type(value).__mro__:
        if "__dict__" in vars(kind):
            descriptor = vars(kind)["__dict__"]
            is_genuine = type(descriptor) is _Descriptor
            return descriptor.__get__(value) if is_genuine else None
    return None


_HOLDERS = {
    "builtins": {"dict": _Items, "list": _Elements, "set": _Elements},
    "collections": {
        "OrderedDict": _Items,
        "defaultdict": _Items,
        "Counter": _Items,
        "deque": _Elements,
    },
}


def _holder_of(value):
    """@return the class for a container, or None"""
    kind = type(value)
    return _HOLDERS.get(vars(kind).get("__module__", kind.__module__), {}).get(kind.__name__)


class _Search:
    """Finds what a module holds that may be changed: its classes, the objects and containers that
    its names mean, what these hold in turn, and what its functions keep in closures."""

    DEPTH = 6
    MOST = 5000  # holders of a module; there may be tables of any size

    def __init__(self, add, module):
        self._add, self._module = add, module
        self._left = self.MOST

    def look(self, text, value, depth=0, is_public=True):
        kind = type(value)
        if self._left <= 0 or depth > self.DEPTH:
            return
        holder = _holder_of(value)
        if holder is not None:
            self._look_into(holder(text, value), value, depth, is_public)
        elif _is_a(value, type):
            if depth == 0 and vars(value).get("__module__") == self._module:
                self._look_into_class(text, value)
        elif kind is _Function:
            if value.__module__ == self._module:
                self._look_into_function(text, value, depth)
        elif _has_state(kind):
            namespace = _namespace_of(value)
            if namespace is not None:
                self._look_into(_State(text, namespace), namespace, depth, False)

    def _look_into(self, holder, container, depth, is_public):
        holder.has_settings &= is_public
        if self._add(holder):
            self._left -= 1
            values = container.values() if _is_a(container, dict) else container
            for value in list(values):
                if type(value) not in _PLAIN:
                    self.look(holder.name, value, depth + 1, False)

    def _look_into_class(self, text, value):
        if self._add(_Attributes(text, value)):
            self._left -= 1
            for key, attribute in list(vars(value).items()):
                if type(attribute) not in _PLAIN and key not in _OF_CLASSES:
                    self.look(f"{text}.{key}", attribute, 1)

    def _look_into_function(self, text, function, depth):
        clear, dispatch = vars(function).get("_clear_cache"), vars(function).get("dispatch")
        if clear is not None and type(dispatch) is _Function:
            cells = dict(zip(dispatch.__code__.co_freevars, dispatch.__closure__ or ()))
            if "registry" in cells:
                registry = cells["registry"].cell_contents
                self._look_into(_Dispatch(text, registry, clear), registry, depth, False)
        if vars(function):
            self._look_into(_State(text, vars(function)), vars(function), depth, False)
        for cell in function.__closure__ or ():
            try:
                self.look(text, cell.cell_contents, depth + 1, False)
            except ValueError:  # it is empty
                pass


class Changes:
    """Finds what has changed since it was looked at last."""

    def __init__(self, versions_of):
        self._versions_of = versions_of
        self._holders, self._targets = [], []
        self._without_version = []
        self._known = set()  # id of each target, which is kept
        self._versions = None

    def add(self, name, module, is_standard):
        if not _is_a(module, _Module):
            return
        namespace = vars(module)
        if is_standard:
            self._add(_StandardGlobals(name, namespace))
            return
        self._add(_Globals(name, namespace))
        search = _Search(self._add, name)
        for key, value in list(namespace.items()):
            if key not in _OF_MODULES and type(value) not in _PLAIN:
                search.look(f"{name}.{key}", value)

    def add_logger(self, logger):
        text = f"the logger {logger.name}"
        self._add(_LoggerState(text, vars(logger)))
        for key in ("handlers", "filters"):
            holder = _LoggerElements(f"{text}.{key}", getattr(logger, key))
            holder.has_settings = False
            self._add(holder)

    def _add(self, holder):
        """@return whether it is new"""
        if id(holder.target) in self._known:
            return False
        self._known.add(id(holder.target))
        if type(holder.target).__name__ == "deque":
            self._without_version.append(holder)
        else:
            self._holders.append(holder)
            self._targets.append(holder.target)
        return True

    def take(self):
        """@return the changes since the last call, in the order of the modules"""
        changes = [change for holder in self._without_version for change in holder.compare()]
        versions = memoryview(self._versions_of(self._targets)).cast("Q")
        before, self._versions = self._versions, versions
        if before is None:
            changed = self._holders
        elif versions == before:
            return changes
        else:
            # No other holder is touched: processes that were forked share their memory.
            differ = [*map(int.__ne__, versions, before), *[True] * (len(versions) - len(before))]
            changed = [self._holders[index] for index, has in enumerate(differ) if has]
        return changes + [change for holder in changed for change in holder.compare()]

    def keep_settings(self):
        """From now on look only for what somebody may set, from how it is now."""
        self._holders = [holder for holder in self._holders if holder.has_settings]
        self._targets = [holder.target for holder in self._holders]
        self._without_version = []
        self._versions = None
        self.take()
