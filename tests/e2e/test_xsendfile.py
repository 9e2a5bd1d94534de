"""Files that the web server sends in place of a body: X-Sendfile, X-Accel-Redirect."""

import os
import unittest

from support import servers
from support.behind_server import BehindServer
from support.host import HostTestCase, needs_program

CONTENT = b"0123456789" * 1000


class Sendfile(BehindServer):
    """With the file's Content-Length and without a body, as Flask's send_file() answers."""

    HEADER = "X-Sendfile"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.public = os.path.join(cls.folder, "public")
        cls.file = cls.write("public/file.bin", CONTENT.decode())
        os.chmod(cls.public, 0o755)
        app = cls.write("app.py", f"""
            def application(environ, start_response):
                headers = [("Content-Type", "application/octet-stream")]
                if environ["PATH_INFO"] == "/file":
                    headers += [("Content-Length", "{len(CONTENT)}"),
                                ("{cls.HEADER}", {cls.name_of_file()!r})]
                    start_response("200 OK", headers)
                    return []
                start_response("200 OK", headers)
                return [b"no file"]
            """)
        cls.start_behind_server(app)

    @classmethod
    def name_of_file(cls):
        return cls.file

    def test_the_file_arrives_whole_and_nothing_is_logged(self):
        for _ in range(3):
            reply = self.server.get("/file")
            self.assertEqual((reply.status, reply.body), (200, CONTENT), reply)
            self.assertEqual(self.server.get("/").body, b"no file")
        self.assertEqual(self.host.log.find(r" (warn|error) .*\[(?!host\.root)"), [])

    def test_its_head(self):
        reply = self.server.request("HEAD", "/file")
        self.assertEqual((reply.status, reply.body), (200, b""))


@needs_program("nginx")
class Nginx(Sendfile, HostTestCase):
    HEADER = "X-Accel-Redirect"

    @classmethod
    def name_of_file(cls):
        return "/internal/file.bin"

    @classmethod
    def start_server(cls, folder):
        conf = servers.example("nginx/keepalive.conf", {
            "/run/fcgi_host.sock": cls.address,
            "    location / {": f"    location /internal/ {{ internal; alias {cls.public}/; }}\n"
                                "    location / {"})
        return servers.start_nginx(folder, conf)


@needs_program("lighttpd")
class Lighttpd(Sendfile, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        conf = servers.example("lighttpd/external.conf", {
            "/run/fcgi_host.sock": cls.address,
            '"check-local"': '"x-sendfile" => "enable", '
                             f'"x-sendfile-docroot" => ("{cls.public}/"), "check-local"'})
        return servers.start_lighttpd(folder, conf)


@needs_program("apache2")
class Apache(Sendfile, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        if not os.path.exists(os.path.join(servers.APACHE_MODULES, "mod_xsendfile.so")):
            raise unittest.SkipTest("no mod_xsendfile")
        conf = servers.example("apache/proxy_fcgi.conf", {"/run/fcgi_host.sock": cls.address})
        conf += f"\nXSendFile On\nXSendFilePath {cls.public}\n"
        return servers.start_apache(folder, conf, ["proxy", "proxy_fcgi", "xsendfile"])


if __name__ == "__main__":
    unittest.main()
