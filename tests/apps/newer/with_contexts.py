"""What threads and warnings inherit (3.14), and what sys says."""

import contextvars
import functools
import heapq
import io
import logging.handlers
import os
import pathlib
import queue
import sys
import tempfile
import threading
import uuid
import warnings

VARIABLE = contextvars.ContextVar("variable", default="none")


def in_thread(function, **kw):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), **kw)
    thread.start()
    thread.join()
    return results[0]


def warned():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("w", UserWarning)
        inside = in_thread(lambda: len(warnings.filters) > 0)
    return [str(each.message) for each in caught], inside


def paths():
    with tempfile.TemporaryDirectory() as folder:
        one = pathlib.Path(folder, "one")
        one.write_text("1")
        copied = one.copy(pathlib.Path(folder, "two"))
        moved = copied.move(pathlib.Path(folder, "three"))
        return [moved.name, moved.info.is_file(), sorted(os.listdir(folder))]


def listened(name):
    records, got = queue.Queue(), io.StringIO()
    handler = logging.StreamHandler(got)
    with logging.handlers.QueueListener(records, handler):
        logger = logging.Logger(name)
        logger.addHandler(logging.handlers.QueueHandler(records))
        logger.error("heard")
    return got.getvalue()


def answer(name):
    with VARIABLE.set(name):
        seen = [VARIABLE.get(), in_thread(VARIABLE.get),
                in_thread(VARIABLE.get, context=contextvars.copy_context())]
    heap = [1, 3, 2]
    heapq.heapify_max(heap)
    return [
        seen, VARIABLE.get(), warned(), paths(), listened(name),
        repr(contextvars.Token.MISSING), sys.flags.thread_inherit_context,
        sys.flags.context_aware_warnings, sys._is_gil_enabled(), sys._is_immortal(None),
        sys.is_remote_debug_enabled(), sys._jit.is_available(), sys._jit.is_enabled(),
        threading.current_thread() is threading.main_thread() or "a serving thread",
        uuid.uuid7().version, uuid.uuid8().version, heap[0],
        functools.partial(lambda *a: a, functools.Placeholder, 2)(1),
        sys.implementation.supports_isolated_interpreters,
    ]
