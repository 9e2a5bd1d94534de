"""Applications that are loaded cold, edited, and loaded warm: what they see must be the same.

A *case* is an application with libraries of its own, in a virtual environment.  All cases of a class
share a host, in which each has an interpreter of its own.  The application defines `report()`,
which is called at the end of the load and in each request.
"""

import os
import textwrap

from .host import PYTHON_VERSION, HostTestCase, has_module, needs_modules, needs_recycling, status_of

#: At the end of each application.  It imports nothing, so that it does not change what is seen.
TRAILER = """
_AT_LOAD = repr(report())
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{_AT_LOAD}\\n{report()!r}".encode()]
"""


class Case:
    """`app`: its text, `application` need not be there; `edited`: the same after the edit, else `app` again
    with another comment; `own`, `packages`: files beside it, and in its site-packages, by their
    paths; `cold`: what the log says of why the spare does not fit, None: it is used; `ready`: what
    spare.ready names, "": nothing is left out, None: anything; `keys`: of its configuration; `needs`:
    distribution packages that it imports."""

    def __init__(self, app, edited=None, own=None, packages=None, cold=None, ready="", keys="",
                 edit=None, differs=False, needs=()):
        self.app, self.edited = app, edited if edited is not None else app
        self.own, self.packages = own or {}, packages or {}
        self.cold, self.ready, self.keys = cold, ready, keys
        self.edit = edit  # edit(cls, name), before the application itself is edited
        self.differs = differs  # the reports are not compared
        self.needs = needs
        self.reports = []


@needs_recycling
class Spares(HostTestCase):
    """The cases of a subclass are its attribute CASES: each becomes a test."""

    CASES = {}

    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        for name, case in cls.CASES.items():
            test = lambda self, name=name: self.check(name)  # noqa: E731
            setattr(cls, "test_" + name, needs_modules(*case.needs)(test) if case.needs else test)
        cls.CASES = {name: case for name, case in cls.CASES.items()
                     if not case.needs or has_module(*case.needs)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.CASES:
            cls.run_cases()

    @classmethod
    def folder_of(cls, name):
        return os.path.join(cls.folder, name)

    @classmethod
    def write_case(cls, name, case):
        """@return its section of the configuration"""
        site = f"{name}/venv/lib/python{cls.python_version()}/site-packages"
        cls.write(f"{name}/venv/pyvenv.cfg", "include-system-site-packages = true\n")
        os.makedirs(os.path.join(cls.folder, site), exist_ok=True)
        for path, text in case.packages.items():
            cls.put(f"{site}/{path}", text)
        for path, text in case.own.items():
            cls.put(f"{name}/app/{path}", text)
        cls.save(name, case.app)
        folder = cls.folder_of(name)
        return (f"[app {name}]\nmount = /{name}\nfile = {folder}/app/wsgi_{name}.py\n"
                f"virtualenv = {folder}/venv\nspare = on\n{case.keys}\n")

    @classmethod
    def put(cls, path, text):
        if callable(text):
            os.makedirs(os.path.dirname(os.path.join(cls.folder, path)), exist_ok=True)
            text(os.path.join(cls.folder, path))
        else:
            cls.write(path, text)

    @classmethod
    def python_version(cls):
        return PYTHON_VERSION

    @classmethod
    def save(cls, name, text, comment=""):
        """As editors do: a new file renamed over the old one."""
        path = f"{name}/app/wsgi_{name}.py"
        trailer = "" if "def application" in text else TRAILER
        temporary = cls.write(path + ".tmp~", textwrap.dedent(text) + trailer + comment)
        os.replace(temporary, os.path.join(cls.folder, path))

    @classmethod
    def start_cases(cls, settings=""):
        text = f"[fcgi_host]\nrecycle_budget_mb = 0\n{settings}\n"
        text += "".join(cls.write_case(name, case) for name, case in cls.CASES.items())
        cls.control = cls.path("control")
        cls.host = cls.start_class_host("--control", cls.control, "-c", cls.config(text))

    @classmethod
    def run_cases(cls):
        cls.start_cases()
        for name in cls.CASES:
            cls.fetch_report(name)
        for name, case in cls.CASES.items():
            cls.await_spare(name)
            if case.edit:
                case.edit(cls, name)
            cls.save(name, case.edited, "# edited\n")
        for name in cls.CASES:
            cls.host.log.wait_for(rf" app={name} .*\[reload\.(switched|kept|worker)\]")
            cls.fetch_report(name)

    @classmethod
    def fetch_report(cls, name):
        response = cls.host.fetch(f"/{name}")
        cls.CASES[name].reports.append((response.status, response.body.decode()))

    @classmethod
    def preload(cls, name):
        """What the status says of its spare."""
        workers = status_of(cls.control)["workers"]
        return next(app["preload"] for worker in workers for app in worker["apps"]
                    if app["name"] == name)

    @classmethod
    def await_spare(cls, name, count=1):
        """Until it has a spare."""
        try:
            return cls.host.log.wait_for(rf" app={name} .*\[spare\.ready\]", count)
        except AssertionError as error:
            raise AssertionError(f"{cls.preload(name)}\n{error}") from None

    def check(self, name):
        case, log = self.CASES[name], self.host.log
        log.wait_for(rf" app={name} gen=2 \[reload\.switched\]")
        (cold_status, cold), (warm_status, warm) = case.reports[:2]
        self.assertEqual((cold_status, warm_status), (200, 200), cold + warm)
        ready = log.find(rf" app={name} .*\[spare\.ready\]")[0]
        if case.ready is not None:
            library, _, why = case.ready.partition(": ")
            self.assertRegex(ready.partition("left out: ")[2],
                             rf"^{library} \({why}" if case.ready else "^$")
        went_cold = log.find(rf" app={name} .*\[spare\.cold\]")
        if case.cold is None:
            self.assertEqual(went_cold, [])
        else:
            self.assertEqual(len(went_cold), 1)
            self.assertRegex(went_cold[0], case.cold)
        if not case.differs:
            self.assertEqual(warm.split("\n"), cold.split("\n"))


LIBRARIES = {
    "plain.py": "import json\nX = 1\n",
    "other.py": "import plain\nY = 2\n",
    "third.py": "Z = 3\n",
}
APP = """
import plain, other
VERSION = {version!r}
def report():
    return VERSION, plain.X, other.Y
"""


def app(version):
    return APP.format(version=version)


class OneApplication(Spares):
    """Each test has a host of its own, with the application "one"."""

    def start(self, text, packages=LIBRARIES, keys="", own=None, ready=1, settings=""):
        self.case = Case(text, packages=packages, own=own, keys=keys)
        self.name = f"one{type(self)._serial}"
        section = self.write_case(self.name, self.case).replace("spare = on\n", "" if "spare" in keys
                                                                else "spare = on\n")
        self.control = self.path("control")
        self.host = self.start_host("--control", self.control, "-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\n{settings}\n{section}"))
        type(self).host, type(self).control = self.host, self.control
        self.log = self.host.log
        self.log.wait_for(r"\[app\.loaded\]")
        if ready:
            self.await_spare(self.name, ready)

    def edit(self, text, comment=""):
        self.save(self.name, text, comment)

    def edit_library(self, path, text):
        site = f"{self.name}/venv/lib/python{self.python_version()}/site-packages"
        temporary = self.write(f"{site}/{path}.tmp~", text)
        os.replace(temporary, os.path.join(self.folder, site, path))

    def get(self, path=""):
        response = self.host.fetch(f"/{self.name}{path}")
        self.assertEqual(response.status, 200, response)
        return response.body.decode()

    def answer(self):
        return self.get().split("\n")[0]

    def switched(self, generation):
        return self.log.wait_for(rf"gen={generation} \[reload\.switched\]")

    def colds(self):
        return self.log.count(r"\[spare\.cold\]")
