"""Templates of what the workers have imported themselves (`preload = auto`)."""

import os
import signal
import unittest

import test_templates
from support.host import needs_modules
from support.load import Load
from support.waiting import await_

#: In site-packages, so that it is not the application's own.
LIBRARY = """
import os
pid = os.getpid()
version = 1
"""
APPLICATION = """
import json, os
{first}
import library
{second}
version = 1

def application(environ, start_response):
    if environ["PATH_INFO"] == "/late":
        import late
    import sys
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({{
        "pid": os.getpid(), "parent": os.getppid(), "version": version,
        "library": library.pid, "library_version": library.version,
        "late": getattr(sys.modules.get("late"), "pid", None),
        "other": getattr(sys.modules.get("other"), "pid", None),
    }}).encode()]
"""


class Auto(test_templates.Templates):
    def begin(self, keys="", first="", second="", other=LIBRARY, ready=True):
        self.control, packages = self.path("control"), self.path("lib") + "/site-packages"
        os.makedirs(packages)
        self.packages = packages
        for name in ("library", "late", "other"):
            self.save(os.path.join(packages, name + ".py"), other if name == "other" else LIBRARY)
        self.library = os.path.join(packages, "library.py")
        self.file = self.write("app.py", APPLICATION.format(first=first, second=second))
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n"
            f"[app app]\nfile = {self.file}\nprocess = own\npython_path = {packages}\n{keys}\n"))
        self.host.log.wait_for(r"\[host\.ready\]")
        if ready:
            self.host.log.wait_for(r"\[template\.ready\]")

    def edit(self, version, first="", second="", rest=""):
        self.save(self.file, APPLICATION.format(first=first, second=second)
                  + f"\nversion = {version}\n{rest}\n")

    def await_version(self, version):
        return await_(lambda: (facts := self.ask())["version"] == version and facts, "the new code")

    def test_it_has_what_the_first_worker_has_imported(self):
        self.begin()
        self.assert_cold(self.ask())
        for _ in range(2):
            self.assert_warm(self.crash())
        self.edit(2)
        self.assert_warm(self.await_version(2))
        self.assertEqual(self.host.log.find(r"\[template\.(unused|failed|remade)\]"), [])

    def test_what_requests_have_imported_is_added(self):
        self.begin()
        self.ask("/late")
        self.ask("/late")
        self.host.log.wait_for(r"\[template\.remade\].*imported more libraries")
        template = self.template()
        self.assert_warm(self.crash(), template)
        self.assertEqual(self.ask("/late")["late"], template)
        self.assertEqual(self.host.log.find(r"\[template\.(unused|failed)\]"), [])

    def test_what_was_told_at_the_end_is_there_after_an_idle_time(self):
        self.begin("workers = 0-1\nidle_timeout_s = 1", ready=False)

        def is_late_there():
            """A worker that had one request only has told of it when it ended."""
            slept = self.host.log.count(r"\[process\.idle\]")
            facts = self.ask("/late")
            self.host.log.wait_for(r"\[process\.idle\]", slept + 1)
            await_(lambda: not self.workers(), "the last worker to end")
            self.template()
            return facts["late"] == facts["library"] != facts["pid"]

        await_(is_late_there, "a template with what the request has imported")

    def test_another_order_of_imports_is_served_by_a_worker_that_begins_with_nothing(self):
        self.begin(second="import other")
        self.assert_warm(self.crash())
        with Load(lambda: self.host.fetch("/").status, threads=2) as load:
            self.edit(2, first="import other")
            facts = self.await_version(2)
        self.assertEqual(load.failures, [])
        self.assert_cold(facts)
        self.host.log.wait_for(r"\[template\.unused\].*starts again without it")
        self.host.log.wait_for(r"\[template\.remade\].*did not fit")
        facts = self.crash()
        self.assert_warm(facts)
        self.assertEqual(facts["other"], facts["library"])

    def test_another_environment_at_the_import_is_another_import(self):
        self.begin(first="os.environ['LIBRARY_MODE'] = 'one'")
        self.assert_warm(self.crash())
        self.edit(2, first="os.environ['LIBRARY_MODE'] = 'two'")
        self.assert_cold(self.await_version(2))
        self.host.log.wait_for(r"\[template\.remade\]")
        self.assert_warm(self.crash())

    def test_an_application_that_never_imports_the_same_has_none_after_a_while(self):
        counter = self.path("counter")
        self.begin(first=f"""
with open({counter!r}, "a+") as f:
    f.write("x")
    f.seek(0)
    os.environ["LIBRARY_MODE"] = f.read()
""")
        for _ in range(3):
            self.assert_cold(self.crash())
            unused = self.host.log.count(r"\[template\.unused\]")
            await_(lambda: self.host.log.count(r"\[template\.ready\]") > unused or
                   self.host.log.count(r"\[template\.failed\]"), "another template, or the last word")
        self.host.log.wait_for(r"\[template\.failed\]")
        self.assert_cold(self.crash())
        self.assertIn("LIBRARY_MODE", self.preload()[0]["why"])

    def test_a_changed_library_is_not_served_from_it(self):
        self.begin()
        self.assert_warm(self.crash())
        self.save(self.library, LIBRARY + "version = 2\n")
        await_(lambda: self.ask()["library_version"] == 2, "the new library")
        self.assert_cold(self.ask())
        self.host.log.wait_for(r"\[template\.remade\].*library\.py")
        await_(lambda: self.assert_is_warm_after_a_crash(), "a worker of the new one")

    def assert_is_warm_after_a_crash(self):
        facts = self.crash()
        return facts["library"] == self.template() and facts["library_version"] == 2

    def test_a_broken_edit_is_not_blamed_on_it(self):
        self.begin()
        self.assert_warm(self.crash())
        self.edit(2, rest="1 / 0")
        self.host.log.wait_for(r"ZeroDivisionError")
        self.host.log.wait_for(r"\[worker\.kept\]")
        self.assertEqual(self.ask()["version"], 1)
        template = self.template()
        self.edit(3)
        self.assert_warm(self.await_version(3), template)
        self.assertEqual(self.host.log.find(r"\[template\.(failed|remade)\]"), [])


    def test_random_numbers_that_a_library_draws_are_nobodys_loss(self):
        self.begin(first="import random", second="import other", other=LIBRARY + """
import random
value = random.random()
""")
        facts = self.crash()
        self.assert_warm(facts)
        self.assertEqual(facts["other"], facts["library"])

    def test_but_a_state_of_random_that_it_sets_is(self):
        self.begin(first="import random", second="import other", other=LIBRARY + """
import random
random.seed(1)
""")
        self.assertIn("left out: other (it sets random's state)",
                      self.host.log.find(r"\[template\.ready\]")[0])
        facts = self.crash()
        self.assert_warm(facts)
        self.assertEqual(facts["other"], facts["pid"])

    def test_an_application_that_has_set_it_before_gets_the_numbers_that_follow(self):
        self.begin(first="import random\nrandom.seed(7)", second="import other", other=LIBRARY + """
import random
random.random()
pid = [pid, random.random()]
""")
        value = self.ask()["other"][1]
        for _ in range(2):
            ready = self.host.log.count(r"\[template\.ready\]")
            facts = self.crash()
            self.assertEqual(facts["other"][1], value)
            if facts["library"] == facts["pid"]:
                self.host.log.wait_for(r"\[template\.ready\]", ready + 1)
        self.assert_warm(self.crash())


class Frameworks(test_templates.Templates):
    def begin(self, text):
        self.control = self.path("control")
        self.file = self.write("site.py", text)
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n"
            f"[app app]\nfile = {self.file}\nprocess = own\n"))
        self.host.log.wait_for(r"\[template\.ready\]")

    def ask_some(self):
        for _ in range(3):  # what requests import is told after the second
            self.assertEqual(self.host.fetch("/").body, b"answered")

    def assert_next_is_warm(self):
        """The next worker, or one after it, where the first template did not fit."""
        self.ask_some()
        for _ in range(3):
            ready = self.host.log.count(r"\[template\.ready\]")
            os.kill(self.workers()[0], signal.SIGKILL)
            self.ask_some()
            preload = await_(self.preload, "the next worker")[0]
            if preload["modules"] > 0:
                break
            self.host.log.wait_for(r"\[template\.ready\]", ready + 1)
        self.assertGreater(preload["modules"], 50, self.host.log.text)
        self.assertEqual(self.host.log.find(r"\[template\.failed\]"), [])

    @needs_modules("flask")
    def test_flask(self):
        self.begin("""
            from flask import Flask
            application = Flask(__name__)

            @application.route("/")
            def answer():
                return "answered"
            """)
        self.assert_next_is_warm()

    @needs_modules("django")
    def test_django(self):
        self.begin("""
            from django.conf import settings
            settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
                               INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                                               "django.contrib.sessions"],
                               MIDDLEWARE=["django.middleware.common.CommonMiddleware",
                                           "django.contrib.sessions.middleware.SessionMiddleware"])
            from django.core.wsgi import get_wsgi_application
            from django.http import HttpResponse
            from django.urls import path
            urlpatterns = [path("", lambda request: HttpResponse("answered"))]
            application = get_wsgi_application()
            """)
        self.assert_next_is_warm()

    @needs_modules("numpy", "lxml.etree")
    def test_extensions_that_refuse_sub_interpreters(self):
        self.begin("""
            import numpy, lxml.etree
            def application(environ, start_response):
                start_response("200 OK", [])
                assert numpy.arange(10).sum() == 45
                lxml.etree.fromstring("<a/>")
                return [b"answered"]
            """)
        self.assert_next_is_warm()


if __name__ == "__main__":
    unittest.main()
