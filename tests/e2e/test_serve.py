"""`fcgi_host serve APP`: one command, one URL."""

import glob
import json
import os
import pwd
import re
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from support.host import (
    PROGRAM, HostTestCase, Log, clean_environ, free_port, needs_program, recycles_in_process, run,
)
from support.servers import AM_ROOT, www_data_can_run
from support.terminal import LinesOf, terminal
from support.waiting import await_

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s ", environ["PATH_INFO"].encode()]
"""


class Serve(HostTestCase):
    def start_serving(self, *args, before=(), output=subprocess.PIPE, env=None, user=None):
        """Its own folder for temporary files shows that nothing is left in it."""
        self.temporary = tempfile.mkdtemp(prefix="serve-", dir="/tmp")
        os.chmod(self.temporary, 0o755)  # Apache's workers are another user's
        if user is not None:
            os.chown(self.temporary, user, user)
        self.addCleanup(os.rmdir, self.temporary)
        self.port = free_port()
        process = subprocess.Popen(
            [PROGRAM, *before, "serve", *args, "--port", str(self.port)], stdout=output,
            stderr=subprocess.STDOUT, user=user, group=user,
            env=clean_environ(TMPDIR=self.temporary, **(env or {})))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, Log(process.stdout or LinesOf(self.leader))

    def stop(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(glob.glob(self.temporary + "/*"), [])

    def get(self, path="/"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as reply:
                return reply.read().decode()
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"
        except OSError as error:  # not listening yet
            return repr(error)

    def check_socket_is_private(self):
        """Nobody but the user, and the user that the web server becomes, may talk to the host."""
        path, = glob.glob(self.temporary + "/*/socket")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) & 0o767, 0o700)
        if AM_ROOT:
            connect = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
            done = subprocess.run([sys.executable, "-c", connect], user=65534, group=65534,
                                  extra_groups=[], capture_output=True, text=True)
            self.assertIn("PermissionError", done.stderr)

    def check_server(self, server):
        app = self.write(f"{server}/app.py", APP % "v1")
        process, log = self.start_serving(app, "--server", server)
        log.wait_for(rf"http://127\.0\.0\.1:{self.port}/")
        await_(lambda: self.get("/a/b") == "v1 /a/b", "the first answer")
        self.check_socket_is_private()
        self.write(f"{server}/app.py", APP % "v2")
        await_(lambda: self.get("/") == "v2 /", "the new code")
        if recycles_in_process():  # else the worker is replaced, which broken code prevents
            self.write(f"{server}/app.py", "def application(:\n")
            await_(lambda: "SyntaxError" in self.get("/"), "the traceback in the browser")
        self.stop(process)
        self.assertNotEqual(self.get("/")[:2], "v2")
        log.wait_closed()
        self.assertEqual(log.count(r"\[host\.ready\]"), 1, log.text)
        self.assertEqual(log.count(r"^GET /a/b 200 \d+\.\d ms$"), 1, log.text)
        self.assertEqual(log.count("/a/b"), 1, "the web server writes no lines of its own")
        self.check_order(log.lines, r"^GET /a/b 200 ", r"\[reload\.(detected|switched)\]|replaced")

    def check_order(self, lines, *patterns):
        places = [next((i for i, line in enumerate(lines) if re.search(pattern, line)), None)
                  for pattern in patterns]
        self.assertNotIn(None, places, (patterns, lines))
        self.assertEqual(places, sorted(places), lines)

    def static_folder(self, name):
        """A folder with a name that configurations must quote, and an application beside it."""
        css = self.write(f"{name}/my files/a.css", "body {}")
        self.write(f"{name}/my files/x'y{{;#.txt", "odd")
        return self.write(f"{name}/app.py", APP % "from the application"), os.path.dirname(css)

    def check_static(self, server):
        app, folder = self.static_folder(f"static-{server}")
        process, log = self.start_serving(app, "--server", server, "--static", f"/my.static/={folder}")
        await_(lambda: self.get("/") == "from the application /", "the first answer")
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/my.static/a.css?v=1") as reply:
            self.assertEqual(reply.read(), b"body {}")
            self.assertEqual(reply.headers["Content-Type"], "text/css")
            self.assertEqual(reply.headers["Cache-Control"], "no-cache")
        self.assertEqual(self.get("/my.static/x%27y%7B%3B%23.txt"), "odd")
        self.assertEqual(self.get("/my.static/nothing")[:4], "404 ")
        for path in ("/my.static", "/myXstatic/a.css", "/my.staticx"):
            self.assertEqual(self.get(path), f"from the application {path}")
        for path in ("/my.static/../app.py", "/my.static/%2e%2e/app.py", "/my.static../app.py"):
            self.assertNotIn("def application", self.get(path))
        log.wait_for(r"^GET /my\.static/a\.css\?v=1 200 \d+\.\d ms$")
        log.wait_for(r"^GET /my\.static/nothing 404 \d+\.\d ms$")
        log.wait_for(r"^GET /my\.static 200 \d+\.\d ms$")
        self.assertEqual(log.count(r"a\.css"), 2, log.text)  # with that of /myXstatic
        self.get("/my.static/last.css")
        self.stop(process)
        log.wait_closed()
        self.assertEqual(log.count(r"^GET /my\.static/last\.css 404 \d+\.\d ms$"), 1, log.text)

    @needs_program("lighttpd")
    def test_files_behind_lighttpd(self):
        self.check_static("lighttpd")

    @needs_program("nginx")
    def test_files_behind_nginx(self):
        self.check_static("nginx")

    @needs_program("apache2")
    def test_files_behind_apache(self):
        self.check_static("apache")

    def lines_on_terminal(self, **env):
        app, folder = self.static_folder("terminal")
        with terminal() as (self.leader, end):
            process, log = self.start_serving(app, "--static", f"/s={folder}", output=end, env=env)
            await_(lambda: self.get("/b") == "from the application /b", "the first answer")
            self.get("/s/a.css")
            self.get("/s/nothing")
            log.wait_for("GET /b ")
            log.wait_for("GET /s/nothing ")
            self.stop(process)
            return [re.sub(r"[0-9.]+ ms\r?$", "N ms", line) for line in log.lines
                    if line.startswith("GET /")]

    @needs_program("lighttpd")
    def test_on_a_terminal_the_status_has_a_colour(self):
        lines = self.lines_on_terminal(TERM="xterm")
        self.assertIn("GET /b \x1b[32m200\x1b[0m N ms", lines)
        self.assertIn("GET /s/a.css \x1b[32m200\x1b[0m N ms", lines)
        self.assertIn("GET /s/nothing \x1b[33m404\x1b[0m N ms", lines)

    @needs_program("lighttpd")
    def test_who_wants_no_colours_gets_none(self):
        lines = self.lines_on_terminal(TERM="xterm", NO_COLOR="1")
        self.assertIn("GET /b 200 N ms", lines)
        self.assertIn("GET /s/nothing 404 N ms", lines)

    @needs_program("lighttpd")
    def test_a_configurations_applications_are_served_apart_from_its_host(self):
        self.static_folder("site")
        config = self.write("site/site.conf", f"""
            [fcgi_host]
            listen = unix:{self.folder}/site/sock
            control = {self.folder}/site/ctl
            log = {self.folder}/site/log
            access_log = {self.folder}/site/access
            [app blog]
            file = app.py
            mount = /blog
            static = /blog/static my files
            [app shop]
            file = app.py
            mount = /shop
            host = shop.example
            static = /blog/static .
            [task digest]
            app = blog
            call = app:application
            every = 1s
            """)
        process, log = self.start_serving(before=("-c", config))
        await_(lambda: self.get("/blog/x") == "from the application /x", "the first answer")
        self.assertEqual(self.get("/blog/static/a.css"), "body {}")
        log.wait_for(r"^fcgi_host serve: left out.*\[app shop\] static = /blog/static ")
        log.wait_for(r"^GET /blog/x 200 ")
        log.wait_for(r"^GET /blog/static/a\.css 200 ")
        status = run("status", "--json", "-s", glob.glob(self.temporary + "/*/control")[0])[1]
        self.assertEqual(json.loads(status)["tasks"], [], "the site's own host runs them")
        self.assertEqual(sorted(os.listdir(self.folder + "/site")), ["app.py", "my files", "site.conf"])
        self.stop(process)

    @unittest.skipUnless(AM_ROOT, "somebody else is wanted")
    @needs_program("lighttpd", "runuser")
    def test_a_configuration_with_users_is_served_without_being_root(self):
        if not www_data_can_run(PROGRAM):
            self.skipTest(f"www-data cannot run {PROGRAM}")
        app = self.write("users/app.py", """
            import os
            def application(environ, start_response):
                start_response("200 OK", [])
                return [str(os.getuid()).encode()]
            """)
        config = self.config(f"[fcgi_host]\nuser = daemon\n[app a]\nfile = {app}\nuser = backup\n")
        user = pwd.getpwnam("www-data").pw_uid
        process, _ = self.start_serving(before=("-c", config), user=user)
        await_(lambda: self.get("/") == str(user), "the first answer")
        self.stop(process)

    @needs_program("lighttpd")
    def test_behind_lighttpd(self):
        self.check_server("lighttpd")

    @needs_program("nginx")
    def test_behind_nginx(self):
        self.check_server("nginx")

    @needs_program("apache2")
    def test_behind_apache(self):
        self.check_server("apache")

    @needs_program("lighttpd")
    def test_a_port_in_use_is_said_and_nothing_is_left(self):
        import socket
        app = self.write("busy/app.py", APP % "v1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            status, _, err = run("serve", app, "--port", port)
        self.assertEqual(status, 1)
        self.assertIn(f"port {port}", err)
        self.assertIn("in use", err)

    def test_wrong_usage_is_exit_status_2(self):
        for args in ([], ["x.py", "--server", "iis"], ["x.py", "--port", "0"], ["--what"],
                     ["x.py", "--static", "/s"], ["x.py", "--static", "/s=/nowhere"],
                     ["x.py", "--static=s=/tmp"], ["x.py", "--static=/s=/tmp", "--static=/s/=/"]):
            status, _, err = run("serve", *args)
            self.assertEqual(status, 2, err)
            self.assertIn("usage: fcgi_host serve", err)


if __name__ == "__main__":
    unittest.main()
