"""`fcgi_host init`: a configuration for an application that is there."""

import os
import subprocess
import unittest

from support.host import PYTHON, HostTestCase, needs_modules, run

DJANGO_MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
"""
DJANGO_WSGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
DJANGO_SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
"""
DJANGO_URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("from Django"))]
"""
FLASK = """
from flask import Flask
app = Flask(__name__)

@app.route("/")
def root():
    return "from Flask"
"""
PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"plain"]
"""


class Init(HostTestCase):
    def make(self, **files):
        """A folder with these files; a/b.py is a__b_py."""
        self.folder = os.path.join(self.path("sites"), "my site")
        for name, text in files.items():
            path = os.path.join(self.folder, name.replace("__", "/").replace("_py", ".py"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def init(self, *words):
        return run("init", self.folder, *words)

    def read(self, name="fcgi_host.conf"):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def serve(self):
        """What the written configuration serves, at another address and as this user."""
        text = "".join(line for line in self.read().splitlines(True)
                       if not line.startswith(("listen", "control", "user")))
        return self.start_host("-c", self.config(text)).fetch("/").body

    def test_a_plain_application(self):
        self.make(wsgi_py=PLAIN)
        status, out, _ = self.init()
        self.assertEqual(status, 0)
        self.assertIn("Found a WSGI application: ", out)
        self.assertIn("[app my_site]", self.read())
        self.assertIn("unix:/run/fcgi_host/my_site.sock", self.read("fcgi_host.nginx.conf"))
        self.assertEqual(self.serve(), b"plain")
        self.assertEqual(run("-t", "-c", os.path.join(self.folder, "fcgi_host.conf"))[0], 0)

    @needs_modules("flask")
    def test_a_flask_application_in_a_package(self):
        self.make(shop____init___py=FLASK.replace("app = ", "application = app = "),
                  shop__app_py=FLASK)
        self.assertEqual(self.init("--server", "lighttpd")[0], 0)
        self.assertIn("A Flask application.", self.read())
        self.assertIn("callable = app\n", self.read())
        self.assertIn(f"python_path = {self.folder}\n", self.read())
        self.assertIn('"socket" => "/run/fcgi_host/my_site.sock"', self.read("fcgi_host.lighttpd.conf"))
        self.assertEqual(self.serve(), b"from Flask")

    @needs_modules("django")
    def test_a_django_project(self):
        self.make(manage_py=DJANGO_MANAGE, app_py="app = 1\n", mysite__wsgi_py=DJANGO_WSGI,
                  mysite____init___py="", mysite__settings_py=DJANGO_SETTINGS,
                  mysite__urls_py=DJANGO_URLS)
        self.assertEqual(self.init("--server", "apache")[0], 0)
        self.assertIn("env.DJANGO_SETTINGS_MODULE = mysite.settings\n", self.read())
        self.assertIn("mysite/wsgi.py\n", self.read())
        self.assertIn("unix:/run/fcgi_host/my_site.sock|fcgi:", self.read("fcgi_host.apache.conf"))
        self.assertEqual(self.serve(), b"from Django")

    def test_a_virtual_environment_is_found(self):
        self.make(wsgi_py=PLAIN)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip",
                        os.path.join(self.folder, ".venv")], check=True)
        self.assertEqual(self.init()[0], 0)
        self.assertIn(f"virtualenv = {self.folder}/.venv\n", self.read())
        self.assertEqual(self.serve(), b"plain")

    def test_nothing_is_overwritten(self):
        self.make(wsgi_py=PLAIN)
        self.assertEqual(self.init()[0], 0)
        with open(os.path.join(self.folder, "fcgi_host.conf"), "w", encoding="utf-8") as file:
            file.write("mine")
        status, out, err = self.init("--server", "lighttpd")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r"fcgi_host\.conf: File exists")
        self.assertEqual(self.read(), "mine")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "fcgi_host.lighttpd.conf")))

    def test_where_nothing_is_found(self):
        self.make(setup_py="print('application')\n# app = 1\n    app = 2\nappetite = 3\n")
        status, _, err = self.init()
        self.assertEqual(status, 1)
        self.assertIn("no application here", err)
        self.assertEqual(os.listdir(self.folder), ["setup.py"])

    def test_wrong_usage(self):
        self.make(wsgi_py=PLAIN)
        for words in (("--server", "iis"), ("--force",), ("a", "b")):
            self.assertEqual(self.init(*words)[0], 2, words)
        self.assertEqual(run("init", self.path("nowhere"))[0], 2)


if __name__ == "__main__":
    unittest.main()
