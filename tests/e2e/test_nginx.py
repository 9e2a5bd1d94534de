"""nginx in front: one connection a request, kept open, unbuffered; and spawn-fcgi behind it."""

import os
import unittest

from support.host import HostTestCase, needs_program
from support.server_contract import Mounted, ServerContract, Streaming, servers
from support.waiting import await_


class Nginx(ServerContract):
    EXAMPLE = None

    @classmethod
    def start_server(cls):
        cls.host = cls.start_class_host("-c", cls.conf)
        return servers.start_nginx(cls.server_folder(), servers.example(
            cls.EXAMPLE, {"/run/fcgi_host.sock": cls.host.address}))


@needs_program("nginx")
class NginxClosing(Nginx, HostTestCase):
    EXAMPLE = "nginx/closing.conf"


@needs_program("nginx")
class NginxKeptOpen(Nginx, HostTestCase):
    EXAMPLE = "nginx/keepalive.conf"


@needs_program("nginx")
class NginxUnbuffered(Nginx, Streaming, HostTestCase):
    EXAMPLE = "nginx/unbuffered.conf"


@needs_program("nginx")
class NginxWithAMount(Nginx, Mounted, HostTestCase):
    """The mount point is in fcgi_host's configuration; nginx passes whole paths."""

    EXAMPLE = "nginx/closing.conf"
    MOUNT = HOST_MOUNT = "/blog"


@needs_program("nginx", "spawn-fcgi")
class SpawnFcgiAndNginx(ServerContract, HostTestCase):
    @classmethod
    def start_server(cls):
        address = cls.path("spawn.sock")
        replace = {"/run/fcgi_host.sock": address, "/usr/local/bin/fcgi_host": cls.program,
                   "/srv/blog/wsgi.py": f"-c {cls.conf}"}
        if not servers.www_data_can_run(cls.program):
            replace[" -u www-data -g www-data"] = ""
        script = cls.write("blog.sh", servers.example("spawn-fcgi/blog.sh", replace), 0o755)
        cls.spawned = servers.SpawnFcgi(script, cls.path("spawn.log"))
        cls._logs.append(("spawn-fcgi", lambda: cls.spawned.log_text))
        cls.addClassCleanup(cls.stop_spawned)
        await_(lambda: os.path.exists(address), "the socket of spawn-fcgi")
        return servers.start_nginx(cls.server_folder(), servers.example(
            "nginx/closing.conf", {"/run/fcgi_host.sock": address}))

    @classmethod
    def stop_spawned(cls):
        code = cls.spawned.stop()
        assert code == 0, f"exit status {code}: {cls.spawned.log_text}"


if __name__ == "__main__":
    unittest.main()
