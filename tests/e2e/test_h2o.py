"""h2o in front: fcgi_host spawned by it, or running already."""

import shutil
import unittest

from support.host import HostTestCase
from support.server_contract import Mounted, ServerContract, Streaming, servers


needs_h2o = unittest.skipUnless(shutil.which("h2o", path="/usr/bin"), "missing: h2o, which Debian 12 has")


class H2o(Streaming, ServerContract):
    """A request body is collected before it is passed on."""

    AS_SENT = ("/a//b///c",)
    HIDES_A_BREAK = True

    @classmethod
    def start_server(cls):
        cls.host = cls.start_class_host("-c", cls.conf)
        return servers.start_h2o(cls.server_folder(), servers.example(
            "h2o/external.conf", {"/run/fcgi_host.sock": cls.host.address}))


@needs_h2o
class H2oExternal(H2o, HostTestCase):
    pass


@needs_h2o
class H2oWithAMount(H2o, Mounted, HostTestCase):
    MOUNT = HOST_MOUNT = "/blog"


@needs_h2o
class H2oSpawned(H2o, HostTestCase):
    @classmethod
    def start_server(cls):
        return servers.start_h2o(cls.server_folder(), servers.example("h2o/spawned.conf", {
            servers.INSTALLED: cls.program, "/srv/blog/wsgi.py": f"-c {cls.conf}"}))


if __name__ == "__main__":
    unittest.main()
