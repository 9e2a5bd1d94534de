"""What a load balancer asks: is the host alive, and should it get requests?"""

import concurrent.futures
import os
import signal
import unittest

from support.applications import HELLO, SLOW
from support.host import HostTestCase, run
from support.waiting import await_

HOLDS = """
    def application(environ, start_response):
        open({pipe!r}).read()
        start_response("200 OK", [])
        return [b"held"]
    """


class Health(HostTestCase):
    def start(self, keys="", **files):
        """Applications, by their code, each mounted at its name."""
        self.control = self.path("control")
        apps = "".join(f"""
            [app {name}]
            file = {self.write(name + ".py", code)}
            mount = /{name}
            threads = 1
            """ for name, code in files.items())
        return self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.control}
            ping_path = /-/ping
            ready_path = /-/ready
            {keys}
            {apps}"""))

    def ready(self, host, query=""):
        """Status and text of the answer."""
        response = host.fetch("/-/ready", QUERY_STRING=query)
        return response.status, response.body.decode()

    def await_ready(self, host, expected, query=""):
        await_(lambda: self.ready(host, query) == expected, f"{expected}")

    def test_answers_come_while_every_thread_is_busy(self):
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        host = self.start(one=HOLDS.format(pipe=pipe))
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            held = thread.submit(lambda: host.fetch("/one").body)
            with open(pipe, "w"):  # the only thread has opened it, and reads
                for _ in range(3):
                    response = host.fetch("/-/ping")
                    self.assertEqual((response.status, response.body), (200, b"pong"))
                    self.assertEqual(self.ready(host), (200, "ready"))
            self.assertEqual(held.result(), b"held")
        self.assertEqual(response.headers["cache-control"], "no-store")

    def test_an_application_that_loads_is_named(self):
        go = self.path("go")
        host = self.start(slow=SLOW.format(go=go), quick=HELLO)
        self.await_ready(host, (200, "ready"), "app=quick")
        self.assertEqual(self.ready(host), (503, "loading: slow"))
        self.assertEqual(self.ready(host, "app=slow"), (503, "loading: slow"))
        self.assertEqual(self.ready(host, "x=1&app=nobody"), (404, "no application: nobody"))
        open(go, "w").close()
        self.await_ready(host, (200, "ready"))

    def test_one_that_has_failed_is_named_until_it_is_repaired(self):
        host = self.start(broken="this is no Python", good=HELLO)
        self.await_ready(host, (503, "failed: broken"))
        self.assertEqual(self.ready(host, "app=good"), (200, "ready"))
        self.write("broken.py", HELLO)
        self.await_ready(host, (200, "ready"))

    def test_a_broken_edit_of_one_that_serves_is_no_reason(self):
        host = self.start(one=HELLO)
        self.await_ready(host, (200, "ready"))
        self.write("one.py", "this is no Python")
        host.log.wait_for(r"\[(reload|worker)\.kept\]")
        self.assertEqual(self.ready(host), (200, "ready"))
        self.assertEqual(host.fetch("/one").body, b"hello")

    def test_it_is_ready_again_after_crashes(self):
        host = self.start(one=HELLO, two=HELLO, keys="workers = 2")
        self.await_ready(host, (200, "ready"))
        for pid in host.children():
            os.kill(pid, signal.SIGKILL)
        host.log.wait_for(r"\[worker\.crashed\]", 2)
        self.await_ready(host, (200, "ready"))

    def test_a_host_that_is_drained_serves_on_and_then_stops(self):
        host = self.start(one=HELLO, keys="drain_s = 1")
        self.await_ready(host, (200, "ready"))
        host.signal(signal.SIGQUIT)
        host.log.wait_for(r"\[host\.draining\]")
        self.assertEqual(self.ready(host), (503, "draining"))
        self.assertEqual(host.fetch("/-/ping").body, b"pong")
        self.assertEqual(host.fetch("/one").body, b"hello")
        self.assertEqual(host.wait(), 0)
        self.assertIn("drained", host.log.wait_for(r"\[host\.stopping\]"))

    def test_a_drained_host_can_be_stopped_at_once(self):
        host = self.start(one=HELLO, keys="drain_s = 86400")
        self.await_ready(host, (200, "ready"))
        host.signal(signal.SIGQUIT)
        host.log.wait_for(r"\[host\.draining\]")
        self.assertEqual(host.stop(), 0)

    def ask(self, *words):
        """A command's exit status, and what it says."""
        status, out, err = run(words[0], "-s", self.control, *words[1:])
        return status, (out or err).strip()

    def test_the_commands_of_probes(self):
        go = self.path("go")
        host = self.start(slow=SLOW.format(go=go), quick=HELLO)
        self.await_ready(host, (200, "ready"), "app=quick")
        self.assertEqual(self.ask("ping"), (0, "pong"))
        self.assertEqual(self.ask("ready"), (1, "loading: slow"))
        self.assertEqual(self.ask("ready", "quick"), (0, "ready"))
        self.assertEqual(self.ask("ready", "nobody"), (1, "no application: nobody"))
        open(go, "w").close()
        self.await_ready(host, (200, "ready"))
        self.assertEqual(self.ask("ready"), (0, "ready"))
        for words in (("ready", "one", "two"), ("ping", "x"), ("stop", "now"), ("ready", "--for", "1")):
            self.assertEqual(self.ask(*words)[0], 2, words)
        for seconds in ("", "x", "1x", "-1"):
            self.assertEqual(self.ask("drain", "--for", seconds)[0], 2, seconds)
        for seconds in ("86401", "99999999999999999999"):
            self.assertEqual(self.ask("drain", "--for", seconds)[0], 1, seconds)
        self.assertEqual(self.ask("ready"), (0, "ready"))

    def test_drain_sets_the_end_and_can_await_it(self):
        host = self.start(one=HELLO)
        self.await_ready(host, (200, "ready"))
        self.assertEqual(self.ask("drain", "--for", "3600"), (0, "stops in 3600 s"))
        self.assertEqual(self.ask("ready"), (1, "draining"))
        self.assertEqual(host.fetch("/one").body, b"hello")
        self.assertEqual(self.ask("drain", "--for", "0", "--wait")[0], 0)
        self.assertEqual(host.wait(), 0)
        self.assertEqual(self.ask("ready")[0], 1)

    def test_stop_returns_when_the_last_request_is_answered(self):
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        host = self.start(one=HOLDS.format(pipe=pipe))
        self.await_ready(host, (200, "ready"))
        with concurrent.futures.ThreadPoolExecutor(2) as thread:
            held = thread.submit(lambda: host.fetch("/one").body)
            with open(pipe, "w"):
                stopped = thread.submit(self.ask, "stop")
                host.log.wait_for(r"\[host\.stopping\] asked for")
                self.assertFalse(stopped.done())
            self.assertEqual(held.result(), b"held")
            self.assertEqual(stopped.result(), (0, ""))
        self.assertEqual(host.wait(), 0)
        self.assertEqual(self.ask("ping")[0], 1)

    def test_without_the_keys_the_paths_are_the_applications(self):
        host = self.start_host(self.write("all.py", HELLO))
        for path in ("/-/ping", "/-/ready"):
            self.assertEqual(host.fetch(path).body, b"hello")


if __name__ == "__main__":
    unittest.main()
