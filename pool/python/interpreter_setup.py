"""Run once in every interpreter, before anything of an application.

Its globals are kept in the interpreter's own dictionary (PyInterpreterState_GetDict), where the C
side finds the functions below.  The names used later are bound here, before an application can
replace them (gevent's monkey.patch_all() does).
"""

import _frozen_importlib
import _frozen_importlib_external
import _thread
import atexit
import os
import posix
import sys
from time import monotonic, sleep

_current_frames = None  # interpreter.c gives its own
_get_switch_interval, _set_switch_interval = sys.getswitchinterval, sys.setswitchinterval
_get_ident = _thread.get_ident

# `threading`, once somebody has imported it; until then there are no threads of its making.
_threading = _enumerate_threads = _join = _wait_code = None
_home_ident, _home_native_id = _get_ident(), _thread.get_native_id()


class _ThreadingFinder:
    """First on sys.meta_path until `threading` is imported, which small applications never do: it
    takes a tenth of an interpreter's memory."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "threading" or _ThreadingFinder not in sys.meta_path:
            return None
        sys.meta_path.remove(_ThreadingFinder)
        spec = _frozen_importlib._find_spec(name, path)
        if spec is not None:
            exec_module = spec.loader.exec_module

            def exec_and_adopt(module):
                del spec.loader.exec_module
                exec_module(module)
                _adopt(module)

            spec.loader.exec_module = exec_and_adopt
        return spec


def _adopt(threading):
    """Note what is needed later, and make the home thread the main one: `threading` takes whichever
    thread imports it, 3.13 the process's first one; that would be a dummy thread here, which
    complains when the interpreter ends."""
    global _threading, _enumerate_threads, _join, _wait_code
    _threading = threading
    _enumerate_threads = threading.enumerate
    _join = threading.Thread.join
    _wait_code = threading.Condition.wait.__code__
    main = threading.main_thread()
    if main.ident == _home_ident:
        return
    threading._active.pop(main.ident, None)
    main._ident, main._native_id = _home_ident, _home_native_id
    if hasattr(main, "_os_thread_handle"):  # from 3.14 on
        main._os_thread_handle = _thread._make_thread_handle(_home_ident)
    elif hasattr(main, "_handle"):  # 3.13
        main._handle = _thread._make_thread_handle(_home_ident)
    else:  # released when the thread state ends that it belongs to: not the importing thread's
        lock = _thread.allocate_lock()
        lock.acquire()
        with threading._shutdown_locks_lock:
            threading._shutdown_locks.discard(main._tstate_lock)
            threading._shutdown_locks.add(lock)
        main._tstate_lock = lock
    threading._active[_home_ident] = main


def limit_digits():
    """Sub-interpreters only.  3.11 leaves them without the limit that keeps int() of a long text
    from taking minutes."""
    if sys.get_int_max_str_digits() == 0:
        limit = sys.flags.int_max_str_digits  # what the process was told; -1: nothing
        sys.set_int_max_str_digits(sys.int_info.default_max_str_digits if limit < 0 else limit)


def expect_threading():
    """Sub-interpreters only."""
    if "threading" in sys.modules:  # a .pth file has imported it, on this thread
        _adopt(sys.modules["threading"])
    else:
        sys.meta_path.insert(0, _ThreadingFinder)


def _no_fork():
    raise RuntimeError(
        "fork is not supported here: the child of a process with several Python interpreters "
        "cannot run; use subprocess or os.posix_spawn()"
    )


def forbid_fork():
    """The child would hang or abort in CPython's own after-fork code (all versions)."""
    _no_fork.__module__ = posix.__name__
    for name in ("fork", "forkpty"):
        for module in (os, posix):
            setattr(module, name, staticmethod(_no_fork))  # no method either in a class


def prepare_main():
    """Main interpreter only: what sub-interpreters do by themselves, or when the time comes."""
    import threading

    _adopt(threading)
    _forbid_preexec()


def adopt_home():
    """Main interpreter only: this thread is the home thread of its applications."""
    global _home_ident, _home_native_id
    _home_ident, _home_native_id = _get_ident(), _thread.get_native_id()
    _adopt(_threading)


def take_interrupt():
    """An exception that is pending for the calling thread is raised as soon as this is entered."""
    for _ in range(2):
        pass


def _forbid_preexec():
    """CPython refuses it in sub-interpreters: Python code in a forked child."""
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec
    preexec_argument = 21

    def checked_fork_exec(*args):
        if args[preexec_argument] is not None:
            raise RuntimeError("preexec_fn is not supported here: it runs Python in a forked child")
        return fork_exec(*args)

    _posixsubprocess.fork_exec = staticmethod(checked_fork_exec)


def set_switch_interval(seconds):
    before = _get_switch_interval()
    _set_switch_interval(seconds)
    return before


def run_exit_functions():
    """What a Python process does at its end: threading's own functions, then atexit's."""
    # Executors wait here for their tasks.
    exit_functions = _threading._threading_atexits if _threading else []
    while exit_functions:
        function = exit_functions.pop()
        try:
            function()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    for helper in _HELPERS:
        _end_helper(*helper)


# multiprocessing's own processes, which end when the process that started them does: it closes its
# end of a pipe then.  Fork servers first, since they have the tracker's pipe, too.
_HELPERS = (
    ("multiprocessing.forkserver", "_forkserver", "_forkserver_alive_fd", "_forkserver_pid"),
    ("multiprocessing.resource_tracker", "_resource_tracker", "_fd", "_pid"),
)
_HELPER_END_MS = 1000  # a child that goes on may keep the tracker


def _end_helper(module, name, descriptor_name, pid_name):
    helper = getattr(sys.modules.get(module), name, None)
    descriptor, pid = getattr(helper, descriptor_name, None), getattr(helper, pid_name, None)
    if descriptor is None or pid is None:
        return
    setattr(helper, descriptor_name, None)
    setattr(helper, pid_name, None)
    try:
        posix.close(descriptor)
        _reap(pid)
    except OSError:  # the application has ended it, or there is no descriptor left
        pass


def _reap(pid):
    import select

    process = posix.pidfd_open(pid)
    try:
        end = select.poll()
        end.register(process, select.POLLIN)
        if end.poll(_HELPER_END_MS):
            posix.waitpid(pid, 0)
    finally:
        posix.close(process)


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
        wake_threads(_frames_of_others())
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


def _frames_of_others():
    """Where the other threads are.  With the caller's own frame the dictionary would be in a cycle,
    which kept what all threads have in their variables until the next collection of garbage."""
    frames = _current_frames()
    frames.pop(_get_ident(), None)
    return frames


def name_threads(idents):
    """The threads of these identifiers and where they are, for the log."""
    frames = _frames_of_others()
    names = {thread.ident: thread.name for thread in _enumerate_threads()} if _threading else {}

    def describe(ident):
        frame, name = frames.get(ident), names.get(ident, "a thread of C code")
        if frame is None:
            return f"{name}, which runs no Python code"
        return f"{name} at {frame.f_code.co_filename}:{frame.f_lineno}"

    return ", ".join(map(describe, idents))


def wake_threads(idents):
    """A thread that waits in Queue.get(), Event.wait() … sees an exception only when it wakes."""
    frames = _frames_of_others() if _threading else {}
    for ident in idents:
        frame = frames.get(ident)
        if frame is not None and frame.f_code is _wait_code:
            waiter = frame.f_locals.get("waiter")
            try:
                waiter.release()
            except (AttributeError, RuntimeError):
                pass  # not there yet, or awake already


def _other_threads():
    me = _get_ident()
    for thread in _enumerate_threads() if _threading else ():
        if thread.ident not in (me, None) and not isinstance(thread, _threading._DummyThread):
            yield thread


def watch_extension_loaders(main_first, created, executed, refused, is_strict):
    """Sub-interpreters only: create extension modules in the main interpreter first, complete them
    here (standard_library.h), see that they offer what they did elsewhere (offered.h), and note
    those that refuse to be loaded here (main_first.h)."""
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

    def execute(self, module):
        file_exec(self, module)
        executed(module.__spec__.name, module.__spec__.origin, module)

    def exec_module(self, module):
        return noting(execute, self, module, module.__spec__)

    def create_builtin(spec):
        main_first(spec.name, None, (), is_strict)
        module = builtin_create(spec)
        created(spec.name, module)
        return module

    loader.create_module = create_module
    loader.exec_module = exec_module
    builtin.create_module = staticmethod(create_builtin)
