"""Imports that wait until what they import is used (PEP 810)."""

import os

from support.host import needs_python, needs_recycling
from support.package import PackageTestCase
from support.spares import Case, Spares

APP = """
import sys
lazy import package.views

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/there":
        return ["package.views".encode() if "package.views" in sys.modules else b"nothing"]
    return [package.views.answer().encode()]
"""


class LazyApplication(PackageTestCase):
    def start_app(self, app=APP, **files):
        self.start_package(app, files)


class Gate:
    """However an application is reloaded."""

    def wait_kept(self, says, count=1):
        self.host.log.wait_for(self.KEPT, count)
        self.host.log.wait_for(says)

    def wait_switched(self, count=1):
        self.host.log.wait_for(self.SWITCHED, count)

    def test_of_what_a_request_has_used(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.assertEqual(self.answer("/there"), "nothing")
        self.assertEqual(self.answer(), "v1")
        self.save("package/views", "def answer( return 'v2'\n")
        self.wait_kept("SyntaxError")
        self.assertEqual(self.answer(), "v1")
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_of_what_nobody_has_used(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.save("package/views", "def answer( return 'v2'\n")
        self.wait_kept("SyntaxError")
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_of_a_name_that_is_gone(self):
        self.start_app("""
            lazy from package.models import VERSION
            import package.models

            def application(environ, start_response):
                start_response("200 OK", [])
                return [VERSION.encode()]
            """, **{"package/models": "VERSION = 'v1'\n"})
        self.assertEqual(self.answer(), "v1")
        self.save("package/models", "RENAMED = 'v2'\n")
        self.wait_kept("cannot import name 'VERSION'")
        self.assertEqual(self.answer(), "v1")
        self.save("package/models", "VERSION = 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_of_what_a_lazy_module_imports(self):
        self.start_app(**{
            "package/models": "VERSION = 'v1'\n",
            "package/views": "lazy from .models import VERSION\ndef answer(): return VERSION\n"})
        self.assertEqual(self.answer(), "v1")
        self.save("package/models", "RENAMED = 'v2'\n")
        self.wait_kept("cannot import name 'VERSION'")
        self.assertEqual(self.answer(), "v1")

    def test_of_what_is_new(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.assertEqual(self.answer(), "v1")
        self.save("package/added", "1 / 0\n")
        self.save("app", "lazy import package.added\n" + APP)
        self.wait_kept("ZeroDivisionError")
        self.assertEqual(self.answer(), "v1")
        self.save("package/added", "")
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_of_what_is_gone(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.assertEqual(self.answer(), "v1")
        os.remove(os.path.join(self.at, "package/views.py"))
        self.wait_kept("No module named 'package.views'")
        self.assertEqual(self.answer(), "v1")

    def test_leaves_what_has_not_changed_to_requests(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.assertEqual(self.answer(), "v1")
        self.save("app", APP + "# edited\n")
        self.wait_switched()
        self.assertEqual(self.answer("/there"), "nothing")
        self.assertEqual(self.answer(), "v1")


@needs_python(3, 15)
@needs_recycling
class InTheProcess(Gate, LazyApplication):
    KEPT, SWITCHED = r"\[reload\.kept\]", r"\[reload\.switched\]"


@needs_python(3, 15)
class InAnotherWorker(Gate, LazyApplication):
    KEYS = "reload = worker"
    KEPT, SWITCHED = r"\[worker\.kept\]", r"\[worker\.replaced\]"


MODE = """
import sys
import plain
{lazy}
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr([name for name in ("plain", "other") if name in sys.modules]).encode()]
"""


class Modes(LazyApplication):
    def there(self, mode, lazy="lazy import other\n", environ=None):
        """What of an import and a lazy one is there when the application has loaded."""
        self.at = os.path.join(self.folder, self._testMethodName, mode)
        for name, text in {"plain": "", "other": "", "app": MODE.format(lazy=lazy)}.items():
            file = self.save(name, text)
        host = self.start_host("-c", self.config(f"[app one]\nfile = {file}\n{mode}\n"),
                               env=environ)
        host.log.wait_for(r"\[app\.loaded\]")
        return host.fetch("/").body.decode()

    @needs_python(3, 15)
    def test_of_the_option(self):
        self.assertEqual(self.there(""), "['plain']")
        self.assertEqual(self.there("lazy_imports = normal"), "['plain']")
        self.assertEqual(self.there("lazy_imports = all"), "[]")
        self.assertEqual(self.there("lazy_imports = off"), "['plain', 'other']")

    @needs_python(3, 15)
    def test_is_no_matter_of_the_environment(self):
        environ = {"PYTHON_LAZY_IMPORTS": "all"}
        self.assertEqual(self.there("", environ=environ), "['plain']")

    def test_off_is_so_with_every_version(self):
        self.assertEqual(self.there("lazy_imports = off", lazy="import other\n"),
                         "['plain', 'other']")


LIBRARIES = {
    "lib_a.py": "lazy import lib_b\nlazy from lib_c import value\nVALUE = 'a'\n"
                "def use(): return lib_b.VALUE + value\n",
    "lib_b.py": "VALUE = 'b'\n",
    "lib_c/__init__.py": "value = 'c'\n",
}
REPORT = """
import sys
def report():
    return [name for name in sys.modules if name.startswith("lib_")]
"""
USING_REPORT = """
import sys
calls = []
def report():
    calls.append(lib_a.use() if calls else "")
    return calls[-1], [name for name in sys.modules if name.startswith("lib_")]
"""


@needs_python(3, 15)
class WithSpares(Spares):
    CASES = {
        "a_library_s_lazy_imports_stay_put_off": Case(
            "import lib_a\n" + REPORT, packages=LIBRARIES),
        "a_library_s_lazy_imports_are_used_by_loading": Case(
            "import lib_a\nUSED = lib_a.use()\n" + REPORT, packages=LIBRARIES),
        "a_library_s_lazy_imports_are_used_by_requests": Case(
            "import lib_a\n" + USING_REPORT, packages=LIBRARIES),
        "a_lazy_import_is_used_by_loading": Case(
            "lazy import lib_a\nUSED = lib_a.use()\n" + REPORT, packages=LIBRARIES),
        "all_imports_are_put_off": Case(
            "import lib_a, lib_b\nUSED = lib_a.VALUE\n" + REPORT, packages=LIBRARIES,
            keys="lazy_imports = all"),
        "a_package_imports_a_module_when_it_is_asked_for": Case(
            "import lib_c, lib_asks\nUSED = lib_asks.use()\n" + REPORT, packages={
                **LIBRARIES, "lib_c/part.py": "VALUE = 1\n",
                "lib_asks.py": "lazy import lib_c.part\ndef use(): return lib_c.part.VALUE\n"}),
        "a_name_is_used_before_another_library_uses_it": Case(
            "import lib_c\nUSED = lib_c.apps\nimport lib_uses\n" + REPORT, packages={
                "lib_c/__init__.py": "lazy from .registry import apps\n",
                "lib_c/registry.py": "apps = 1\n",
                "lib_uses.py": "import lib_c\nAPPS = lib_c.apps\n"}),
        "all_imports_of_the_standard_library_are_put_off": Case(
            "import json, lib_a\nUSED = json.loads('[1]'), lib_a.VALUE\n" + REPORT,
            packages=LIBRARIES, keys="lazy_imports = all"),
        "all_imports_of_flask_are_put_off": Case("""
            import sys
            from flask import Flask
            application = Flask(__name__)
            @application.route("/")
            def index(): return ""
            def report():
                return [name for name in sys.modules if name.startswith("flask")]
            """, keys="lazy_imports = all", needs=("flask",)),
        "no_import_is_put_off": Case(
            "lazy import lib_a\n" + REPORT, packages=LIBRARIES, keys="lazy_imports = off"),
    }
