"""What reloads an application, and when: events in watched folders."""

import os
import pathlib
import subprocess
import time
import zipfile

from support.host import HostTestCase, needs_recycling
from support.waiting import await_

APP = """
import helper
VERSION = {version!r}
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(VERSION + helper.VERSION).encode()]
"""


class Events(HostTestCase):
    def start_app(self, keys="", text=None, **files):
        self.at = os.path.join(self.folder, self._testMethodName)
        self.save("helper.py", "VERSION = 'v1'\n")
        for name, content in files.items():
            self.save(name, content)
        self.app = self.save("app.py", text or APP.format(version="v1"))
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\n[app one]\nfile = {self.app}\n{keys}\n"))
        self.host.log.wait_for(r"\[app\.(loaded|failed)\]")

    def save(self, name, text):
        path = os.path.join(self.at, name)
        self.write(path + ".new~", text)
        os.replace(path + ".new~", path)
        return path

    def answer(self):
        return self.host.fetch("/").body.decode()

    def detected(self):
        return self.host.log.count(r"\[reload\.detected\]")


@needs_recycling
class Debounce(Events):
    def test_debounce_ms_holds_for_a_single_file_where_it_is_set(self):
        self.start_app("debounce_ms = 3000")
        self.save("helper.py", "VERSION = 'v2'\n")
        time.sleep(0.2)  # far less than debounce_ms, far more than what a single file waits else
        self.save("app.py", APP.format(version="v2"))
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v2v2")
        self.assertEqual(self.detected(), 1)


@needs_recycling
class FailedLoads(Events):
    """What may be the missing module, and nothing else, is a reason to try again."""

    def test_new_names_that_cannot_be_the_missing_module(self):
        self.start_app(text="import absent\n" + APP.format(version="v1"))
        self.assertEqual(self.host.fetch("/").status, 500)
        for name in ("__pycache__", "another_site", "absent.d"):
            os.makedirs(os.path.join(self.at, name), exist_ok=True)
        for name in ("other.py", "absent.py.dpkg-new", "absent.txt", "__pycache__/absent.py"):
            self.save(name, "")
        self.assertEqual(self.host.fetch("/").status, 500)
        self.save("absent.py", "")
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v1v1")
        self.assertEqual(self.detected(), 1)

    def test_the_missing_module_may_be_a_package(self):
        self.start_app(text="from absent import NAME\n" + APP.format(version="v1"))
        self.save("absent/__init__.py", "NAME = 1\n")
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v1v1")

    def test_the_missing_name_may_be_a_file(self):
        path = os.path.join(self.folder, self._testMethodName, "site.ini")
        self.start_app(text=f"open({path!r}).close()\n" + APP.format(version="v1"))
        self.save("other.ini", "")
        self.save("site.ini", "")
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.detected(), 1)


class Crashes(Events):
    """One that crashed while it loaded is tried in main, until its files change."""

    APP = """
import os
{crash}
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("{version} in " + environ["fcgi_host.interpreter"]).encode()]
"""

    def text(self, version, crash=""):
        return self.APP.format(version=version, crash=crash)

    def test_the_repaired_code_is_back_in_its_own_interpreter(self):
        marker = self.path("crashed")
        self.start_app(text=self.text("v1", crash=(
            f"if not os.path.exists({marker!r}):\n    open({marker!r}, 'w').close()\n"
            "    os.abort()\n")))
        self.host.log.wait_for(r"\[app\.placed\]")
        self.assertEqual(self.answer(), "v1 in main")
        self.save("app.py", self.text("v2"))
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.answer(), "v2 in one")

    def test_one_that_was_given_up_begins_in_its_own_interpreter_again(self):
        self.start_app(text=self.text("v1", crash="os.abort()"))
        self.host.log.wait_for(r"\[app\.failed\]")
        await_(lambda: self.host.fetch("/").status == 503, "the error page")
        self.save("app.py", self.text("v2"))
        self.host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(self.answer(), "v2 in one")


@needs_recycling
class Touch(Events):
    def test_touch_of_the_wsgi_file_reloads_it(self):
        self.start_app()
        subprocess.run(["touch", self.app], check=True)
        line = self.host.log.wait_for(r"\[reload\.detected\]")
        self.assertIn(self.app, line)
        self.host.log.wait_for(r"\[reload\.switched\]")
        pathlib.Path(self.app).touch()
        self.host.log.wait_for(r"\[reload\.switched\]", 2)

    def test_nothing_else_that_leaves_the_content_does(self):
        self.start_app()
        subprocess.run(["touch", os.path.join(self.at, "helper.py")], check=True)
        os.chmod(self.app, 0o600)
        self.save("app.py", APP.format(version="v1"))
        with open(self.app, "r+") as f:
            f.write(APP.format(version="v1"))
        self.save("helper.py", "VERSION = 'v2'\n")
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v1v2")
        self.assertEqual(self.detected(), 1)


@needs_recycling
class Archives(Events):
    def zip(self, version):
        path = os.path.join(self.at, "lib.zip")
        with zipfile.ZipFile(path + ".new~", "w") as archive:
            archive.writestr("zipped.py", f"VERSION = {version!r}\n")
        os.replace(path + ".new~", path)
        return path

    def test_a_zip_file_on_python_path_is_watched(self):
        self.at = os.path.join(self.folder, self._testMethodName)
        os.makedirs(self.at)
        self.start_app(f"python_path = {self.zip('v1')}",
                       text="import zipped\n" + APP.format(version="").replace(
                           "VERSION +", "zipped.VERSION +"))
        self.assertEqual(self.answer(), "v1v1")
        self.zip("v2")
        line = self.host.log.wait_for(r"\[reload\.detected\]")
        self.assertIn("lib.zip", line)
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v2v1")


class Ready(Events):
    def test_the_host_says_when_everything_has_loaded(self):
        self.start_app("[app two]\nfile = {}\nmount = /two\n[app bad]\nfile = {}\nmount = /bad".format(
            self.write("two.py", APP.format(version="2").replace("helper", "string").replace(
                "string.VERSION", "''")),
            self.write("bad.py", "import no_such_module\n")))
        line = self.host.log.wait_for(r"\[host\.ready\]")
        self.assertRegex(line, r"2 applications in \d+\.\d s; 1 did not load")
