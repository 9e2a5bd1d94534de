"""Broken edits of modules that requests had imported: kept before anybody is answered by them."""

import os
import signal
import subprocess

from support.host import (PYTHON, HostTestCase, clean_environ, needs_modules, needs_recycling,
                          run)
from support.package import PackageTestCase
from support.waiting import await_

APP = """
import os

def application(environ, start_response):
    import package.views
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [package.views.answer().encode()]
"""


class LaterModules(PackageTestCase):
    KEPT, SWITCHED = "", ""

    def start_app(self, keys="", host="", **files):
        """Files below the folder; one request has imported them."""
        self.start_package(APP, files, keys, host)
        self.assertEqual(self.answer(), "v1")

    def wait_kept(self, says, count=1):
        self.host.log.wait_for(self.KEPT, count)
        self.host.log.wait_for(says)
        self.assertEqual(self.answer(), "v1")

    def wait_switched(self, count=1):
        self.host.log.wait_for(self.SWITCHED, count)


class BrokenEdits:
    """With LaterModules: what holds however an application is reloaded."""

    def test_a_syntax_error_and_its_repair(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.save("package/views", "def answer( return 'v2'\n")
        self.wait_kept("SyntaxError")
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_a_name_that_an_unchanged_module_imports_is_gone(self):
        self.start_app(**{
            "package/models": "VERSION = 'v1'\n",
            "package/views": "from .models import VERSION\ndef answer(): return VERSION\n"})
        self.save("package/models", "RENAMED = 'v2'\n")
        self.wait_kept("ImportError: cannot import name 'VERSION'")
        self.save("package/models", "VERSION = 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_after_it_was_kept_the_other_modules_are_watched_on(self):
        self.start_app(**{
            "package/models": "VERSION = 'v1'\n",
            "package/views": "def answer():\n    from . import models\n    return models.VERSION\n"})
        self.save("package/views", "raise ValueError('no')\n")
        self.wait_kept("ValueError: no")
        self.save("package/models", "VERSION = 'v2'\n")
        self.wait_kept("ValueError: no", 2)

    def test_a_module_that_is_gone_and_not_needed_any_more(self):
        self.start_app(**{
            "package/old": "",
            "package/views": "from . import old\ndef answer(): return 'v1'\n"})
        self.save("package/views", "def answer(): return 'v2'\n")
        self.wait_switched()
        os.remove(os.path.join(self.at, "package/old.py"))
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched(2)
        self.assertEqual(self.answer(), "v3")

    def test_modules_that_have_not_changed_are_left_to_requests(self):
        marker = self.path("imports")
        self.start_app(**{
            "package/other": f"open({marker!r}, 'a').write('x')\n",
            "package/views": "def answer():\n    import package.other\n    return 'v1'\n"})
        self.save("package/views", "def answer(): return 'v2'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v2")
        with open(marker) as f:
            self.assertEqual(f.read(), "x")


@needs_recycling
class InTheProcess(BrokenEdits, LaterModules):
    KEPT = r"\[reload\.kept\]"
    SWITCHED = r"\[reload\.switched\]"

    def test_a_module_that_is_gone_but_still_imported(self):
        self.start_app(**{
            "package/old": "",
            "package/views": "from . import old\ndef answer(): return 'v1'\n"})
        os.remove(os.path.join(self.at, "package/old.py"))
        self.wait_kept("cannot import name 'old'")

    def test_an_endless_loop(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.host.stop()
        app = os.path.join(self.at, "app.py")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstartup_timeout_s = 1\n[app one]\nfile = {app}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.assertEqual(self.answer(), "v1")
        self.save("package/views", "while True: pass\n")
        self.wait_kept("took longer than")

    def test_it_ends_first_with_reload_restart(self):
        self.start_app(keys="reload = restart", **{"package/views": "def answer(): return 'v1'\n"})
        self.save("package/views", "def answer( return 'v2'\n")
        self.host.log.wait_for(r"\[reload\.kept\]")
        self.assertEqual(self.host.fetch("/").status, 500)
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")


class InAnotherWorker(BrokenEdits, LaterModules):
    KEYS = "reload = worker"
    KEPT = r"\[worker\.kept\]"
    SWITCHED = r"\[worker\.replaced\]"

    def test_of_two_workers(self):
        self.start_app(host="workers = 2", **{"package/views": "def answer(): return 'v1'\n"})
        pids = set()
        await_(lambda: len(pids) == 2 or pids.add(self.host.fetch("/").headers["x-pid"]),
               "both workers to have served")
        self.save("package/views", "def answer( return 'v2'\n")
        self.wait_kept("SyntaxError")

    def test_in_the_main_interpreter(self):
        self.start_app("interpreter = main", **{"package/views": "def answer(): return 'v1'\n"})
        self.save("package/views", "1 / 0\n")
        self.wait_kept("ZeroDivisionError")
        self.save("package/views", "def answer(): return 'v3'\n")
        self.wait_switched()
        self.assertEqual(self.answer(), "v3")

    def test_an_endless_loop(self):
        self.start_app(**{"package/views": "def answer(): return 'v1'\n"})
        self.host.stop()
        app = os.path.join(self.at, "app.py")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstartup_timeout_s = 1\n[app one]\nfile = {app}\nreload = worker\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.assertEqual(self.answer(), "v1")
        self.save("package/views", "while True: pass\n")
        self.wait_kept("took longer than")

    def test_a_reload_by_hand_and_a_new_configuration(self):
        control = self.path("control")
        self.start_app(host=f"control = {control}", **{"package/views": "def answer(): return 'v1'\n"})
        self.save("package/views", "def answer( return 'v2'\n")
        self.wait_kept("SyntaxError")
        code, _, err = run("reload", "-s", control)
        self.assertEqual(code, 1, err)
        self.assertIn("kept", err)
        self.assertEqual(self.answer(), "v1")
        self.host.signal(signal.SIGHUP)
        self.wait_kept("SyntaxError", 3)


@needs_recycling
@needs_modules("django")
class Django(HostTestCase):
    def test_a_broken_views_py_is_kept(self):
        folder = os.path.join(self.folder, "stock")
        os.makedirs(folder)
        for arguments in (["startproject", "website", folder], ["startapp", "blog"]):
            subprocess.run([PYTHON, "-m", "django", *arguments], check=True, cwd=folder,
                           env=clean_environ())
        with open(os.path.join(folder, "website/settings.py"), "a") as f:
            f.write("ALLOWED_HOSTS = ['*']\n")
        self.write("stock/website/urls.py", """
            from django.urls import path
            from blog import views
            urlpatterns = [path("", views.index)]
            """)
        views = """
            from django.http import HttpResponse
            def index(request):
                return HttpResponse("v%d")
            """
        self.write("stock/blog/views.py", views % 1)
        host = self.start_host(os.path.join(folder, "website/wsgi.py"))
        host.log.wait_for(r"\[app\.loaded\]")
        self.assertEqual(host.fetch("/").body, b"v1")
        self.write("stock/blog/views.py", "def index(request:\n")
        host.log.wait_for(r"\[reload\.kept\]")
        self.assertEqual(host.fetch("/").body, b"v1")
        self.write("stock/blog/views.py", views % 3)
        host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(host.fetch("/").body, b"v3")
