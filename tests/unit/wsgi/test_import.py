"""From a WSGI file to an application object: names, roots, callables, byte code."""

import os
import re
import sys
import tempfile
import textwrap
import time
import unittest

from support import in_new_process

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


LOAD_ALL = """
sys.path.pop(0), sys.path.pop(0)  # the test's own folders
for index in range({count}):
    try:
        found = _harness.get_callable(_harness.load(index))
        module = sys.modules[found.__module__]
        result([found.__name__, module.__name__, module.__file__, sys.path[0]])
    except RuntimeError as error:
        result(str(error))
"""


class Files(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = os.path.realpath(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def make(self, path, text=APPLICATION):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def load(self, *files, code="", variables=None, **options):
        """Load applications of one interpreter; for each its name and module, or the error."""
        apps = [
            {"name": f"app{n}", "file": os.path.join(self.folder, file), **options}
            for n, file in enumerate(files)
        ]
        results, log = in_new_process(
            LOAD_ALL.format(count=len(apps)) + textwrap.dedent(code), *apps, variables=variables
        )
        self.log = log
        return results


class Naming(Files):
    def test_the_folder_is_the_import_root_and_the_stem_the_name(self):
        file = self.make("site/blog.py")
        self.make("site/beside.py", "")
        (found,) = self.load("site/blog.py", code="import beside")
        self.assertEqual(found, ["application", "blog", file, os.path.join(self.folder, "site")])

    def test_any_suffix(self):
        for name in ("blog.wsgi", "blog.fcgi", "blog"):
            file = self.make(name)
            self.assertEqual(self.load(name)[0][1:3], ["blog", file])

    def test_a_file_in_a_package_has_its_dotted_name(self):
        # What `django-admin startproject` makes.
        file = self.make("project/mysite/wsgi.py", "from mysite import settings\n" + APPLICATION)
        self.make("project/mysite/__init__.py", "")
        self.make("project/mysite/settings.py", "")
        (found,) = self.load(
            "project/mysite/wsgi.py",
            code="import mysite.wsgi; result(mysite.wsgi is sys.modules['mysite.wsgi'])",
        )[:1]
        root = os.path.join(self.folder, "project")
        self.assertEqual(found, ["application", "mysite.wsgi", file, root])

    def test_packages_in_packages(self):
        file = self.make("root/a/b/c.py", "from . import d\nfrom .. import e\n" + APPLICATION)
        for path in ("root/a/__init__.py", "root/a/b/__init__.py", "root/a/b/d.py", "root/a/e.py"):
            self.make(path, "")
        (found,) = self.load("root/a/b/c.py")
        self.assertEqual(found, ["application", "a.b.c", file, os.path.join(self.folder, "root")])

    def test_a_package_itself(self):
        file = self.make("root/pkg/__init__.py", "from . import part\n" + APPLICATION)
        self.make("root/pkg/part.py", "")
        (found,) = self.load("root/pkg/__init__.py")
        self.assertEqual(found, ["application", "pkg", file, os.path.join(self.folder, "root")])

    def test_no_module_of_the_standard_library_is_hidden(self):
        for name in ("code.wsgi", "test.wsgi", "json.wsgi", "sys.wsgi"):
            self.make(name)
            found, standard = self.load(
                name,
                code=f"""
                import {name[:-5]}
                result({name[:-5]} is sys.modules[found.__module__])
                """,
            )
            self.assertEqual(found[1], "wsgi_" + name[:-5])
            self.assertFalse(standard)

    def test_a_file_named_like_a_module_of_the_standard_library_can_import_it(self):
        self.make("json.py", "import json\nTEXT = json.dumps([1])\n" + APPLICATION)
        self.assertEqual(self.load("json.py")[0][:2], ["application", "wsgi_json"])

    def test_no_module_that_the_file_itself_imports_is_hidden(self):
        # The usual way under mod_wsgi: myapp.wsgi beside myapp.py or a package of that name.
        self.make("a/myapp.py", "import json\n" + APPLICATION)
        self.make("a/myapp.wsgi", "from myapp import application\n")
        self.make("b/other/__init__.py")
        self.make("b/other.py", "raise SystemExit('not this one')")
        self.make("b/other.wsgi", "from other import application\n")
        for file in ("a/myapp.wsgi", "b/other.wsgi"):
            (found,) = self.load(file)
            self.assertEqual(found[0], "application", found)

    def test_a_module_can_import_the_wsgi_file_by_its_name(self):
        self.make("blog.py", "VALUE = []\nimport views\n" + APPLICATION)
        self.make("views.py", "import blog\nblog.VALUE.append(1)\n")
        found, value = self.load("blog.py", code="import blog; result(blog.VALUE)")
        self.assertEqual((found[1], value), ("blog", [1]))

    def test_two_files_of_one_name_share_an_interpreter(self):
        files = [self.make("a/wsgi.py"), self.make("b/wsgi.py")]
        found = self.load("a/wsgi.py", "b/wsgi.py")
        self.assertEqual([f[2] for f in found], files)
        self.assertEqual(len({f[1] for f in found}), 2)

    def test_two_applications_of_one_file_share_its_module(self):
        self.make("wsgi.py", "print('loaded')\n" + APPLICATION)
        found = self.load("wsgi.py", "wsgi.py")
        self.assertEqual(found[0][1], found[1][1])
        self.assertEqual(len([line for line in self.log if line[5] == "loaded"]), 1)

    def test_two_packages_of_one_name_cannot_share_an_interpreter(self):
        for root in ("a", "b"):
            self.make(f"{root}/mysite/__init__.py", "")
            self.make(f"{root}/mysite/wsgi.py")
        found = self.load("a/mysite/wsgi.py", "b/mysite/wsgi.py")
        self.assertEqual(found[0][0], "application")
        self.assertIn("give the application an interpreter of its own", found[1])
        self.assertNotIn("Traceback", found[1])

    def test_a_link_to_a_folder_is_resolved_once(self):
        self.make("releases/41/wsgi.py", "import part\n" + APPLICATION)
        self.make("releases/41/part.py", "")
        os.symlink("releases/41", os.path.join(self.folder, "current"))
        (found,) = self.load("current/wsgi.py")
        self.assertEqual(found[2], os.path.join(self.folder, "releases/41/wsgi.py"))

    def test_a_link_to_a_file_is_a_file_where_the_link_is(self):
        self.make("elsewhere/real.py", "import beside\n" + APPLICATION)
        self.make("site/beside.py", "")
        os.symlink("../elsewhere/real.py", os.path.join(self.folder, "site/wsgi.py"))
        (found,) = self.load("site/wsgi.py")
        self.assertEqual(found[1:], ["wsgi", f"{self.folder}/site/wsgi.py", f"{self.folder}/site"])


class Callables(Files):
    def test_application_then_app(self):
        self.make("a.py", "def app(): pass\ndef application(): pass\n")
        self.make("b.py", "def app(): pass\n")
        self.assertEqual([f[0] for f in self.load("a.py", "b.py")], ["application", "app"])

    def test_the_one_that_is_named(self):
        self.make("a.py", "def app(): pass\ndef other(): pass\n")
        self.assertEqual(self.load("a.py", callable="other")[0][0], "other")

    def test_a_dotted_name(self):
        self.make(
            "a.py",
            """
            class Site:
                class inner:
                    def handler(): pass
            """,
        )
        self.assertEqual(self.load("a.py", callable="Site.inner.handler")[0][0], "handler")

    def test_what_is_missing_is_said(self):
        file = self.make("a.py", "")
        self.assertEqual(self.load("a.py"), [f"{file} defines no application or app"])
        self.assertEqual(self.load("a.py", callable="x.y"), [f"{file} defines no x.y"])

    def test_what_cannot_be_called_is_said(self):
        file = self.make("a.py", "application = 5\ndef app(): pass\n")
        self.assertEqual(
            self.load("a.py"), [f"{file}: application is no callable, but of type int"]
        )

    def test_a_file_that_is_missing_is_said(self):
        self.assertEqual(self.load("x.py"), [f"{self.folder}/x.py: no such file"])


class Failures(Files):
    def test_an_exception_has_its_traceback_from_the_file_on(self):
        file = self.make("a.py", "import part\n")
        part = self.make("part.py", "def f():\n    1 / 0\nf()\n")
        (error,) = self.load("a.py")
        self.assertTrue(error.startswith("Traceback (most recent call last):\n"), error)
        self.assertEqual(re.findall('File "(.*)", line (\\d+)', error),
                         [(file, "1"), (part, "3"), (part, "2")])
        self.assertTrue(error.endswith("ZeroDivisionError: division by zero"), error)

    def test_an_exception_of_the_import_system_keeps_its_frames(self):
        self.make("a.py", "x = 1\0\n")
        (error,) = self.load("a.py")
        self.assertIn("null bytes", error)
        self.assertRegex(error, r'File "<fcgi_host|File "<frozen|File ".*a\.py"')

    def test_a_syntax_error_names_file_and_line(self):
        file = self.make("a.py", "x = 1\ny = = 2\n")
        (error,) = self.load("a.py")
        self.assertIn(f'File "{file}", line 2', error)
        self.assertIn("SyntaxError", error)
        self.assertNotIn("frozen", error)

    def test_leaving_is_an_error(self):
        for statement in ("raise SystemExit(3)", "import sys; sys.exit()", "raise KeyboardInterrupt"):
            self.make("a.py", statement)
            (error,) = self.load("a.py")
            self.assertRegex(error, "SystemExit|KeyboardInterrupt")

    def test_a_failed_module_is_not_kept(self):
        self.make("a.py", "1 / 0")
        results = self.load("a.py", code="result('a' in sys.modules)")
        self.assertFalse(results[-1])

    def test_the_file_knows_its_application_while_it_loads(self):
        self.make("a.py", "import fcgi_host\nINFO = fcgi_host.info()\n" + APPLICATION)
        self.make("b.py", "import fcgi_host\nINFO = fcgi_host.info()\n" + APPLICATION)
        results = self.load(
            "a.py", "b.py", code="import a, b; result([a.INFO['app'], b.INFO['app']])"
        )
        self.assertEqual(results[-1], ["app0", "app1"])


class ByteCode(Files):
    """Two edits of the same size within one second both count."""

    WITH_CACHE = {"PYTHONDONTWRITEBYTECODE": ""}

    def load_value(self):
        results = self.load(
            "site/wsgi.py", code="import part; result(part.VALUE)", variables=self.WITH_CACHE
        )
        return results[-1]

    def cached(self):
        folder = os.path.join(self.folder, "site/__pycache__")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def set_time(self, path, seconds_ago):
        then = time.time() - seconds_ago
        os.utime(path, (then, then))

    def setUp(self):
        super().setUp()
        self.make("site/wsgi.py", "import part\n" + APPLICATION)
        self.part = self.make("site/part.py", "VALUE = 1\n")

    def test_a_fresh_source_is_not_cached(self):
        self.assertEqual(self.load_value(), 1)
        self.assertEqual(self.cached(), [])
        self.make("site/part.py", "VALUE = 2\n")
        self.assertEqual(self.load_value(), 2)

    def test_an_older_source_is_cached_and_served_from_there(self):
        self.set_time(self.part, 60)
        self.assertEqual(self.load_value(), 1)
        (name,) = self.cached()
        self.assertTrue(name.startswith("part."))
        # Same time and size: not looked at again.
        before = os.stat(self.part)
        self.make("site/part.py", "VALUE = 2\n")
        os.utime(self.part, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(self.load_value(), 1)

    def test_byte_code_as_old_as_its_source_is_not_believed(self):
        # Another Python cached it at once; then the file was edited within the same second.
        self.set_time(self.part, 60)
        self.load_value()
        (name,) = self.cached()
        cache = os.path.join(self.folder, "site/__pycache__", name)
        before = os.stat(self.part)
        self.make("site/part.py", "VALUE = 2\n")
        os.utime(self.part, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.utime(cache, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
        self.assertEqual(self.load_value(), 2)
        # And is replaced, so that it can be believed from now on.
        self.assertGreater(os.stat(cache).st_mtime - before.st_mtime, 10)
        self.make("site/part.py", "VALUE = 3\n")
        os.utime(self.part, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertEqual(self.load_value(), 2)

    def test_the_wsgi_file_is_never_cached(self):
        self.set_time(os.path.join(self.folder, "site/wsgi.py"), 60)
        self.set_time(self.part, 60)
        self.load_value()
        self.assertFalse([name for name in self.cached() if "wsgi" in name])

    def test_the_standard_library_is_left_alone(self):
        results = self.load(
            "site/wsgi.py",
            code="""
            import json.decoder, wsgiref.util
            result([type(m.__spec__.loader).__name__ for m in (json.decoder, wsgiref.util, part)])
            """.replace("part)", "__import__('part'))"),
        )
        self.assertEqual(
            results[-1], ["SourceFileLoader", "SourceFileLoader", "ApplicationSourceLoader"]
        )

    def test_installed_packages_are_not(self):
        results = self.load(
            "site/wsgi.py",
            code="""
            try:
                import flask as installed
            except ImportError:  # beside a Python that is not the distribution's
                import pip as installed
            result(type(installed.__spec__.loader).__name__)
            """,
        )
        self.assertEqual(results[-1], "ApplicationSourceLoader")

    def test_tools_that_ask_the_loader_are_answered(self):
        self.make("site/pkg/__init__.py", "")
        self.make("site/pkg/data.txt", "data")
        self.make("site/pkg/data.pyc", "no byte code")
        results = self.load(
            "site/wsgi.py",
            code="""
            import importlib.resources, inspect, part, pkg, pkgutil
            result(inspect.getsource(part))
            result([module.name for module in pkgutil.iter_modules(sys.path[:1])])
            result(inspect.getsource(sys.modules["wsgi"]).count("application"))
            result(importlib.resources.files("pkg").joinpath("data.txt").read_text())
            result(pkgutil.get_data("pkg", "data.pyc").decode())
            """,
        )
        self.assertEqual(
            results[1:], ["VALUE = 1\n", ["part", "pkg", "wsgi"], 1, "data", "no byte code"]
        )


if __name__ == "__main__":
    unittest.main()
