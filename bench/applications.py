"""Applications that are edited (reload.py) or served by several workers (memory.py).

Each answers "VERSION PID …" below any mount; at …/wait it does so a tenth of a second later.
"""

import functools
import os
import re
import subprocess
import time

import common
from support.host import PYTHON, has_module

WAIT_S = 0.1

HELLO = """
import os
import time

def application(environ, start_response):
    if environ["PATH_INFO"].endswith("/wait"):
        time.sleep({wait})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{{VERSION}} {{os.getpid()}}".encode()]
"""
FLASK = """
import os
import time
from flask import Flask

application = Flask(__name__)

@application.route("/")
def index():
    return f"{{VERSION}} {{os.getpid()}}"

@application.route("/wait")
def wait():
    time.sleep({wait})
    return index()
"""
HEAVY = """
import os
import time
import lxml.etree
import numpy
from cryptography.fernet import Fernet

FERNET = Fernet(Fernet.generate_key())

def application(environ, start_response):
    if environ["PATH_INFO"].endswith("/wait"):
        time.sleep({wait})
    total = int(numpy.arange(5).sum())
    xml = lxml.etree.tostring(lxml.etree.fromstring(f"<sum>{{total}}</sum>"))
    known = FERNET.decrypt(FERNET.encrypt(xml)).decode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{{VERSION}} {{os.getpid()}} {{known}}".encode()]
"""
DJANGO_VIEWS = """
import os
import time
from django.http import HttpResponse
from django.urls import reverse

def index(request):
    assert reverse("admin:index") == "/admin/"
    return HttpResponse(f"{{VERSION}} {{os.getpid()}}", content_type="text/plain")

def wait(request):
    time.sleep({wait})
    return index(request)
"""
DJANGO_URLS = """
from mysite import views

urlpatterns += [path("", views.index), path("wait", views.wait)]
"""


class Application:
    """Files in a folder, of which one has the version in it."""

    #: Modules that it needs, beside Python's.
    needs = ()

    def __init__(self, folder, name="app"):
        self.folder = folder
        self.module = name
        self.file = self.edited = os.path.join(folder, name + ".py")
        self._saves = 0
        self.write()
        self.save("v0")

    @classmethod
    def is_installed(cls):
        return not cls.needs or _has(cls.needs)

    def write(self):
        """What does not change."""

    def save(self, version):
        """As an editor does; the moment when the new file was there.

        No two of fifty versions have the same size: Python takes a cached .pyc of the same second and
        size for that of the new text.
        """
        self._saves += 1
        text = f"VERSION = {version!r}  # {'-' * (self._saves % 50)}" + self.text.format(wait=WAIT_S)
        with open(self.edited + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(self.edited + ".new", self.edited)
        return time.monotonic()


class Hello(Application):
    text = HELLO


class Flask(Application):
    needs = ("flask",)
    text = FLASK


class Heavy(Application):
    needs = ("numpy", "lxml.etree", "cryptography.fernet")
    text = HEAVY


class Django(Application):
    """What `django-admin startproject mysite` writes, with a module of views, which is edited."""

    needs = ("django",)
    text = DJANGO_VIEWS

    def write(self):
        def run(*arguments):
            subprocess.run([PYTHON, *arguments], cwd=self.folder, env=common.environ(), check=True,
                           stdin=subprocess.DEVNULL)
        run("-m", "django", "startproject", "mysite", self.folder)
        package = os.path.join(self.folder, "mysite")
        self.module, self.file = "mysite.wsgi", os.path.join(package, "wsgi.py")
        self.edited = os.path.join(package, "views.py")
        with open(os.path.join(package, "urls.py"), "a", encoding="utf-8") as f:
            f.write(DJANGO_URLS)
        # Not every host may write there, and nobody compiles a module twice that is not edited.
        run("-m", "compileall", "-q", package)


KINDS = {"hello": Hello, "flask": Flask, "django": Django, "heavy": Heavy}


@functools.cache
def _has(modules):
    return has_module(*modules)


def parsed(body):
    """Version and process id of an answer; ValueError: it is something else."""
    found = re.match(r"(v\d+) (\d+)\b", body)
    if not found:
        raise ValueError(f"not an answer of ours: {body[:200]!r}")
    return found.group(1), int(found.group(2))
