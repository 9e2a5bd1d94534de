"""Imports of libraries before there is an application, in a process that is to be forked.

fcgi_host/wsgi/preload.c calls the functions below.
"""

import _frozen_importlib
import os
import sys
from time import monotonic

# What was imported: {file: what it was}.
_stamps = {}


def prepare(names, loaders):
    """Import modules by their names.

    Returns (modules, ms, why, rest): how many modules that has brought, and how long it took; why
    this process is of no use, or ""; the names to try in another one, or None.

    `loaders`: the module application_import of this interpreter.
    """
    names = names.split()
    known, threads, descriptors = set(sys.modules), _threads(), _descriptors()
    start = monotonic()
    for name in names:
        try:
            _frozen_importlib._gcd_import(name)
        except BaseException as error:
            what = f"{type(error).__name__}: {error}"
        else:
            what = (
                "starts a thread" if _threads() != threads
                else "opens a file or a connection" if _descriptors() - descriptors
                else None
            )
        if what is not None:
            rest = [each for each in names if each != name]
            return 0, 0.0, f"left out: {name} ({what})", " ".join(rest)
    ms = (monotonic() - start) * 1e3
    brought = [name for name in sys.modules if name not in known]
    _note_stamps(brought, loaders.stamp_of)
    _divide_random_streams()
    return len(brought), ms, "", None


def _threads():
    return len(os.listdir("/proc/self/task"))


def _descriptors():
    return {name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")}


def _note_stamps(names, stamp_of):
    for name in names:
        spec = getattr(sys.modules[name], "__spec__", None)
        if spec is not None and spec.has_location and isinstance(spec.origin, str):
            _stamps[spec.origin] = stamp_of(spec.origin)


def changed_file(loaders):
    """A file that is not what it was when it was imported; "": there is none."""
    for path, stamp in _stamps.items():
        if loaders.stamp_of(path) != stamp:
            return path
    return ""


def _divide_random_streams():
    """No two children draw the same numbers: `random` takes care of itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        os.register_at_fork(after_in_child=numpy_random.seed)
