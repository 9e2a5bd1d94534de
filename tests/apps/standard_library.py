"""What the standard library answers: the same in every interpreter, first or last.

Run as a program it prints its answers, for comparison with those of a plain `python3`.  Each
function asks something of which an extension of the standard library might keep a class, a
function or a module in a C variable: isinstance(), an exception to catch, a helper in Python.
"""

import _imp
import _locale
import _posixsubprocess
import _signal
import _thread
import array
import ast
import asyncio
import builtins
import collections.abc
import concurrent.futures
import contextvars
import copy
import csv
import ctypes
import datetime
import decimal
import enum
import fractions
import gc
import http
import io
import json
import locale
import lzma
import numbers
import os
import pickle
import posix
import queue
import re
import resource
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
import time
import types
import unicodedata
import uuid
import warnings
import weakref
import xml.etree.ElementTree as ElementTree
import zlib
import zoneinfo
from decimal import Decimal
from fractions import Fraction


def caught(function, *classes):
    """The name of the class of `classes` that catches what a function raises."""
    try:
        return ["returned", repr(function())]
    except classes as error:
        return type(error).__name__


def decimal_is_a_number():
    return [isinstance(Decimal(1), kind) for kind in (numbers.Number, numbers.Real)]


def decimal_and_fraction():
    half = Decimal("0.5")
    return [half == Fraction(1, 2), half < Fraction(2, 3), half == 1, half == 0.5, half == 0.5 + 0j]


def decimal_contexts():
    context = decimal.getcontext()
    with decimal.localcontext() as local:
        local.prec = 3
        third = str(Decimal(1) / 3)
    return [third, str(Decimal(1) / 3), isinstance(context.flags, collections.abc.MutableMapping),
            isinstance(context, decimal.Context), isinstance(Decimal(1).as_tuple(), tuple)]


def decimal_errors():
    return [caught(lambda: Decimal(1) / 0, decimal.DivisionByZero),
            caught(lambda: Decimal(1) / 0, ZeroDivisionError),
            caught(lambda: Decimal("x"), decimal.InvalidOperation)]


def dates_are_read():
    return [datetime.datetime.strptime("2020-02-29", "%Y-%m-%d").isoformat(),
            time.strptime("2020", "%Y").tm_year,
            caught(lambda: datetime.datetime.strptime("x", "%Y"), ValueError),
            datetime.datetime.strptime("12:00 +0100", "%H:%M %z").tzinfo.__class__.__name__]


def dates_are_written():
    day = datetime.date(2020, 2, 29)
    return [f"{day:%A %d}", day.isocalendar().week, tuple(day.timetuple())[:3],
            pickle.loads(pickle.dumps(datetime.datetime(2020, 1, 1))).isoformat()]


def time_zones():
    zone = zoneinfo.ZoneInfo("UTC")
    return [str(datetime.datetime(2020, 7, 1, tzinfo=zone).utcoffset()), zone.key,
            zoneinfo.ZoneInfo("UTC") is zone, copy.copy(zone) is zone,
            caught(lambda: zoneinfo.ZoneInfo("Nowhere/Nowhere"), zoneinfo.ZoneInfoNotFoundError)]


def tasks_are_cancelled():
    async def cancelled():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "caught"

    async def main():
        task = asyncio.create_task(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        answers = [await task]
        try:
            await asyncio.wait_for(asyncio.sleep(60), 0.001)
        except asyncio.TimeoutError:
            answers.append("timeout")
        try:
            asyncio.get_running_loop().create_future().result()
        except asyncio.InvalidStateError:
            answers.append("no result")
        answers.append(await asyncio.to_thread(lambda: "thread"))
        answers.append(asyncio.iscoroutine(never := asyncio.sleep(0)))
        never.close()
        return answers

    return asyncio.run(main())


def errors_are_caught():
    connection = sqlite3.connect(":memory:")
    errors = [
        caught(lambda: json.loads("{"), json.JSONDecodeError),
        caught(lambda: pickle.loads(b"x"), pickle.UnpicklingError),
        caught(lambda: pickle.dumps(lambda: 0), pickle.PicklingError, AttributeError),
        caught(lambda: ElementTree.fromstring("<a>"), ElementTree.ParseError),
        caught(lambda: struct.unpack("i", b""), struct.error),
        caught(lambda: queue.SimpleQueue().get_nowait(), queue.Empty),
        caught(lambda: queue.Queue().get_nowait(), queue.Empty),
        caught(lambda: zlib.decompress(b"x"), zlib.error),
        caught(lambda: lzma.decompress(b"xx"), lzma.LZMAError),
        caught(lambda: io.BytesIO().fileno(), io.UnsupportedOperation),
        caught(lambda: connection.execute("nonsense"), sqlite3.OperationalError),
        caught(lambda: socket.getaddrinfo("a..b", 80), socket.gaierror, UnicodeError),
        caught(lambda: ssl.create_default_context().load_verify_locations(cadata="x"),
               ssl.SSLError, ValueError),
        caught(lambda: ctypes.CDLL("/nowhere.so"), OSError),
        caught(lambda: re.compile("("), re.error),
        caught(lambda: csv.reader([], dialect="none"), csv.Error),
        caught(lambda: locale.setlocale(locale.LC_ALL, "nowhere"), locale.Error),
        caught(lambda: concurrent.futures.Future().result(0), concurrent.futures.TimeoutError),
        caught(lambda: subprocess.run(["sleep", "60"], timeout=0.001), subprocess.TimeoutExpired),
    ]
    connection.close()
    return errors


class Colour(enum.Enum):
    RED = 1


class Record:
    def __init__(self):
        self.value = 1


def objects_are_copied():
    tree = ElementTree.fromstring("<a><b>x</b></a>")
    return [copy.copy(Colour.RED) is Colour.RED, copy.deepcopy(Record()).value,
            pickle.loads(pickle.dumps(Colour.RED)) is Colour.RED,
            pickle.loads(pickle.dumps(Decimal(1))) == 1, len(copy.deepcopy(tree)),
            tree.find(".//b").text, ElementTree.tostring(tree).decode(),
            copy.copy(uuid.UUID(int=1)).int, copy.copy(re.compile("x")).pattern]


def kinds():
    return [isinstance(array.array("i"), collections.abc.MutableSequence),
            isinstance(io.BytesIO(), io.IOBase), isinstance(io.StringIO(), io.TextIOBase),
            isinstance(memoryview(b""), collections.abc.Sequence),
            isinstance(1, numbers.Integral), isinstance(Fraction(1), numbers.Rational),
            isinstance(collections.OrderedDict(), collections.abc.MutableMapping),
            isinstance(collections.deque(), collections.abc.MutableSequence),
            issubclass(sqlite3.Row, collections.abc.Sequence)]


def databases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
        connection.create_function("twice", 1, lambda value: 2 * value)
        connection.execute("create table t (day date)")
        connection.execute("insert into t values (?)", (datetime.date(2020, 1, 1),))
        rows = connection.execute("select day, twice(2) from t").fetchall()
        connection.close()
    return [str(row) for row in rows]


def characters_have_names():
    return ["\N{BULLET}", ast.literal_eval(r'"\N{GREEK SMALL LETTER ALPHA}"'),
            rb"\N{BULLET}".decode("unicode_escape"), "\xe9".encode("ascii", "namereplace").decode(),
            unicodedata.lookup("BULLET"),
            caught(lambda: rb"\N{NO SUCH NAME}".decode("unicode_escape"), UnicodeDecodeError)]


def arrays_are_pickled():
    numbers_ = array.array("i", [1, 2])
    return [pickle.dumps(numbers_, protocol).hex() for protocol in range(6)] + [
        [pickle.loads(pickle.dumps(numbers_, protocol)) == numbers_ for protocol in range(6)],
        type(pickle.loads(pickle.dumps(numbers_))) is array.array,
        copy.copy(numbers_) == copy.deepcopy(numbers_) == numbers_,
        caught(lambda: array._array_reconstructor(array.array, "i", 99, b""), ValueError),
        caught(lambda: array._array_reconstructor(int, "i", 1, b""), TypeError)]


def classes_of_extensions_are_pickled():
    digits = Decimal("1.5").as_tuple()
    flags = decimal.Context(traps=[decimal.Overflow])
    return [[pickle.loads(pickle.dumps(digits, protocol)) == digits for protocol in range(6)],
            copy.copy(digits) == copy.deepcopy(digits) == digits, repr(copy.copy(flags)),
            repr(pickle.loads(pickle.dumps(decimal.Overflow("x"))))]


class Level(enum.IntEnum):
    LOW = 1


class Described:
    def __init__(self, *args):
        self.args_seen = args

    def __str__(self):
        return "described"

    def __eq__(self, other):
        return True

    __hash__ = None


class DescribedNumber(int, Described):
    pass


class DescribedError(ValueError, Described):
    pass


def classes_inherit():
    return [str(Level.LOW), format(Level.LOW), str(http.HTTPStatus.OK), str(DescribedNumber()),
            DescribedNumber() == 5, DescribedNumber(3).args_seen, DescribedError() == 5,
            sorted(vars(int)), sorted(vars(bool)), sorted(vars(OSError)), sorted(vars(KeyError))]


def digits_are_limited():
    return [sys.get_int_max_str_digits(), caught(lambda: int("1" * 5000), ValueError)]


def context_tokens():
    variable = contextvars.ContextVar("variable")
    token = variable.set(1)
    return [token.old_value is contextvars.Token.MISSING, repr(contextvars.Token.MISSING)]


def handlers_of_signals():
    before = signal.signal(signal.SIGUSR2, caught)
    seen = signal.getsignal(signal.SIGUSR2) is caught
    return [before, seen, signal.signal(signal.SIGUSR2, before) is caught,
            [repr(signal.getsignal(number)) for number in range(1, signal.NSIG)],
            caught(lambda: signal.getsignal(0), ValueError),
            caught(lambda: signal.signal(signal.SIGKILL, signal.SIG_IGN), OSError),
            caught(lambda: signal.signal(signal.SIGTERM, "x"), TypeError)]


def names_of_variables():
    return [raised(os.putenv, "", "x"), raised(os.putenv, "a=b", "x"), raised(os.putenv, "a\0", "x"),
            raised(os.putenv, "a", "x\0"), raised(os.putenv, 1, "x"), raised(os.unsetenv, ""),
            raised(os.unsetenv, "a=b"), raised(os.unsetenv, "a\0"), raised(os.unsetenv, "not set")]


def raised(function, *args):
    """What a call raises, or what it returns."""
    try:
        return function(*args)
    except Exception as error:
        return repr(error)


class Holder:
    pass


def functions_are_no_methods():
    """Which functions of modules become methods in a class: those in Python, none in C."""
    answers = []
    for module in (posix, os, _signal, _thread, _locale, resource, time, _posixsubprocess, sys,
                   builtins, _imp, gc):
        for name, function in sorted(vars(module).items()):
            Holder.held = function
            if isinstance(getattr(Holder(), "held", None), types.MethodType):
                answers.append(f"{module.__name__}.{name}")
    return answers + [function.__module__ for function in (
        signal.alarm, signal.set_wakeup_fd, os.putenv, os.fork, os.chdir, time.tzset)]


def breakpoint_is_the_environments():
    answers = []
    for hook in ("0", "sys._getframe", "int", "nowhere.name"):
        os.environ["PYTHONBREAKPOINT"] = hook
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            result = breakpoint()
        answers.append(result is sys._getframe() or [
            result, *(f"{warning.filename == __file__} {warning.message}" for warning in seen)])
    del os.environ["PYTHONBREAKPOINT"]
    return answers


def the_rest():
    variable = contextvars.ContextVar("variable", default=0)
    contextvars.copy_context().run(variable.set, 1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn("warned", UserWarning)
    results = []
    thread = threading.Thread(target=lambda: results.append("thread"))
    thread.start()
    thread.join()
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda value: value + 1)
    return [variable.get(), [type(warning.message).__name__ for warning in seen], results,
            callback(1), unicodedata.name("ä"), weakref.ref(Record)().__name__,
            "x".encode("idna").decode(), codecs_error()]


POINTER_TO_INT = ctypes.POINTER(ctypes.c_int)


def pointers_are_of_their_classes():
    class Node(ctypes.Structure):
        """Its pointer is there before it is."""

    pointer = ctypes.POINTER("Node")
    ctypes.SetPointerType(pointer, Node)
    first = ctypes.POINTER(ctypes.c_short)
    return [ctypes.POINTER(None) is ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int) is POINTER_TO_INT,
            type(ctypes.pointer(ctypes.c_int(1))) is POINTER_TO_INT,
            ctypes.pointer(ctypes.c_short(2)).contents.value,
            type(ctypes.pointer(ctypes.c_short(2))) is first,
            caught(lambda: ctypes.SetPointerType(pointer, Node), RuntimeError),
            caught(lambda: ctypes.POINTER(1), TypeError), caught(lambda: ctypes.POINTER([]), TypeError),
            [pointer.__name__, first.__name__, first.__module__ == __name__,
             ctypes.POINTER.__name__, ctypes.POINTER.__module__],
            isinstance(ctypes.cast(ctypes.pointer(ctypes.c_int(1)), ctypes.c_void_p), ctypes.c_void_p)]


def codecs_error():
    return caught(lambda: b"\xff".decode("utf-8"), UnicodeDecodeError)


QUESTIONS = [decimal_is_a_number, decimal_and_fraction, decimal_contexts, decimal_errors,
             dates_are_read, dates_are_written, time_zones, tasks_are_cancelled, errors_are_caught,
             objects_are_copied, kinds, databases, characters_have_names,
             arrays_are_pickled, classes_of_extensions_are_pickled, classes_inherit,
             digits_are_limited, context_tokens, handlers_of_signals, names_of_variables,
             functions_are_no_methods, breakpoint_is_the_environments,
             pointers_are_of_their_classes, the_rest]


def answers():
    result = {}
    for question in QUESTIONS:
        try:
            result[question.__name__] = question()
        except BaseException as error:
            result[question.__name__] = f"{type(error).__name__}: {error}"
    return json.dumps(result, indent=1)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answers().encode()]


if __name__ == "__main__":
    sys.stdout.write(answers())
