"""`fcgi_host audit` on modules of which it is known what it should say."""

import functools
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from test_extensions import CASES, VERSION, application

FOLDER = os.path.dirname(os.path.abspath(__file__))
#: Imports an extension while an audit is the first one, which loads it five times.
SOMETIMES = """
import os
count = len(os.listdir({loads!r}))
if count < 5:
    import case_lazy_class
open(os.path.join({loads!r}, str(count)), "w").close()
"""
FINDING = {"hazard": int, "symbol": str, "offset": str, "holds": str, "ownership": str}


@functools.cache
def audit(*arguments, extension="", text=False, path=()):
    environment = dict(os.environ, CASE_EXTENSION=extension,
                       PYTHONPATH=os.pathsep.join([os.environ["EXTENSIONS"],
                                                   os.path.join(FOLDER, "cases"), *path]))
    command = [os.environ["FCGI_HOST"], "audit", *([] if text else ["--json"]), *arguments]
    done = subprocess.run(command, env=environment, timeout=100, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout if text else json.loads(done.stdout), done.stderr


def extension_of(document, module):
    [found] = [extension for extension in document["targets"][0]["extensions"]
               if extension["module"] == module]
    return found


def put_file(text, *parts):
    path = os.path.join(*parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def put_extension(name, folder):
    """Copy an extension of the tests into a package."""
    [file] = [file for file in os.listdir(os.environ["EXTENSIONS"])
              if file.startswith(f"{name}.") and file.endswith(".so")]
    shutil.copy(os.path.join(os.environ["EXTENSIONS"], file), folder)


class Audit(unittest.TestCase):
    maxDiff = None

    def test_every_hazard_is_found(self):
        for case, (hazard, _) in CASES.items():
            with self.subTest(case):
                status, document, _ = audit("-m", application(case), extension=case)
                extension = extension_of(document, case)
                self.assertIn(hazard, [found["hazard"] for found in extension["findings"]])
                if extension["verdict"] != "clean":
                    self.assertEqual(status, 1)
                    self.assertEqual(document["targets"][0]["reload"], "worker")
                    self.assertEqual(document["targets"][0]["placement"], "main")
                    self.assertIn(case, document["targets"][0]["why"])

    def test_no_twin_is_found(self):
        for case in CASES:
            with self.subTest(case):
                status, document, _ = audit("-m", application(case), extension=f"{case}_ok")
                extension = extension_of(document, f"{case}_ok")
                self.assertEqual((extension["verdict"], extension["findings"], status),
                                 ("clean", [], 0), document)

    def test_document_has_the_fields_of_the_contract(self):
        _, document, _ = audit("-m", "case_lazy_class", extension="lazy_class")
        self.assertRegex(document["python"], r"^3\.\d+\.\d+")
        [target] = document["targets"]
        self.assertEqual(target["target"], "-m case_lazy_class")
        self.assertIn(target["placement"], ("own-gil", "sub-interpreter", "main"))
        extension = extension_of(document, "lazy_class")
        self.assertTrue(os.path.samefile(os.path.dirname(extension["file"]),
                                         os.environ["EXTENSIONS"]))
        self.assertEqual((extension["init"], extension["export"]), ("multi-phase", "PyInit"))
        self.assertIs(extension["uses_gilstate"], False)
        self.assertEqual(extension["second_interpreter"], "ok")
        self.assertIsNone(extension["error"])
        [finding] = extension["findings"]
        for key, kind in FINDING.items():
            self.assertIsInstance(finding[key], kind, key)
        self.assertEqual(finding["symbol"], "template_class")
        self.assertEqual(finding["holds"], "<class 'string.Template'>")
        self.assertEqual(finding["ownership"], "strong")
        self.assertRegex(finding["offset"], "^0x[0-9a-f]+$")

    @unittest.skipIf(VERSION < (3, 15), "PyModExport_ came with Python 3.15")
    def test_module_that_exports_slots_is_multi_phase(self):
        for name in ("exported_slots", "exported_slots_ok"):
            _, document, _ = audit("-m", "case_lazy_class", extension=name)
            extension = extension_of(document, name)
            self.assertEqual((extension["init"], extension["export"]),
                             ("multi-phase", "PyModExport"))
        _, out, _ = audit("-m", "case_lazy_class", extension="exported_slots", text=True)
        self.assertIn("(multi-phase initialisation by PyModExport)", out)

    def test_borrowed_pointer_is_called_so(self):
        _, document, _ = audit("-m", "case_borrowed_item", extension="borrowed_item")
        extension = extension_of(document, "borrowed_item")
        self.assertEqual(extension["verdict"], "dangling")
        self.assertEqual(extension["findings"][0]["ownership"], "borrowed")

    def test_single_phase_module_and_gilstate_are_told(self):
        _, document, _ = audit("-m", "case_class_at_init", extension="class_at_init")
        extension = extension_of(document, "class_at_init")
        self.assertEqual((extension["init"], extension["export"]), ("single-phase", "PyInit"))
        _, document, _ = audit("-m", "case_call_on_thread", extension="call_on_thread")
        self.assertIs(extension_of(document, "call_on_thread")["uses_gilstate"], True)

    def test_a_refusal_is_a_result(self):
        status, document, _ = audit("-m", "opts_out")
        extension = extension_of(document, "opts_out")
        self.assertEqual((status, extension["verdict"], extension["second_interpreter"]),
                         (1, "refuses", "refuses"))
        self.assertEqual(extension["error"],
                         "ImportError: opts_out can be loaded once per process only")
        self.assertEqual(document["targets"][0]["placement"], "main")

    def test_what_is_no_import_error_is_no_refusal(self):
        _, document, _ = audit("-m", "raises_twice")
        extension = extension_of(document, "raises_twice")
        self.assertEqual((extension["verdict"], extension["error"]),
                         ("breaks", "KeyError: 'raises_twice is registered already'"))
        self.assertEqual(extension_of(document, "lazy_class_ok")["verdict"], "clean")

    def test_a_refusal_that_became_another_exception_is_the_extensions(self):
        with tempfile.TemporaryDirectory() as folder:
            file = put_file("import json\n"
                            "try:\n    import opts_out\n"
                            "except ImportError as error:\n"
                            "    import lazy_class_ok\n"
                            "    raise RuntimeError('no opts_out') from None\n"
                            "def application(environ, start_response):\n    return []\n",
                            folder, "site.py")
            _, document, _ = audit(file)
        self.assertEqual(extension_of(document, "opts_out")["verdict"], "refuses")
        others = [extension["verdict"] for extension in document["targets"][0]["extensions"]
                  if extension["module"] != "opts_out"]
        self.assertEqual(set(others), {"clean"})

    def test_an_exception_is_the_extensions_of_whose_package_it_came(self):
        with tempfile.TemporaryDirectory() as folder:
            put_file("import string\n"
                     "from pack import lazy_class\n"
                     "import offers_once_ok\n"
                     "if not lazy_class.is_template(string.Template('')):\n"
                     "    raise TypeError('of another interpreter')\n", folder, "pack", "__init__.py")
            put_extension("lazy_class", os.path.join(folder, "pack"))
            _, document, _ = audit("-m", "pack", path=(folder,))
        extension = extension_of(document, "pack.lazy_class")
        self.assertEqual((extension["verdict"], extension["error"]),
                         ("breaks", "TypeError: of another interpreter"))
        self.assertEqual(extension_of(document, "offers_once_ok")["verdict"], "clean")
        self.assertEqual(document["targets"][0]["placement"], "main")

    def test_an_exception_that_is_no_extensions_is_the_targets(self):
        with tempfile.TemporaryDirectory() as folder:
            file = put_file("try:\n    import _interpreters as known\n"
                            "except ImportError:\n    import _xxsubinterpreters as known\n"
                            "if known.get_current() != known.get_main():\n"
                            "    raise RuntimeError('only in main')\n"
                            "def application(environ, start_response):\n    return []\n",
                            folder, "site.py")
            status, document, _ = audit(file)
        [target] = document["targets"]
        self.assertEqual({extension["verdict"] for extension in target["extensions"]} - {"clean"},
                         set())
        self.assertEqual((status, target["placement"]), (1, "main"), target)
        self.assertIn("RuntimeError: only in main", target["why"])

    def test_what_an_extension_lacks_in_another_interpreter_is_found(self):
        status, document, _ = audit("-m", "offers_once")
        extension = extension_of(document, "offers_once")
        self.assertEqual((status, extension["verdict"], extension["missing"]),
                         (1, "breaks", ["limit"]))
        self.assertIn("limit", extension["error"])
        status, document, _ = audit("-m", "offers_once_ok")
        extension = extension_of(document, "offers_once_ok")
        self.assertEqual((status, extension["verdict"], extension["missing"]), (0, "clean", []))

    def test_an_extension_that_imports_its_own_package_is_created_once(self):
        with tempfile.TemporaryDirectory() as folder:
            put_file("from sibling import imports_sibling\n"
                     "assert imports_sibling.times_created == 1\n", folder, "sibling", "__init__.py")
            put_file("", folder, "sibling", "helper.py")
            put_extension("imports_sibling", os.path.join(folder, "sibling"))
            status, document, _ = audit("-m", "sibling", path=(folder,))
        self.assertEqual(status, 0, document)

    def test_an_extension_may_ask_for_its_own_package(self):
        with tempfile.TemporaryDirectory() as folder:
            put_file("class Mark: pass\n"
                     "from marks import imports_package\n"
                     "imports_package.mark()\n", folder, "marks", "__init__.py")
            put_extension("imports_package", os.path.join(folder, "marks"))
            _, document, _ = audit("-m", "marks", path=(folder,))
        extension = extension_of(document, "marks.imports_package")
        self.assertEqual((extension["verdict"], extension["missing"]), ("shared", []))

    def test_a_crash_is_the_extensions_on_the_stack(self):
        with tempfile.TemporaryDirectory() as folder:
            put_file("import crashes_in_use, lazy_class_ok\n"
                     "crashes_in_use.use()\n", folder, "user_of_it.py")
            _, document, _ = audit("-m", "user_of_it", path=(folder,))
        self.assertEqual(extension_of(document, "crashes_in_use")["verdict"], "crashes")
        self.assertEqual(extension_of(document, "lazy_class_ok")["verdict"], "clean")
        self.assertIn("SIGSEGV", document["targets"][0]["why"])

    def test_a_crash_is_a_result(self):
        status, document, _ = audit("-m", "crashes_twice")
        extension = extension_of(document, "crashes_twice")
        self.assertEqual((status, extension["verdict"], extension["second_interpreter"]),
                         (1, "crashes", "crashes"))
        self.assertIn("SIGSEGV", extension["error"])
        self.assertEqual(document["targets"][0]["placement"], "main")

    def test_a_run_that_could_not_end_its_interpreter_is_not_clean(self):
        with tempfile.TemporaryDirectory() as folder:
            put_file("import threading, time, lazy_class_ok\n"
                     "def stay():\n"
                     "    while True:\n"
                     "        try:\n"
                     "            time.sleep(3600)\n"
                     "        except BaseException:\n"
                     "            pass\n"
                     "threading.Thread(target=stay, daemon=True).start()\n", folder, "stays.py")
            status, document, _ = audit("-m", "stays", path=(folder,))
        [target] = document["targets"]
        extension = extension_of(document, "lazy_class_ok")
        self.assertEqual((status, extension["verdict"], target["reload"]),
                         (1, "unknown", "worker"), document)
        self.assertIn("could not be ended", extension["error"])
        self.assertIn("could not be ended", target["why"])

    def test_a_hang_is_a_result(self):
        status, document, _ = audit("--timeout", "2", "-m", "hangs_twice")
        extension = extension_of(document, "hangs_twice")
        self.assertEqual((status, extension["verdict"]), (1, "crashes"))
        self.assertIn("hangs", extension["error"])

    def test_a_wsgi_file_is_a_target(self):
        with tempfile.TemporaryDirectory() as folder:
            file = put_file("import case_lazy_class\n"
                            "def application(environ, start_response):\n    return []\n",
                            folder, "site_of_mine.py")
            status, document, _ = audit(file, extension="lazy_class")
        self.assertEqual(status, 1)
        self.assertEqual(document["targets"][0]["target"], file)
        self.assertEqual(extension_of(document, "lazy_class")["verdict"], "stale")

    def test_standard_library_modules_are_recyclable(self):
        modules = ["ssl", "sqlite3", "json", "datetime", "decimal", "ctypes", "asyncio", "hashlib"]
        for module in modules:
            with self.subTest(module):
                status, document, _ = audit("-m", module)
                self.assertEqual(status, 0, document)
                is_broken = os.environ["FCGI_HOST_PYTHON_VERSION"] == "3.12"
                self.assertEqual(document["targets"][0]["reload"],
                                 "worker" if is_broken else "interpreter")

    def test_a_withheld_extension_is_shown_as_it_is(self):
        """_zoneinfo of 3.11: withheld from applications, but not when somebody asks about it."""
        if os.environ["FCGI_HOST_PYTHON_VERSION"] != "3.11":
            self.skipTest("nothing but _decimal, of 3.12, is withheld from others")
        _, alone, _ = audit("-m", "_zoneinfo")
        self.assertEqual(extension_of(alone, "_zoneinfo")["verdict"], "stale")
        status, package, _ = audit("-m", "zoneinfo")
        self.assertEqual(status, 0)
        self.assertNotIn("_zoneinfo", [extension["module"] for extension
                                       in package["targets"][0]["extensions"]])

    def test_markupsafe_is_used_without_its_extension(self):
        status, alone, _ = audit("-m", "markupsafe._speedups")
        if status == 2:
            self.skipTest("no markupsafe")
        extension = extension_of(alone, "markupsafe._speedups")
        self.assertEqual(extension["verdict"],
                         "shared" if extension["init"] == "single-phase" else "clean")
        _, package, _ = audit("-m", "markupsafe")
        self.assertEqual(package["targets"][0]["reload"], "interpreter")

    def test_report_for_people_says_what_where_and_what_to_do(self):
        status, report, _ = audit("-m", "case_borrowed_item", extension="borrowed_item", text=True)
        self.assertEqual(status, 1)
        for words in ("borrowed_item: dangling", "limits (0x", "<dict of 1>",
                      "without a reference", "What follows:", "What helps:"):
            self.assertIn(words, report)

    def test_a_verdict_that_differs_from_run_to_run_is_said_to(self):
        with tempfile.TemporaryDirectory() as folder:
            loads = os.path.join(folder, "loads")
            os.mkdir(loads)
            put_file("import case_lazy_class\n", folder, "always.py")
            put_file(SOMETIMES.format(loads=loads), folder, "sometimes.py")
            for name, is_steady in (("always", True), ("sometimes", False)):
                status, document, _ = audit("-m", name, "--runs", "2", extension="lazy_class",
                                            path=(folder,))
                [target] = document["targets"]
                self.assertEqual((status, target["placement"]), (1, "main"))
                self.assertEqual((target["runs"], target["steady"]), (2, is_steady), name)
            _, document, _ = audit("-m", "always", extension="lazy_class", path=(folder,))
            self.assertEqual((document["targets"][0]["runs"], document["targets"][0]["steady"]),
                             (1, None))

    def test_wrong_usage(self):
        for arguments in ([], ["--nonsense"], ["--runs", "0", "-m", "json"],
                          ["--request", "/", "-m", "json"],
                          ["--learn", "-m", "json"], ["--request", "x", "site.py"], ["-m"],
                          ["no_such_file.py"], ["-m", "no_such_module"]):
            with self.subTest(arguments):
                done = subprocess.run([os.environ["FCGI_HOST"], "audit", *arguments], timeout=60,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
