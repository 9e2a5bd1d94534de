"""lighttpd in front: fcgi_host spawned by it (bin-path), or running already."""

import os
import signal
import time
import unittest

from support.host import APPS, PROGRAM, HostTestCase, children_of, needs_program
from support.server_contract import Mounted, ServerContract, Streaming, servers
from support.waiting import await_


def spawned(program, arguments, socket):
    """The example with other paths."""
    return servers.example("lighttpd/spawned.conf", {
        "/run/lighttpd/fcgi_host.sock": socket, "/usr/local/bin/fcgi_host": program,
        "/srv/blog/wsgi.py": arguments})


class Lighttpd(Streaming, ServerContract):
    REFUSES = ("/%FF",)


@needs_program("lighttpd")
class LighttpdSpawned(Lighttpd, HostTestCase):
    @classmethod
    def start_server(cls):
        conf = spawned(cls.program, f"-c {cls.conf}", cls.path("spawned.sock"))
        return servers.start_lighttpd(cls.server_folder(), conf)


@needs_program("lighttpd")
class LighttpdSpawnedBelowAPrefix(Lighttpd, Mounted, HostTestCase):
    MOUNT = "/blog"

    @classmethod
    def start_server(cls):
        conf = spawned(cls.program, f"-c {cls.conf}", cls.path("spawned.sock")).replace('"/" =>', '"/blog" =>')
        return servers.start_lighttpd(cls.server_folder(), conf)


@needs_program("lighttpd")
class LighttpdExternal(Lighttpd, HostTestCase):
    @classmethod
    def start_server(cls):
        cls.host = cls.start_class_host("-c", cls.conf)
        return servers.start_lighttpd(cls.server_folder(), servers.example(
            "lighttpd/external.conf", {"/run/fcgi_host.sock": cls.host.address}))


@needs_program("lighttpd")
class LighttpdLife(HostTestCase):
    """Starting and stopping."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = os.path.join(APPS, "site.py")

    def start(self):
        folder = self.path("server")
        os.makedirs(folder)
        server = servers.start_lighttpd(folder, spawned(PROGRAM, self.app, self.path("spawned.sock")))
        self._logs.append(("lighttpd", lambda: server.log_text))
        return server

    @staticmethod
    def pids_of(server):
        return children_of(server.process.pid)

    def test_stopping_lighttpd_stops_the_host_without_a_kill(self):
        server = self.start()
        self.assertEqual(server.get("/").status, 200)
        pids = self.pids_of(server)
        self.assertEqual(len(pids), 1, "max-procs is 1")
        start = time.monotonic()
        server.stop(signal.SIGTERM)
        await_(lambda: not os.path.exists(f"/proc/{pids[0]}"), "the end of the host")
        self.assertLess(time.monotonic() - start, 8, "lighttpd kills what does not stop")

    def test_a_host_that_was_stopped_is_spawned_again(self):
        server = self.start()
        self.addCleanup(server.stop)
        self.assertEqual(server.get("/").status, 200)
        old = self.pids_of(server)
        os.kill(old[0], signal.SIGTERM)
        await_(lambda: self.pids_of(server) not in ([], old), "a new host")
        self.assertEqual(server.get("/").status, 200)

    def test_a_worker_that_was_killed_is_replaced_without_lighttpd(self):
        server = self.start()
        self.addCleanup(server.stop)
        self.assertEqual(server.get("/").status, 200)
        hosts = self.pids_of(server)
        old = children_of(hosts[0])
        os.kill(old[0], signal.SIGKILL)
        await_(lambda: children_of(hosts[0]) not in ([], old), "a new worker")
        self.assertEqual(server.get("/").status, 200)
        self.assertEqual(self.pids_of(server), hosts)


@needs_program("lighttpd")
class LighttpdAuthorizer(HostTestCase):
    """mode = authorizer: the application decides, lighttpd serves the file."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        app = cls.write("door.py", """
            def application(environ, start_response):
                assert environ["FCGI_ROLE"] == "AUTHORIZER"
                query = environ["QUERY_STRING"]
                if query == "fail":
                    raise RuntimeError("the door is broken")
                if query == "exit":
                    raise SystemExit(0)
                if query == "nothing":
                    return []
                if query == "friend":
                    start_response("200 OK", [("Variable-FRIEND", "yes")])
                    return []
                start_response("403 Forbidden", [("Content-Type", "text/plain")])
                return [b"not you"]
            """)
        cls.host = cls.start_class_host(app)
        cls.write("www/private/file.txt", "the secret\n")
        conf = servers.example("lighttpd/authorizer.conf", {
            "/run/fcgi_host.sock": cls.host.address, '"/var/www"': f'"{cls.folder}/www"'})
        os.makedirs(cls.folder + "/server")
        conf = f'server.document-root := "{cls.folder}/www"\n' + conf
        cls.server = servers.start_lighttpd(cls.folder + "/server", conf)
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("lighttpd", lambda: cls.server.log_text))

    @unittest.skipIf(servers.lighttpd_version() == "1.4.85",
                     "lighttpd 1.4.85 crashes when an authorizer lets a request pass")
    def test_status_200_lets_pass(self):
        reply = self.server.get("/private/file.txt?friend")
        self.assertEqual((reply.status, reply.text), (200, "the secret\n"))

    def test_any_other_status_is_shown_instead(self):
        reply = self.server.get("/private/file.txt?stranger")
        self.assertEqual((reply.status, reply.text), (403, "not you"))

    def test_an_error_refuses(self):
        for query in ("fail", "exit", "nothing"):
            reply = self.server.get("/private/file.txt?" + query)
            self.assertGreaterEqual(reply.status, 400, query)
            self.assertNotIn("secret", reply.text)


if __name__ == "__main__":
    unittest.main()
