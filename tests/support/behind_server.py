"""One application in a host, and a web server of the test's own making in front of it."""

import os


class BehindServer:
    """Mixed into a HostTestCase, which says by start_server(folder) what server that is."""

    @classmethod
    def start_behind_server(cls, app):
        """Set `address`, `host` and `server`; to be called by setUpClass()."""
        cls.address = cls.path("host.sock")
        cls.host = cls.start_class_host("--listen", f"unix:{cls.address},mode=0666", app,
                                        listen=cls.address)
        folder = os.path.join(cls.folder, "server")
        os.makedirs(folder)
        cls.server = cls.start_server(folder)
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("the web server", lambda: cls.server.log_text))
