"""The control socket, the status in its forms, and what they say while all is busy."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading
import time
import unittest

from support import fcgi
from support.host import APPS, HostTestCase, run
from support.waiting import DEADLINE_S, await_

PERILOUS = os.path.join(APPS, "perilous.py")


class Control(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.control = cls.path("control")
        cls.bad = cls.write("bad.py", "raise RuntimeError('no <door> & no window')\n")
        cls.host = cls.start_class_host("-c", cls.config(f"""
            [fcgi_host]
            control = {cls.control}
            status_path = /-/status
            [app perilous]
            file = {PERILOUS}
            threads = 2
            queue = 1
            [app bad]
            file = {cls.bad}
            mount = /bad
            """))
        cls.host.fetch()

    def status(self):
        status, out, err = run("status", "--json", "-s", self.control)
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def talk(self, data, half_close=True):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE_S)
            s.connect(self.control)
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                more = s.recv(65536)
                if not more:
                    return answer
                answer += more

    def test_the_socket_is_private(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.control).st_mode), 0o600)

    def test_another_user_is_refused_even_where_modes_do_not_hold_him_off(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become another user")
        os.chmod(self.control, 0o777)
        self.addCleanup(os.chmod, self.control, 0o600)
        code = ("import os, socket, sys\nos.setgid(65534); os.setuid(65534)\n"
                "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
                "s.sendall(b'status\\n\\n'); print(s.recv(100))\n")
        os.chmod(self.folder, 0o755)
        done = subprocess.run(["/usr/bin/python3", "-c", code, self.control],
                              capture_output=True, text=True)
        self.assertNotIn("version", done.stdout)
        self.assertIn("65534", self.host.log.wait_for(r"\[control\.refused\]"))

    def test_status_has_the_promised_shape(self):
        status = self.status()
        self.assertRegex(status["version"], r"^\d")
        self.assertRegex(status["python"], r"^3\.\d+\.\d+$")
        self.assertEqual(status["pid"], self.host.process.pid)
        self.assertGreater(status["uptime_s"], 0)
        worker, = status["workers"]
        self.assertEqual(worker["pid"], self.host.children()[0])
        self.assertEqual(worker["state"], "serving")
        self.assertGreater(worker["requests"], 0)
        self.assertGreater(worker["rss_bytes"], 1 << 20)
        apps = {app["name"]: app for app in worker["apps"]}
        self.assertEqual(set(apps), {"perilous", "bad"})
        app = apps["perilous"]
        self.assertEqual((app["interpreter"], app["gil"], app["generation"], app["state"]),
                         ("perilous", "shared", 1, "serving"))
        for number in ("requests", "in_flight", "queued", "rejected", "load_ms"):
            self.assertIsInstance(app[number], (int, float), number)
        self.assertRegex(app["loaded_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertEqual(set(app["latency_ms"]) & {"p50", "p99"}, {"p50", "p99"})
        self.assertIn(app["reload"]["strategy"], ("interpreter", "worker", "off"))
        self.assertIsInstance(app["reload"]["why"], str)
        self.assertIn("last", app["reload"])
        self.assertIsInstance(app["extensions"], list)
        self.assertEqual(apps["bad"]["state"], "failed")
        self.assertIn("no <door> & no window", apps["bad"]["error"])

    def test_status_is_a_table_for_people(self):
        status, out, err = run("status", "-s", self.control)
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"(?m)^\s+perilous\s+serving\s+1\s")
        self.assertRegex(out, r"(?m)^\s+bad\s+failed\s")
        self.assertIn("RuntimeError: no <door> & no window", out)

    def test_the_page_is_html_that_needs_nothing_else(self):
        response = self.host.fetch("/-/status")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        page = response.body.decode()
        self.assertIn("perilous", page)
        self.assertIn("no &lt;door&gt; &amp; no window", page)
        self.assertNotIn("no <door>", page)
        self.assertEqual(re.findall(r"(?:src|href)=\"(?![?#])[^\"]*\"|url\(|@import|<script", page), [])

    def test_json_and_metrics_say_the_same(self):
        response = self.host.fetch("/-/status", query="json")
        self.assertEqual(response.headers["content-type"], "application/json")
        worker, = json.loads(response.body)["workers"]
        response = self.host.fetch("/-/status", query="openmetrics")
        self.assertTrue(response.headers["content-type"].startswith("application/openmetrics-text"))
        text = response.body.decode()
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertRegex(text, rf'(?m)^fcgi_host_requests_total\{{worker="{worker["pid"]}",'
                               r'process="shared",app="perilous"\} \d+$')
        names = re.findall(r"(?m)^# TYPE (\S+)", text)
        self.assertEqual(len(names), len(set(names)), "a family stands twice")
        for line in text.splitlines()[:-1]:
            self.assertRegex(line, r'^(# (TYPE|HELP|UNIT) |[a-z_]+(\{[^{}]*\})? [-0-9.e+]+$)')

    def test_head_has_no_body(self):
        response = self.host.fetch("/-/status", method="HEAD")
        self.assertEqual((response.status, response.body), (200, b""))

    def test_all_of_it_answers_while_every_thread_and_queue_is_full(self):
        connections = []
        for _ in range(3):
            connection = self.host.connect()
            self.addCleanup(connection.close)
            connection.send(fcgi.whole_request(fcgi.params_of("/nap", "3")))
            connections.append(connection)
        def app():
            return next(a for w in self.status()["workers"] for a in w["apps"]
                        if a["name"] == "perilous")
        await_(lambda: app()["queued"] == 1, "the queue")
        started = time.monotonic()
        self.assertEqual(self.host.fetch("/").status, 503)
        for query in ("", "json", "openmetrics"):
            self.assertEqual(self.host.fetch("/-/status", query=query).status, 200)
        self.assertEqual(run("status", "-s", self.control)[0], 0)
        self.assertLess(time.monotonic() - started, 2)
        running = [r for w in self.status()["workers"] for r in w["running"]]
        self.assertEqual([r["doing"] for r in running], ["GET /nap?3"] * 2)
        self.assertEqual(app()["in_flight"], 2)
        self.assertGreater(app()["rejected"], 0)
        self.assertEqual({c.read_response().status for c in connections}, {200})
        self.assertGreater(app()["latency_ms"]["p99"], 2000)

    def test_misuse_is_survived(self):
        self.assertEqual(json.loads(self.talk(b"status\n\n"))["pid"], self.host.process.pid)
        self.assertEqual(json.loads(self.talk(b"nonsense\n\n"))["outcome"], "unknown")
        self.assertEqual(json.loads(self.talk(b"reload\nnobody\n\n"))["outcome"], "unknown")
        for data in (b"", b"\n\n", b"\0\0\0\0", b"\xff" * 1000, b"status", b"x\n" * 70000):
            try:
                self.talk(data)
            except (ConnectionResetError, BrokenPipeError):
                pass
        many = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        for s in many:
            s.connect(self.control)
        for s in many:
            s.close()
        gone = socket.socket(socket.AF_UNIX)
        gone.connect(self.control)
        gone.sendall(b"status\n\n")
        gone.close()
        self.status()
        self.assertEqual(self.host.fetch("/").status, 200)

    def test_a_client_that_says_nothing_is_closed(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE_S)
            s.connect(self.control)
            s.sendall(b"stat")
            self.assertEqual(s.recv(1), b"")

    def test_without_a_socket_it_says_so(self):
        status, out, err = run("status")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("-s SOCKET", err)
        status, out, err = run("status", "-s", self.path("nothing"))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("No such file", err)


class ControlPath(HostTestCase):
    def test_p_stands_for_the_process(self):
        control = self.path("%p.ctl")
        host = self.start_host("--control", control, PERILOUS)
        host.fetch()
        path = control.replace("%p", str(host.process.pid))
        self.assertEqual(run("status", "-s", path)[0], 0)
        self.assertEqual(host.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_one_that_a_killed_host_left_behind_is_replaced(self):
        control = self.path("control")
        host = self.start_host("--control", control, PERILOUS, exit_status=-signal.SIGKILL)
        host.fetch()
        host.process.kill()
        host.wait()
        self.assertTrue(os.path.exists(control))
        self.start_host("--control", control, PERILOUS).fetch()
        self.assertEqual(run("status", "-s", control)[0], 0)

    def test_one_that_is_in_use_is_left_alone(self):
        control = self.path("control")
        first = self.start_host("--control", control, PERILOUS)
        first.fetch()
        second = self.start_host("--control", control, PERILOUS)
        self.assertEqual(second.fetch().status, 200)
        second.log.wait_for(r"\[control\.failed\].*another")
        out = run("status", "--json", "-s", control)[1]
        self.assertEqual(json.loads(out)["pid"], first.process.pid)


class HostileSocket(HostTestCase):
    """`fcgi_host status` and `reload` asked of a socket that another program listens at."""

    def answered(self, command, answer):
        path = self.path("hostile")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()

            def serve():
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(DEADLINE_S)
                    connection.recv(4096)
                    connection.sendall(answer)
            thread = threading.Thread(target=serve)
            thread.start()
            try:
                return run(command, "-s", path)
            finally:
                thread.join()
                os.unlink(path)

    def test_what_is_no_document_is_an_error(self):
        for answer in (b'"\\u12\0', b'"\\u12\0\0"', b'{"version":"a\0b"}', b'{"workers":[{"apps":[',
                       b"[" * 1000000 + b"]" * 1000000, b"\x1b[2J", b'{"version":"\xff"}'):
            with self.subTest(answer=answer[:30]):
                status, out, err = self.answered("status", answer)
                self.assertEqual((status, out), (1, ""))
                self.assertRegex(err, r"^fcgi_host status: not JSON: [ -~]+\n$")

    def test_a_document_of_another_shape_is_an_empty_table(self):
        for answer in (b"1", b'"x"', b"[]", b"null", b'{"workers":{"apps":1},"pid":"x"}',
                       b'{"workers":[1,[],{"apps":{}},{"apps":[null,{"latency_ms":7}]}]}'):
            with self.subTest(answer=answer):
                status, out, err = self.answered("status", answer)
                self.assertEqual((status, err), (0, ""))
                self.assertIn("fcgi_host ", out)

    def test_a_string_of_ten_megabytes_is_shown(self):
        text = b"x" * (10 << 20)
        status, out, _ = self.answered("status", b'{"version":"' + text + b'"}')
        self.assertEqual(status, 0)
        self.assertIn(text.decode(), out)

    def test_no_escape_sequence_reaches_the_terminal(self):
        evil = r"\u001b[2J\u009b1m"
        app = ",".join(f'"{key}":"{evil}"' for key in ("name", "state", "error", "interpreter"))
        last = ",".join(f'"{key}":"{evil}"' for key in ("cause", "outcome", "why", "verdict"))
        document = (f'{{"version":"{evil}","python":"{evil}","last_replacement":{{{last}}},'
                    f'"workers":[{{"state":"{evil}","apps":[{{{app},"reload":'
                    f'{{"strategy":"{evil}","why":"{evil}","last":{{{last}}}}}}}]}}]}}')
        for command, answer in (("status", document), ("reload", f"{{{last}}}")):
            status, out, err = self.answered(command, answer.encode())
            self.assertRegex(out + err, r"^[\n -~]+$")
            self.assertIn(r"\x1b[2J", out + err)


class Log(HostTestCase):
    def test_a_full_disk_for_the_log_does_not_stop_the_host(self):
        host = self.start_host("--log", "/dev/full", PERILOUS)
        before = host.children() or await_(host.children)
        self.assertEqual(host.fetch().status, 200)
        try:
            host.fetch("/segv")
        except (fcgi.Closed, OSError):
            pass
        await_(lambda: host.children() and host.children() != before, "another worker")
        self.assertEqual(host.fetch().status, 200)

    def test_hup_can_change_the_log(self):
        one, two = self.path("one.log"), self.path("two.log")
        text = "[fcgi_host]\nlog = {}\nlog_level = info\n[app perilous]\nfile = " + PERILOUS + "\n"
        conf = self.config(text.format(one))
        host = self.start_host("-c", conf)
        host.fetch()
        with open(conf, "w") as f:
            f.write(text.format(two))
        host.signal(signal.SIGHUP)

        def lines():
            try:
                with open(two) as f:
                    return f.read()
            except FileNotFoundError:
                return ""
        await_(lambda: "[app.loaded]" in lines(), "the new worker's line")
        await_(lambda: "[worker.ended]" in lines(), "the supervisor's line")

    def test_usr1_opens_the_log_again_in_every_process(self):
        log = self.path("host.log")
        host = self.start_host("--log", log, PERILOUS)
        host.fetch()
        os.rename(log, log + ".1")
        host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(log), "the new log")
        host.signal(signal.SIGUSR2)  # the worker logs something
        def text():
            with open(log) as f:
                return f.read()
        await_(lambda: "[request.stack]" in text(), "the worker's line")


if __name__ == "__main__":
    unittest.main()
