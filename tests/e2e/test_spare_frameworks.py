"""The promise of spares, with packages that people use."""

import unittest

from support.host import needs_modules
from support.spares import Case, Spares

DJANGO = {
    "mysite/__init__.py": "",
    "mysite/settings.py": """
        SECRET_KEY = "a test's key"
        ALLOWED_HOSTS = ["*"]
        ROOT_URLCONF = "mysite.urls"
        INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes",
                          "django.contrib.sessions", "django.contrib.messages", "blog", "shop"]
        MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
                      "django.middleware.common.CommonMiddleware"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
                      "APP_DIRS": True}]
        LOGGING = {"version": 1, "disable_existing_loggers": True,
                   "root": {"level": "WARNING"}}
        USE_TZ = True
        """,
    "mysite/urls.py": """
        from django.http import HttpResponse
        from django.urls import include, path
        from blog.models import Post
        urlpatterns = [path("text/", lambda request: HttpResponse(str(Post(title="a")))),
                       path("shop/", include("shop.urls"))]
        """,
    "blog/__init__.py": "",
    "blog/models.py": """
        from django.contrib.auth.models import User
        from django.db import models
        class Post(models.Model):
            title = models.CharField(max_length=20)
            author = models.ForeignKey(User, null=True, on_delete=models.CASCADE)
            def __str__(self):
                return "post " + self.title
        """,
    "shop/__init__.py": "",
    "shop/apps.py": """
        from django.apps import AppConfig
        class ShopConfig(AppConfig):
            name = "shop"
            def ready(self):
                from django.db.models.signals import post_save
                from . import signals
                post_save.connect(signals.saved)
        """,
    "shop/signals.py": "def saved(**kw): pass\n",
    "shop/urls.py": """
        from django.urls import path
        from django.views.generic import TemplateView
        urlpatterns = [path("<int:n>/", TemplateView.as_view(template_name="x.html"))]
        """,
}


@needs_modules("django", "flask", "sqlalchemy", "matplotlib")
class Frameworks(Spares):
    CASES = {
        "django": Case("""
            import os, sys
            sys.path.insert(0, os.path.dirname(__file__))
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
            from django.core.wsgi import get_wsgi_application
            DJANGO = get_wsgi_application()
            import django.urls, django.apps, io, logging
            def get(path):
                environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "x",
                           "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http"}
                return b"".join(DJANGO(environ, lambda *args: None))
            def report():
                return ([get("/text/"), get("/text/")], [m.__name__ for m in django.apps.apps.get_models()],
                    django.urls.resolve("/shop/5/").kwargs,
                    django.conf.settings.USE_TZ, [name for name in sys.modules if name[:4] in ("blog", "shop", "mysi")],
                    len(django.db.models.signals.post_save.receivers),
                    sorted(n for n in sys.modules if n.startswith("django")),
                    sorted((n, getattr(l, "disabled", None)) for n, l in logging.root.manager.loggerDict.items()))
            """, own=DJANGO, ready=None),
        "flask": Case("""
            import flask, sys, logging
            APP = flask.Flask(__name__)
            APP.logger.setLevel(10)
            @APP.get("/")
            def index():
                return flask.jsonify(path=flask.request.path, name=APP.logger.name)
            def report():
                return APP.test_client().get("/").data, sorted(sys.modules), list(logging.root.manager.loggerDict)
            """),
        "sqlalchemy_": Case("""
            import sqlalchemy as sa
            ENGINE = sa.create_engine("sqlite://")
            import sqlalchemy.orm
            Base = sqlalchemy.orm.declarative_base()
            class Thing(Base):
                __tablename__ = "things"
                id = sa.Column(sa.Integer, primary_key=True)
                name = sa.Column(sa.String)
            Base.metadata.create_all(ENGINE)
            def report():
                with sqlalchemy.orm.Session(ENGINE) as session:
                    session.add(Thing(name="x"))
                    session.flush()
                    return [t.name for t in session.query(Thing)], list(Base.metadata.tables)
            """, ready=None),
        "standard_library": Case("""
            import sys
            import jinja2, click, email.mime.text, sqlite3, ssl, ctypes
            import asyncio, multiprocessing, xml.etree.ElementTree, zoneinfo, curses, pyexpat, bz2, lzma
            def report():
                return (jinja2.Template("{{ a }}").render(a=5), sqlite3.connect(":memory:").execute("select 7").fetchone(),
                    sorted(sys.modules))
            """, ready=None),
    }


if __name__ == "__main__":
    unittest.main()
