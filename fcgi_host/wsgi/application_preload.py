"""Libraries imported in advance: the next generation's interpreter has them before it is needed.

prepare() imports the roots of a list (application_libraries.py), each with the environment and
sys.path that it met before, and then withholds everything that this changed: sys.modules, paths,
loggers, exit functions, … are as if nothing had been imported.  When the application imports a
root, release() puts back what that root's import had changed.  So the application meets what it
would meet if it imported the library itself, but for the time that takes.

Where that cannot be known, the generation is *cold*: it is given up, and another one imports
everything itself.  Roots that are the reason are left out of the next list.
"""

import _frozen_importlib
import _thread
import marshal
import os
import sys

import fcgi_host

state = segments = changes = None  # the modules application_state, …_segment, …_changes: use()


def use(state_module, segments_module, changes_module):
    global state, segments, changes
    state, segments, changes = state_module, segments_module, changes_module
    segments.use(state)


# Of the standard library, what libraries set for everybody.
_WITH_STATE = ("logging", "copyreg", "asyncio.events", "urllib.request")
_NO_FILES = ("/proc/", "/sys/", "/dev/")


class Cold(BaseException):
    """What was imported in advance may not be what the application would import."""


# ---- Loaders ----


_LOAD = _frozen_importlib._load_unlocked.__code__
_FIND_AND_LOAD = _frozen_importlib._find_and_load_unlocked.__code__


def _is_importing(frame):
    """Whether a finder is asked by an import, and not by who looks whether there is a module."""
    for _ in range(3):
        if frame is not None and frame.f_code is not _FIND_AND_LOAD:
            frame = frame.f_back
    return frame is not None and frame.f_code is _FIND_AND_LOAD


class _Create:
    """create_module() of a loader, for one call: what was imported in advance."""

    __slots__ = ("_preload", "_loader")

    def __init__(self, preload, loader):
        self._preload, self._loader = preload, loader

    def __call__(self, spec):
        del self._loader.create_module
        if sys._getframe(2).f_code is not _LOAD:
            self._preload.made_by_hand(spec.name)
        module = self._preload.release(spec.name, spec)
        if module is None:
            return self._loader.create_module(spec)
        self._loader.exec_module = _Adopt(self._preload, self._loader)
        return module


class _Adopt:
    __slots__ = ("_preload", "_loader")

    def __init__(self, preload, loader):
        self._preload, self._loader = preload, loader

    def __call__(self, module):
        del self._loader.exec_module
        self._preload.adopt(module)


class _NamespaceLoader:
    """Stands in for the loader that a namespace package has not."""

    def __init__(self, preload):
        self._preload = preload

    def create_module(self, spec):
        module = self._preload.release(spec.name, spec)
        if module is None:
            spec.loader = None
        return module

    def exec_module(self, module):
        self._preload.adopt(module)


# ---- All of them ----


class Preload:
    """What was imported in advance into this interpreter.

    `libraries`: the interpreter's application_libraries.Libraries; `loaders`: its module
    application_import; `versions_of`: of a list of dictionaries, classes, lists and sets, bytes that
    differ when one of these has been changed; `reads`: told of each file that the application would have read."""

    def __init__(self, libraries, loaders, versions_of, reads):
        self._libraries, self._loaders, self._reads = libraries, loaders, reads
        self._changes = changes.Changes(versions_of)
        self._lock = _thread.RLock()
        self._segments = []  # in the order of the list
        self._next = 0  # the first that has not been put back
        self._given_up = []  # others, which never will be
        self._withheld = {}  # name → (module, segment)
        self._there = {}  # what sys.modules had before, and what has been put back
        self._came_back = set()  # names of what has been put back
        self._adopted = {}  # name → __spec__ of a module that is being put back
        self._preparing = None  # the segment that is being imported
        self._own = None  # why that fails
        self._is_loading = False
        self._random = self._random_state = None  # the module, where a segment draws from it
        self._places = {}  # of those that are left out: before which segment they are imported
        self._stranger = None  # a library that is not in the list, or has another place
        self.left_out = {}  # name of a root → why it is not imported in advance
        self.changed = set()  # names of roots of which a file has changed: the next time they leave
        self.why_cold = None
        self.stays = False  # nothing is withheld: somebody wants the modules to be there

    # ---- In advance ----

    def prepare(self, roots, is_wanted):
        """Import the roots, but those that are left out, and withhold them.

        @return whether this interpreter may be used; not so when it turns out that more must be
        left out, or when it is not wanted any more"""
        base, names, left_out = state.Snapshot(), set(sys.modules), dict(self.left_out)
        if state.Snapshot.is_process:
            os.register_at_fork(after_in_child=self._refresh)
        self._libraries.begin()
        self._libraries.preload = self
        with segments.Recorders(self, names) as recorders:
            for name in names:
                self._watch(name, sys.modules[name])
            for node in _flatten(roots, left_out):
                if not is_wanted():
                    return False
                if _is_out(node, left_out):
                    self._places[node.name] = len(self._segments)
                elif node.name not in sys.modules:
                    if recorders.watch_random():
                        self._changes.take()  # it is the recorder's
                    self._import_in_advance(node, base)
                else:
                    self._places[node.name] = len(self._segments)  # once more: importlib.reload()
        self._preparing = None
        for segment in self._segments:
            recorders.replace_in(segment.changes)
        if not self.stays:
            base.restore()
            for segment in reversed(self._segments):
                segment.withhold()
            self._changes.keep_settings()
            state.gc.collect()  # now, and not while the application loads
        if state.Snapshot.is_process:
            self._share()
        return len(self.left_out) == len(left_out)

    def _share(self):
        """Children share the memory of what they do not write to: what is let go of is written
        to, with all that only it refers to, and so is what is compared."""
        self._changes.take()
        self._shared = self._changes, list(self._segments), list(self._libraries.roots)

    def is_preparing(self):
        return self._preparing is not None

    def note_exit(self, register, function, /, *args, **kwargs):
        self._preparing.exits.append((register, function, args, kwargs))
        return function

    def note_random(self):
        """No two processes that are forked from this one may have the same random stream."""
        self._leave_out("it asks for random numbers")

    def note_seed(self, function, seed=None, *args, **kwargs):
        if seed is not None:
            self._leave_out("it sets random's state")
        return function(seed, *args, **kwargs)

    def note_codec(self, register, function):
        self._leave_out("it registers a codec")
        return register(function)

    def note_open(self, function, file, mode="r", *args, **kwargs):
        """What a library reads when it is imported must be the same when it is put back."""
        if mode.strip("rbtU") == "" and isinstance(file, (str, bytes, os.PathLike)):
            self._note_data(os.path.abspath(os.fsdecode(file)))
        return function(file, mode, *args, **kwargs)

    def note_folder(self, function, path=".", *args):
        """Likewise what it finds there, but not with the application's files: each edit is one."""
        if isinstance(path, (str, bytes, os.PathLike)):
            folder = os.path.abspath(os.fsdecode(path))
            if not self._libraries.is_own(folder + "/"):
                self._note_data(folder)
        return function(path, *args)

    def _note_data(self, path):
        is_file = not (path + "/").startswith(_NO_FILES)
        if self._preparing is not None and is_file and not self._loaders.is_standard(path):
            self._preparing.data_files.append((path, self._loaders.stamp_of(path)))

    def _import_in_advance(self, node, base):
        segment = self._preparing = segments.Segment(node)
        state.set_environ(state.changed_environ(base.environ, node.environ))
        sys.path[:] = base.path if node.path is None else node.path
        segment.before = state.Snapshot()
        known, lazy = set(sys.modules), set(state.lazy_imports())
        modules, random = dict(sys.modules), state.random_state()
        if not self._import(node):
            for child in node.children:  # nothing comes of this any more, but more is learnt
                if child.name not in sys.modules:
                    self._import(child)
        segment.after = state.Snapshot()
        segment.used = lazy - state.lazy_imports()
        for why in segment.before.fixed_changes(segment.after):
            self._leave_out(why)
        for name, module in modules.items():
            if sys.modules.get(name) is not module:
                self._leave_out(f"it changes sys.modules[{name!r}]")
        segment.draws = random is not None and state.random_state() != random
        segment.changes = self._changes.take()
        module = sys.modules.get(node.name)
        if module is not None and getattr(module, "__spec__", None) is None:
            self._leave_out("it puts another module into sys.modules")
        names = [name for name in sys.modules if name not in known]
        if node.name not in self.left_out:
            segment.note(names, self._loaders.stamp_of, self._loaders.is_standard)
            for name, module in segment.modules:
                self._watch(name, module)
            for logger in segment.loggers.values():
                self._changes.add_logger(logger)
            self._segments.append(segment)
        else:
            self._given_up.append(segment)

    def _watch(self, name, module):
        """From now on changes of it are found."""
        file = getattr(getattr(module, "__spec__", None), "origin", None)
        is_file = isinstance(file, str) and file.startswith("/")
        is_standard = not is_file or self._loaders.is_standard(file)
        self._changes.add(name, module, is_standard and name not in _WITH_STATE)

    def _import(self, node):
        try:
            self._loaders.import_name(node.name)
        except BaseException as error:
            why = f"it raises {type(error).__name__}: {error}"
            self.left_out.setdefault(node.name, self._own or why)
        self._own = None
        return node.name not in self.left_out

    def _leave_out(self, why):
        self.left_out.setdefault(self._preparing.name, why)

    def check_found(self, spec):
        """While modules are imported in advance: nothing of the application's own is."""
        if self._preparing is not None and not self.stays and self._libraries.is_own_spec(spec):
            self._own = f"it imports {spec.name}, which is the application's own"
            self._leave_out(self._own)
            raise ModuleNotFoundError(f"No module named {spec.name!r}", name=spec.name)

    def note_missing(self, name, path):
        if self._preparing is not None:
            self._preparing.missing.append((name, None if path is None else list(path)))

    def count(self):
        return sum(len(segment.modules) for segment in self._segments)

    def _refresh(self):
        """In a process that has been forked: what CPython's own hooks have not made anew."""
        random = sys.modules.get("numpy.random")
        if random is not None:
            random.seed()

    def find_changed(self):
        """The first file that is not as it was; "": all are."""
        for segment in self._segments:
            for path, stamp in segment.files + segment.data_files:
                if self._loaders.stamp_of(path) != stamp:
                    self._learn(f"{path} has changed", segment, segment.name in self.changed)
                    return path
        return ""

    # ---- While the applications load ----

    def begin(self):
        """Until now the modules were in sys.modules, where the check for stale state looks."""
        self._is_loading = True
        if self.stays:
            self._stay()
        if any(segment.draws for segment in self._segments):
            self._random = sys.modules["random"]
            self._random_state = self._random.getstate()
        for segment in self._segments:
            for name, module in segment.modules:
                self._withheld[name] = module, segment
                sys.modules.pop(name, None)
        self._changes.take()
        self._there.update(sys.modules)
        self._libraries.roots.clear()
        if self._libraries.has_moved():
            self._go_cold("the application's files are in another place now")
        for path, finder in list(sys.path_importer_cache.items()):
            if hasattr(finder, "invalidate_caches") and not self._loaders.is_standard(path):
                finder.invalidate_caches()

    def _stay(self):
        """What somebody wanted to be there is there for good."""
        for segment in self._segments:
            self._check_files(segment)
        self._segments.clear()

    def _check_shadows(self, segment):
        """A new module of the application's own may have a library's name."""
        names = {name.partition(".")[0] for name, _ in segment.modules}
        for folder in sys.path:
            if isinstance(folder, str) and self._libraries.is_own(os.path.join(folder, "")):
                try:
                    entries = os.listdir(folder)
                except OSError:
                    continue
                for name in names.intersection(entry.partition(".")[0] for entry in entries):
                    if name in self._withheld:
                        self._check_place(name, self._libraries.find(name))

    def _check_place(self, name, spec):
        module, segment = self._withheld[name]
        before = getattr(module, "__spec__", None)
        is_other = before is not None and before.name != name
        if is_other and spec is not None and spec.origin is not None and (
                self._loaders.is_standard(spec.origin) or
                any(path == spec.origin for path, _ in segment.files)):
            return  # it has put another module in its place (collections.abc of 3.13)
        if spec is None or before is None or _place_of(spec) != _place_of(before):
            place = None if spec is None else _place_of(spec)
            self._go_cold(f"{name} is found elsewhere: {place}")

    def _go_cold(self, why, segment=None, is_of_segment=False):
        """`segment`: that would not be the same; `is_of_segment`: nor will be the next time."""
        if self.why_cold is None:
            self.why_cold = why
            self._learn(why, segment, is_of_segment)
        raise Cold(why)

    def _learn(self, why, segment, is_of_segment):
        if is_of_segment:
            self.left_out.setdefault(segment.name, why)
        elif segment is not None:
            self.changed.add(segment.name)

    def has(self, name):
        return name in self._withheld

    def opened(self, spec):
        """A module is about to be executed that was not imported in advance."""
        if not self._is_loading or self._stranger or self._libraries.is_within_library():
            return
        is_standard = not spec.has_location or self._loaders.is_standard(spec.origin)
        is_own = self._libraries.is_own_spec(spec)
        if not is_standard and not is_own and self._places.get(spec.name) != self._next:
            self._stranger = spec.name

    def find(self, name, path, target):
        """The spec of what is withheld: it is put back when its module is created, not when
        somebody only looks whether there is one."""
        spec = self._libraries.find(name, path, target)
        if spec is None or isinstance(spec.loader, type):
            return spec
        if spec.loader is None:
            if _is_importing(sys._getframe(1)):
                spec.loader = _NamespaceLoader(self)
            return spec
        try:
            spec.loader.create_module = _Create(self, spec.loader)
        except (AttributeError, TypeError):
            if self._is_loading:
                self._go_cold(f"the loader of {name} is of another kind")
            self.drop()
        return spec

    def release(self, name, spec):
        """Put back what the import of `name` has changed.  @return its module; None: it is to be
        imported"""
        with _lock_of_logging(), self._lock:
            if name not in self._withheld:
                return self._put_back_meanwhile(name)
            module, segment = self._withheld[name]
            if self.why_cold is not None:
                raise Cold(self.why_cold)
            if self._is_loading:
                self._check(segment, name, spec)
            elif not self._can_put_back(segment):
                self.drop()
                return None
            else:
                self._read(segment)
            while segment.modules and name in self._withheld:
                self._put_back(self._segments[self._next])
            self._adopted[name] = getattr(module, "__spec__", None)
        return module

    def _put_back_meanwhile(self, name):
        """Another thread has been faster than this one, which has a spec: theirs is the module."""
        module = sys.modules.get(name) if name in self._came_back else None
        if module is not None:
            self._adopted[name] = getattr(module, "__spec__", None)
        return module

    def _check(self, segment, name, spec):
        due = self._segments[self._next]
        if self._stranger is not None:
            self._go_cold(f"{self._stranger} is imported before {name}, which is new")
        if segment is not due:
            self._go_cold(f"{name} is imported before {due.name}")
        if name != segment.name:
            self._go_cold(f"{name} is imported before {segment.name}")
        self._check_place(name, spec)
        self._check_shadows(segment)
        self._check_earlier(name)
        why = segment.process_is_met()
        if why is not None:
            self._leave_out_rest(f"before {name}, {why}")
        why = segment.is_met()
        if why is not None:
            self._go_cold(f"{name}: {why}")
        why = self._settings_changed()
        if why is not None:
            self._leave_out_rest(f"before {name}, {why}")
        why = segment.conflict()
        if why is None and segment.draws and self._random.getstate() != self._random_state:
            why = "it would draw numbers from another state of random"
        if why is not None:
            self._go_cold(f"{name}: {why}", segment, True)
        self._check_missing(segment)
        self._check_files(segment)

    def _check_earlier(self, name):
        """What was put back is what the import of `name` would find."""
        if not self._there.items() <= sys.modules.items():
            for each, module in self._there.items():
                if sys.modules.get(each) is not module:
                    self._leave_out_rest(f"before {name}, sys.modules[{each!r}] is replaced")

    def _settings_changed(self):
        """What the application has set in a module; None: nothing."""
        changed = [change.text for change in self._changes.take() if change.is_setting]
        return f"{changed[0]} is replaced" if changed else None

    def _leave_out_rest(self, why):
        """What comes now may be another import, this time and the next."""
        for segment in self._segments[self._next :]:
            for name in _names_of(segment.node):
                self.left_out.setdefault(name, why)
        self._go_cold(why)

    def _check_missing(self, segment):
        for name, path in segment.missing:
            if name not in self._withheld and self._libraries.find(name, path) is not None:
                self._go_cold(f"{segment.name}: {name}, which was not there, is there now")

    def _check_files(self, segment):
        for path, stamp in segment.files:
            self._reads(path)  # first: what is written after that is seen by the reloader
            self._check_file(segment, path, stamp)
        for path, stamp in segment.data_files:
            self._check_file(segment, path, stamp)

    def _check_file(self, segment, path, stamp):
        if self._loaders.stamp_of(path) != stamp:
            self._go_cold(f"{path} has changed", segment, segment.name in self.changed)

    def _put_back(self, segment):
        self._next += 1
        for name, module in segment.modules:
            self._withheld.pop(name, None)
            self._there[name] = module
            self._came_back.add(name)
        segment.put_back()
        if segment.changes:
            self._changes.take()
        segment.forget()
        self._libraries.note(segment.node)
        if self._next == len(self._segments):
            self._finish()

    def _finish(self):
        """Nothing is withheld any more."""
        self._changes = None
        self._there.clear()
        if not self._is_loading:
            self._libraries.preload = None

    def made_by_hand(self, name):
        """The application makes a module from a spec, which need not become the one of its name."""
        with self._lock:
            if name in self._withheld and self._is_loading:
                self._leave_out_rest(f"the application calls create_module() for {name}")
            self.drop()

    def adopt(self, module):
        """The module, which has been put back, would be executed now. @return whether it is one"""
        name = getattr(getattr(module, "__spec__", None), "name", None)
        if name not in self._adopted:
            return False
        module.__spec__ = self._adopted.pop(name)
        return True

    # ---- When they have loaded ----

    def loaded(self):
        """The applications have loaded.  What requests have imported is kept for when they do
        again, in any order, but not where it would be another import then."""
        self._is_loading = False
        rest = self._segments[self._next :]
        for segment in rest:
            if not segment.node.is_late:
                self._go_cold(f"{segment.name} is not imported any more")
        why = self._settings_changed() if rest else None
        kept = 0
        while kept < len(rest) and why is None and rest[kept].is_met() is None:
            kept += 1
        if any(segment.has_extension for segment in rest[kept:]):
            self._go_cold(f"{rest[kept].name}: {why or rest[kept].is_met()}")
        for segment in rest[kept:]:
            for name, _ in segment.modules:
                self._withheld.pop(name, None)
        self._give_up(self._next + kept)
        if not self._withheld:
            self._finish()

    def rest(self):
        """The roots that have not been put back."""
        return [segment.node for segment in self._segments[self._next :]]

    def _up_to(self, segment):
        return self._segments[self._next : self._segments.index(segment) + 1]

    def _can_put_back(self, segment):
        return self._settings_changed() is None and all(
            each.conflict() is None and each.is_met() is None for each in self._up_to(segment)
        )

    def _read(self, segment):
        for each in self._up_to(segment):
            for path, _ in each.files:
                self._reads(path)

    def fail(self):
        """Loading has raised an exception, which is to be shown: whoever does imports anew."""
        with self._lock:
            self._is_loading = False
            if self._withheld:
                self.drop()

    def drop(self):
        """What is withheld is forgotten."""
        self._withheld.clear()
        self._give_up(self._next)
        self._finish()

    def _give_up(self, index):
        self._given_up += self._segments[index:]
        del self._segments[index:]

    def end(self):
        """The interpreter ends: libraries that were not asked for clean up, too."""
        threading = state.find_module("threading")
        self._preparing = None
        for segment in self._given_up + self._segments[self._next :]:
            segment.put_back_exits()
            name = "threading's exit functions"
            if threading is not None:
                before, after = segment.before.lists[name], segment.after.lists[name]
                front, behind = state.inserted(before, after) or ((), ())
                threading._threading_atexits += [*front, *behind]


class _NoLock:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass


def _lock_of_logging():
    """It comes before the lock of what is withheld: logging.config imports while it has it."""
    return getattr(sys.modules.get("logging"), "_lock", None) or _NoLock()


def _flatten(roots, left_out):
    """The roots; behind those that are left out, what was imported for them."""
    for node in roots:
        if _is_out(node, left_out):
            yield node
            yield from _flatten(_with_place(node), left_out)
        else:
            yield node


def _place_of(spec):
    """A namespace package is in several places."""
    is_namespace = spec.origin is None and spec.submodule_search_locations is not None
    return list(spec.submodule_search_locations) if is_namespace else spec.origin


def _names_of(node):
    yield node.name
    for child in node.children:
        yield from _names_of(child)


def _is_out(node, left_out):
    """Whether it is not imported in advance: it, or a package that it is in."""
    name, is_out = node.name, node.has_failed
    while name and not is_out:
        is_out = name in left_out
        name = name.rpartition(".")[0]
    return is_out


def _with_place(node):
    for child in node.children:
        child.environ, child.path, child.is_late = node.environ, node.path, node.is_late
        yield child


# ---- For the C side ----


def prepare(preload, node_type, description, memory, is_process, names):
    """`description`: of Libraries.describe(), or `names`: of modules; `memory`: what was learnt
    before, or empty.
    @return whether the interpreter may be used, how many modules it has"""
    state.Snapshot.is_process = is_process
    if names is None:
        roots = [node_type.unpack(root) for root in marshal.loads(description)]
    else:
        roots, preload.stays = [node_type(name) for name in names.split()], True
    if memory:
        preload.left_out, preload.changed = marshal.loads(memory)
    may_serve = preload.prepare(roots, fcgi_host._is_wanted)
    return may_serve, preload.count()


def remember(preload):
    """What was learnt: memory for the next one, and a text which says what is left out and why."""
    reasons = {}
    for name, why in preload.left_out.items():
        reasons.setdefault(why, []).append(name)
    text = "; ".join(
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''} ({why})"
        for why, names in reasons.items()
    )
    text = f"left out: {text}" if text else ""
    return marshal.dumps((preload.left_out, preload.changed)), text
