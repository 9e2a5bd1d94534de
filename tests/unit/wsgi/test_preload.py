"""Libraries are noted while an application loads, imported in advance, withheld and put back."""

import os
import tempfile
import textwrap
import unittest

from support import in_new_process

APPLICATION = "\ndef application(environ, start_response): pass\n"

#: The first process: loads the application, and tells what was noted.
COLD = """
sys.path.pop(0), sys.path.pop(0)  # the test's own folders
_harness.load(0)
{code}
_harness_preload.loaded()
{late}
import marshal
result(_harness_preload.describe().hex())
result([root[0] for root in marshal.loads(_harness_preload.describe())])
"""

#: The second: imports it in advance, and loads the application.
WARM = """
sys.path.pop(0), sys.path.pop(0)
may_serve, count, why, memory = _harness_preload.prepare(bytes.fromhex({list!r}), bytes.fromhex({memory!r}))
result([may_serve, count, why, memory.hex()])
{before}
try:
    _harness.load(0)
    _harness_preload.loaded()
    {code}
except RuntimeError as error:
    result(str(error))
    if str(error).startswith("cold"):
        why, memory = _harness_preload.went_cold()
        result([why, memory.hex()])
"""


class Preload(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = os.path.realpath(self.temporary.name)
        self.site = os.path.join(self.folder, "site-packages")
        self.make("site-packages/lib_a.py", "import decimal\nX = 1\nNAMES = []\n")
        self.make("site-packages/lib_b.py", "import lib_a\nlib_a.NAMES.append('b')\nY = 2\n")

    def tearDown(self):
        self.temporary.cleanup()

    def make(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def application(self, text):
        prelude = f"import sys\nsys.path.append({self.site!r})\n"
        return self.make("app/wsgi.py", prelude + textwrap.dedent(text) + APPLICATION)

    def run_in_new_process(self, code):
        options = {"name": "app", "file": os.path.join(self.folder, "app/wsgi.py")}
        return in_new_process(code, options)[0]

    def cold(self, text, code="", late=""):
        """@return the names of the roots that are the test's; self.list: for warm()"""
        self.application(text)
        self.list, roots = self.run_in_new_process(
            COLD.format(code=textwrap.dedent(code), late=late))
        return [root for root in roots if root.startswith("lib_")]

    def warm(self, text=None, code="pass", before="", memory=""):
        if text is not None:
            self.application(text)
        results = self.run_in_new_process(
            WARM.format(list=self.list, memory=memory, code=code, before=before))
        self.may_serve, self.count, self.left_out, self.memory = results[0]
        return results[1:]

    def cold_because(self, *args, **kw):
        """@return why the load went cold; self.next_left_out, self.next_memory: what that teaches"""
        text, learnt = self.warm(*args, **kw)
        self.assertTrue(text.startswith("cold: "), text)
        self.next_left_out, self.next_memory = learnt
        return text.removeprefix("cold: ")


class Noting(Preload):
    def test_roots_are_what_the_application_imports(self):
        self.assertEqual(self.cold("import lib_b\nimport lib_a"), ["lib_b"])
        self.assertEqual(self.cold("import lib_a\nimport lib_b"), ["lib_a", "lib_b"])

    def test_modules_of_its_own_are_transparent(self):
        self.make("app/own.py", "import lib_a\n")
        self.assertEqual(self.cold("import own\nimport lib_b"), ["lib_a", "lib_b"])

    def test_what_a_library_imports_when_it_is_called_is_a_root(self):
        self.make("site-packages/lib_c.py", "def f():\n    import lib_a\n")
        self.assertEqual(self.cold("import lib_c\nlib_c.f()"), ["lib_c", "lib_a"])

    def test_an_application_may_put_something_around_each_finder(self):
        text = """
            class Around:
                def __init__(self, finder):
                    self.finder = finder

                def __getattr__(self, name):
                    return getattr(self.finder, name)

                def find_spec(self, *args):
                    return self.finder.find_spec(*args)

            import lib_a
            sys.meta_path[:] = map(Around, sys.meta_path)
            import lib_b
            """
        self.assertEqual(self.cold(text), ["lib_a"])
        self.assertEqual(self.warm(text, code="result(sys.modules['lib_b'].Y)"), [2])

    def test_another_finder_may_ask_all_the_others(self):
        text = """
            class Asks:
                def find_spec(self, name, path=None, target=None):
                    for finder in sys.meta_path:
                        if finder is not self:
                            spec = finder.find_spec(name, path, target)
                            if spec is not None:
                                return spec

            sys.meta_path.insert(0, Asks())
            import lib_a
            """
        self.assertEqual(self.cold(text), ["lib_a"])

    def test_modules_made_by_hand(self):
        self.assertEqual(self.cold("""
            import importlib.util, types
            spec = importlib.util.find_spec("lib_a")
            module = types.ModuleType("lib_a")
            spec.loader.exec_module(module)
            assert module.X == 1
            """), [])

    def test_a_path_may_hold_anything(self):
        self.assertEqual(self.cold("sys.path += [None, b'/nowhere', 3]\nimport lib_a"), ["lib_a"])

    def test_what_is_imported_again_and_again_is_noted_once(self):
        self.make("site-packages/lib_c.py", "import lib_a\nraise ImportError\n")
        late = ("for _ in range(50):\n    try:\n        import lib_c\n"
                "    except ImportError:\n        pass")
        self.assertEqual(self.cold("", late=late), ["lib_c"])

    def test_a_namespace_package_that_is_only_looked_for(self):
        self.make("site-packages/lib_space/lib_d.py", "")
        looks = "import importlib.util\nassert importlib.util.find_spec('lib_space').loader is None\n"
        self.assertEqual(self.cold(looks + "import lib_a"), ["lib_a"])
        self.assertEqual(self.cold(looks + "import lib_space.lib_d"),
                         ["lib_space", "lib_space.lib_d"])
        self.assertEqual(self.warm(code="result('done')"), ["done"])

    def test_an_archive_has_one_loader(self):
        import zipfile
        with zipfile.ZipFile(os.path.join(self.folder, "lib.zip"), "w") as archive:
            archive.writestr("lib_z.py", "X = 1\n")
            archive.writestr("lib_y.py", "import lib_z\n")
        text = f"""
            import importlib.util
            sys.path.append({self.folder + "/lib.zip"!r})
            for _ in range(2000):
                importlib.util.find_spec("lib_y")
            import lib_y
            """
        self.assertEqual(self.cold(text), ["lib_y"])

    def test_what_requests_import(self):
        self.assertEqual(self.cold("import lib_a", late="import lib_b"), ["lib_a", "lib_b"])


class InAdvance(Preload):
    def test_nothing_is_seen_of_it_before_it_is_imported(self):
        self.cold("import lib_a, lib_b")
        seen = self.warm("""
            SEEN = [name in sys.modules for name in ("decimal", "lib_a", "lib_b")]
            import lib_a
            SEEN += [name in sys.modules for name in ("decimal", "lib_a", "lib_b")] + lib_a.NAMES
            import lib_b
            SEEN += lib_a.NAMES
            """, "result(sys.modules['wsgi'].SEEN)")
        self.assertEqual(seen, [[False] * 3 + [True, True, False, "b"]])
        self.assertTrue(self.may_serve)
        self.assertGreater(self.count, 2)

    def test_it_is_not_executed_again(self):
        self.make("site-packages/lib_a.py", "print('executed')\n")
        self.cold("import lib_a")
        before = "import builtins; builtins.print = lambda *args: result('again')"
        self.assertEqual(self.warm(code="result('done')", before=before), ["done"])

    def test_what_raises_is_left_out(self):
        self.make("site-packages/lib_c.py", "import sys\nassert 'wsgi' in sys.modules\n")
        self.cold("import lib_c, lib_a")
        self.warm()
        self.assertFalse(self.may_serve)
        self.assertRegex(self.left_out, r"^left out: lib_c \(it raises AssertionError")
        self.warm(memory=self.memory, code="result(sys.modules['lib_a'].X)")
        self.assertTrue(self.may_serve)

    def test_what_imports_the_applications_own_is_left_out(self):
        self.make("app/own.py", "")
        self.make("site-packages/lib_c.py", "try:\n    import own\nexcept ImportError:\n    pass\n")
        self.cold("import lib_c")
        self.warm()
        self.assertRegex(self.left_out, r"^left out: lib_c \(it imports own, which is the application's own")

    def test_what_is_imported_for_one_that_is_left_out_is_imported(self):
        self.make("site-packages/lib_c.py", "import sys, lib_a\nassert 'wsgi' in sys.modules\n")
        self.cold("import lib_c")
        self.warm()
        answer = self.warm(memory=self.memory, code="result(sys.modules['lib_c'].lib_a.X)")
        self.assertEqual((self.may_serve, answer), (True, [1]))
        self.assertGreater(self.count, 1)

    def test_a_package_that_is_left_out_is_so_with_its_modules(self):
        self.make("site-packages/lib_p/__init__.py",
                  "import sys, lib_a\nfrom lib_p import part\nassert 'wsgi' in sys.modules\n")
        self.make("site-packages/lib_p/part.py", "X = 3\n")
        self.cold("import lib_p\nimport lib_b")
        self.warm()
        answer = self.warm(memory=self.memory, code="result(sys.modules['lib_p'].part.X)")
        self.assertEqual(answer, [3])
        self.assertGreater(self.count, 2)

    def test_without_anything(self):
        self.cold("")
        self.assertEqual(self.warm(code="result('loaded')"), ["loaded"])


class Cold(Preload):
    TWO = "import lib_a\nimport lib_b\n"

    def test_another_order(self):
        self.cold(self.TWO)
        self.assertEqual(self.cold_because("import lib_b\nimport lib_a\n"),
                         "lib_b is imported before lib_a")
        self.assertEqual(self.next_left_out, "")

    def test_a_new_library_before(self):
        self.make("site-packages/lib_c.py", "")
        self.cold(self.TWO)
        self.assertEqual(self.cold_because("import lib_a, lib_c, lib_b"),
                         "lib_c is imported before lib_b, which is new")

    def test_a_new_library_behind_is_imported(self):
        self.make("site-packages/lib_c.py", "")
        self.cold(self.TWO)
        self.assertEqual(self.warm("import lib_a, lib_b, lib_c", "result('loaded')"), ["loaded"])

    def test_one_that_is_not_imported_any_more(self):
        self.cold(self.TWO)
        self.assertEqual(self.cold_because("import lib_a"), "lib_b is not imported any more")

    def test_a_late_one_is_kept_for_when_it_is_imported(self):
        self.cold("import lib_a", late="import lib_b")
        self.assertEqual(self.warm(code="import lib_b; result(lib_b.Y)"), [2])

    def test_a_file_that_has_changed_is_cold_once_and_left_out_when_it_does_again(self):
        self.cold(self.TWO)
        edit = f"open({self.site + '/lib_b.py'!r}, 'a').write('# edited')"
        self.assertRegex(self.cold_because(before=edit), "lib_b.py has changed")
        self.assertEqual(self.next_left_out, "")
        self.assertRegex(self.cold_because(before=edit, memory=self.next_memory), "lib_b.py has changed")
        self.assertRegex(self.next_left_out, r"^left out: lib_b \(.*lib_b.py has changed")

    def test_another_environment(self):
        self.cold(self.TWO)
        self.assertEqual(self.cold_because("import os\nos.environ['NEW'] = '1'\n" + self.TWO),
                         "lib_a: os.environ is another one: NEW")

    def test_the_environment_that_was_there_at_each_import(self):
        self.make("site-packages/lib_c.py", "import os\nX = os.environ.get('NEW')\n")
        text = "import os, lib_a\nos.environ['NEW'] = '1'\nimport lib_c\ndel os.environ['NEW']\nimport lib_b"
        self.cold(text)
        self.assertEqual(self.warm(code="result(sys.modules['lib_c'].X)"), ["1"])

    def test_what_the_application_sets_leaves_out_the_rest(self):
        self.make("site-packages/lib_c.py", "import lib_a\nX = lib_a.X\n")
        text = "import lib_a\nlib_a.X = 5\nimport lib_b, lib_c\n"
        self.cold(text)
        self.assertEqual(self.cold_because(), "before lib_b, lib_a.X is replaced")
        self.assertEqual(self.warm(memory=self.next_memory, code="result(sys.modules['lib_c'].X)"), [5])
        self.assertRegex(self.left_out, r"^left out: lib_b and 1 more \(before lib_b, lib_a.X is replaced\)$")

    def test_another_module_of_that_name(self):
        self.cold(self.TWO)
        for name in ("lib_b", "lib_a"):
            made = f"open({self.folder + '/app/' + name!r} + '.py', 'w').close()"
            self.assertRegex(self.cold_because(before=made),
                             f"^{name} is found elsewhere: .*/app/{name}.py$")

    def test_another_module_of_a_name_that_a_library_imports(self):
        self.cold("import lib_b")
        made = f"open({self.folder + '/app/lib_a.py'!r}, 'w').close()"
        self.assertRegex(self.cold_because(before=made), "^lib_a is found elsewhere: .*/app/lib_a.py$")

    def test_another_module_that_is_there_before_the_import_in_advance(self):
        self.cold(self.TWO)
        self.make("app/lib_b.py", "Y = 'own'\n")
        self.assertEqual(self.warm(), [])
        self.assertEqual(self.left_out, "left out: lib_b (it imports lib_b, which is the application's own)")

    def test_a_load_that_fails(self):
        self.cold(self.TWO)
        self.assertEqual(self.cold_because(self.TWO + "1 / 0\n"), "loading raises ZeroDivisionError")

    def test_a_syntax_error_is_told_at_once(self):
        self.cold(self.TWO)
        (text,) = self.warm(self.TWO + "x = = 2\n")
        self.assertRegex(text, "SyntaxError: invalid syntax$")

    def test_an_exception_that_the_application_catches_does_not_hide_it(self):
        self.cold(self.TWO)
        text = "try:\n    import lib_b\nexcept BaseException:\n    pass\nimport lib_a\n"
        self.assertEqual(self.cold_because(text), "lib_b is imported before lib_a")


if __name__ == "__main__":
    unittest.main()
