"""The promise of spares, surroundings: what imports change and meet beside modules."""

import unittest

from support.spares import Case, Spares

PLAIN = {"plain.py": "import json\nX = 1\n", "plain_too.py": "import plain\nY = 2\n"}


class Surroundings(Spares):
    CASES = {
        "warnings_filters": Case("""
            import warnings
            BEFORE = [f[:1] + f[2:3] for f in warnings.filters]
            import filtering
            BETWEEN = [f[:1] + f[2:3] for f in warnings.filters]
            import plain
            def report():
                return BEFORE, BETWEEN, [f[:1] + f[2:3] for f in warnings.filters]
            """, packages={**PLAIN, "filtering.py": "import warnings\n"
                "warnings.simplefilter('ignore', UserWarning)\n"
                "warnings.filterwarnings('always', category=BytesWarning, append=True)\n"}),
        "warnings_that_raise": Case("""
            import warnings
            warnings.simplefilter('error')
            try:
                import warning_library
                WHAT = 'no error'
            except DeprecationWarning as error:
                WHAT = str(error)
            def report():
                return WHAT
            """.replace("'error'", "'ignore'"), edited="""
            import warnings
            warnings.simplefilter('error')
            try:
                import warning_library
                WHAT = 'no error'
            except DeprecationWarning as error:
                WHAT = str(error)
            def report():
                return WHAT
            """, packages={"warning_library.py": "import warnings\n"
                "warnings.warn('old', DeprecationWarning)\n"}, cold="which warnings raise", differs=True),
        "exit_functions": Case("""
            import atexit
            def own(): pass
            atexit.register(own)
            import leaving, plain, leaving_too
            def report():
                return atexit._ncallbacks(), leaving.function is atexit.register, leaving_too.HELD
            """, packages={**PLAIN, "leaving.py": "from atexit import register as function\n"
                "import atexit\n@atexit.register\ndef f(): pass\n@function\ndef g(): pass\n",
                "leaving_too.py": "import atexit\nHELD = atexit.register(print, 'x') is print\n"}),
        "logging_configured_between": Case("""
            import logging, logging.config
            import logs_early
            logging.config.dictConfig({'version': 1, 'disable_existing_loggers': True})
            import logs_late
            def report():
                return [(name, getattr(logger, 'disabled', None), getattr(logger, 'level', None),
                         getattr(getattr(logger, 'parent', None), 'name', None))
                        for name, logger in logging.root.manager.loggerDict.items()]
            """, packages={"logs_early.py": "import logging\nlog = logging.getLogger('early.a.b')\n",
                "logs_late.py": "import logging\nlog = logging.getLogger('late')\n"
                "other = logging.getLogger('early.a')\n"}, ),
        "loggers_of_the_application": Case("""
            import logging
            OWN = logging.getLogger('tree.branch.own')
            import tree_library
            OWN_TOO = logging.getLogger('tree')
            OWN_TOO.setLevel(5)
            def report():
                return OWN.parent.name, OWN.getEffectiveLevel(), tree_library.log.parent.name, \\
                    tree_library.log.getEffectiveLevel(), tree_library.log.isEnabledFor(6), \\
                    logging.getLogger('tree.branch') is tree_library.log, list(logging.root.manager.loggerDict)
            """, packages={"tree_library.py": "import logging\nlog = logging.getLogger('tree.branch')\n"}),
        "logger_configured_first": Case("""
            import logging
            logging.getLogger('chatty').setLevel(50)
            import chatty
            def report():
                return chatty.log.level, chatty.log is logging.getLogger('chatty'), len(chatty.log.handlers)
            """, packages={"chatty.py": "import logging\nlog = logging.getLogger('chatty')\n"
                "log.addHandler(logging.NullHandler())\n"}, cold="the logger chatty"),
        "logger_that_an_earlier_library_made": Case("""
            import logging
            import chatty
            BEFORE = len(chatty.log.handlers), chatty.log.level, chatty.log.disabled
            import chatty_more
            def report():
                return BEFORE, len(chatty.log.handlers), chatty.log.level
            """, packages={"chatty.py": "import logging\nlog = logging.getLogger('chatty')\n",
                "chatty_more.py": "import logging\nlog = logging.getLogger('chatty')\n"
                "log.addHandler(logging.NullHandler())\nlog.setLevel(40)\n"}),
        "level_names": Case("""
            import logging
            BEFORE = logging.getLevelName(7), hasattr(logging.Logger, 'trace'), logging.getLoggerClass().__name__
            import tracing
            def report():
                return BEFORE, logging.getLevelName(7), hasattr(logging.Logger, 'trace'), logging.getLoggerClass().__name__
            """, packages={"tracing.py": "import logging\nlogging.addLevelName(7, 'TRACE')\n"
                "logging.Logger.trace = lambda *a: None\nclass L(logging.Logger): pass\nlogging.setLoggerClass(L)\n"}),
        "root_logger": Case("""
            import logging
            BEFORE = len(logging.root.handlers), logging.root.level
            import rooted
            def report():
                return BEFORE, len(logging.root.handlers), logging.root.level
            """, packages={"rooted.py": "import logging\nlogging.basicConfig(level=10)\n"},
            ready="rooted: it changes the root logger"),
        "environment_of_the_first_lines": Case("""
            import os
            os.environ['MODE'] = 'fast'
            import reads_mode
            del os.environ['MODE']
            import plain
            def report():
                return reads_mode.MODE, os.environ.get('MODE')
            """, packages={**PLAIN, "reads_mode.py": "import os\nMODE = os.environ.get('MODE')\n"}),
        "environment_after_an_edit": Case("""
            import os
            os.environ['MODE'] = 'fast'
            import reads_mode
            def report():
                return reads_mode.MODE
            """, edited="""
            import os
            os.environ['MODE'] = 'slow'
            import reads_mode
            def report():
                return reads_mode.MODE
            """, packages={"reads_mode.py": "import os\nMODE = os.environ.get('MODE')\n"},
            cold="os.environ is another one: MODE", differs=True),
        "environment_that_a_library_sets": Case("""
            import os
            BEFORE = os.environ.get('SET_BY'), os.environ.get('HOME')
            import sets_variable
            BETWEEN = os.environ.get('SET_BY'), os.environ.get('HOME')
            import plain
            def report():
                return BEFORE, BETWEEN, os.environ.get('SET_BY'), os.getenv('HOME'), list(os.environ)[-1]
            """, packages={**PLAIN, "sets_variable.py":
                "import os\nos.environ['SET_BY'] = 'library'\ndel os.environ['HOME']\n"}),
        "sys_path_of_the_first_lines": Case("""
            import os, sys
            sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'vendored'))
            import vendored_library
            sys.path.append('/nowhere')
            import plain
            def report():
                return vendored_library.X, sys.path, vendored_library.__file__
            """, own={"../vendored/vendored_library.py": "X = 3\n"}, packages=PLAIN),
        "sys_path_that_a_library_extends": Case("""
            import sys
            BEFORE = list(sys.path)
            import extends
            import found_there
            def report():
                return BEFORE, sys.path, found_there.X
            """, packages={"extends.py": "import sys, os\n"
                "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'inner'))\n"
                "sys.path.append('/nowhere')\n", "inner/found_there.py": "X = 9\n"}),
        "builtins_that_a_library_adds": Case("""
            import builtins
            BEFORE = hasattr(builtins, '_')
            import translating
            def report():
                return BEFORE, hasattr(builtins, '_')
            """, packages={"translating.py": "import builtins\nbuiltins._ = str\n"},
            ready="translating: it changes builtins"),
        "hooks_that_a_library_sets": Case("""
            import sys
            BEFORE = sys.excepthook is sys.__excepthook__, type(sys.stdout).__name__
            import hooks_sys
            def report():
                return BEFORE, sys.excepthook is hooks_sys.hook, type(sys.stdout).__name__
            """, packages={"hooks_sys.py": "import sys\ndef hook(*a): pass\nsys.excepthook = hook\n"
                "class Out:\n    def __init__(self, to): self.to = to\n"
                "    def __getattr__(self, name): return getattr(self.to, name)\nsys.stdout = Out(sys.stdout)\n"}),
        "output_replaced_by_the_application": Case("""
            import io, sys
            sys.stdout, before = io.StringIO(), sys.stdout
            import prints
            TEXT = sys.stdout.getvalue()
            sys.stdout = before
            def report():
                return TEXT
            """, packages={"prints.py": "print('hello')\n"}, cold="sys.stdout is another one"),
        "a_library_that_starts_a_thread": Case("""
            import threading
            import threaded, plain
            def report():
                return threaded.thread.name, threaded.main is threading.main_thread(), threaded.current.name
            """, packages={**PLAIN, "threaded.py": "import threading\nmain = threading.main_thread()\n"
                "current = threading.current_thread()\nevent = threading.Event()\n"
                "thread = threading.Thread(target=event.wait, daemon=True, name='its')\nthread.start()\n"
                "import atexit\natexit.register(event.set)\n"},
            ready="threaded: it starts a thread"),
        "main_thread_and_process": Case("""
            import threading, os
            import whoami
            def report():
                return (whoami.PID == os.getpid(), whoami.main is threading.main_thread(), whoami.is_main,
                    whoami.ident == AT_LOAD, whoami.native == NATIVE)
            AT_LOAD = threading.get_ident()
            NATIVE = threading.get_native_id()
            """, packages={"whoami.py": "import os, threading\nPID = os.getpid()\nmain = threading.main_thread()\n"
                "is_main = main is threading.current_thread()\nident = threading.get_ident()\n"
                "native = threading.get_native_id()\n"}),
        "pool_exit_functions": Case("""
            import threading
            BEFORE = len(threading._threading_atexits)
            import concurrent.futures.thread
            def report():
                return BEFORE, len(threading._threading_atexits), list(concurrent.futures.ThreadPoolExecutor().map(str, [1]))
            """),
        "random_numbers": Case("""
            import random
            random.seed(5)
            import draws
            AFTER = random.random()
            import uuid, tempfile, secrets
            def report():
                return AFTER, draws.NUMBER, tempfile.gettempdir(), uuid.UUID(int=5).hex
            """, packages={"draws.py": "import random\nNUMBER = random.random()\n"},
            cold="draws: it would draw numbers from another state of random"),
        "random_stream_of_a_library": Case("""
            import seeded
            import random
            def report():
                return seeded.NUMBER, AFTER
            AFTER = random.random()
            """, packages={"seeded.py": "import random\nrandom.seed(3)\nNUMBER = random.random()\n"}),
        "builtins_that_the_application_adds": Case("""
            import builtins
            builtins.SHOUT = True
            import reads_builtins
            def report():
                return reads_builtins.SHOUT
            """, packages={"reads_builtins.py": "import builtins\nSHOUT = getattr(builtins, 'SHOUT', False)\n"},
            cold="before reads_builtins, builtins changed"),
        "arguments_that_the_application_sets": Case("""
            import sys
            sys.argv = ["mine", "--fast"]
            import reads_arguments
            def report():
                return reads_arguments.FAST
            """, packages={"reads_arguments.py": "import sys\nFAST = '--fast' in sys.argv\n"},
            cold="before reads_arguments, sys.argv changed"),
        "data_file_of_the_application": Case("""
            import reads_file
            def report():
                return reads_file.DATA
            """, own={"data.txt": "before"}, packages={"reads_file.py":
                "import sys, os\nDATA = open(os.path.join(sys.path[0], 'data.txt')).read()\n"},
            edit=lambda cls, name: cls.put(name + "/app/data.txt", "behind"),
            cold="data.txt has changed", differs=True),
        "data_file_that_is_the_same": Case("""
            import reads_file, read_by_pathlib
            def report():
                return reads_file.DATA, read_by_pathlib.DATA, reads_file.open is open, reads_file.Reader().get()
            """, own={"data.txt": "data"}, packages={"reads_file.py":
                "import sys, os\nfrom io import open\npath = os.path.join(sys.path[0], 'data.txt')\nDATA = open(path).read()\n"
                "class Reader:\n    keeps = open\n    def get(self): return self.keeps(path).read()\n",
                "read_by_pathlib.py": "import pathlib, reads_file\nDATA = pathlib.Path(reads_file.path).read_bytes()\n"}),
        "functions_that_are_looked_for_in_sets": Case("""
            import shutil, looks_for
            def report():
                return shutil.rmtree.avoids_symlink_attacks, looks_for.FOUND
            """, packages={"looks_for.py": "import os, io\n"
                "FOUND = (os.scandir in os.supports_fd, os.listdir in os.supports_fd, {open: 1}.get(io.open))\n"}),
        "exit_functions_that_are_kept": Case("""
            import keeps_register, atexit
            BEFORE = atexit._ncallbacks()
            keeps_register.Class().keeps(print, "x")
            keeps_register.TABLE["register"](print, "y")
            def report():
                return BEFORE, atexit._ncallbacks()
            """, packages={"keeps_register.py":
                "import atexit\nclass Class:\n    keeps = atexit.register\nTABLE = {'register': atexit.register}\n"}),
        "recursion_limit": Case("""
            import sys
            BEFORE = sys.getrecursionlimit()
            import deep
            def report():
                return BEFORE, sys.getrecursionlimit()
            """, packages={"deep.py": "import sys\nsys.setrecursionlimit(3000)\n"},
            ready="deep: it changes sys.setrecursionlimit"),
        "sys_path_that_a_library_cuts": Case("""
            import sys
            BEFORE = list(sys.path)
            import cuts
            import plain
            def report():
                return BEFORE, sys.path
            """, packages={**PLAIN, "cuts.py": "import sys\nsys.path.remove(sys.path[-1])\n"},
            ready="cuts: it changes sys.path"),
        "environment_of_two_libraries": Case("""
            import os
            BEFORE = os.environ.get("LIBVAR"), os.getenv("LIBVAR")
            import envlib
            AFTER = os.environ.get("LIBVAR")
            os.environ["LIBVAR"] = "mine"
            import envlib2
            def report():
                return BEFORE, AFTER, os.environ["LIBVAR"], envlib2.V
            """, packages={"envlib.py": "import os\nos.environ.setdefault('LIBVAR', 'lib')\n", "envlib2.py": "import os\nV = os.environ['LIBVAR']\nos.environ['LIBVAR'] = 'two'\n"}),
    }


if __name__ == "__main__":
    unittest.main()
