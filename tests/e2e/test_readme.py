"""The README's configuration and nginx snippet as they stand, with other paths: Debian's nginx, whose
workers are www-data's, reaches the host that root has started."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import unittest

from support.host import PYTHON, ROOT, HostTestCase, needs_program, run
from support.servers import AM_ROOT, start_nginx

APPLICATION = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{__name__} {os.getuid()} {environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]
"""
USER = "www-data"


def block(language, heading, having):
    """The first such block of code below a heading."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        part = f.read().partition(f"\n## {heading}\n")[2]
    return next(text for text in re.findall(rf"^```{language}\n(.*?)^```", part, re.M | re.S)
                if having in text)


@unittest.skipUnless(AM_ROOT, "root starts the host, and nginx")
class Readme(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.uid = pwd.getpwnam(USER).pw_uid
        except KeyError:
            raise unittest.SkipTest(f"no user {USER}") from None
        if subprocess.run(["runuser", "-u", USER, "--", PYTHON, "-c", ""]).returncode:
            raise unittest.SkipTest(f"{USER} cannot run {PYTHON}")

    def example(self):
        """The configuration with the paths of files that are there."""
        self.write("srv/blog/blog/wsgi.py", APPLICATION)
        self.write("srv/blog/blog/__init__.py", "")
        self.write("srv/blog/static/site.css", "from a file")
        self.write("srv/shop/shop/wsgi.py", APPLICATION)
        if not os.path.exists(self.folder + "/srv/blog/venv"):
            subprocess.run([PYTHON, "-m", "venv", "--without-pip", self.folder + "/srv/blog/venv"],
                           check=True)
        os.makedirs(self.folder + "/run", exist_ok=True)
        text = block("ini", "Several applications", "[app blog]")
        for path in ("/run/", "/srv/"):
            self.assertIn(path, text)
            text = re.sub(rf"(?<=[\s:]){path}", self.folder + path, text)
        return self.config(text)

    def start(self, config):
        """As in the README: nothing but -c."""
        return self.start_host("-c", config, allow_root=False, listen=self.folder + "/run/fcgi_host.sock")

    def start_nginx(self, text):
        folder = self.path("nginx")
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        text = text.replace("unix:/run/", f"unix:{self.folder}/run/")
        web_server = start_nginx(folder, text, user=USER)
        self.addCleanup(web_server.stop)
        return web_server

    def check(self, web_server):
        self.assertEqual(web_server.get("/blog/a").text, f"blog.wsgi {self.uid} /blog /a")
        self.assertEqual(web_server.get("/b", Host="shop.example.org").text, f"wsgi {self.uid}  /b")

    @needs_program("nginx", "runuser")
    def test_nginx_reaches_the_host_of_the_example(self):
        self.start(self.example())
        mode = os.stat(self.folder + "/run/fcgi_host.sock")
        self.assertEqual((stat.S_IMODE(mode.st_mode), mode.st_uid), (0o660, 0))
        self.check(self.start_nginx(block("", "Behind a web server", "upstream fcgi_host")))

    @needs_program("nginx", "runuser")
    def test_what_init_writes_for_it_answers_files_too(self):
        config = self.example()
        self.start(config)
        folder = self.path("snippet")
        os.makedirs(folder)
        self.assertEqual(run("-c", config, "init", folder)[0], 0)
        with open(folder + "/fcgi_host.nginx.conf", encoding="utf-8") as f:
            web_server = self.start_nginx(f.read())
        self.check(web_server)
        self.assertEqual(web_server.get("/blog/static/site.css").text, "from a file")
        shutil.rmtree(folder)

    @needs_program("nginx", "runuser")
    def test_without_the_group_nothing_is_reached(self):
        """That the group is what lets nginx in."""
        with open(self.example(), encoding="utf-8") as f:
            text = f.read()
        self.assertIn(",mode=0660,group=www-data", text)
        self.start(self.config(text.replace(",mode=0660,group=www-data", "")))
        web_server = self.start_nginx(block("", "Behind a web server", "upstream fcgi_host"))
        self.assertEqual(web_server.get("/blog/a").status, 502)
        self.assertIn("Permission denied", web_server.log_text)


if __name__ == "__main__":
    unittest.main()
