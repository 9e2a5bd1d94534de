"""The host as a service of systemd: sd_notify(3), the watchdog, credentials."""

import os
import signal
import socket
import time
import unittest

from support.host import APPS, HostTestCase, needs_recycling, run
from support.waiting import DEADLINE_S, await_

PERILOUS = os.path.join(APPS, "perilous.py")
PLAIN = """
    import os
    def application(environ, start_response):
        start_response("200 OK", [])
        return [repr({name: value for name, value in os.environ.items() if name in %r}).encode()]
    """


class ServiceTestCase(HostTestCase):
    """The service manager's end of the notification socket."""

    def start_notified(self, *args, env=None, **kw):
        path = self.path("notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        self.notify.settimeout(DEADLINE_S)
        self.notify.bind(path)
        self.all_told = []
        return self.start_host(*args, env={"NOTIFY_SOCKET": path, **(env or {})}, ready=False, **kw)

    def told(self, first, is_whole=True):
        """The assignments of the next message with this first one; others are passed over.

        is_whole: it is not only its begin."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            try:
                message = self.notify.recv(4096).decode().split("\n")
            except TimeoutError:
                break
            self.all_told.append(message)
            if message[0] == first or (not is_whole and message[0].startswith(first)):
                return message
        raise AssertionError(f"not told: {first}, but {self.all_told}")


class Notify(ServiceTestCase):
    def test_ready_reloading_and_stopping_are_told(self):
        host = self.start_notified(PERILOUS)
        self.told("READY=1")
        self.assertEqual(host.fetch().status, 200)
        before = time.monotonic_ns() // 1000
        host.signal(signal.SIGHUP)
        reloading = self.told("RELOADING=1")
        self.assertEqual(len(reloading), 2)
        name, _, value = reloading[1].partition("=")
        # Type=notify-reload: systemd waits for one that is not older than its signal.
        self.assertEqual(name, "MONOTONIC_USEC")
        self.assertGreaterEqual(int(value), before)
        self.told("READY=1")
        host.signal(signal.SIGTERM)
        self.told("STOPPING=1")

    def test_a_reload_of_a_broken_configuration_comes_to_its_end_too(self):
        app = self.write("plain.py", PLAIN % ((),))
        config = self.config(f"[app plain]\nfile = {app}\n")
        host = self.start_notified("-c", config)
        self.told("READY=1")
        with open(config, "a") as f:
            f.write("nonsense = 1\n")
        host.signal(signal.SIGHUP)
        self.told("RELOADING=1")
        self.told("READY=1")
        status, = self.told("STATUS=1 application, 1 worker; the configuration", is_whole=False)
        self.assertIn(f"the configuration in effect stays: {config}:3: nonsense:", status)

    def test_a_host_whose_first_request_starts_a_worker_is_ready(self):
        host = self.start_notified("--workers", "0-1", PERILOUS)
        self.told("READY=1")
        self.told("STATUS=1 application, 0 workers")
        self.assertEqual(host.wait_ready().fetch().status, 200)
        self.told("STATUS=1 application, 1 worker")

    def test_a_service_manager_is_asked_to_wait_as_long_as_the_configuration_says(self):
        config = self.config(f"[fcgi_host]\nstop_timeout_s = 70\n[app a]\nfile = {PERILOUS}\n")
        host = self.start_notified("-c", config)
        self.told("READY=1")
        host.signal(signal.SIGTERM)
        self.assertEqual(self.told("STOPPING=1"), ["STOPPING=1", "EXTEND_TIMEOUT_USEC=75000000"])

    def test_applications_do_not_see_the_socket(self):
        names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        app = self.write("env.py", PLAIN % (names,))
        host = self.start_notified(app, env={"WATCHDOG_USEC": "10000000"})
        host.wait_ready()
        self.assertEqual(host.fetch().body, b"{}")


class Watchdog(ServiceTestCase):
    def test_it_is_fed(self):
        self.start_notified(PERILOUS, env={"WATCHDOG_USEC": "400000"})
        for _ in range(4):
            self.told("WATCHDOG=1")

    def test_it_is_not_fed_where_another_process_is_to_feed_it(self):
        self.start_notified(PERILOUS, env={"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
        self.told("READY=1")
        self.assertNotIn(["WATCHDOG=1"], self.all_told)


class Status(ServiceTestCase):
    @needs_recycling
    def test_reloads_of_either_outcome_are_told(self):
        app = self.write("edited.py", PLAIN % ((),))
        self.start_notified(app, "other=" + PERILOUS)
        self.told("STATUS=2 applications, 1 worker")
        self.write("edited.py", PLAIN % (("x",),))
        self.told("STATUS=2 applications, 1 worker; last reload of edited: switched")
        self.write("edited.py", "broken(")
        self.told("STATUS=2 applications, 1 worker; last reload of edited: kept")

    def test_a_reload_by_a_new_worker_is_told(self):
        app = self.write("replaced.py", PLAIN % ((),))
        config = self.config(f"[app replaced]\nfile = {app}\nreload = worker\n")
        self.start_notified("-c", config)
        self.told("STATUS=1 application, 1 worker")
        self.write("replaced.py", PLAIN % (("x",),))
        self.told("STATUS=1 application, 1 worker; last reload of replaced: replaced")

    def test_what_does_not_serve_is_named(self):
        broken = self.write("broken.py", "broken(")
        host = self.start_notified(PERILOUS, broken)
        self.told("STATUS=2 applications, 1 worker; failed: broken")
        host.signal(signal.SIGQUIT)
        self.told("STATUS=2 applications, 1 worker; draining")

    @needs_recycling
    def test_a_manager_that_does_not_read_holds_up_nothing(self):
        app = self.write("busy.py", PLAIN % ((),))
        host = self.start_notified(app)
        host.log.wait_for(r"\[host.ready\]")
        # More than net.unix.max_dgram_qlen messages, where that is 10.
        for turn in range(1, 13):
            self.write("busy.py", (PLAIN % ((),)) if turn % 2 == 0 else "broken(")
            slug = "reload.switched" if turn % 2 == 0 else "reload.kept"
            host.log.wait_for(rf"\[{slug}\]", count=(turn + 1) // 2)
        self.assertEqual(host.fetch().status, 200)


class Credentials(HostTestCase):
    """systemd.exec(5), "Credentials"."""

    def start_with(self, value):
        self.folder_of_service = self.path("credentials")
        os.mkdir(self.folder_of_service)
        self.give(value)
        app = self.write("env.py", PLAIN % (("PASSWORD", "OF_PROCESS"),))
        self.conf = self.config(f"""
            [fcgi_host]
            env.OF_PROCESS = <password
            [app env]
            file = {app}
            env.PASSWORD = <password
            """)
        self.env = {"CREDENTIALS_DIRECTORY": self.folder_of_service}
        return self.start_host("-c", self.conf, env=self.env)

    def give(self, value):
        with open(os.path.join(self.folder_of_service, "password"), "w") as f:
            f.write(value)

    def test_an_application_has_the_value_and_nobody_else_sees_it(self):
        host = self.start_with("hunter2\n")
        self.assertEqual(eval(host.fetch().body), {"PASSWORD": "hunter2", "OF_PROCESS": "hunter2"})
        code, out, err = run("-t", "-c", self.conf, env=self.env)
        self.assertEqual(code, 0, err)
        self.assertIn(f"env.PASSWORD = <{self.folder_of_service}/password\n", out)
        self.assertNotIn("hunter2", out + err + host.log.text)

    def test_it_is_read_again_with_the_configuration(self):
        host = self.start_with("first")
        self.assertEqual(eval(host.fetch().body)["PASSWORD"], "first")
        self.give("second\n")
        host.signal(signal.SIGHUP)
        await_(lambda: eval(host.fetch().body)["PASSWORD"] == "second", "the new value")

    def test_one_that_is_missing_is_wrong_configuration(self):
        host = self.start_with("x")
        os.remove(os.path.join(self.folder_of_service, "password"))
        code, _, err = run("-t", "-c", self.conf, env=self.env)
        self.assertEqual(code, 2)
        self.assertRegex(err, rf"{self.conf}:2: env.OF_PROCESS: .*/password: No such file")
        host.signal(signal.SIGHUP)
        host.log.wait_for(r"\[host.config\] the configuration in effect stays: .*:2: env.OF_PROCESS")
        self.assertEqual(eval(host.fetch().body)["PASSWORD"], "x")


if __name__ == "__main__":
    unittest.main()
