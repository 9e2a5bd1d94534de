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
        "meta_path_finder_of_the_application": Case("""
            import sys
            class Finder:
                def find_spec(self, name, path=None, target=None):
                    SEEN.append(name)
            SEEN = []
            sys.meta_path.insert(0, Finder())
            import plain_too
            def report():
                return SEEN
            """, packages=PLAIN, cold="found in another way"),
        "meta_path_finder_at_the_end": Case("""
            import sys, importlib.machinery, importlib.abc
            class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                def find_spec(self, name, path=None, target=None):
                    if name == 'made_up':
                        return importlib.machinery.ModuleSpec(name, self)
                def create_module(self, spec): return None
                def exec_module(self, module): module.X = 12
            sys.meta_path.append(Finder())
            import made_up
            import plain_too
            def report():
                return made_up.X, plain_too.Y
            """, packages=PLAIN, cold="found in another way", ready=None),
        "path_hook_of_the_application": Case("""
            import sys
            def hook(path):
                SEEN.append(path)
                raise ImportError
            SEEN = []
            sys.path_hooks.insert(0, hook)
            sys.path_importer_cache.clear()
            import plain_too
            def report():
                return len(SEEN) > 0
            """, packages=PLAIN, cold="found in another way"),
        "import_function_of_the_application": Case("""
            import builtins
            SEEN = []
            original = builtins.__import__
            def replaced(name, *args, **kw):
                SEEN.append(name)
                return original(name, *args, **kw)
            builtins.__import__ = replaced
            import plain_too
            SEEN_AT_LOAD = tuple(SEEN)
            def report():
                return SEEN_AT_LOAD
            """, packages=PLAIN, cold="__import__.. is another function"),
        "import_hook_of_a_library": Case("""
            import sys
            BEFORE = [type(f).__name__ for f in sys.meta_path]
            import hooking
            import hooked_module
            def report():
                return BEFORE, [type(f).__name__ for f in sys.meta_path], hooked_module.X, list(sys.modules)
            """, packages={"hooking.py": "import sys, importlib.machinery\nclass Hook:\n"
                "    def find_spec(self, name, path=None, target=None):\n"
                "        if name == 'hooked_module': return importlib.machinery.ModuleSpec(name, self)\n"
                "    def create_module(self, spec): return None\n"
                "    def exec_module(self, module): module.X = 5\n"
                "sys.meta_path.insert(0, Hook())\n".replace("\\\n", "\n")}),
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
            ready="draws: it changes random's state"),
        "random_stream_of_a_library": Case("""
            import seeded
            import random
            def report():
                return seeded.NUMBER, AFTER
            AFTER = random.random()
            """, packages={"seeded.py": "import random\nrandom.seed(3)\nNUMBER = random.random()\n"}),
        "monkey_patched_by_the_application": Case("""
            import json
            json.dumps = lambda value: 'patched'
            import dumps_early
            def report():
                return dumps_early.TEXT
            """, packages={"dumps_early.py": "from json import dumps\nTEXT = dumps(1)\n"},
            cold="json.dumps is replaced"),
        "monkey_patched_by_a_library": Case("""
            import json
            BEFORE = json.dumps(1)
            import patches_json
            def report():
                return BEFORE, json.dumps(1)
            """, packages={"patches_json.py": "import json\njson.dumps = lambda value: 'patched'\n"}),
        "raises_the_second_time": Case("""
            import sys
            try:
                import once
            except ImportError:
                pass
            import plain
            def report():
                return 'once' in sys.modules
            """, packages={**PLAIN, "once.py": "import os\nif 'ONCE' in os.environ: raise ImportError('twice')\n"
                "os.environ['ONCE'] = '1'\n"}),
        "optional_dependency_of_ones_own": Case("""
            import wants_own, plain
            def report():
                return wants_own.HAS
            """, own={"own_settings.py": "X = 1\n"}, packages={**PLAIN, "wants_own.py":
                "try:\n    import own_settings\n    HAS = True\nexcept ImportError:\n    HAS = False\n"},
            ready="wants_own: it imports own_settings, which is the application's own"),
        "optional_own_module_added_by_an_edit": Case("""
            import wants_own, plain
            def report():
                return wants_own.HAS
            """, packages={**PLAIN, "wants_own.py":
                "try:\n    import own_settings_b\n    HAS = True\nexcept ImportError:\n    HAS = False\n"},
            edit=lambda cls, name: cls.put(name + "/app/own_settings_b.py", "X = 1\n"),
            cold="own_settings_b", differs=True),
        "recursion_limit": Case("""
            import sys
            BEFORE = sys.getrecursionlimit()
            import deep
            def report():
                return BEFORE, sys.getrecursionlimit()
            """, packages={"deep.py": "import sys\nsys.setrecursionlimit(3000)\n"},
            ready="deep: it changes sys.setrecursionlimit"),
        "codecs_and_copyreg": Case("""
            import codecs, copyreg, sys
            def known():
                try:
                    return codecs.lookup('odd_codec').name
                except LookupError:
                    return None
            BEFORE = known(), complex in copyreg.dispatch_table, len(copyreg.dispatch_table)
            import odd_codec
            def report():
                return BEFORE, known(), len(copyreg.dispatch_table)
            """, packages={"odd_codec.py": "import codecs, copyreg\nclass T: pass\ncopyreg.pickle(T, str)\n"
                "codecs.register(lambda n: codecs.CodecInfo(None, None, name=n) if n == 'odd_codec' else None)\n"},
            ready="odd_codec: it registers a codec"),
        "sys_path_that_a_library_cuts": Case("""
            import sys
            BEFORE = list(sys.path)
            import cuts
            import plain
            def report():
                return BEFORE, sys.path
            """, packages={**PLAIN, "cuts.py": "import sys\nsys.path.remove('/usr/lib/python3/dist-packages')\n"},
            ready="cuts: it changes sys.path"),
    }


if __name__ == "__main__":
    unittest.main()
