"""Applications in their interpreters: routing, isolation, environments, failures, queues."""

import json
import os
import subprocess
import textwrap
import unittest

from support import fcgi
from support.host import APPS, PYTHON, HostTestCase, needs_modules, run
from support.waiting import await_

#: Says who answers; other tests add to it.
WHO = """
    import json, os, sys, threading

    def answer(start_response, value):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(value).encode()]
    """


def source(text):
    return textwrap.dedent(WHO) + textwrap.dedent(text)


class Applications(HostTestCase):
    def write_app(self, name, text):
        return self.write(name, source(text))

    def ask(self, host, path="/", **kw):
        response = host.fetch(path, **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)


class Routing(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = cls.write("who.py", source("""
            def application(environ, start_response):
                if environ["FCGI_ROLE"] == "AUTHORIZER":
                    start_response("200 OK", [("Variable-APP", environ["fcgi_host.app"])])
                    return []
                return answer(start_response, [environ["fcgi_host.app"], environ["SCRIPT_NAME"],
                                               environ["PATH_INFO"]])
            """))
        sections = "".join(f"[app {name}]\nfile = {app}\n{keys}\n" for name, keys in (
            ("blog", "mount = /blog"), ("archive", "mount = /blog/archive"),
            ("example", "mount = /blog\nhost = blog.example.org"),
            ("root", "mount = /\nhost = blog.example.org"),
            ("named", "mount = /only/by/name"),
        ))
        cls.host = cls.start_class_host("-c", cls.config(sections))

    def route(self, path, **params):
        response = self.host.fetch(path, **params)
        return json.loads(response.body) if response.status == 200 else response.status

    def test_the_longest_mount_wins(self):
        self.assertEqual(self.route("/blog/post"), ["blog", "/blog", "/post"])
        self.assertEqual(self.route("/blog/archive/1"), ["archive", "/blog/archive", "/1"])

    def test_a_mount_matches_whole_segments_only(self):
        self.assertEqual(self.route("/blogger"), 404)
        self.assertEqual(self.route("/blog/archived"), ["blog", "/blog", "/archived"])

    def test_the_mount_itself_matches_with_and_without_a_slash(self):
        self.assertEqual(self.route("/blog"), ["blog", "/blog", ""])
        self.assertEqual(self.route("/blog/"), ["blog", "/blog", "/"])

    def test_the_host_decides_before_the_mount(self):
        for name in ("blog.example.org", "BLOG.Example.Org", "blog.example.org:8080"):
            self.assertEqual(self.route("/blog/x", HTTP_HOST=name), ["example", "/blog", "/x"], name)
        self.assertEqual(self.route("/else", HTTP_HOST="blog.example.org"), ["root", "", "/else"])
        self.assertEqual(self.route("/else", HTTP_HOST="other.example.org"), 404)

    def test_the_web_server_may_name_the_application(self):
        self.assertEqual(self.route("/x/y", FCGI_HOST_APP="named")[0], "named")
        self.assertEqual(self.route("/blog/y", FCGI_HOST_APP="named")[0], "named")

    def test_a_client_header_cannot_name_the_application(self):
        self.assertEqual(self.route("/blog/x", HTTP_FCGI_HOST_APP="named")[0], "blog")

    def test_no_match_is_404_and_403_for_an_authorizer(self):
        self.assertEqual(self.route("/nobody"), 404)
        self.assertEqual(self.host.fetch("/nobody", role=fcgi.AUTHORIZER).status, 403)

    def test_an_authorizer_request_is_routed_the_same_way(self):
        for path, app in (("/blog/x", "blog"), ("/blog/archive", "archive")):
            response = self.host.fetch(path, role=fcgi.AUTHORIZER)
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["variable-app"], app)

    def test_parameter_sets_of_the_servers_split_alike(self):
        # As lighttpd, nginx (stock fastcgi_params), Apache (proxy_fcgi) send the same request.
        for params in (
            dict(SCRIPT_NAME="", PATH_INFO="/blog/post", SERVER_SOFTWARE="lighttpd/1.4.69"),
            dict(SCRIPT_NAME="/blog", PATH_INFO="/post", SERVER_SOFTWARE="lighttpd/1.4.69"),
            dict(SCRIPT_NAME="/blog/post", PATH_INFO=None, SERVER_SOFTWARE="nginx/1.22.1"),
            dict(SCRIPT_NAME="/blog/post", PATH_INFO="", SERVER_SOFTWARE="nginx/1.22.1"),
            dict(SCRIPT_NAME="/blog/post", PATH_INFO=None, SERVER_SOFTWARE="Apache/2.4.62 (Debian)",
                 SCRIPT_FILENAME="proxy:fcgi://localhost/blog/post"),
        ):
            params["REQUEST_URI"] = "/blog/post"
            self.assertEqual(self.route("/", **params), ["blog", "/blog", "/post"], params)


class Interpreters(Applications):
    def test_each_application_has_modules_and_globals_of_its_own(self):
        app = self.write_app("counting.py", """
            import helper
            def application(environ, start_response):
                helper.count += 1
                return answer(start_response, [helper.count, environ["fcgi_host.interpreter"]])
            """)
        self.write("helper.py", "count = 0\n")
        host = self.start_host(f"a={app}", f"b={app}")
        self.assertEqual(self.ask(host, FCGI_HOST_APP="a"), [1, "a"])
        self.assertEqual(self.ask(host, FCGI_HOST_APP="a"), [2, "a"])
        self.assertEqual(self.ask(host, FCGI_HOST_APP="b"), [1, "b"])
        self.assertEqual(len(host.children()), 1, "both in one process")

    def test_applications_of_one_interpreter_share_their_modules(self):
        self.write("shared_helper.py", "count = 0\n")
        text = """
            import shared_helper
            def application(environ, start_response):
                shared_helper.count += 1
                return answer(start_response, [shared_helper.count,
                                               environ["fcgi_host.interpreter"]])
            """
        one, two = self.write_app("one.py", text), self.write_app("two.py", text)
        host = self.start_host("-c", self.config(f"""
            [app one]
            file = {one}
            mount = /one
            interpreter = both
            [app two]
            file = {two}
            mount = /two
            interpreter = both
            """))
        self.assertEqual(self.ask(host, "/one"), [1, "both"])
        self.assertEqual(self.ask(host, "/two"), [2, "both"])

    def test_main_is_the_main_interpreter(self):
        app = self.write_app("where.py", """
            try:
                import _interpreters as interpreters
            except ImportError:
                try:
                    import _xxsubinterpreters as interpreters
                except ImportError:
                    interpreters = None
            def application(environ, start_response):
                current, main = interpreters.get_current(), interpreters.get_main()
                first = lambda x: x[0] if isinstance(x, tuple) else x
                return answer(start_response, int(first(current)) == int(first(main)))
            """)
        host = self.start_host("-c", self.config(f"""
            [app in_main]
            file = {app}
            mount = /main
            interpreter = main
            [app in_sub]
            file = {app}
            mount = /sub
            """))
        self.assertTrue(self.ask(host, "/main"))
        self.assertFalse(self.ask(host, "/sub"))

    def test_os_environ_of_an_application_is_its_own(self):
        app = self.write_app("settings.py", """
            import subprocess
            os.environ.setdefault("SETTINGS", os.path.dirname(__file__) + environ_name)
            os.environ["CHANGED"] = environ_name
            os.environ.pop("REMOVED", None)
            def application(environ, start_response):
                child = subprocess.run(["/usr/bin/env"], stdout=subprocess.PIPE).stdout.decode()
                keys = ("SETTINGS", "CHANGED", "REMOVED", "GIVEN", "INHERITED")
                return answer(start_response, [
                    {k: os.environ.get(k) for k in keys},
                    os.getenv("CHANGED"),
                    sorted(line for line in child.splitlines()
                           if line.partition("=")[0] in keys)])
            """.replace("environ_name", "__import__('fcgi_host').info()['app']"))
        host = self.start_host("-c", self.config(f"""
            [app a]
            file = {app}
            mount = /a
            env.GIVEN = to a
            env.INHERITED = replaced
            [app b]
            file = {app}
            mount = /b
            """), env={"INHERITED": "from the process", "REMOVED": "x", "CHANGED": "x"})
        here = self.folder
        values, changed, child = self.ask(host, "/a")
        self.assertEqual(values, {"SETTINGS": here + "a", "CHANGED": "a", "REMOVED": None,
                                  "GIVEN": "to a", "INHERITED": "replaced"})
        self.assertEqual(changed, "a")
        self.assertEqual(child, ["CHANGED=a", "GIVEN=to a", "INHERITED=replaced",
                                 f"SETTINGS={here}a"])
        values, changed, child = self.ask(host, "/b")
        self.assertEqual(values, {"SETTINGS": here + "b", "CHANGED": "b", "REMOVED": None,
                                  "GIVEN": None, "INHERITED": "from the process"})
        self.assertEqual(child, ["CHANGED=b", "INHERITED=from the process", f"SETTINGS={here}b"])

    def test_fork_is_refused_and_nobody_is_hurt(self):
        app = self.write_app("forking.py", """
            def application(environ, start_response):
                try:
                    pid = os.fork()
                    if pid == 0:
                        os._exit(0)
                    result = "forked"
                except (RuntimeError, OSError) as e:
                    result = type(e).__name__
                return answer(start_response, result)
            """)
        host = self.start_host(app)
        self.assertNotEqual(self.ask(host), "forked")

    def test_signal_handlers_are_not_installed(self):
        app = self.write_app("signals.py", """
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            def application(environ, start_response):
                return answer(start_response, "loaded")
            """)
        host = self.start_host(app)
        self.assertEqual(self.ask(host), "loaded")
        self.assertEqual(host.stop(), 0)

    def test_the_standard_library_works_in_a_sub_interpreter(self):
        app = self.write_app("stdlib.py", """
            import asyncio, concurrent.futures, contextvars, csv, ctypes, datetime, decimal
            import hashlib, io, logging, multiprocessing, queue, random, re, socket, sqlite3, ssl
            import subprocess, tempfile, threading, time, unicodedata, urllib.request, uuid
            import xml.etree.ElementTree as ET, zlib, zoneinfo

            async def later(x):
                await asyncio.sleep(0)
                return x

            def application(environ, start_response):
                with concurrent.futures.ThreadPoolExecutor(2) as pool:
                    squares = list(pool.map(lambda x: x * x, range(4)))
                ran = []
                thread = threading.Thread(target=ran.append, args=(1,))
                thread.start()
                thread.join()
                database = sqlite3.connect(":memory:")
                return answer(start_response, [
                    asyncio.run(later(5)), squares, ran,
                    str(decimal.Decimal("1.1") + decimal.Decimal("2.2")),
                    database.execute("select 1 + 1").fetchone()[0],
                    datetime.datetime(2024, 2, 29).strftime("%j"),
                    ET.fromstring("<a><b/></a>")[0].tag,
                    zlib.decompress(zlib.compress(b"z")).decode(),
                    subprocess.run(["/bin/echo", "child"], stdout=-1).stdout.decode(),
                    len(ssl.create_default_context().get_ciphers()) > 0,
                    threading.current_thread() is not None,
                ])
            """)
        host = self.start_host(f"a={app}", f"b={app}")
        for name in ("a", "b", "a"):
            self.assertEqual(self.ask(host, FCGI_HOST_APP=name), [
                5, [0, 1, 4, 9], [1], "3.3", 2, "060", "b", "z", "child\n", True, True])
        self.assertEqual(host.log.find("Traceback"), [])

    def test_a_single_thread_is_told_so(self):
        app = self.write_app("threads.py", """
            def application(environ, start_response):
                return answer(start_response, bool(environ["wsgi.multithread"]))
            """)
        self.assertIs(self.ask(self.start_host("--threads", "1", app)), False)

    def test_atexit_and_on_retire_run_at_the_end(self):
        app = self.write_app("ending.py", """
            import atexit, fcgi_host
            atexit.register(lambda: print("atexit ran", flush=True))
            fcgi_host.on_retire(lambda: print("on_retire ran", flush=True))
            def application(environ, start_response):
                return answer(start_response, 1)
            """)
        host = self.start_host(app)
        self.ask(host)
        self.assertEqual(host.stop(), 0)
        self.assertEqual(host.log.count("on_retire ran"), 1, host.log.text)
        self.assertEqual(host.log.count("atexit ran"), 1, host.log.text)


class Files(Applications):
    """How a WSGI file is found and loaded."""

    def test_a_file_may_have_any_name(self):
        for name in ("site.wsgi", "my-site.py", "two.dots.wsgi", "caf\u00e9.py", "calendar.py", "no_suffix"):
            path = self.write(f"odd/{name}", source("""
                def application(environ, start_response):
                    return answer(start_response, [__file__, json.dumps([1]), __name__ != "__main__"])
                """))
            host = self.start_host(f"odd={path}")
            self.assertEqual(self.ask(host), [path, "[1]", True], name)
            host.stop()
            os.unlink(path)

    def test_the_directory_of_the_file_can_be_imported_from(self):
        self.write("project/neighbour.py", "WORD = 'next door'\n")
        app = self.write_app("project/wsgi.py", """
            import neighbour
            def application(environ, start_response):
                return answer(start_response, neighbour.WORD)
            """)
        self.assertEqual(self.ask(self.start_host(app)), "next door")

    def test_what_is_imported_has_the_specification_that_is_found(self):
        self.write("project/neighbour.py", "")
        app = self.write_app("project/wsgi.py", """
            import importlib.machinery, importlib.util, neighbour, sys
            def application(environ, start_response):
                found = importlib.machinery.PathFinder.find_spec("neighbour")
                return answer(start_response, [found == neighbour.__spec__,
                                               hash(found.loader) == hash(neighbour.__loader__),
                                               found.loader != json.__loader__])
            """)
        self.assertEqual(self.ask(self.start_host(app)), [True, True, True])

    def test_a_file_in_a_package_is_loaded_as_its_module(self):
        self.write("outer/pack/__init__.py", "")
        self.write("outer/pack/views.py", "WORD = 'a view'\n")
        app = self.write_app("outer/pack/wsgi.py", """
            from . import views
            import pack.views
            def application(environ, start_response):
                return answer(start_response, [views.WORD, __name__, pack.views is views])
            """)
        self.assertEqual(self.ask(self.start_host(app)), ["a view", "pack.wsgi", True])

    def test_every_kind_of_callable_may_be_the_application(self):
        for name, text in {
            "function": "def application(e, s):\n    s('200 OK', [])\n    return [b'ok']\n",
            "instance": """
                class A:
                    def __call__(self, e, s):
                        s("200 OK", [])
                        return [b"ok"]
                application = A()
                """,
            "class": """
                class application:
                    def __init__(self, e, s):
                        s("200 OK", [])
                    def __iter__(self):
                        return iter([b"ok"])
                """,
            "method": """
                class A:
                    def call(self, e, s):
                        s("200 OK", [])
                        return [b"ok"]
                application = A().call
                """,
            "partial": """
                import functools
                def f(word, e, s):
                    s("200 OK", [])
                    return [word]
                application = functools.partial(f, b"ok")
                """,
        }.items():
            path = self.write(f"kind_{name}.py", text)
            host = self.start_host(path)
            self.assertEqual(host.fetch().body, b"ok", name)
            host.stop()

    def test_python_path_goes_before_site_packages_and_in_order(self):
        self.write("lib1/where.py", "PLACE = 1\n")
        self.write("lib2/where.py", "PLACE = 2\n")
        self.write("lib2/only_two.py", "")
        app = self.write_app("paths.py", """
            import where, only_two
            def application(environ, start_response):
                return answer(start_response, where.PLACE)
            """)
        host = self.start_host("-c", self.config(f"""
            [app paths]
            file = {app}
            python_path = {self.folder}/lib1:{self.folder}/lib2
            """))
        self.assertEqual(self.ask(host), 1)


class Virtualenvs(Applications):
    @classmethod
    def make_virtualenv(cls, name, version):
        """A virtualenv with a package of its own, as pip would leave it."""
        path = os.path.join(cls.folder, name)
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", path], check=True)
        site = subprocess.run(
            [path + "/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, stdout=subprocess.PIPE).stdout.decode().strip()
        relative = os.path.relpath(site, cls.folder)
        cls.write(f"{relative}/local_package/__init__.py", f"VERSION = {version!r}\n")
        cls.write(f"{relative}/extra.pth", f"{cls.folder}/{name}-extra\n")
        cls.write(f"{name}-extra/from_pth_file.py", f"VERSION = {version!r}\n")
        return path

    def test_two_applications_see_the_packages_of_their_own_virtualenv(self):
        one, two = self.make_virtualenv("venv1", "1.0"), self.make_virtualenv("venv2", "2.0")
        app = self.write_app("packages.py", """
            import local_package, from_pth_file
            def application(environ, start_response):
                return answer(start_response, [local_package.VERSION, from_pth_file.VERSION,
                                               sys.prefix])
            """)
        host = self.start_host("-c", self.config(f"""
            [app one]
            file = {app}
            mount = /one
            virtualenv = {one}
            [app two]
            file = {app}
            mount = /two
            virtualenv = {two}
            """))
        self.assertEqual(self.ask(host, "/one"), ["1.0", "1.0", one])
        self.assertEqual(self.ask(host, "/two"), ["2.0", "2.0", two])

    def test_a_virtualenv_hides_the_packages_of_the_distribution(self):
        venv = self.make_virtualenv("venv3", "3.0")
        app = self.write_app("hidden.py", """
            import importlib.util
            def application(environ, start_response):
                return answer(start_response, [any("dist-packages" in p for p in sys.path)])
            """)
        host = self.start_host("-c", self.config(f"""
            [app hidden]
            file = {app}
            virtualenv = {venv}
            """))
        self.assertEqual(self.ask(host), [False])

    def test_a_virtualenv_that_is_not_there_is_an_error_that_names_it(self):
        app = self.write_app("novenv.py", "def application(e, s): ...\n")
        config = self.config(f"""
            [app novenv]
            file = {app}
            virtualenv = {self.folder}/no/such/venv
            """)
        code, out, err = run("-t", "-c", config)
        self.assertEqual(code, 2, out + err)
        self.assertIn("virtualenv", err)


class Sources(Applications):
    """Source files are compiled as Python does it."""

    def test_the_coding_line_and_the_byte_order_mark_count(self):
        page = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["%s".encode()]
"""
        sources = {
            "latin": ("# coding: latin-1\n" + page % "\u00e9").encode("latin-1"),
            "mark": b"\xef\xbb\xbf" + (page % "\u00e9").encode(),
            "plain": (page % "\u00e9").encode(),
            "crlf": (page % "\u00e9").replace("\n", "\r\n").encode(),
        }
        files = {}
        for name, data in sources.items():
            files[name] = self.path(name + ".py")
            with open(files[name], "wb") as f:
                f.write(data)
        host = self.start_host(*(f"{name}={file}" for name, file in files.items()))
        for name in files:
            self.assertEqual(host.fetch(FCGI_HOST_APP=name).body, "\u00e9".encode(), name)

    def test_compiling_an_application_does_not_make_the_classes_of_the_syntax_tree(self):
        """They are 200 KB in each interpreter."""
        app = self.write_app("classes.py", """
            import gc

            def application(environ, start_response):
                names = {cls.__name__ for cls in gc.get_objects() if type(cls) is type}
                return answer(start_response, [name in names for name in ("AsyncFunctionDef",
                                                                          "FunctionType")])
            """.replace("import gc", "import gc, types"))
        host = self.start_host(app)
        self.assertFalse(self.ask(host)[0])


class Failures(Applications):
    """Applications that do not load; the others serve."""

    GOOD = """
        def application(environ, start_response):
            return answer(start_response, "good")
        """

    def start_with(self, bad, *args):
        good = self.write_app("good.py", self.GOOD)
        path = self.write("bad.py", bad)
        host = self.start_host(*args, f"good={good}", f"bad={path}")
        self.assertEqual(self.ask(host, FCGI_HOST_APP="good"), "good")
        return host

    def test_whatever_goes_wrong_at_import_is_a_500_with_the_reason_in_the_log(self):
        for bad, logged in (
            ("def application(:\n", "SyntaxError"),
            ("import no_such_module_at_all\n", "no_such_module_at_all"),
            ("raise RuntimeError('at import')\n", "RuntimeError: at import"),
            ("import sys\nsys.exit(3)\n", "SystemExit"),
            ("nothing = 1\n", "application"),
            ("application = 7\n", "callable"),
            ("\0", "null bytes|source code"),
        ):
            host = self.start_with(bad)
            response = host.fetch(FCGI_HOST_APP="bad")
            self.assertEqual(response.status, 500, f"{bad!r} {response}")
            self.assertNotIn(b"Traceback", response.stdout)
            line = host.log.wait_for(r"\[app\.failed\]")
            self.assertIn("app=bad", line)
            self.assertRegex(host.log.text, logged)
            self.assertEqual(self.ask(host, FCGI_HOST_APP="good"), "good")
            host.stop()

    def test_the_traceback_of_a_syntax_error_shows_the_imports_and_no_machinery(self):
        broken = self.write("broken.py", "x = 1\ndef f(:\n")
        host = self.start_with("import broken\n")
        host.log.wait_for("SyntaxError")
        logged = host.log.text
        self.assertIn(f'File "{broken}", line 2', logged)
        self.assertRegex(logged, r'File "\S+/bad-?\d*\.py", line 1, in <module>')
        self.assertNotIn("importlib", logged)
        self.assertNotIn('File "<', logged)

    def test_a_file_that_is_not_there_is_an_error_that_names_it(self):
        good = self.write_app("good.py", self.GOOD)
        code, _, err = run("--listen", "unix:" + self.path("x.sock"), f"good={good}",
                           f"bad={self.folder}/no-such-file.py")
        self.assertEqual(code, 2)
        self.assertIn("no-such-file.py", err)

    def test_dev_shows_the_traceback_in_the_browser(self):
        host = self.start_with("raise RuntimeError('<b>shown</b> & escaped')\n", "--dev")
        response = host.fetch(FCGI_HOST_APP="bad")
        self.assertEqual(response.status, 500)
        self.assertIn(b"RuntimeError", response.body)
        self.assertIn("text/html", response.headers["content-type"])
        self.assertNotIn(b"<b>shown</b>", response.body)
        self.assertIn(b"&lt;b&gt;shown", response.body)

    def test_dev_shows_exceptions_of_requests_too(self):
        app = self.write("failing.py", """
            def application(environ, start_response):
                raise LookupError("<i>in a request</i>")
            """)
        host = self.start_host("--dev", app)
        response = host.fetch()
        self.assertEqual(response.status, 500)
        self.assertIn(b"LookupError", response.body)
        self.assertNotIn(b"<i>", response.body)

    def test_a_failed_authorizer_refuses(self):
        host = self.start_with("raise RuntimeError('no door')\n")
        response = host.fetch(FCGI_HOST_APP="bad", role=fcgi.AUTHORIZER)
        self.assertGreaterEqual(response.status, 400)


class Queues(HostTestCase):
    """A bounded queue for each application."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        probe = os.path.join(APPS, "probe.py")
        cls.control = cls.path("control")
        cls.host = cls.start_class_host("-c", cls.config(f"""
            [fcgi_host]
            control = {cls.control}

            [app narrow]
            file = {probe}
            mount = /narrow
            threads = 2
            queue = 3
            interpreter = both

            [app other]
            file = {probe}
            mount = /other
            threads = 2
            interpreter = both
            """))

    def events(self):
        return json.loads(self.host.fetch("/other/events").body)

    def queued(self):
        _, out, _ = run("status", "--json", "-s", self.control)
        return {app["name"]: app["queued"]
                for app in json.loads(out)["workers"][0]["apps"]}["narrow"]

    def test_beyond_the_queue_503_with_retry_after_and_others_unaffected(self):
        def ask(path, query):
            c = self.host.connect()
            self.addCleanup(c.close)
            c.send(fcgi.whole_request(fcgi.params_of(path, query)))
            return c
        held = [ask("/narrow/hold", f"queue{i}") for i in range(2)]
        for i in range(2):
            await_(lambda: f"held queue{i}" in self.events(), f"request {i} inside")
        waiting = [ask("/narrow/", f"{i}") for i in range(3)]
        await_(lambda: self.queued() == 3, "three in the queue")

        def overflow():
            with self.host.connect() as c:
                c.send(fcgi.whole_request(fcgi.params_of("/narrow/")))
                c.socket.settimeout(60)
                return c.read_response()
        response = overflow()
        if response.protocol_status == fcgi.OVERLOADED:
            self.fail("web servers make 502 or 500 of FCGI_OVERLOADED: a 503 says more")
        self.assertEqual(response.status, 503)
        self.assertGreater(int(response.headers["retry-after"]), 0)
        for _ in range(10):
            self.assertEqual(self.host.fetch("/other/").body, b"Hello, World!")
            self.assertEqual(overflow().status, 503)
        for i in range(2):
            self.host.fetch("/other/open", query=f"queue{i}")
        self.assertEqual([c.read_response().body for c in held], [b"held queue0", b"held queue1"])
        self.assertEqual([c.read_response().body for c in waiting], [b"Hello, World!"] * 3)
        self.assertEqual(self.host.fetch("/narrow/").body, b"Hello, World!")


class Placement(Applications):
    """Extensions that refuse sub-interpreters put their application into the main interpreter."""

    def check(self, module, expression, want):
        app = self.write_app(f"uses_{module}.py", f"""
            import {module}
            def application(environ, start_response):
                return answer(start_response, [environ["fcgi_host.interpreter"], {expression}])
            """)
        plain = self.write_app("plain.py", """
            def application(environ, start_response):
                return answer(start_response, environ["fcgi_host.interpreter"])
            """)
        host = self.start_host(f"science={app}", f"plain={plain}")
        self.assertEqual(self.ask(host, FCGI_HOST_APP="science"), ["main", want])
        self.assertEqual(self.ask(host, FCGI_HOST_APP="plain"), "plain")
        line = host.log.wait_for(r"\[app\.placed\]")
        self.assertIn("app=science", line)
        self.assertIn(module.partition(".")[0], line)

    @needs_modules("numpy")
    def test_numpy(self):
        self.check("numpy", "int(numpy.arange(5).sum())", 10)

    @needs_modules("lxml.etree")
    def test_lxml(self):
        self.check("lxml.etree", "lxml.etree.fromstring('<a><b/></a>')[0].tag", "b")

    @needs_modules("cryptography.fernet")
    def test_cryptography(self):
        self.check("cryptography.fernet",
                   "(lambda f: f.decrypt(f.encrypt(b'x')).decode())"
                   "(cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key()))", "x")


if __name__ == "__main__":
    unittest.main()
