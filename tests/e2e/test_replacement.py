"""A new worker takes over from the old one, and nobody notices."""

import os
import signal
import threading
import unittest

from support import fcgi, servers
from support.host import APPS, HostTestCase, needs_program, run
from support.load import Load
from support.waiting import DEADLINE_S, await_

PERILOUS = os.path.join(APPS, "perilous.py")
TIMES = 20


class WithControl(HostTestCase):
    def start(self, app, *args, more=""):
        """A host whose reloads are worker replacements."""
        return self.start_by(self.config(f"""
            [app app]
            file = {app}
            reload = worker
            {more}
            """), *args)

    def start_by(self, config, *args):
        self.control = self.path("control")
        host = self.start_host("--control", self.control, "-c", config, *args)
        await_(lambda: os.path.exists(self.control), "the control socket")
        return host

    def reload(self, *names):
        status, out, err = run("reload", "-s", self.control, *names)
        self.assertEqual(status, 0, out + err)
        return out


class KeptOpen:
    """A client that keeps its HTTP connection to the web server."""

    def __init__(self, server, method="GET"):
        self._server = server
        self._method = method
        self._local = threading.local()

    def __call__(self):
        if not hasattr(self._local, "connection"):
            self._local.connection = self._server.connect()
        connection = self._local.connection
        try:
            connection.request(self._method, "/", b"x=1" if self._method == "POST" else None)
            response = connection.getresponse()
            response.read()
            return response.status
        except Exception:
            connection.close()
            raise


class UnderLoad(WithControl):
    def replace_under_load(self, host, fetch, times=TIMES):
        with Load(fetch) as load:
            for _ in range(times):
                self.assertRegex(self.reload(), r"^replaced in \d+ ms")
                load.await_answers()
        self.assertEqual(load.failures, [], f"of {load.answers}")
        host.log.wait_for(r"\[worker\.replaced\]", times)
        self.assertEqual(host.log.count(r"\[worker\.crashed\]"), 0)
        await_(lambda: len(host.children()) == 1, "the old ones to go")
        self.assertEqual(host.log.count(r"\[worker\.(stuck|unfinished)\]"), 0)

    def start_server(self, start, example, host):
        folder = self.path("server")
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        server = start(folder, servers.example(example, {"/run/fcgi_host.sock": host.address}))
        self.addCleanup(server.stop)
        return server

    def test_without_a_web_server(self):
        host = self.start(PERILOUS)
        self.replace_under_load(host, lambda: host.fetch("/").status)

    def test_two_workers_one_after_the_other(self):
        host = self.start(PERILOUS, "--workers", "2")
        with Load(lambda: host.fetch("/").status) as load:
            for _ in range(4):
                before = set(host.children())
                self.reload()
                await_(lambda: not before & set(host.children()), "the old ones to go")
        self.assertEqual(load.failures, [])

    @needs_program("nginx")
    def test_nginx_that_keeps_connections(self):
        host = self.start(PERILOUS)
        server = self.start_server(servers.start_nginx, "nginx/keepalive.conf", host)
        self.replace_under_load(host, KeptOpen(server))

    @needs_program("nginx")
    def test_nginx_that_keeps_connections_and_may_not_repeat_a_request(self):
        host = self.start(PERILOUS)
        server = self.start_server(servers.start_nginx, "nginx/keepalive.conf", host)
        self.replace_under_load(host, KeptOpen(server, "POST"))

    @needs_program("nginx")
    def test_nginx_that_closes_connections(self):
        host = self.start(PERILOUS)
        server = self.start_server(servers.start_nginx, "nginx/closing.conf", host)
        self.replace_under_load(host, KeptOpen(server))

    @needs_program("lighttpd")
    def test_lighttpd(self):
        host = self.start(PERILOUS)
        server = self.start_server(servers.start_lighttpd, "lighttpd/external.conf", host)
        self.replace_under_load(host, KeptOpen(server))


class Replacement(WithControl):
    GOOD = """
        import os
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"{answer}"]
        """

    def test_new_code_serves_after_it(self):
        app = self.write("app.py", self.GOOD.format(answer="one"))
        host = self.start(app)
        self.assertEqual(host.fetch().body, b"one")
        self.write("app.py", self.GOOD.format(answer="two"))
        self.reload("app")
        self.assertEqual(host.fetch().body, b"two")

    def test_edits_while_the_new_worker_loads_are_one_more_replacement(self):
        pipe, hold = self.path("pipe"), self.path("hold")
        os.mkfifo(pipe)
        text = self.GOOD + f"""
        if os.path.exists({hold!r}):
            open({pipe!r}).read()
        """
        app = self.write("app.py", text.format(answer="0"))
        host = self.start(app)
        self.assertEqual(host.fetch().body, b"0")
        open(hold, "w").close()
        self.write("app.py", text.format(answer=1))
        with open(pipe, "w"):  # returns when the new worker has opened it
            os.remove(hold)
            for edit in range(2, 7):
                self.write("app.py", text.format(answer=edit))
        await_(lambda: host.fetch().body == b"6", "the last edit")
        await_(lambda: len(host.children()) == 1, "the old ones to go")
        self.assertEqual(host.log.count(r"\[worker\.replaced\]"), 2)

    def test_served_code_never_goes_back(self):
        pipe, hold = self.path("pipe"), self.path("hold")
        os.mkfifo(pipe)
        quick = self.write("quick.py", self.GOOD.format(answer="one"))
        slow = self.write("slow.py", self.GOOD + f"""
        if os.path.exists({hold!r}):
            open({pipe!r}).read()
        """)
        host = self.start_by(self.config(f"""
            [app quick]
            file = {quick}
            mount = /quick
            [app slow]
            file = {slow}
            mount = /slow
            """))
        host.log.wait_for(r"\[host\.ready\]")
        open(hold, "w").close()
        host.signal(signal.SIGHUP)
        answers = []

        def ask():
            answers.append(host.fetch("/quick").body)
            return answers[-1]
        with open(pipe, "w"):  # the new worker has loaded the quick one, and loads the slow one
            os.remove(hold)
            self.write("quick.py", self.GOOD.format(answer="two"))
            for _ in range(500):  # time enough for the old one to reload
                ask()
        host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: ask() == b"two", "the new code")
        for _ in range(50):
            ask()
        self.assertEqual(answers, sorted(answers))

    def test_code_that_does_not_load_leaves_the_old_worker_serving(self):
        app = self.write("app.py", self.GOOD.format(answer="one"))
        host = self.start(app)
        self.assertEqual(host.fetch().body, b"one")
        before = await_(host.children)
        self.write("app.py", "this is no Python")
        status, out, err = run("reload", "-s", self.control)
        self.assertEqual(status, 1)
        self.assertRegex(err, r"^kept in \d+ ms: app does not load")
        self.assertEqual(host.fetch().body, b"one")
        await_(lambda: host.children() == before, "the new one to go")
        self.assertIn("app does not load", host.log.wait_for(r"\[worker\.kept\]"))
        host.log.wait_for("SyntaxError")
        status, out, err = run("status", "-s", self.control)
        self.assertIn("last replacement: kept", out)
        self.assertIn("app does not load", out)

    def test_code_that_crashes_leaves_the_old_worker_serving(self):
        app = self.write("app.py", self.GOOD.format(answer="one"))
        host = self.start(app)
        self.assertEqual(host.fetch().body, b"one")
        self.write("app.py", "import ctypes; ctypes.string_at(0)")
        status, out, err = run("reload", "-s", self.control)
        self.assertEqual(status, 1)
        self.assertRegex(err, r"^kept in \d+ ms: ")
        self.assertEqual(host.fetch().body, b"one")
        self.write("app.py", self.GOOD.format(answer="two"))
        self.reload()
        self.assertEqual(host.fetch().body, b"two")

    def test_an_unknown_name_is_an_error_that_says_so(self):
        self.start(PERILOUS)
        status, out, err = run("reload", "-s", self.control, "nobody")
        self.assertEqual(status, 1)
        self.assertIn('no application is called "nobody"', err)

    def test_a_request_in_hand_is_finished_by_the_old_worker_and_the_queue_by_the_new_one(self):
        host = self.start(PERILOUS, more="threads = 1")
        host.fetch()
        before = host.children()[0]
        connections = []
        for path, query in (("/nap", "2"), ("/", ""), ("/", "")):
            connections.append(host.connect())
            connections[-1].send(
                fcgi.whole_request(fcgi.params_of(path, query)))
        # They have been taken in when a later connection has been.
        await_(lambda: '"queued":2' in run("status", "--json", "-s", self.control)[1], "the queue")
        self.reload()
        self.assertNotEqual(host.fetch("/").body.split()[0], str(before).encode())
        answers = [int(connection.read_response().body.split()[0]) for connection in connections]
        self.assertEqual([answer == before for answer in answers], [True, False, False])
        host.log.wait_for(rf"\[worker\.ended\] worker {before} ")

    def test_hup_reads_the_configuration_again(self):
        one = self.write("one.py", self.GOOD.format(answer="one"))
        two = self.write("two.py", self.GOOD.format(answer="two"))
        conf = self.config(f"[app a]\nfile = {one}\nreload = worker\n")
        host = self.start_by(conf)
        self.assertEqual(host.fetch().body, b"one")
        with Load(lambda: host.fetch("/").status) as load:
            with open(conf, "w") as f:
                f.write(f"[app a]\nfile = {two}\nreload = worker\n")
            host.signal(signal.SIGHUP)
            host.log.wait_for(r"\[worker\.replaced\].*SIGHUP")
            load.await_answers()
        self.assertEqual(load.failures, [])
        self.assertEqual(host.fetch().body, b"two")

    def test_hup_with_a_bad_configuration_changes_nothing(self):
        one = self.write("one.py", self.GOOD.format(answer="one"))
        conf = self.config(f"[app a]\nfile = {one}\nreload = worker\n")
        host = self.start_by(conf)
        self.assertEqual(host.fetch().body, b"one")
        before = await_(host.children)
        with open(conf, "w") as f:
            f.write(f"[app a]\nfile = {one}\nno_such_key = 1\n")
        host.signal(signal.SIGHUP)
        self.assertRegex(host.log.wait_for(r"\[host\.config\]"), r"stays.*:3.*no_such_key")
        self.assertEqual(host.children(), before)
        self.assertEqual(host.fetch().body, b"one")

    def test_hup_with_other_numbers_of_workers(self):
        one = self.write("one.py", self.GOOD.format(answer="one"))
        text = "[fcgi_host]\nworkers = {}\n[app a]\nfile = " + one + "\n"
        conf = self.config(text.format(1))
        host = self.start_by(conf)
        for count in (3, 1):
            with open(conf, "w") as f:
                f.write(text.format(count))
            host.signal(signal.SIGHUP)
            await_(lambda: len(host.children()) == count, f"{count} workers")
            self.assertEqual(host.fetch().body, b"one")


class Stopping(WithControl):
    def test_a_replacement_under_way_does_not_hold_up_the_stop(self):
        host = self.start(PERILOUS)
        host.fetch()
        reload = threading.Thread(target=run, args=("reload", "-s", self.control))
        reload.start()
        host.log.wait_for(r"\[worker\.started\].*asked for")
        host.signal(signal.SIGTERM)
        self.assertEqual(host.wait(), 0)
        reload.join(DEADLINE_S)
        self.assertFalse(reload.is_alive())

    def start_while_it_loads(self):
        """A host whose application goes on loading when something is written to the pipe."""
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        app = self.write("loads.py", f"""
            open({pipe!r}).readline()

            def application(environ, start_response):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"loaded"]
            """)
        host = self.start_host(app, ready=False)
        writer = os.open(pipe, os.O_WRONLY)  # returns when the application has opened it
        self.addCleanup(os.close, writer)
        return host, lambda: os.write(writer, b"go on\n")

    def test_what_came_while_the_first_worker_loads_is_answered(self):
        # mod_fcgid starts a host, connects, and may stop it a moment later.
        host, go_on = self.start_while_it_loads()
        with host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/")))
            host.signal(signal.SIGTERM)
            host.log.wait_for(r"\[host\.stopping\]")
            go_on()
            self.assertEqual(connection.read_response().body, b"loaded")
        self.assertEqual(host.wait(), 0)

    def test_nothing_is_waited_for_when_nobody_came(self):
        host, _ = self.start_while_it_loads()
        host.signal(signal.SIGTERM)
        self.assertEqual(host.wait(), 0)


if __name__ == "__main__":
    unittest.main()
