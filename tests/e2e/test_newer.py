"""What Python 3.14 and 3.15 have brought is answered as by a plain python3, over edits."""

import json
import os
import subprocess
import textwrap
import unittest

from support.host import APPS, PYTHON, HostTestCase, clean_environ, needs_python
from support.same_answers import SameAnswers
from support.spares import Case, Spares


@needs_python(3, 14)
class Since314(SameAnswers):
    def test_modules(self):
        self.check("newer/with_annotations newer/with_asyncio newer/with_contexts"
                   " newer/with_interpreters newer/with_stacks newer/with_zstd")

    def test_processes(self):
        self.check("newer/with_multiprocessing")

    def test_what_is_left_running(self):
        self.check("newer/with_leftovers")

    def test_variables_of_the_application(self):
        self.check("newer/with_environ", environ={"MINE": "1"})


@needs_python(3, 14)
class Switches(HostTestCase):
    """Environment variables that CPython reads when it starts."""

    def compare(self, code, environ, **mounts):
        """As a plain python3 answers; mounts: name → keys of the application there."""
        plain = subprocess.run([PYTHON, "-c", code + "\nprint(json.dumps(answer('x')))"],
                               env=clean_environ(**environ), capture_output=True, check=True).stdout
        file = self.write("switches.py", code + textwrap.dedent("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [json.dumps(answer("x")).encode()]
            """))
        host = self.start_host("-c", self.config("".join(
            f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
            for name, keys in mounts.items())), env=environ)
        for name in mounts:
            self.assertEqual(json.loads(host.fetch(f"/{name}").body), json.loads(plain), name)

    def test_contexts_and_warnings_of_threads(self):
        with open(os.path.join(APPS, "newer/with_contexts.py")) as f:
            code = "import json\n" + f.read()
        for value in "01":
            with self.subTest(value):
                self.compare(code, {"PYTHON_CONTEXT_AWARE_WARNINGS": value,
                                    "PYTHON_THREAD_INHERIT_CONTEXT": value,
                                    "PYTHON_DISABLE_REMOTE_DEBUG": value},
                             one="", main="interpreter = main", spare="spare = on")

    def test_the_jit_compiles_in_the_main_interpreter(self):
        code = "import json, sys\ndef answer(name): return sys._jit.is_enabled()\n"
        for value in "01":
            with self.subTest(value):
                self.compare(code, {"PYTHON_JIT": value}, main="interpreter = main")


@needs_python(3, 15)
class Since315(SameAnswers):
    def test_types_and_modules(self):
        self.check("newer/with_types")


@needs_python(3, 14)
class WithSpares(Spares):
    CASES = {
        "variables_of_a_process_are_read_again_by_a_library": Case("""
            import os, lib_reloads
            def report():
                os.environ["GIVEN"] = "by the application"
                return lib_reloads.SEEN
            """, packages={"lib_reloads.py": "import os\nos.reload_environ()\n"
                           "SEEN = os.environ.get('MINE'), os.environ.get('GIVEN')\n"},
            keys="env.MINE = 1\nprocess = own\ninterpreter = one\n"),
    }


if __name__ == "__main__":
    unittest.main()
