"""The configurations of docs/scaling.md: accepted by their servers, and doing what the page says."""

import os
import re
import subprocess
import unittest

from support import servers
from support.applications import HELLO
from support.host import ROOT, HostTestCase, clean_environ, free_port, needs_program, run
from support.waiting import await_

MACHINES = ("10.0.0.11", "10.0.0.12")
PORT, AGENT_PORT = 9000, 9001


def configuration(language):
    """The only block of the page in this language."""
    with open(os.path.join(ROOT, "docs", "scaling.md"), encoding="utf-8") as f:
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language}"
    return blocks[0]


def replaced(text, replace):
    for old, new in replace.items():
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new)
    return text


class Page(HostTestCase):
    def accept(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=clean_environ())
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotRegex(done.stdout.lower(), "warn")

    def start_hosts(self):
        """Two hosts with the page's configuration; their ports and their agents' ports."""
        self.hosts, ports = [], []
        for name in ("first", "second"):
            port, agent = free_port(), free_port()
            app = self.write(f"{name}.py", HELLO.replace("hello", name))
            conf = self.write(f"{name}.conf", replaced(configuration("ini"), {
                f"{MACHINES[0]}:{PORT}": f"127.0.0.1:{port}",
                f"{MACHINES[0]}:{AGENT_PORT}": f"127.0.0.1:{agent}",
                "/run/fcgi_host/control": self.path("control"), "/srv/blog/wsgi.py": app}))
            self.hosts.append(self.start_host("-c", conf, listen=("127.0.0.1", port)))
            ports.append((port, agent))
        return ports

    def check_that_both_answer_and_one_alone_does(self, server, first_is_preferred=False):
        self.addCleanup(server.stop)
        self._logs.append(("web server", lambda: server.log_text))
        seen = set()

        def get():
            reply = server.get("/")
            self.assertEqual(reply.status, 200, reply)
            seen.add(reply.text)
            return seen
        if first_is_preferred:
            get()
        else:
            await_(lambda: get() == {"first", "second"}, "answers of both")
        self.assertIn(server.get("/-/ready").status, (403, 404))
        self.assertEqual(self.hosts[0].stop(), 0)
        for _ in range(20):
            get()
        seen.clear()
        for _ in range(20):
            get()
        self.assertEqual(seen, {"second"})

    def start(self, name, start, conf):
        folder = self.path(name)
        os.makedirs(folder)
        os.chmod(self.folder, 0o755)
        return start(folder, conf)


class Host(Page):
    def test_the_configuration_of_each_machine_is_accepted(self):
        app = self.write("wsgi.py", HELLO)
        conf = self.write("host.conf", replaced(configuration("ini"), {"/srv/blog/wsgi.py": app}))
        status, _, err = run("-t", "-c", conf)
        self.assertEqual((status, err), (0, ""))


@needs_program("haproxy")
class HAProxy(Page):
    def test_the_configuration_is_accepted(self):
        self.accept("haproxy", "-c", "-f", self.write("haproxy.cfg", configuration("haproxy")))

    def test_requests_are_answered_when_a_host_is_stopped(self):
        text = configuration("haproxy").replace("/run/haproxy.sock", self.path("stats"))
        for machine, (port, agent) in zip(MACHINES, self.start_hosts()):
            text = replaced(text, {f"{machine}:{PORT}": f"127.0.0.1:{port} agent-port {agent}"})
        server = self.start("haproxy", servers.start_haproxy, text)
        self.check_that_both_answer_and_one_alone_does(server)


@needs_program("nginx")
class Nginx(Page):
    def test_the_configuration_is_accepted(self):
        text = replaced(configuration("nginx"), {"listen 80;": f"listen 127.0.0.1:{free_port()};"})
        conf = self.write("nginx.conf", text)
        self.accept("nginx", "-t", "-q", "-p", self.folder, "-e", "stderr", "-c", conf,
                    "-g", f"pid {self.folder}/nginx.pid;")

    def test_requests_are_answered_when_a_host_is_stopped(self):
        text = re.search(r"http \{\n(.*)^\}", configuration("nginx"), re.MULTILINE | re.DOTALL)[1]
        for machine, (port, _) in zip(MACHINES, self.start_hosts()):
            text = replaced(text, {f"{machine}:{PORT}": f"127.0.0.1:{port}"})
        self.check_that_both_answer_and_one_alone_does(self.start("nginx", servers.start_nginx, text))


@needs_program("lighttpd")
class Lighttpd(Page):
    def test_the_configuration_is_accepted(self):
        text = replaced(configuration("lighttpd"), {"/var/www/html": self.folder})
        self.accept("lighttpd", "-tt", "-f", self.write("lighttpd.conf", text))

    def test_requests_are_answered_when_a_host_is_stopped(self):
        text = configuration("lighttpd").replace("server.port = 80\n", "")
        text = text.replace('server.document-root = "/var/www/html"\n', "")
        for machine, (port, _) in zip(MACHINES, self.start_hosts()):
            text = replaced(text, {f'"{machine}", "port" => {PORT}': f'"127.0.0.1", "port" => {port}'})
        server = self.start("lighttpd", servers.start_lighttpd, text)
        self.check_that_both_answer_and_one_alone_does(server, first_is_preferred=True)


if __name__ == "__main__":
    unittest.main()
