"""Command line, configuration file, signals, log: exit statuses and messages users rely on."""

import os
import re
import signal
import unittest

from support import fcgi
from support.host import APPS, LOG_LINE, HostTestCase, run
from support.waiting import await_

APP = os.path.join(APPS, "probe.py")


class CommandLine(HostTestCase):
    def test_version(self):
        code, out, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^fcgi_host \d+\.\d+")

    def test_help_names_every_option(self):
        code, out, _ = run("--help")
        self.assertEqual(code, 0)
        for option in ("-c", "--config", "-t", "--test-config", "-l", "--listen", "--workers",
                       "--threads", "--dev", "--control", "--status-path", "--log", "--log-level",
                       "--version", "--help"):
            self.assertRegex(out, rf"(?m)(^|[\s,]){option}\b", option)

    def test_wrong_usage_exits_with_2_and_says_what_is_wrong(self):
        listen = ("--listen", "unix:" + self.path("x.sock"))
        for args, what in (
            (("--no-such-option", APP), "no-such-option"),
            (("--threads",), "threads"),
            ((*listen, "--threads", "many", APP), "threads"),
            ((*listen, "--threads", "0", APP), "threads"),
            ((*listen, "--threads", "-1", APP), "threads"),
            ((*listen, "--workers", "x", APP), "workers"),
            ((*listen, "--log-level", "loud", APP), "log-level|log_level"),
            ((*listen, "--dev=perhaps", APP), "dev"),
            ((*listen,), "(?i)app"),
            ((*listen, "-c", "/no/such/file.conf"), "/no/such/file.conf"),
            ((*listen, f"same={APP}", f"same={APP}"), "same"),
            ((*listen, ""), "file"),
            ((*listen, "name="), "name"),
            ((*listen, f"{APP}:"), "probe.py"),
            ((*listen, f"{APP}:not-a-name"), "not-a-name"),
        ):
            code, out, err = run(*args)
            self.assertEqual(code, 2, f"{args}: {out}{err}")
            self.assertRegex(err, what, args)

    def test_a_command_names_the_option_that_it_does_not_know_and_says_how_it_is_used(self):
        for args, what in (
            (("status", "--unknown"), "unknown option: --unknown"),
            (("status", "-s", "/x", "--json", "-xy"), "unknown option: -x"),
            (("status", "--json=yes"), "takes no value: --json=yes"),
            (("status", "-s"), "without its value: -s"),
            (("status", "--socket"), "without its value: --socket"),
            (("status", "-s", "/x", "what"), "unexpected argument: what"),
            (("status",), "-s SOCKET"),
            (("reload", "--unknown"), "unknown option: --unknown"),
            (("reload", "--json", "-s", "/x"), "--json"),
            (("audit", "--unknown"), "unknown option: --unknown"),
            (("audit", "-m"), "without its value: -m"),
            (("audit", "--timeout", "0", "x.py"), "--timeout takes 1 to 3600 seconds: 0"),
            (("audit",), "which target?"),
            (("serve", "--unknown"), "unknown option: --unknown"),
            (("serve",), "which application?"),
        ):
            code, out, err = run(*args)
            self.assertEqual((code, out), (2, ""), f"{args}: {err}")
            self.assertIn(what, err, args)
            self.assertIn(f"usage: fcgi_host {args[0]} ", err, args)

    def test_an_application_is_named_after_its_file(self):
        host = self.start_host(APP)
        self.assertIn('"fcgi_host.app": "probe"', host.fetch("/environ").body.decode())

    def test_name_file_and_callable_may_be_given(self):
        app = self.write("many.py", """
            def one(environ, start_response):
                start_response("200 OK", [])
                return [b"one of " + environ["fcgi_host.app"].encode()]
            """)
        self.assertEqual(self.start_host(f"shop={app}:one").fetch().body, b"one of shop")

    def test_the_callable_is_application_or_else_app(self):
        app = self.write("only_app.py", """
            def app(environ, start_response):
                start_response("200 OK", [])
                return [b"app"]
            """)
        self.assertEqual(self.start_host(app).fetch().body, b"app")
        both = self.write("both.py", """
            def app(environ, start_response):
                start_response("200 OK", [])
                return [b"app"]
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"application"]
            """)
        self.assertEqual(self.start_host(both).fetch().body, b"application")

    def test_a_relative_file_is_found_from_the_working_directory(self):
        self.write("here.py", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return [__file__.encode()]
            """)
        host = self.start_host("here.py", cwd=self.folder)
        self.assertEqual(host.fetch().body.decode(), os.path.join(self.folder, "here.py"))

    def test_several_applications_without_mounts_need_the_web_server_to_choose(self):
        a = self.write("alpha.py", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return [environ["fcgi_host.app"].encode()]
            """)
        host = self.start_host(a, f"beta={a}")
        self.assertEqual(host.fetch(FCGI_HOST_APP="alpha").body, b"alpha")
        self.assertEqual(host.fetch(FCGI_HOST_APP="beta").body, b"beta")


class Configuration(HostTestCase):
    def test_a_good_file_passes_the_test(self):
        for name in ("two_applications.conf", "scripts.conf"):
            from support.servers import EXAMPLES
            with open(os.path.join(EXAMPLES, name)) as f:
                text = f.read()
            root = os.path.join(self.folder, "py")
            os.makedirs(root, exist_ok=True)
            for site in ("blog", "shop"):
                path = self.write(f"{site}/wsgi.py", "def application(e, s): ...\n")
                text = text.replace(f"/srv/{site}/wsgi.py", path)
            text = text.replace("/var/www/py", root).replace("/run/", self.folder + "/")
            code, out, err = run("-t", "-c", self.config(text))
            self.assertEqual(code, 0, f"{name}: {out}{err}")

    def test_every_key_of_the_contract_is_known(self):
        root = os.path.join(self.folder, "scripts")
        os.makedirs(root, exist_ok=True)
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{self.folder}/all.sock     ; omit when spawned
            workers = 1
            control = {self.folder}/fcgi_host-%p.ctl
            status_path = /-/fcgi_host
            log = stderr
            stop_timeout_s = 10
            max_interpreters = 64

            [app blog]
            file = {APP}
            callable = application
            mount = /blog                         ; longest prefix wins
            host = blog.example.org
            interpreter = blog
            gil = shared
            threads = 4
            queue = 128
            python_path = /srv/blog/lib:/srv/more
            env.DJANGO_SETTINGS_MODULE = blog.settings
            reload = auto
            watch = templates/**/*.html
            ignore = **/__pycache__/**
            debounce_ms = 30
            check = /healthz
            drain_timeout_s = 30
            request_timeout_s = 0
            max_requests = 0
            on_stale = replace
            dev = off

            [scripts]
            root = {root}
            suffix = .py .wsgi
            """)
        code, out, err = run("-t", "-c", config)
        self.assertEqual(code, 0, out + err)

    GOOD = ["[fcgi_host]", "workers = 1", "[app blog]", f"file = {APP}", "threads = 4"]

    def test_errors_name_file_line_and_key(self):
        cases = [
            # the line that is wrong, what it replaces (index in GOOD, or None: appended), its key
            ("no_such_key = 1", None, "no_such_key"),
            ("wrokers = 1", 1, "wrokers"),
            ("workers = many", 1, "workers"),
            ("workers = 0", 1, "workers"),
            ("workers = -1", 1, "workers"),
            ("workers =", 1, "workers"),
            ("workers = 1 2", 1, "workers"),
            ("workers = 99999999999999999999", 1, "workers"),
            ("listen = nonsense", 1, "listen"),
            ("threads = 0", 4, "threads"),
            ("threads = 4.5", 4, "threads"),
            ("queue = x", 4, "queue"),
            ("reload = sometimes", 4, "reload"),
            ("on_stale = ignore", 4, "on_stale"),
            ("gil = mine", 4, "gil"),
            ("dev = perhaps", 4, "dev"),
            ("mount = blog", 4, "mount"),
            ("drain_timeout_s = 5s", 4, "drain_timeout_s"),
            ("check = healthz", 4, "check"),
            ("env. = x", 4, "env."),
            ("[apps blog]", 2, "apps blog"),
            ("[app]", 2, "app"),
        ]
        for line, index, key in cases:
            lines = list(self.GOOD)
            if index is None:
                lines.append(line)
                number = len(lines)
            else:
                lines[index] = line
                number = index + 1
            config = self.config("\n".join(lines) + "\n")
            code, out, err = run("-t", "-c", config)
            self.assertEqual(code, 2, f"{line}: {out}{err}")
            self.assertIn(f"{config}:{number}", err, line)
            self.assertIn(key, err, line)

    def test_a_line_that_is_no_setting_is_an_error(self):
        config = self.config("\n".join([*self.GOOD, "just words"]) + "\n")
        code, _, err = run("-t", "-c", config)
        self.assertEqual(code, 2)
        self.assertIn(f"{config}:6", err)

    def test_an_application_without_a_file_is_an_error(self):
        config = self.config("[app blog]\nthreads = 2\n")
        code, _, err = run("-t", "-c", config)
        self.assertEqual(code, 2, err)
        self.assertIn(config, err)
        self.assertIn("file", err)

    def test_the_same_application_twice_is_an_error(self):
        config = self.config(f"[app a]\nfile = {APP}\n[app b]\nfile = {APP}\n[app a]\nfile = {APP}\n")
        code, _, err = run("-t", "-c", config)
        self.assertEqual(code, 2, err)
        self.assertRegex(err, re.escape(config) + r":[56]")

    def test_an_error_stops_the_start_too(self):
        config = self.config("[fcgi_host]\nworkers = many\n")
        code, _, err = run("--listen", "unix:" + self.path("x.sock"), "-c", config)
        self.assertEqual(code, 2)
        self.assertIn(f"{config}:2", err)

    def test_options_go_before_the_file(self):
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{self.folder}/not-this.sock
            log = {self.folder}/not-this.log
            [app probe]
            file = {APP}
            """)
        host = self.start_host("-c", config, "--log", "stderr")
        self.assertEqual(host.fetch().status, 200)
        self.assertFalse(os.path.exists(self.folder + "/not-this.sock"))
        self.assertFalse(os.path.exists(self.folder + "/not-this.log"))


class Signals(HostTestCase):
    def test_term_and_int_stop_with_status_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            host = self.start_host(APP)
            host.fetch()
            host.signal(number)
            self.assertEqual(host.wait(), 0, number)

    def test_term_while_it_still_starts_stops_it_too(self):
        app = self.write("slow_start.py", """
            import time
            time.sleep(2)
            def application(environ, start_response):
                start_response("200 OK", [])
                return []
            """)
        host = self.start_host(app, ready=False)
        host.log.wait_for(r"\[worker\.started\]")
        host.signal(signal.SIGTERM)
        self.assertEqual(host.wait(), 0)

    def test_a_request_in_flight_is_finished_before_it_stops(self):
        host = self.start_host(os.path.join(APPS, "site.py"))
        gate = self.path("gate")
        with host.connect() as c, host.connect() as idle:
            idle.request(keep=True)
            c.send(fcgi.whole_request(fcgi.params_of("/two-blocks", gate), keep=True))
            response = fcgi.Response(1)
            c.read_until(lambda: b"first block" in response.stdout, {1: response})
            host.signal(signal.SIGTERM)
            self.assertTrue(idle.at_end(), "an idle connection is closed")
            self.assertIsNone(host.process.poll())
            with open(gate, "w"):
                pass
            c.read_until(lambda: response.ended, {1: response})
            self.assertEqual(response.body, b"first block\nsecond block\n")
            self.assertEqual(host.wait(), 0)

    def test_a_second_term_stops_at_once(self):
        host = self.start_host(APP)
        with host.connect() as c:
            c.send(fcgi.whole_request(fcgi.params_of("/hold", "twice")))
            await_(lambda: b"held twice" in host.fetch("/events").body, "the request")
            with host.connect() as idle:
                idle.request(keep=True)
                host.signal(signal.SIGTERM)
                self.assertTrue(idle.at_end())  # it has seen the first one
            host.signal(signal.SIGTERM)
            self.assertEqual(host.wait(8), 0)


class LogFile(HostTestCase):
    def test_lines_have_the_promised_form(self):
        host = self.start_host(APP)
        host.fetch("/fail")
        host.fetch("/stderr")
        host.log.wait_for(r"\[request\.exception\]")
        self.assertEqual(host.stop(), 0)
        lines = host.log.lines
        for line in lines:
            if not line.startswith("    "):  # a traceback's further lines
                self.assertRegex(line, "^" + LOG_LINE.pattern + "$")
        slugs = {LOG_LINE.match(line)["slug"] for line in lines if not line.startswith("    ")}
        self.assertLessEqual({"worker.started", "app.loaded", "request.exception"}, slugs)

    def test_lines_name_the_application_and_its_generation(self):
        host = self.start_host(f"shop={APP}")
        host.fetch("/fail")
        for slug in ("app.loaded", "request.exception"):
            about = LOG_LINE.match(host.log.wait_for(re.escape(f"[{slug}]")))["about"]
            self.assertIn(" app=shop", about)
            self.assertIn(" gen=1", about)

    def test_a_host_that_root_started_says_once_that_applications_run_as_root(self):
        host = self.start_host("--workers", "2", APP)
        host.fetch()
        is_root = os.geteuid() == 0
        self.assertEqual(host.log.count(r"Z warn \d+ \[host\.root\]"), 1 if is_root else 0)

    def test_the_level_leaves_lines_out(self):
        host = self.start_host("--log-level", "error", APP)
        host.fetch("/fail")
        host.log.wait_for(r"\[request\.exception\]")
        self.assertEqual(host.stop(), 0)
        self.assertEqual(host.log.find(r"Z (debug|info|warn) \d"), [])

    def test_a_log_file_is_written_and_reopened_at_usr1(self):
        path = self.path("host.log")
        host = self.start_host("--log", path, APP)
        host.fetch("/fail")

        def has(p):
            return os.path.exists(p) and "request.exception" in open(p).read()
        await_(lambda: has(path), "the log")
        os.rename(path, path + ".1")
        host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(path), "a new log")

        def fails_in_new_log():  # the supervisor has opened it, the worker soon will
            host.fetch("/fail")
            return has(path)
        await_(fails_in_new_log, "the new log")

    def test_a_log_that_cannot_be_opened_is_an_error(self):
        code, _, err = run("--listen", "unix:" + self.path("x.sock"), "--log", "/no/such/dir/log",
                           APP)
        self.assertEqual(code, 1, err)
        self.assertIn("/no/such/dir/log", err)


if __name__ == "__main__":
    unittest.main()
