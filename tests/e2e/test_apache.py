"""Apache in front: mod_fcgid (it spawns) and mod_proxy_fcgi (it connects)."""

import os
import subprocess
import unittest

from support.host import PYTHON, HostTestCase, free_port, needs_program
from support.server_contract import ServerContract, servers

PROXY = ["proxy", "proxy_fcgi"]


def www_data_can_run(program):
    """mod_fcgid starts programs as Apache's user, who may not reach every Python."""
    if os.geteuid() != 0:
        return True
    done = subprocess.run(["runuser", "-u", "www-data", "--", program, "--version"],
                          capture_output=True)
    return done.returncode == 0


class Fcgid(ServerContract):
    DECODES_SLASH = False
    SLOW_TO_MULTIPLY = True
    STREAMS = True

    @classmethod
    def start_server(cls):
        if not PYTHON.startswith("/usr/bin/") and not www_data_can_run(cls.program):
            raise unittest.SkipTest(f"www-data cannot run {PYTHON}")
        blog = os.path.join(cls.folder, "blog")
        os.makedirs(blog)
        os.chmod(blog, 0o755)
        script = cls.write("blog/blog.fcgi", servers.example("apache/blog.fcgi", {
            "/usr/local/bin/fcgi_host": cls.program, "/srv/blog/wsgi.py": cls.app}), 0o755)
        conf = servers.example("apache/mod_fcgid.conf", {
            '"/blog" "/srv/blog/blog.fcgi"': cls.alias(script), '"/srv/blog"': f'"{blog}"'})
        # Not the default of 100 processes: two cores are soon busy starting interpreters.
        return servers.start_apache(cls.server_folder(), conf + "FcgidMaxProcessesPerClass 4\n",
                                    ["fcgid"])


@needs_program("apache2")
class ApacheModFcgid(Fcgid, HostTestCase):
    MOUNT = "/blog"

    @classmethod
    def alias(cls, script):
        return f'"/blog" "{script}"'


@needs_program("apache2")
class ApacheModFcgidAtTheRoot(Fcgid, HostTestCase):
    @classmethod
    def alias(cls, script):
        return f'"/" "{script}/"'


class ApacheProxy(ServerContract):
    DECODES_SLASH = False


@needs_program("apache2")
class ApacheProxyUnix(ApacheProxy, HostTestCase):
    @classmethod
    def start_server(cls):
        address = cls.path("proxy.sock")
        cls.host = cls.start_class_host("--listen", f"unix:{address},mode=0666", cls.app,
                                        listen=address)
        conf = servers.example("apache/proxy_fcgi.conf", {"/run/fcgi_host.sock": address})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


@needs_program("apache2")
class ApacheProxyTcp(ApacheProxy, HostTestCase):
    @classmethod
    def start_server(cls):
        port = free_port()
        cls.host = cls.start_class_host("--listen", f"127.0.0.1:{port}", cls.app,
                                        listen=("127.0.0.1", port),
                                        env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.1"})
        conf = servers.example("apache/proxy_fcgi_tcp.conf", {"127.0.0.1:9000": f"127.0.0.1:{port}"})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


@needs_program("apache2")
class ApacheProxyWithAMount(ApacheProxy, HostTestCase):
    MOUNT = "/blog"

    @classmethod
    def start_server(cls):
        address = cls.path("proxy.sock")
        config = cls.config(f"""
            [app blog]
            file = {cls.app}
            mount = /blog
            """)
        cls.host = cls.start_class_host("--listen", f"unix:{address},mode=0666", "-c", config,
                                        listen=address)
        conf = servers.example("apache/proxy_fcgi.conf", {
            "/run/fcgi_host.sock": address, 'ProxyPass "/"': 'ProxyPass "/blog"'})
        return servers.start_apache(cls.server_folder(), conf, PROXY)


if __name__ == "__main__":
    unittest.main()
