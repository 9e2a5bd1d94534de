"""Run once in every interpreter, before anything of an application.

Its globals are kept in the interpreter's own dictionary (PyInterpreterState_GetDict), where the C
side finds the functions below.  The names used later are bound here, before an application can
replace them (gevent's monkey.patch_all() does).  `threading` is imported on purpose: the thread
that imports it first is the one it takes for the main thread.
"""

import _thread
import atexit
import os
import posix
import sys
import threading
from time import monotonic, sleep

_enumerate_threads = threading.enumerate
_join = threading.Thread.join
_wait_code = threading.Condition.wait.__code__
_current_frames = sys._current_frames
_get_ident = _thread.get_ident


def _no_fork():
    raise RuntimeError(
        "fork is not supported here: the child of a process with several Python interpreters "
        "cannot run; use subprocess or os.posix_spawn()"
    )


def forbid_fork():
    """The child would hang or abort in CPython's own after-fork code (all versions)."""
    for name in ("fork", "forkpty"):
        for module in (os, posix):
            setattr(module, name, _no_fork)


def forbid_preexec():
    """Main interpreter only (CPython refuses it in others): Python code in a forked child."""
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec
    preexec_argument = 21

    def checked_fork_exec(*args):
        if args[preexec_argument] is not None:
            raise RuntimeError("preexec_fn is not supported here: it runs Python in a forked child")
        return fork_exec(*args)

    _posixsubprocess.fork_exec = checked_fork_exec


def run_exit_functions():
    """What a Python process does at its end: threading's own functions, then atexit's."""
    exit_functions = threading._threading_atexits  # executors wait here for their tasks
    while exit_functions:
        function = exit_functions.pop()
        try:
            function()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()


def stop_threads(interrupt, limit_s, retry_s):
    """Have every other thread of this interpreter end; return whether all have.

    Exit functions may just have told threads to stop: those that a Python process would wait for
    (the others it would cut off) get a quarter of the time to end by themselves.  After that,
    interrupt() raises SystemExit in all and returns how many there are; it is repeated, since code
    may catch it and go on.
    """
    start = monotonic()
    for thread in _other_threads():
        if not thread.daemon:
            _join(thread, max(0, start + limit_s / 4 - monotonic()))
    while interrupt():
        _wake_waiting_threads()
        left = start + limit_s - monotonic()
        if left <= 0:
            return False
        thread = next(_other_threads(), None)
        if thread is not None:
            _join(thread, min(left, retry_s))
        else:
            # A thread of _thread.start_new_thread(), or one about to be gone: nothing to wait on.
            sleep(min(left, 0.001))
    return True


def _wake_waiting_threads():
    """A thread that waits in Queue.get(), Event.wait() … sees its SystemExit only when it wakes."""
    me = _get_ident()
    for ident, frame in _current_frames().items():
        if ident != me and frame.f_code is _wait_code:
            waiter = frame.f_locals.get("waiter")
            try:
                waiter.release()
            except (AttributeError, RuntimeError):
                pass  # not there yet, or awake already


def _other_threads():
    me = _get_ident()
    for thread in _enumerate_threads():
        if thread.ident not in (me, None) and not isinstance(thread, threading._DummyThread):
            yield thread


def adopt_main_thread():
    """Sub-interpreters only: 3.13 takes the process's first thread for every interpreter's main
    thread.  Make it this one, as before 3.13; else it is a dummy thread, which complains when the
    interpreter ends."""
    main, ident = threading.main_thread(), _get_ident()
    if main.ident != ident:
        threading._active.pop(main.ident, None)
        main._ident = ident
        main._handle = _thread._make_thread_handle(ident)
        main._set_native_id()
        threading._active[ident] = main


def watch_extension_loaders(main_first, created, refused, is_strict):
    """Sub-interpreters only: create extension modules in the main interpreter first, complete them
    here (standard_library.h), and note those that refuse to be loaded here (main_first.h)."""
    import _frozen_importlib
    import _frozen_importlib_external

    loader = _frozen_importlib_external.ExtensionFileLoader
    builtin = _frozen_importlib.BuiltinImporter
    file_create, file_exec = loader.create_module, loader.exec_module
    builtin_create = builtin.create_module

    def noting(function, self, subject, spec):
        try:
            return function(self, subject)
        except Exception as error:
            # A module that is not installed is missing in every interpreter.
            if not isinstance(error, ModuleNotFoundError):
                refused(spec.name, spec.origin, str(error), error)
            raise

    def create_module(self, spec):
        main_first(spec.name, spec.origin, sys.path, is_strict)
        module = noting(file_create, self, spec, spec)
        created(spec.name, module)
        return module

    def exec_module(self, module):
        return noting(file_exec, self, module, module.__spec__)

    def create_builtin(spec):
        main_first(spec.name, None, (), is_strict)
        module = builtin_create(spec)
        created(spec.name, module)
        return module

    loader.create_module = create_module
    loader.exec_module = exec_module
    builtin.create_module = staticmethod(create_builtin)
