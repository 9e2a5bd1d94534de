"""`fcgi_host serve APP`: one command, one URL."""

import glob
import os
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
from support.servers import AM_ROOT
from support.waiting import await_

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s ", environ["PATH_INFO"].encode()]
"""


class Serve(HostTestCase):
    def start_serving(self, *args):
        """Its own folder for temporary files shows that nothing is left in it."""
        self.temporary = tempfile.mkdtemp(prefix="serve-", dir="/tmp")
        os.chmod(self.temporary, 0o755)  # Apache's workers are another user's
        self.addCleanup(os.rmdir, self.temporary)
        self.port = free_port()
        process = subprocess.Popen(
            [PROGRAM, "serve", *args, "--port", str(self.port)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=clean_environ(TMPDIR=self.temporary))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, Log(process.stdout)

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
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(glob.glob(self.temporary + "/*"), [])
        self.assertNotEqual(self.get("/")[:2], "v2")

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
        for args in ([], ["x.py", "--server", "iis"], ["x.py", "--port", "0"], ["--what"]):
            status, _, err = run("serve", *args)
            self.assertEqual(status, 2, err)
            self.assertIn("usage: fcgi_host serve", err)


if __name__ == "__main__":
    unittest.main()
