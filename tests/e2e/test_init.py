"""`fcgi_host init`: a configuration for an application that is there."""

import os
import subprocess
import unittest

from support.host import PYTHON, HostTestCase, needs_modules, needs_program, run
from support.servers import start_apache, start_lighttpd, start_nginx

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

    def static(self):
        """What the configuration says of files, without the folder's name; None: nothing."""
        lines = [line for line in self.read().splitlines() if line.lstrip(";").startswith("static")]
        os.remove(os.path.join(self.folder, "fcgi_host.conf"))
        os.remove(os.path.join(self.folder, "fcgi_host.nginx.conf"))
        self.assertLess(len(lines), 2)
        return lines[0].replace(self.folder + "/", "") if lines else None

    def test_the_static_folder_of_a_flask_application(self):
        for make, expected in (
                ("Flask(__name__)", "static = /static static"),
                ("Flask(\n    __name__,\n    static_url_path='/s')", "static = /s static"),
                ("Flask(__name__, static_folder='a/b')", "static = /b a/b"),
                ("Flask(__name__, static_folder = \"a\", static_url_path='/x/')", "static = /x a"),
                ("Flask(__name__, static_folder='none')", None),
                ("Flask(__name__, static_folder=None)", None),
                ("Flask(__name__, static_folder=FOLDER)", None),
                ("Flask(__name__, static_url_path='')", None),
                ("Flask(__name__, static_url_path='/a b')", None),
                ("Flask(__name__); b = Blueprint('b', __name__, static_folder='a')", None)):
            with self.subTest(make=make):
                self.make(app_py=f"from flask import *\napp = {make}\n", static__x="", a__b__x="")
                self.assertEqual(self.init()[0], 0)
                self.assertEqual(self.static(), expected)

    def test_the_static_folder_of_a_flask_application_that_a_file_imports(self):
        self.make(wsgi_py="from shop.app import app  # of flask\n", shop__app_py=FLASK,
                  shop__static__x="")
        self.assertEqual(self.init()[0], 0)
        self.assertEqual(self.static(), "static = /static shop/static")

    def test_the_static_folder_of_a_django_project(self):
        by_path = "BASE_DIR = Path(__file__).resolve().parent.parent\n"
        by_os = "BASE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
        url = "STATIC_URL = 'static/'\n"
        for settings, expected in (
                (by_path + url + "STATIC_ROOT = BASE_DIR / 'there'  # here\n", "static = /static there"),
                (by_path + url + "STATIC_ROOT = str(BASE_DIR / 'new')\n", ";static = /static new"),
                (by_os + "STATIC_URL = '/a/b/'\nSTATIC_ROOT = os.path.join(BASE_DIR, \"there\")\n",
                 "static = /a/b there"),
                (url + f"STATIC_ROOT = '{self.path('far')}/'\n", ";static = /static /"),
                (by_path + url, None),
                (by_path + url + "STATIC_ROOT = BASE_DIR / NAME\n", None),
                (by_path + url + "STATIC_ROOT = BASE_DIR / 'a' / 'b'\n", None),
                ("BASE_DIR = Path(__file__).parents[1]\n" + url + "STATIC_ROOT = BASE_DIR / 'x'\n", None),
                (by_path + "STATIC_URL = 'https://cdn/'\nSTATIC_ROOT = BASE_DIR / 'there'\n", None),
                (by_path + "STATIC_URL = '/'\nSTATIC_ROOT = BASE_DIR / 'there'\n", None)):
            with self.subTest(settings=settings):
                self.make(manage_py=DJANGO_MANAGE, mysite__wsgi_py=DJANGO_WSGI, there__x="",
                          mysite__settings_py=settings)
                self.assertEqual(self.init()[0], 0)
                found = self.static()
                if expected and expected.endswith(" /"):
                    self.assertTrue(found.startswith(expected), found)
                else:
                    self.assertEqual(found, expected)

    def test_the_static_folder_of_settings_in_several_files(self):
        self.make(manage_py=DJANGO_MANAGE.replace("mysite.settings", "mysite.settings.site"),
                  mysite__wsgi_py=DJANGO_WSGI, mysite__settings__site_py="from .base import *\n",
                  mysite__settings__base_py="BASE_DIR = Path(__file__).resolve().parent.parent.parent\n"
                  "STATIC_URL = '/static/'\nSTATIC_ROOT = BASE_DIR / 'files'\n")
        self.assertEqual(self.init()[0], 0)
        self.assertEqual(self.static(), ";static = /static files")

    def check_snippet(self, server, start):
        """What was written serves the application and its files, at another address."""
        self.make(app_py=PLAIN + "# Flask(flask)\n", **{"static__a.css": "from a file"})
        _, out, err = self.init("--server", server)
        self.assertIn(f"fcgi_host -c {self.folder}/fcgi_host.conf serve\n", out, err)
        socket = self.path("sock")
        text = "".join(f"listen = unix:{socket},mode=0666\n" if line.startswith("listen") else line
                       for line in self.read().splitlines(True)
                       if not line.startswith(("control", "user")))
        config = self.config(text)
        self.start_host("-c", config, listen=socket)
        snippet = self.read(f"fcgi_host.{server}.conf")
        self.assertIn("/run/fcgi_host/my_site.sock", snippet)
        snippet = snippet.replace("/run/fcgi_host/my_site.sock", socket)
        os.remove(os.path.join(self.folder, f"fcgi_host.{server}.conf"))
        self.assertEqual(run("-c", config, "init", self.folder, "--server", server)[0], 0)
        self.assertEqual(self.read(f"fcgi_host.{server}.conf"), snippet)
        folder = self.path(server)
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        web_server = start(folder, snippet)
        self.addCleanup(web_server.stop)
        for path, expected in (("/static/a.css", "from a file"), ("/static/x/../a.css", "from a file"),
                               ("/", "plain"), ("/static", "plain"), ("/statics/a.css", "plain")):
            self.assertEqual(web_server.get(path).text, expected, path)
        self.assertEqual(web_server.get("/static/none").status, 404)
        self.assertNotIn("start_response", web_server.get("/static/%2e%2e/app.py").text)

    @needs_program("nginx")
    def test_the_snippet_for_nginx(self):
        self.check_snippet("nginx", start_nginx)

    @needs_program("lighttpd")
    def test_the_snippet_for_lighttpd(self):
        self.check_snippet("lighttpd", lambda folder, text: start_lighttpd(  # with what Debian's has
            folder, 'server.modules = ( "mod_alias" )\n' + text))

    @needs_program("apache2")
    def test_the_snippet_for_apache(self):
        self.check_snippet("apache", lambda folder, text: start_apache(
            folder, text, ("proxy", "proxy_fcgi")))

    def test_a_snippet_needs_a_socket(self):
        self.make(wsgi_py=PLAIN)
        config = self.config(f"[app x]\nfile = {self.folder}/wsgi.py\n")
        status, _, err = run("-c", config, "init", self.folder)
        self.assertEqual(status, 1)
        self.assertRegex(err, r"fcgi_host-\d+\.conf: \[fcgi_host\] listen: no Unix socket")
        self.assertEqual(os.listdir(self.folder), ["wsgi.py"])

    def test_a_snippet_names_the_socket_as_the_host_does(self):
        self.make(a_py="def application(e, s): pass\n")
        config = self.config(f"[fcgi_host]\nlisten = unix:/run/a,b.sock,mode=0666\n[app a]\nfile = {self.folder}/a.py\n")
        status, _, err = run("-c", config, "init", self.folder, "--server", "nginx")
        self.assertEqual(status, 0, err)
        self.assertIn("server unix:/run/a,b.sock;", self.read("fcgi_host.nginx.conf"))

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
