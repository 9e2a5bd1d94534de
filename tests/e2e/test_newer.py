"""What Python 3.14 and 3.15 have brought is answered as by a plain python3, over edits."""

import unittest

from support.host import needs_python
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
