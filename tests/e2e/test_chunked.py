"""Bodies that a client sends chunked: the web server has taken the coding off."""

import os
import subprocess
import unittest

from support import servers
from support.behind_server import BehindServer
from support.host import HostTestCase, clean_environ, needs_modules, needs_program


class GitPush(BehindServer):
    """git sends what is larger than a megabyte chunked; dulwich (as klaus does) answers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.repository = os.path.join(cls.folder, "pushed.git")
        app = cls.write("git.py", f"""
            import os
            from dulwich.repo import Repo
            from dulwich.server import DictBackend
            from dulwich.web import make_wsgi_chain
            if not os.path.exists({cls.repository!r}):  # dulwich shares: it is loaded twice
                Repo.init_bare({cls.repository!r}, mkdir=True)
            backend = DictBackend({{"/": Repo({cls.repository!r})}})
            git = make_wsgi_chain(backend)
            def application(environ, start_response):
                assert environ["wsgi.input_terminated"]
                assert "HTTP_TRANSFER_ENCODING" not in environ
                return git(environ, start_response)
            """)
        cls.start_behind_server(app)

    def git(self, *args):
        environ = clean_environ(HOME=self.folder, GIT_CONFIG_NOSYSTEM="1",
                                GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@localhost",
                                GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@localhost")
        done = subprocess.run(["git", *args], env=environ, cwd=self.work, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.strip()

    def test_a_large_push_arrives(self):
        self.work = self.path("work")
        os.makedirs(self.work)
        self.git("init", "-q", "-b", "main")
        with open(os.path.join(self.work, "file"), "wb") as file:
            file.write(os.urandom(3 << 20))
        self.git("add", "file")
        self.git("commit", "-q", "-m", "large")
        url = f"http://127.0.0.1:{self.server.port}/"
        self.git("push", "-q", url, "main")
        pushed = subprocess.run(["git", f"--git-dir={self.repository}", "rev-parse", "main"],
                                capture_output=True, text=True)
        self.assertEqual(pushed.stdout.strip(), self.git("rev-parse", "HEAD"), pushed.stderr)


@needs_program("nginx", "git")
@needs_modules("dulwich")
class Nginx(GitPush, HostTestCase):
    EXAMPLE = "nginx/keepalive.conf"

    @classmethod
    def start_server(cls, folder):
        return servers.start_nginx(folder, servers.example(cls.EXAMPLE, {
            "/run/fcgi_host.sock": cls.address}))


class NginxUnbuffered(Nginx):
    EXAMPLE = "nginx/unbuffered.conf"


@needs_program("apache2", "git")
@needs_modules("dulwich")
class Apache(GitPush, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        return servers.start_apache(folder, servers.example("apache/proxy_fcgi.conf", {
            "/run/fcgi_host.sock": cls.address}), ["proxy", "proxy_fcgi"])


if __name__ == "__main__":
    unittest.main()
