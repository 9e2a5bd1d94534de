"""agent_listen: what load balancers hear of a host, and what HAProxy makes of it."""

import concurrent.futures
import csv
import os
import signal
import socket
import unittest

from support import servers
from support.applications import HELLO, SLOW
from support.host import HostTestCase, free_port, needs_program, run, status_of
from support.waiting import DEADLINE_S, await_

#: Answers when the file `go` appears.
HOLDS = """
    import os, time
    def application(environ, start_response):
        while not os.path.exists({go!r}):
            time.sleep(0.01)
        start_response("200 OK", [])
        return [b"held"]
    """
QUEUE = 4


class Agents(HostTestCase):
    def start(self, keys="", **files):
        """A host; its `agent` is the agent's port, its `control` the control socket."""
        port = free_port()
        control = self.path(f"control-{port}")
        host = self.start_host("-c", self.config(self.text(port, control, keys, files)))
        host.agent, host.control = port, control
        return host

    def text(self, port, control, keys, files):
        """A configuration with applications, by their code, each mounted at its name."""
        apps = "".join(f"""
            [app {name}]
            file = {self.write(f"{name}-{port}.py", code)}
            mount = /{name}
            process = {"own" if name == "alone" else "auto"}
            threads = 1
            queue = {QUEUE}
            """ for name, code in files.items())
        agent = f"agent_listen = 127.0.0.1:{port}" if port else ""
        return f"""
            [fcgi_host]
            control = {control}
            {agent}
            {keys}
            {apps}"""

    def ask(self, host, say=b""):
        """All that a connection gets."""
        with socket.create_connection(("127.0.0.1", host.agent), DEADLINE_S) as s:
            if say:
                s.sendall(say)
            answer = b""
            while more := s.recv(4096):
                answer += more
        return answer.decode()

    def await_line(self, host, line):
        def is_said():
            try:
                return self.ask(host) == line + "\n"
            except ConnectionRefusedError:
                return False
        await_(is_said, line)

    def workers(self, host):
        """Of the status document."""
        return status_of(host.control)["workers"]

    def in_hand(self, host):
        return sum(app["in_flight"] + app["queued"]
                   for worker in self.workers(host) for app in worker["apps"])

    def hold(self, host, count, path="/one"):
        """So many requests at once, which wait for `go`."""
        pool = concurrent.futures.ThreadPoolExecutor(count)
        self.addCleanup(pool.shutdown)
        return [pool.submit(lambda: host.fetch(path).body) for _ in range(count)]


class Agent(Agents):
    def test_a_host_that_wants_requests_says_so(self):
        host = self.start(one=HELLO)
        self.await_line(host, "up ready 100%")
        self.assertEqual(self.ask(host, b"one\n"), "up ready 100%\n")

    def test_one_that_loads_says_so(self):
        go = self.path("go")
        host = self.start(slow=SLOW.format(go=go), quick=HELLO)
        self.await_line(host, "down # loading: slow")
        open(go, "w").close()
        self.await_line(host, "up ready 100%")

    def test_an_application_that_has_failed_is_named(self):
        host = self.start(broken="this is no Python", good=HELLO)
        self.await_line(host, "down # failed: broken")
        self.write(f"broken-{host.agent}.py", HELLO)
        self.await_line(host, "up ready 100%")

    def test_drained_and_stopping_are_said(self):
        go = self.path("go")
        host = self.start(one=HOLDS.format(go=go))
        self.await_line(host, "up ready 100%")
        self.assertEqual(run("drain", "-s", host.control, "--for", "3600")[0], 0)
        self.assertEqual(self.ask(host), "drain\n")
        held = self.hold(host, 1)
        await_(lambda: self.in_hand(host) == 1, "a busy thread")
        host.signal(signal.SIGTERM)
        host.log.wait_for(r"\[host\.stopping\]")
        self.assertEqual(self.ask(host), "stopped # stopping\n")
        open(go, "w").close()
        self.assertEqual(held[0].result(), b"held")
        self.assertEqual(host.wait(), 0)

    def test_the_weight_goes_down_as_the_queue_fills(self):
        go = self.path("go")
        host = self.start(one=HOLDS.format(go=go))
        self.await_line(host, "up ready 100%")
        held = self.hold(host, 1)
        await_(lambda: self.in_hand(host) == 1, "a busy thread")
        self.assertEqual(self.ask(host), "up ready 100%\n")
        for line in ("up ready 50%", "up ready 1%"):
            held += self.hold(host, QUEUE // 2)
            self.await_line(host, line)
        self.assertEqual(host.fetch("/one").status, 503)
        self.assertEqual(self.ask(host), "up ready 1%\n")
        open(go, "w").close()
        self.assertEqual({request.result() for request in held}, {b"held"})
        self.await_line(host, "up ready 100%")

    def test_the_weight_is_of_all_workers(self):
        go = self.path("go")
        host = self.start("workers = 2", one=HOLDS.format(go=go))
        self.await_line(host, "up ready 100%")
        await_(lambda: [worker["state"] for worker in self.workers(host)] == ["serving"] * 2,
               "two workers")
        held = []
        for count in range(1, 2 + QUEUE + 1):  # each goes to the worker that has fewer
            held += self.hold(host, 1)
            await_(lambda: self.in_hand(host) == count, f"{count} requests in hand")
        self.assertEqual(self.ask(host), "up ready 50%\n")
        open(go, "w").close()
        self.assertEqual({request.result() for request in held}, {b"held"})
        self.await_line(host, "up ready 100%")

    def test_the_weight_is_of_the_process_group_with_the_least_room(self):
        go = self.path("go")
        host = self.start(alone=HOLDS.format(go=go), two=HELLO)
        self.await_line(host, "up ready 100%")
        held = self.hold(host, 1 + QUEUE // 2, "/alone")
        self.await_line(host, "up ready 50%")
        self.assertEqual(host.fetch("/two").body, b"hello")
        open(go, "w").close()
        self.assertEqual({request.result() for request in held}, {b"held"})

    def test_peers_that_say_nothing_or_too_much_harm_nobody(self):
        host = self.start(one=HELLO)
        self.await_line(host, "up ready 100%")
        silent = [socket.create_connection(("127.0.0.1", host.agent)) for _ in range(300)]
        loud = socket.create_connection(("127.0.0.1", host.agent))
        with self.assertRaises(ConnectionError):
            while True:
                loud.sendall(bytes(65536))
        self.assertEqual(self.ask(host), "up ready 100%\n")
        self.assertEqual(run("ping", "-s", host.control)[0], 0)
        self.assertEqual(host.fetch("/one").body, b"hello")
        for s in (*silent, loud):
            s.close()

    def test_a_new_configuration_may_move_it_or_end_it(self):
        host = self.start(one=HELLO)
        self.await_line(host, "up ready 100%")
        before, host.agent = host.agent, free_port()
        conf = host.process.args[-1]
        for port in (host.agent, None):
            with open(conf, "w", encoding="utf-8") as f:
                f.write(self.text(port, host.control, "", {"one": HELLO}))
            host.signal(signal.SIGHUP)
            await_(lambda: not self.listens(before), "the end of the agent")
            if port:
                self.await_line(host, "up ready 100%")
            before = port
        self.assertEqual(host.fetch("/one").body, b"hello")

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except ConnectionRefusedError:
            return False

    def test_an_address_that_is_taken_is_in_the_log_and_the_host_serves(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            host = self.start_host("-c", self.config(self.text(
                taken.getsockname()[1], self.path("control"), "", {"one": HELLO})))
            self.assertIn("in use", host.log.wait_for(r"\[agent\.failed\]"))
            self.assertEqual(host.fetch("/one").body, b"hello")

    def test_only_tcp_addresses_are_accepted(self):
        for address in ("unix:/run/x.sock", "fd:3", "nonsense", ""):
            conf = self.config(f"[fcgi_host]\nagent_listen = {address}\n")
            status, _, err = run("-t", "-c", conf)
            self.assertEqual(status, 2, address)
            self.assertIn("agent_listen", err)


@needs_program("haproxy")
class AgentAndHAProxy(Agents):
    def start_haproxy(self, *hosts):
        self.stats = self.path("stats")
        lines = "\n".join(
            f"    server host{i} {host.address} proto fcgi weight 100 check inter 100ms agent-check agent-addr 127.0.0.1"
            f" agent-port {host.agent} agent-inter 100ms" for i, host in enumerate(hosts))
        example = servers.example("haproxy/haproxy.cfg", {
            "    server blog /run/fcgi_host.sock proto fcgi": lines,
            "global\n": f"global\n    stats socket {self.stats}\n"})
        folder = self.path("server")
        os.makedirs(folder)
        server = servers.start_haproxy(folder, example)
        self._logs.append(("haproxy", lambda: server.log_text))
        self.addCleanup(server.stop)
        await_(self.has_stats, self.stats)
        return server

    def has_stats(self):
        try:
            return self.state(0)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def state(self, number):
        """Status and weight of a server, as HAProxy has them: "UP", "DOWN" or "DRAIN"."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.stats)
            s.sendall(b"show stat\n")
            text = s.makefile().read().lstrip("# ")
        row = next(row for row in csv.DictReader(text.splitlines())
                   if row["svname"] == f"host{number}")
        return row["status"].split()[0], int(row["weight"])  # not "1/3": a check too late

    def await_state(self, number, status, weight):
        await_(lambda: self.state(number) == (status, weight), f"host{number} {status} {weight}")

    def test_the_weight_follows_the_queue(self):
        go = self.path("go")
        busy, idle = self.start(one=HOLDS.format(go=go)), self.start(one=HELLO)
        self.await_line(busy, "up ready 100%")
        self.await_line(idle, "up ready 100%")
        self.start_haproxy(busy, idle)
        self.await_state(0, "UP", 100)
        held = self.hold(busy, 1 + QUEUE // 2)
        self.await_state(0, "UP", 50)
        self.assertEqual(self.state(1), ("UP", 100))
        open(go, "w").close()
        self.assertEqual({request.result() for request in held}, {b"held"})
        self.await_state(0, "UP", 100)

    def test_a_host_that_is_drained_gets_no_requests_and_the_next_one_does(self):
        one, other = self.start(one=HELLO), self.start(one=HELLO)
        self.await_line(one, "up ready 100%")
        self.await_line(other, "up ready 100%")
        server = self.start_haproxy(one, other)
        self.await_state(0, "UP", 100)
        self.await_state(1, "UP", 100)
        self.assertEqual(run("drain", "-s", one.control, "--for", "3600")[0], 0)
        self.await_state(0, "DRAIN", 100)
        before = self.requests(one)
        for _ in range(10):
            self.assertEqual(server.get("/one").text, "hello")
        self.assertEqual(self.requests(one), before)
        self.assertEqual(one.stop(), 0)
        again = self.start_again(one)
        self.await_line(again, "up ready 100%")
        self.await_state(0, "UP", 100)

    def requests(self, host):
        return sum(worker["requests"] for worker in self.workers(host))

    def start_again(self, host):
        again = self.start_host("--listen", f"unix:{host.address}", "-c", host.process.args[-1],
                                listen=host.address)
        again.agent, again.control = host.agent, host.control
        return again

    def test_a_host_that_loads_is_down_until_it_has_loaded(self):
        go = self.path("go")
        slow, other = self.start(one=SLOW.format(go=go)), self.start(one=HELLO)
        self.await_line(slow, "down # loading: one")
        self.await_line(other, "up ready 100%")
        server = self.start_haproxy(slow, other)
        self.await_state(0, "DOWN", 100)
        self.await_state(1, "UP", 100)
        for _ in range(10):
            self.assertEqual(server.get("/one").text, "hello")
        open(go, "w").close()
        self.await_state(0, "UP", 100)


if __name__ == "__main__":
    unittest.main()
