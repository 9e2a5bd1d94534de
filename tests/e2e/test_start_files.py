"""What Python does before a program of its own runs: .pth and .start files (PEP 829), encodings (PEP 686)."""

import json
import os
import subprocess

from support.host import PYTHON, PYTHON_VERSION, HostTestCase, clean_environ, needs_python

BOOT = """
import sys
CALLS = []
def run(): CALLS.append(("run", "beyond" in sys.modules, sys.prefix))
def fail(): raise ValueError("at the start")
"""
APP = """
import boot
def application(environ, start_response):
    start_response("200 OK", [])
    return [repr(boot.CALLS).encode()]
"""


@needs_python(3, 15)
class StartFiles(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        site = f"venv/lib/python{PYTHON_VERSION}/site-packages"
        cls.write("venv/pyvenv.cfg", f"home = {os.path.dirname(PYTHON)}\n")
        os.makedirs(os.path.join(cls.folder, "venv/bin"))
        os.symlink(PYTHON, os.path.join(cls.folder, "venv/bin/python"))
        cls.write(f"{site}/boot.py", BOOT)
        cls.write("beyond/beyond.py", "def run():\n    import boot; boot.CALLS.append('beyond')\n")
        cls.write(f"{site}/a.pth", f"{cls.folder}/beyond\nimport boot; boot.CALLS.append('a.pth')\n")
        cls.write(f"{site}/b.pth", "import boot; boot.CALLS.append('b.pth')\n")
        cls.write(f"{site}/b.start", "beyond:run\nboot:run\nboot:fail\n")
        app = cls.write("app.py", APP)
        cls.sections = "".join(
            f"[app {name}]\nfile = {app}\nmount = /{name}\nvirtualenv = {cls.folder}/venv\n{keys}\n"
            for name, keys in (("one", ""), ("main", "interpreter = main\n"), ("spare", "spare = on\n")))
        cls.host = cls.start_class_host("-c", cls.config(cls.sections))

    def test_entry_points_are_called_as_by_the_environment_s_own_python(self):
        plain = subprocess.run(
            [os.path.join(self.folder, "venv/bin/python"), "-c", "import boot; print(boot.CALLS)"],
            env=clean_environ(), capture_output=True, text=True, check=True).stdout.strip()
        self.assertIn("'a.pth', 'beyond', ('run', True", plain)
        for name in ("one", "main", "spare"):
            with self.subTest(name):
                self.assertEqual(self.host.fetch(f"/{name}").body.decode(), plain)

    def test_what_one_raises_is_logged(self):
        self.host.log.wait_for(r"\[app\.stderr\].*boot:fail.*b\.start", 3)


SITE = """
import json, site, sys, sysconfig

def answer():
    return [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, sys.executable,
            sorted(sysconfig.get_paths().items()), site.getsitepackages(), site.ENABLE_USER_SITE,
            [entry for entry in sys.path if "-packages" in entry]]
"""
SITE_APP = SITE + """
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(answer()).encode()]
"""


class Virtualenv(HostTestCase):
    def check(self, *options):
        folder = self.path("venv")
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", *options, folder], check=True)
        plain = subprocess.run([f"{folder}/bin/python", "-c", SITE + "print(json.dumps(answer()))"],
                               env=clean_environ(), capture_output=True, check=True).stdout
        app = self.write("asks.py", SITE_APP)
        host = self.start_host("-c", self.config(
            f"[app one]\nfile = {app}\nmount = /one\nvirtualenv = {folder}\n[app main]\nfile = {app}\n"
            f"mount = /main\nvirtualenv = {folder}\ninterpreter = main\n"))
        for path in ("/one", "/main"):
            self.assertEqual(json.loads(host.fetch(path).body), json.loads(plain))

    def test_site_is_that_of_its_own_python(self):
        self.check()

    def test_also_with_the_system_s_packages(self):
        self.check("--system-site-packages")


ENCODINGS = """
import json, locale, os, sys

def encodings():
    with open(os.devnull) as file:
        default = file.encoding
    return [default, locale.getencoding(), locale.getpreferredencoding(False),
            sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.flags.utf8_mode,
            ascii(os.fsdecode(b"\\xc3\\xa4\\xff"))]
"""
ENCODINGS_APP = ENCODINGS + """
def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(encodings()).encode()]
"""


class Encodings(HostTestCase):
    """As those of a plain python3 in the same environment."""

    ENVIRONS = [
        {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C", "PYTHONUTF8": "1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LANG": None},
    ]

    def plain(self, environ):
        out = subprocess.run([PYTHON, "-c", ENCODINGS + "\nprint(json.dumps(encodings()))"],
                             env=clean_environ(**environ), capture_output=True, check=True).stdout
        return json.loads(out)

    def of_host(self, head="", environ=None):
        app = self.write("encodings.py", ENCODINGS_APP)
        host = self.start_host(
            "-c", self.config(f"{head}\n[app one]\nfile = {app}\nmount = /one\n"
                              f"[app main]\nfile = {app}\nmount = /main\ninterpreter = main\n"),
            env=environ)
        answers = [json.loads(host.fetch(path).body) for path in ("/one", "/main")]
        host.stop()
        return answers

    def test_by_the_environment(self):
        for environ in self.ENVIRONS:
            with self.subTest(environ):
                plain = self.plain(environ)
                self.assertEqual(self.of_host(environ=environ), [plain, plain])

    def test_by_the_configuration(self):
        for environ in self.ENVIRONS[:-1]:
            with self.subTest(environ):
                plain = self.plain(environ)
                keys = "".join(f"env.{name} = {value}\n" for name, value in environ.items())
                self.assertEqual(self.of_host(head=f"[fcgi_host]\n{keys}"), [plain, plain])
