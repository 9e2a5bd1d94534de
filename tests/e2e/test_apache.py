"""Apache in front: mod_fcgid (it spawns) and mod_proxy_fcgi (it connects)."""

import base64
import os
import unittest

from support.host import PYTHON, HostTestCase, free_port, needs_program
from support.server_contract import Mounted, ServerContract, Streaming, servers

PROXY = ["proxy", "proxy_fcgi"]


class Fcgid(Streaming, ServerContract):
    DECODES_SLASH = False
    APPENDS_ERROR_PAGE = True

    @classmethod
    def start_server(cls):
        if not PYTHON.startswith("/usr/bin/") and not servers.www_data_can_run(cls.program):
            raise unittest.SkipTest(f"www-data cannot run {PYTHON}")
        blog = os.path.join(cls.folder, "blog")
        os.makedirs(blog)
        os.chmod(blog, 0o755)
        script = cls.write("blog/blog.fcgi", servers.example("apache/blog.fcgi", {
            "/usr/local/bin/fcgi_host": cls.program, "/srv/blog/wsgi.py": f"-c {cls.conf}"}), 0o755)
        conf = servers.example("apache/mod_fcgid.conf", {
            '"/blog" "/srv/blog/blog.fcgi"': cls.alias(script), '"/srv/blog"': f'"{blog}"'})
        # Not the default of 100 processes: two cores are soon busy starting interpreters.
        return servers.start_apache(cls.server_folder(), conf + "FcgidMaxProcessesPerClass 4\n",
                                    ["fcgid"])


@needs_program("apache2")
class ApacheModFcgid(Fcgid, Mounted, HostTestCase):
    MOUNT = "/blog"

    @classmethod
    def alias(cls, script):
        return f'"/blog" "{script}"'


@needs_program("apache2")
class ApacheModFcgidAtTheRoot(Fcgid, HostTestCase):
    @classmethod
    def alias(cls, script):
        return f'"/" "{script}/"'


class ApacheProxy(Streaming, ServerContract):
    DECODES_SLASH = False


@needs_program("apache2")
class ApacheProxyUnix(ApacheProxy, HostTestCase):
    @classmethod
    def start_server(cls):
        address = cls.path("proxy.sock")
        cls.host = cls.start_class_host("--listen", f"unix:{address},mode=0666", "-c", cls.conf,
                                        listen=address)
        conf = servers.example("apache/proxy_fcgi.conf", {"/run/fcgi_host.sock": address})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


@needs_program("apache2")
class ApacheProxyTcp(ApacheProxy, HostTestCase):
    @classmethod
    def start_server(cls):
        port = free_port()
        cls.host = cls.start_class_host("--listen", f"127.0.0.1:{port}", "-c", cls.conf,
                                        listen=("127.0.0.1", port),
                                        env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.1"})
        conf = servers.example("apache/proxy_fcgi_tcp.conf", {"127.0.0.1:9000": f"127.0.0.1:{port}"})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


@needs_program("apache2")
class ApacheProxyWithAMount(ApacheProxy, Mounted, HostTestCase):
    MOUNT = HOST_MOUNT = "/blog"

    @classmethod
    def start_server(cls):
        address = cls.path("proxy.sock")
        cls.host = cls.start_class_host("--listen", f"unix:{address},mode=0666", "-c", cls.conf,
                                        listen=address)
        conf = servers.example("apache/proxy_fcgi.conf", {
            "/run/fcgi_host.sock": address, 'ProxyPass "/"': 'ProxyPass "/blog"'})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


@needs_program("apache2")
class ApacheAuthorizer(HostTestCase):
    """mod_authnz_fcgi asks an application who may pass."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = cls.write("door.py", """
            def application(environ, start_response):
                assert environ["FCGI_ROLE"] == "AUTHORIZER"
                if environ["REMOTE_PASSWD"] == "break":
                    raise RuntimeError("the door is broken")
                if (environ["REMOTE_USER"], environ["REMOTE_PASSWD"]) == ("friend", "mellon"):
                    start_response("200 OK", [("Variable-FRIEND", "yes")])
                else:
                    start_response("401 Unauthorized", [])
                return []
            """)
        port = free_port()
        cls.host = cls.start_class_host("--listen", f"127.0.0.1:{port}", app,
                                        listen=("127.0.0.1", port))
        cls.write("www/private/file.txt", "the secret\n")
        os.makedirs(cls.folder + "/server")
        conf = servers.example("apache/authorizer.conf", {"127.0.0.1:9000": f"127.0.0.1:{port}"})
        conf += f"""
            <Directory "{cls.folder}/www">
                Require all granted
            </Directory>
            <Location "/private">
                Header set X-Friend "%{{FRIEND}}e"
            </Location>
            """
        cls.server = servers.start_apache(
            cls.folder + "/server", conf,
            ["authn_core", "authz_user", "auth_basic", "authnz_fcgi", "headers"],
            root=cls.folder + "/www")
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("apache", lambda: cls.server.log_text))

    def knock(self, user, password):
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        return self.server.get("/private/file.txt", Authorization="Basic " + credentials)

    def test_status_200_lets_pass_and_variables_are_handed_on(self):
        reply = self.knock("friend", "mellon")
        self.assertEqual((reply.status, reply.text), (200, "the secret\n"))
        self.assertEqual(reply.headers["X-Friend"], "yes")

    def test_anything_else_refuses(self):
        self.assertEqual(self.knock("friend", "wrong").status, 401)
        self.assertIn(self.knock("friend", "break").status, (401, 500))
        self.assertEqual(self.server.get("/private/file.txt").status, 401)


if __name__ == "__main__":
    unittest.main()
