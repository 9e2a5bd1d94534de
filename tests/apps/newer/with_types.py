"""What 3.15 has brought: types, modules, a profiler."""

import builtins
import copy
import json
import math.integer
import pickle
import profiling.tracing
import sqlite3
import sys
import unicodedata
import warnings


def work():
    return sum(range(10))


def profiled():
    profiler = profiling.tracing.Profile()
    profiler.runcall(work)
    return any("work" in str(entry) for entry in profiler.getstats())


def answer(name):
    frozen = frozendict(a=1, name=name)
    missing = sentinel("missing")
    connection = sqlite3.connect(":memory:", timeout=1.0)
    connection.create_function("twice", 1, lambda number: 2 * number)
    [row] = connection.execute("select twice(?)", [21])
    connection.close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compile("def f():\n    try: pass\n    finally: return 1\n", "file.py", "exec", module="given")
    return [
        json.dumps(dict(frozen)), pickle.loads(pickle.dumps(frozen)) == frozen,
        copy.deepcopy(frozen) == frozen, hash(frozen) == hash(frozendict(name=name, a=1)),
        repr(missing), type(missing).__name__, math.integer.gcd(12, 18), profiled(), row,
        unicodedata.isxidstart("a"), [each.category.__name__ for each in caught],
        sys.abi_info.free_threaded, sys.flags.utf8_mode, eval('[*each for each in [[3], [4]]]'),
        sorted(set(dir(builtins)) & {"frozendict", "sentinel", "lazy_import"}),
    ]
