"""The configurations of docs/scaling.md: accepted by their servers, and doing what the page says."""

import concurrent.futures
import os
import re
import signal
import subprocess
import unittest

from support import servers
from support.applications import HELLO
from support.host import HostTestCase, clean_environ, free_port, needs_program, run
from support.scaling_page import AGENT_PORT, MACHINES, PORT, configuration, replaced
from support.waiting import await_

#: Says that it has begun, and answers when the file `go` is there.
HOLDS = """
    import os, time
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/":
            with open({began!r}, "a") as f:
                f.write("hello\\n")
            while not os.path.exists({go!r}):
                time.sleep(0.01)
        start_response("200 OK", [])
        return [b"held"]
    """


class Page(HostTestCase):
    def accept(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=clean_environ())
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotRegex(done.stdout.lower(), "warn")

    def start_hosts(self, code=HELLO):
        """Two hosts with the page's configuration, `hello` in the code replaced by their names;
        their ports and their agents' ports."""
        self.hosts, ports = [], []
        for name in ("first", "second"):
            port, agent = free_port(), free_port()
            app = self.write(f"{name}.py", code.replace("hello", name))
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

    def holds(self):
        """Code for the next check."""
        self.began, self.go = self.path("began"), self.path("go")
        return HOLDS.format(began=self.began, go=self.go)

    #: When the host dies that has a request in hand: the answer, and how many hosts begin with it.
    DYING = {"GET": (200, 2), "POST": (502, 1)}

    def check_what_comes_when_a_host_dies(self, server):
        self.addCleanup(server.stop)

        def hosts_that_began():
            try:
                with open(self.began, encoding="ascii") as f:
                    return f.read().split()
            except FileNotFoundError:
                return []
        for method, (status, times) in self.DYING.items():
            with self.subTest(method), concurrent.futures.ThreadPoolExecutor() as executor:
                body = b"1" if method == "POST" else None
                reply = executor.submit(server.request, method, "/", body)
                try:
                    name, = await_(hosts_that_began, f"the {method}")
                    for worker in self.hosts[("first", "second").index(name)].children():
                        os.kill(worker, signal.SIGKILL)
                    await_(lambda: reply.done() or len(hosts_that_began()) > 1, "what comes then")
                finally:
                    self.write(os.path.basename(self.go), "")
                self.assertEqual(reply.result().status, status)
                self.assertEqual(len(hosts_that_began()), times)
            os.unlink(self.go)
            os.unlink(self.began)

    def start(self, name, start, conf):
        folder = self.path(name)
        os.makedirs(folder)
        return start(folder, conf)


class Host(Page):
    def test_the_configuration_of_each_machine_is_accepted(self):
        app = self.write("wsgi.py", HELLO)
        conf = self.write("host.conf", replaced(configuration("ini"), {"/srv/blog/wsgi.py": app}))
        status, _, err = run("-t", "-c", conf)
        self.assertEqual((status, err), (0, ""))


@needs_program("haproxy")
class HAProxy(Page):
    def start_haproxy(self, name, code=HELLO):
        text = configuration("haproxy").replace("/run/haproxy.sock", self.path("stats"))
        for machine, (port, agent) in zip(MACHINES, self.start_hosts(code)):
            text = replaced(text, {f"{machine}:{PORT}": f"127.0.0.1:{port} agent-port {agent}"})
        return self.start(name, servers.start_haproxy, text)

    def test_the_configuration_is_accepted(self):
        self.accept("haproxy", "-c", "-f", self.write("haproxy.cfg", configuration("haproxy")))

    def test_requests_are_answered_when_a_host_is_stopped(self):
        self.check_that_both_answer_and_one_alone_does(self.start_haproxy("stopped"))

    def test_a_request_whose_host_dies_is_repeated_when_it_is_a_get(self):
        self.check_what_comes_when_a_host_dies(self.start_haproxy("dying", self.holds()))


@needs_program("nginx")
class Nginx(Page):
    def start_nginx(self, name, code=HELLO):
        text = re.search(r"http \{\n(.*)^\}", configuration("nginx"), re.MULTILINE | re.DOTALL)[1]
        for machine, (port, _) in zip(MACHINES, self.start_hosts(code)):
            text = replaced(text, {f"{machine}:{PORT}": f"127.0.0.1:{port}"})
        return self.start(name, servers.start_nginx, text)

    def test_the_configuration_is_accepted(self):
        text = replaced(configuration("nginx"), {"listen 80;": f"listen 127.0.0.1:{free_port()};"})
        conf = self.write("nginx.conf", text)
        self.accept("nginx", "-t", "-q", "-p", self.folder, "-e", "stderr", "-c", conf,
                    "-g", f"pid {self.folder}/nginx.pid;")

    def test_requests_are_answered_when_a_host_is_stopped(self):
        self.check_that_both_answer_and_one_alone_does(self.start_nginx("stopped"))

    def test_a_request_whose_host_dies_is_repeated_when_it_is_a_get(self):
        self.check_what_comes_when_a_host_dies(self.start_nginx("dying", self.holds()))


@needs_program("lighttpd")
class Lighttpd(Page):
    DYING = {"GET": (500, 1), "POST": (500, 1)}

    def start_lighttpd(self, name, code=HELLO):
        text = configuration("lighttpd").replace("server.port = 80\n", "")
        text = text.replace('server.document-root = "/var/www/html"\n', "")
        for machine, (port, _) in zip(MACHINES, self.start_hosts(code)):
            text = replaced(text, {f'"{machine}", "port" => {PORT}': f'"127.0.0.1", "port" => {port}'})
        return self.start(name, servers.start_lighttpd, text)

    def test_the_configuration_is_accepted(self):
        text = replaced(configuration("lighttpd"), {"/var/www/html": self.folder})
        self.accept("lighttpd", "-tt", "-f", self.write("lighttpd.conf", text))

    def test_requests_are_answered_when_a_host_is_stopped(self):
        self.check_that_both_answer_and_one_alone_does(self.start_lighttpd("stopped"),
                                                       first_is_preferred=True)

    def test_a_request_whose_host_dies_is_not_repeated(self):
        self.check_what_comes_when_a_host_dies(self.start_lighttpd("dying", self.holds()))


if __name__ == "__main__":
    unittest.main()
