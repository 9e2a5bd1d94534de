"""Caddy in front: it connects, a connection a request."""

import unittest

from support.host import HostTestCase, needs_program
from support.server_contract import Mounted, ServerContract, Streaming, servers


VERSION = servers.version_of("caddy", "version")


class Caddy(Streaming, ServerContract):
    """A request body is sent on to its end before the response is read."""

    AS_SENT = ("/a//b///c", "/a/../c")
    LOGS_ERRORS = VERSION >= (2, 7)  # 2.6 knows `capture_stderr`, and drops them
    HIDES_A_BREAK = VERSION < (2, 8)

    @classmethod
    def start_server(cls):
        cls.host = cls.start_class_host("-c", cls.conf)
        return servers.start_caddy(cls.server_folder(), servers.example(
            "caddy/Caddyfile", {"/run/fcgi_host.sock": cls.host.address}))


@needs_program("caddy")
class CaddyAtTheRoot(Caddy, HostTestCase):
    pass


@needs_program("caddy")
class CaddyWithAMount(Caddy, Mounted, HostTestCase):
    MOUNT = HOST_MOUNT = "/blog"


if __name__ == "__main__":
    unittest.main()
