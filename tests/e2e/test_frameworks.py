"""Flask and Django from the distribution's packages."""

import json
import os
import re
import subprocess
import unittest

from support import servers
from support.host import (PYTHON, HostTestCase, clean_environ, needs_modules, needs_program,
                          needs_recycling)


@needs_modules("flask")
class Flask(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = cls.write("flask_app.py", """
            from flask import (Flask, jsonify, redirect, request, session, stream_with_context,
                               url_for)

            app = Flask(__name__)
            app.secret_key = "a test's key"

            @app.get("/")
            def index():
                return "Hello from Flask"

            @app.get("/user/<name>")
            def user(name):
                return jsonify(name=name, url=url_for("user", name=name),
                               root=request.script_root, q=request.args.get("q"))

            @app.post("/form")
            def form():
                upload = request.files.get("file")
                return jsonify(field=request.form.get("field"), size=len(upload.read()))

            @app.post("/json")
            def json_():
                return jsonify(request.get_json()), 201

            @app.get("/count")
            def count():
                session["n"] = session.get("n", 0) + 1
                return str(session["n"])

            @app.get("/stream")
            def stream():
                def rows():
                    for i in range(5):
                        yield f"{i} {request.path}\\n"
                return app.response_class(stream_with_context(rows()), mimetype="text/plain")

            @app.get("/go")
            def go():
                return redirect(url_for("index"))

            @app.get("/fail")
            def fail():
                raise RuntimeError("Flask fails")
            """)
        config = cls.config(f"""
            [app flask]
            file = {app}
            mount = /flask
            """)
        cls.host = cls.start_class_host("-c", config)

    def fetch(self, path, **kw):
        return self.host.fetch("/flask" + path, **kw)

    def test_a_page(self):
        self.assertEqual(self.fetch("/").body, b"Hello from Flask")

    def test_urls_are_made_below_the_mount(self):
        got = json.loads(self.fetch("/user/caf\xc3\xa9", query="q=1").body)
        self.assertEqual(got, {"name": "caf\u00e9", "url": "/flask/user/caf%C3%A9",
                               "root": "/flask", "q": "1"})
        self.assertEqual(self.fetch("/go").headers["location"], "/flask/")

    def test_a_form_with_a_file(self):
        boundary = "b0undary"
        body = (f'--{boundary}\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
                f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
                f'Content-Type: application/octet-stream\r\n\r\n').encode()
        body += bytes(700000) + f"\r\n--{boundary}--\r\n".encode()
        got = self.fetch("/form", body=body, CONTENT_TYPE=f"multipart/form-data; boundary={boundary}")
        self.assertEqual(json.loads(got.body), {"field": "value", "size": 700000})

    def test_json_session_and_stream(self):
        got = self.fetch("/json", body=b'{"a": [1]}', CONTENT_TYPE="application/json")
        self.assertEqual((got.status, json.loads(got.body)), (201, {"a": [1]}))
        first = self.fetch("/count")
        cookie = first.headers["set-cookie"].partition(";")[0]
        self.assertEqual(first.body, b"1")
        self.assertEqual(self.fetch("/count", HTTP_COOKIE=cookie).body, b"2")
        self.assertEqual(self.fetch("/stream").body, b"".join(b"%d /stream\n" % i for i in range(5)))

    def test_an_exception_is_flasks_500_and_flask_logs_it(self):
        self.assertEqual(self.fetch("/fail").status, 500)
        self.host.log.wait_for("RuntimeError: Flask fails")


@needs_modules("flask")
@needs_recycling
class FlaskEdited(HostTestCase):
    """markupsafe's C part would hand the main interpreter's class to every application."""

    APP = """
        from flask import Flask, render_template_string
        from markupsafe import Markup, escape, escape_silent

        app = Flask(__name__)

        @app.get("/<text>")
        def index(text):
            page = render_template_string("{{% set x %}}{{{{ text }}}}{{% endset %}}{{{{ x }}}}", text=text)
            kinds = (escape("<"), escape(escape("<")), escape(1), escape_silent(None))
            return f"{version} {{page}} {{[isinstance(kind, Markup) for kind in kinds]}}"
        """

    def test_what_it_escapes_is_of_its_own_class_edit_after_edit(self):
        app = self.write("app.py", self.APP.format(version=1))
        host = self.start_host(app)
        host.log.wait_for(r"\[app\.loaded\]")
        before = host.children()
        for version in range(1, 4):
            if version > 1:
                self.write("app.py", self.APP.format(version=version))
                host.log.wait_for(r"\[reload\.retired\]", version - 1)
            self.assertEqual(host.fetch("/<b>").body.decode(),
                             f"{version} &lt;b&gt; [True, True, True, True]")
        self.assertEqual(host.children(), before)
        self.assertEqual(host.log.find(r"\[(stale\.found|app\.placed)\]"), [])


@needs_modules("django")
class Django(HostTestCase):
    """Two projects as django-admin makes them, side by side in one process: both say
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", …), and neither gets the other's settings."""

    @classmethod
    def start_project(cls, name):
        folder = os.path.join(cls.folder, name)
        os.makedirs(folder)
        subprocess.run([PYTHON, "-m", "django", "startproject", "site_of_" + name, folder],
                       check=True, env=clean_environ())
        package = os.path.join(folder, "site_of_" + name)
        with open(os.path.join(package, "settings.py"), "a") as f:
            f.write("ALLOWED_HOSTS = ['*']\n")
        with open(os.path.join(package, "wsgi.py")) as f:
            assert "os.environ.setdefault" in f.read()
        subprocess.run([PYTHON, "manage.py", "migrate", "--verbosity", "0"], cwd=folder, check=True,
                       env=clean_environ())
        with open(os.path.join(package, "urls.py"), "a") as f:
            f.write("""
from django.conf import settings
from django.http import JsonResponse

def where(request):
    return JsonResponse({"settings": settings.SETTINGS_MODULE, "root": settings.ROOT_URLCONF,
                         "path": request.path, "script": request.META["SCRIPT_NAME"]})

urlpatterns.append(path("where/", where))
""")
        return os.path.join(package, "wsgi.py")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        one, two = cls.start_project("one"), cls.start_project("two")
        cls.host = cls.start_class_host("-c", cls.config(f"""
            [app one]
            file = {one}
            mount = /one
            [app two]
            file = {two}
            mount = /two
            """))

    def test_each_project_has_its_own_settings(self):
        for name in ("one", "two", "one"):
            got = json.loads(self.host.fetch(f"/{name}/where/").body)
            self.assertEqual(got, {"settings": f"site_of_{name}.settings",
                                   "root": f"site_of_{name}.urls",
                                   "path": f"/{name}/where/", "script": f"/{name}"})

    def test_both_run_in_one_process(self):
        self.host.log.wait_for(r"\[host\.ready\]")
        self.assertEqual(len(self.host.children()), 1)

    def test_one_can_log_in_to_the_admin_pages(self):
        page = self.host.fetch("/one/admin/login/")
        self.assertEqual(page.status, 200, page)
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)[1].decode()
        cookie = page.headers["set-cookie"].partition(";")[0]
        body = f"csrfmiddlewaretoken={token}&username=x&password=y".encode()
        answer = self.host.fetch("/one/admin/login/", body=body, HTTP_COOKIE=cookie,
                                 CONTENT_TYPE="application/x-www-form-urlencoded")
        self.assertEqual(answer.status, 200)  # the form again: no such user
        self.assertIn(b"Please enter the correct username", answer.body)

    def test_a_redirect_stays_below_the_mount(self):
        answer = self.host.fetch("/two/admin/")
        self.assertEqual(answer.status, 302)
        self.assertEqual(answer.headers["location"], "/two/admin/login/?next=/two/admin/")

    @needs_program("lighttpd")
    def test_behind_lighttpd(self):
        folder = self.path("server")
        os.makedirs(folder)
        server = servers.start_lighttpd(folder, servers.example(
            "lighttpd/external.conf", {"/run/fcgi_host.sock": self.host.address}))
        self.addCleanup(server.stop)
        for name in ("one", "two"):
            got = json.loads(server.get(f"/{name}/where/").body)
            self.assertEqual(got["settings"], f"site_of_{name}.settings")


@needs_modules("django", "lxml.etree")
class DjangoWithLxml(HostTestCase):
    """Django imports the URLconf with the first request, and lxml refuses sub-interpreters there."""

    def test_the_first_request_is_answered(self):
        files = {name: Django.start_project.__func__(type(self), name) for name in ("xml", "plain")}
        urls = os.path.join(os.path.dirname(files["xml"]), "urls.py")
        with open(urls, "a") as f:
            f.write("\nimport lxml.etree\n")
        host = self.start_host("-c", self.config(f"""
            [app xml]
            file = {files["xml"]}
            mount = /xml
            [app plain]
            file = {files["plain"]}
            mount = /plain
            """))
        for _ in range(2):
            for name in files:
                answer = host.fetch(f"/{name}/where/")
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(json.loads(answer.body)["root"], f"site_of_{name}.urls")
        self.assertEqual(len(host.children()), 2)


if __name__ == "__main__":
    unittest.main()
