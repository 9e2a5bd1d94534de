"""HAProxy in front: it connects; a connection a request, or kept open."""

import unittest

from support.host import HostTestCase, needs_program
from support.server_contract import Mounted, ServerContract, Streaming, servers


class HAProxy(Streaming, ServerContract):
    AS_SENT = ("/a//b///c", "/a/../c")
    LOGS_ERRORS = servers.version_of("haproxy", "-v") >= (2, 9)  # fcgi_host/cgi/web_server.h
    LINES = {}  # of the example

    @classmethod
    def start_server(cls):
        cls.host = cls.start_class_host("-c", cls.conf)
        return servers.start_haproxy(cls.server_folder(), servers.example(
            "haproxy/haproxy.cfg", {"/run/fcgi_host.sock": cls.host.address, **cls.LINES}))


@needs_program("haproxy")
class HAProxyKeptOpen(HAProxy, HostTestCase):
    pass


@needs_program("haproxy")
class HAProxyClosing(HAProxy, HostTestCase):
    LINES = {"    pass-header": "    no option keep-conn\n    pass-header"}


@needs_program("haproxy")
class HAProxyWithAMount(HAProxy, Mounted, HostTestCase):
    MOUNT = HOST_MOUNT = "/blog"


if __name__ == "__main__":
    unittest.main()
