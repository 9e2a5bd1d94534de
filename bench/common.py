"""What the benchmark scripts share: applications, saving, clients, the host under test."""

import functools
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from support import fcgi  # noqa: E402  (the tests' FastCGI client)
from support.host import die_with_parent, free_port  # noqa: E402, F401  (for peers.py, too)

PROGRAM = os.environ.get("FCGI_HOST", os.path.join(ROOT, "build/release/bin/fcgi_host"))


@functools.lru_cache(maxsize=None)
def as_root(program=PROGRAM):
    """What a host needs that is started as root; an older build knows no such option."""
    if os.geteuid() != 0:
        return ()
    out = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return ("--allow-root",) if "--allow-root" in out else ()


@functools.lru_cache(maxsize=None)
def knows(key, program=PROGRAM):
    """Whether this host has such a key in [app]: the check of a configuration writes all of them."""
    with tempfile.TemporaryDirectory(prefix="fcgi_host-bench-") as folder:
        file, conf = os.path.join(folder, "app.py"), os.path.join(folder, "conf")
        open(file, "w").close()
        with open(conf, "w") as f:
            f.write(f"[app a]\nfile = {file}\nprocess = own\n")
        out = subprocess.run([program, *as_root(program), "-t", "-c", conf], capture_output=True,
                             text=True, check=True).stdout
    return any(line.startswith(key + " =") for line in out.splitlines())


def known(program=PROGRAM, **keys):
    """Lines of a section [app]: those of the keys that this host has."""
    return "".join(f"{key} = {value}\n" for key, value in keys.items() if knows(key, program))


APPS = {
    "hello": """
VERSION = {version!r}
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION.encode()]
""",
    "flask": """
from flask import Flask
application = Flask(__name__)
@application.route("/")
def index():
    return {version!r}
""",
    "django": """
import datetime, decimal, sys
from django.conf import settings
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none", USE_TZ=True,
                   TIME_ZONE="Europe/Paris",
                   DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3",
                                            "NAME": ":memory:"}}}},
                   TEMPLATES=[{{"BACKEND": "django.template.backends.django.DjangoTemplates"}}],
                   INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from django.db import connection
from django.http import HttpResponse
from django.template import engines
from django.urls import path
from django.utils import timezone

def index(request):
    day = datetime.datetime.strptime("2020-02-29", "%Y-%m-%d")
    half = decimal.Decimal(1) / 2
    with connection.cursor() as cursor:
        cursor.execute("select %s", [{version!r}])
        [version] = cursor.fetchone()
    template = engines["django"].from_string(
        "{{% if half == 0.5 and now.year > day.year %}}{{{{ version }}}}{{% endif %}}")
    return HttpResponse(template.render(
        {{"half": half, "now": timezone.localtime(), "day": day, "version": version}}))

urlpatterns = [path("", index)]
""",
}


def save(path, kind, version):
    """As an editor does; the moment when the new file was there."""
    with open(path + ".new", "w") as f:
        f.write(APPS[kind].format(version=version))
    os.replace(path + ".new", path)
    return time.monotonic()


def fetch_fcgi(address):
    """Body of a page, or an exception."""
    response = fcgi.fetch(address, "/", SERVER_NAME="localhost", HTTP_HOST="localhost")
    if response.status != 200:
        raise OSError(response.status_line)
    return response.body.decode()


def environ(**variables):
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": os.environ.get("HOME", "/"),
            **{name: value for name, value in variables.items() if value}}


def start(command, folder, log_name=None, cores=None, **variables):
    """A process in a session of its own, on these processor cores if any are given.

    What it writes is in the folder's file log_name, or comes through its `stdout`.
    """
    def before_exec():
        die_with_parent()
        if cores:
            os.sched_setaffinity(0, cores)
    log = open(os.path.join(folder, log_name), "wb") if log_name else None
    try:
        return subprocess.Popen(command, cwd=folder, env=environ(**variables),
                                stdin=subprocess.DEVNULL,
                                stdout=log or subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True, preexec_fn=before_exec)
    finally:
        if log:
            log.close()


def wait_until_answers(fetch, process, deadline_s=30):
    end = time.monotonic() + deadline_s
    while True:
        try:
            return fetch()
        except Exception:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.02)
