"""What a Python program does to its process, done by an application among others."""

import json
import os
import subprocess
import textwrap
import threading
import unittest

from support import fcgi
from support.host import (PYTHON, HostTestCase, clean_environ, needs_modules, needs_recycling,
                          recycles_in_process, status_of)
from support.waiting import await_

#: Evaluates the query string; its neighbour only answers.
EVALUATES = """
    import json, os, signal, sys, threading, time, urllib.parse

    def application(environ, start_response):
        code = urllib.parse.unquote(environ["QUERY_STRING"])
        names = {"environ": environ, **globals()}
        exec("result = " + code if not code.startswith("exec:") else code[5:], names)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(names.get("result"), default=repr).encode()]
    """
ANSWERS = """
    import locale, threading
    held = threading.Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            held.wait()
        if environ["PATH_INFO"] == "/go":
            held.set()
        start_response("200 OK", [])
        return [b"answered"]
    """


def run_plainly(code):
    """What a plain python3 prints."""
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def quoted(code):
    return "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in code)


class ProcessWide(HostTestCase):
    def check_reload_by_worker(self, host, why):
        reload = json.loads(host.fetch("/-/status", query="json").body)["workers"][0]["apps"][0]
        self.assertEqual(reload["reload"]["strategy"], "worker")
        self.assertIn(why, reload["reload"]["why"])
        before = host.children()
        self.write("one.py", textwrap.dedent(EVALUATES) + "# edited\n")
        host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: host.children() and host.children() != before, "the new worker alone")
        self.assertEqual(self.run_in(host, "6 * 7"), 42)
        self.assertEqual(host.log.find(r"reload\.switched|worker\.crashed"), [])

    @needs_recycling
    def test_tracemalloc_that_an_application_starts_has_the_worker_replaced(self):
        host = self.start_two()
        self.run_in(host, "exec:import tracemalloc; tracemalloc.start(); result = 1")
        self.check_reload_by_worker(host, "tracemalloc is tracing")

    @needs_recycling
    def test_tracemalloc_that_the_environment_starts_has_the_worker_replaced(self):
        host = self.start_two(env=clean_environ(PYTHONTRACEMALLOC="5"))
        code = "__import__('tracemalloc').is_tracing()"
        if os.environ["FCGI_HOST_PYTHON_VERSION"] == "3.11":  # it cannot live with it
            self.assertIs(self.run_in(host, code), False)
            return
        self.assertIs(self.run_in(host, code), True)
        self.check_reload_by_worker(host, "tracemalloc is tracing")

    def start_two(self, keys="", **kw):
        one, other = self.write("one.py", EVALUATES), self.write("other.py", ANSWERS)
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstatus_path = /-/status\n"
            f"[app one]\nfile = {one}\nmount = /one\n{keys}\n[app other]\nfile = {other}\n"), **kw)
        host.log.wait_for(r"\[app\.loaded\]", 2)
        return host

    def run_in(self, host, code, path="/one/"):
        response = host.fetch(path, query=quoted(code))
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)


class Signals(ProcessWide):
    def check_harmless(self, host, code):
        """Neither worker nor a neighbour's request is hurt."""
        (worker,) = host.children()
        with host.connect() as waiting:
            waiting.send(fcgi.whole_request(fcgi.params_of("/wait")))
            self.run_in(host, code)
            host.fetch("/go")
            self.assertEqual(waiting.read_response().body, b"answered")
        self.assertEqual(host.children(), [worker])
        self.assertEqual(host.log.find(r"\[worker\.crashed\]"), [])

    def test_timers_do_nothing_and_say_so(self):
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                for code in ("signal.alarm(1)", "signal.setitimer(signal.ITIMER_REAL, 0.001)",
                             "signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)",
                             "signal.setitimer(signal.ITIMER_PROF, 0.001)"):
                    self.check_harmless(host, code)
                host.log.wait_for(r"app=one .*\[app\.signal\]", 4)
                lines = host.log.find(r"app=one .*\[app\.signal\]")
                self.assertEqual(len(lines), 4, lines)
                self.assertIn("<string>:1: signal.alarm(1) does nothing here", lines[0])

    def test_signals_that_others_send_kill_no_worker(self):
        host = self.start_two()
        for name in ("SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGIO",
                     "SIGPIPE", "SIGURG"):
            self.check_harmless(host, f"os.kill(os.getpid(), signal.{name})")

    def test_children_get_the_signals_as_any_child_does(self):
        host = self.start_two()
        ignored = self.run_in(
            host, "exec:import subprocess; result = subprocess.run(['grep', 'SigIgn', "
            "'/proc/self/status'], capture_output=True, text=True).stdout")
        # SIGPIPE is restored by subprocess itself.
        self.assertEqual(int(ignored.split()[1], 16), 0)

    def test_a_descriptor_that_signals_are_to_be_written_to_is_taken_and_named(self):
        """An event loop that cannot set one does not run."""
        code = ("exec:import asyncio, socket\n"
                "loop = asyncio.new_event_loop()\n"
                "loop.add_signal_handler(signal.SIGUSR1, print)\n"
                "blocking = socket.socket()\n"
                "try:\n"
                "    signal.set_wakeup_fd(blocking.fileno())\n"
                "except ValueError as error:\n"
                "    result = [str(error).split(maxsplit=3)[3]]\n"
                "result.append(signal.set_wakeup_fd(-1) == loop._csock.fileno())\n"
                "result.append(signal.set_wakeup_fd(-1))\n"
                "loop.close()\n")
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                self.assertEqual(self.run_in(host, code),
                                 ["must be in non-blocking mode", True, -1])
                host.log.wait_for(r"app=one .*\[app\.signal\].*set_wakeup_fd\(\)")

    def test_interrupt_main_does_nothing_and_says_so(self):
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                self.check_harmless(host, "exec:import _thread; _thread.interrupt_main()")
                host.log.wait_for(r"app=one .*\[app\.signal\].*interrupt_main\(SIGINT\)")

    def test_an_interrupt_by_an_extension_is_harmless(self):
        """PyErr_SetInterrupt(), which cffi and others call."""
        host = self.start_two()
        self.check_harmless(host, "exec:import ctypes; ctypes.pythonapi.PyErr_SetInterrupt()")
        self.check_harmless(host, "1")

    def test_handlers_are_those_of_a_plain_python(self):
        plain = run_plainly("import signal; print([repr(signal.getsignal(number))"
                            " for number in range(1, signal.NSIG)])")
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                self.assertEqual(str(self.run_in(
                    host, "[repr(signal.getsignal(number)) for number in range(1, signal.NSIG)]")),
                    plain)
                self.run_in(host, "exec:signal.signal(signal.SIGTERM, repr)")
                self.assertEqual(self.run_in(host, "signal.getsignal(signal.SIGTERM) is repr"), True)

    def test_asyncio_sets_one_without_a_line(self):
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                self.run_in(host, "exec:import asyncio; asyncio.run(asyncio.sleep(0))")
                self.run_in(host, "signal.signal(signal.SIGTERM, signal.SIG_DFL)")
                host.log.wait_for(r"\[app\.signal\] <string>:1: signal\.signal\(SIGTERM")
                self.assertEqual(host.log.count(r"\[app\.signal\]"), 1)

    def test_a_file_that_becomes_too_large_is_an_error(self):
        write = ("exec:import errno, resource, tempfile\n"
                 "before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
                 "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))\n"
                 "try:\n"
                 "    with tempfile.TemporaryFile(buffering=0) as f:\n"
                 "        f.write(b'x' * 4096) and f.write(b'x')\n"
                 "except OSError as error:\n"
                 "    result = error.errno == errno.EFBIG\n"
                 "finally:\n"
                 "    resource.setrlimit(resource.RLIMIT_FSIZE, before)\n")
        for key in ("", "interpreter = main", "process = own"):
            with self.subTest(key):
                host = self.start_two(key)
                self.assertEqual(self.run_in(host, write), True)
                self.assertEqual(host.log.find(r"\[worker\.crashed\]"), [])


class Tracing(ProcessWide):
    """A loop whose thread has something pending for ever never gets on while it is traced."""

    TRACE = ("exec:\n"
             "lines = []\n"
             "def traced():\n"
             "    total = 0\n"
             "    for i in range(50):\n"
             "        total += i\n"
             "    return total\n"
             "sys.settrace(lambda *args: lines.append(args[1]) or (lambda *a: None))\n"
             "try:\n"
             "    result = traced()\n"
             "finally:\n"
             "    sys.settrace(None)\n")

    def test_a_request_can_be_traced(self):
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                host = self.start_two(key)
                self.assertEqual(self.run_in(host, self.TRACE), 1225)

    def test_a_request_can_be_profiled(self):
        host = self.start_two()
        self.assertEqual(self.run_in(
            host, "exec:import cProfile; p = cProfile.Profile(); "
            "result = p.runcall(sum, [1, 2, 3]); p.runcall(lambda: [i for i in range(99)])"), 6)

    def test_also_after_a_timeout(self):
        host = self.start_two("request_timeout_s = 1\nthreads = 1")
        response = host.fetch("/one/", query=quoted("exec:while True: pass"))
        self.assertEqual(response.status, 500, response)
        self.assertEqual(self.run_in(host, self.TRACE), 1225)

    def test_also_after_neighbours_have_taken_turns(self):
        host = self.start_two("threads = 3")
        answers = []
        spin = "sum(i for i in range(1000000))"
        others = [threading.Thread(target=lambda: answers.append(self.run_in(host, spin)))
                  for _ in range(3)]
        [thread.start() for thread in others]
        [thread.join() for thread in others]
        self.assertEqual(answers, [499999500000] * 3)
        self.assertEqual(self.run_in(host, self.TRACE), 1225)


class Locale(ProcessWide):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.locales = os.path.join(cls.folder, "locales")
        os.mkdir(cls.locales)
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8",
                               os.path.join(cls.locales, "de_DE.UTF-8")], capture_output=True)
        if not os.path.isdir(os.path.join(cls.locales, "de_DE.UTF-8")):
            raise unittest.SkipTest(f"localedef cannot make a locale: {made.stderr.decode()}")

    def test_numbers_of_the_host_have_a_point(self):
        one, other = self.write("one.py", EVALUATES), self.write("other.py", ANSWERS)
        control = self.path("control")
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\nstatus_path = /-/status\ncontrol = {control}\n"
            f"[app one]\nfile = {one}\nmount = /one\n[app other]\nfile = {other}\n"),
            env={"LOCPATH": self.locales})
        host.log.wait_for(r"\[app\.loaded\]", 2)
        set_it = "exec:import locale; result = locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')"
        self.assertEqual(self.run_in(host, set_it), "de_DE.UTF-8")
        self.assertEqual(
            self.run_in(host, "exec:import locale; result = locale.localeconv()['decimal_point']"),
            ",")
        status = json.loads(host.fetch("/-/status", query="json").body)
        self.assertIsInstance(status["workers"][0]["apps"][0]["load_ms"], float)
        status_of(control)
        for line in host.fetch("/-/status", query="openmetrics").body.decode().splitlines():
            if not line.startswith("#"):
                float(line.rpartition(" ")[2])
        with open(other, "a") as f:
            f.write("\n# edited\n")
        if recycles_in_process():
            switched = host.log.wait_for(r"app=other .*\[reload\.switched\]")
            self.assertRegex(switched, r"loading \d+\.\d ms")
        line = host.log.wait_for(r"app=one .*\[app\.process\]")
        self.assertIn("<string>:1: locale.setlocale() changes it for every application", line)


class Settings(ProcessWide):
    def test_who_changes_what_all_share_is_named_once(self):
        host = self.start_two()
        for code in ("os.umask(0o27)", "os.chdir('/')",
                     "exec:import resource as r; "
                     "r.setrlimit(r.RLIMIT_CORE, r.getrlimit(r.RLIMIT_CORE))"):
            self.run_in(host, code)
            self.run_in(host, code)
        for what in (r"os\.umask\(\)", r"os\.chdir\(\)", r"resource\.setrlimit\(\)"):
            host.log.wait_for(rf"app=one .*\[app\.process\] <string>:1: {what}")
        self.assertEqual(len(host.log.find(r"\[app\.process\]")), 3, host.log.text)

    def test_asking_is_not_changing(self):
        host = self.start_two()
        self.run_in(host, "exec:import locale; locale.setlocale(locale.LC_ALL)")
        self.run_in(host, "exec:import locale; locale.setlocale(locale.LC_ALL, 'C')")
        self.run_in(host, "os.nice(0)")
        self.run_in(host, "os.umask(os.umask(0))")
        self.assertEqual([line for line in host.log.find(r"\[app\.process\]")
                          if "setlocale" not in line], [])


class TimeZone(ProcessWide):
    SET = ("exec:os.environ['TZ'] = 'Asia/Kolkata'; time.tzset(); "
           "result = [time.strftime('%z', time.localtime(0)), time.timezone]")

    def test_another_zone_than_the_processs_is_logged_with_the_remedy(self):
        host = self.start_two()
        self.assertEqual(self.run_in(host, self.SET)[1], 0)
        line = host.log.wait_for(r"app=one .*\[app\.tz\]")
        self.assertIn("'Asia/Kolkata' in this application and not set in the process", line)
        with open(os.path.join(os.environ["FCGI_HOST_SOURCE_DIR"], "docs/messages.md")) as f:
            self.assertIn("### app.tz", f.read())

    def test_the_same_zone_is_no_line(self):
        one = self.write("one.py", EVALUATES)
        host = self.start_host("-c", self.config(
            f"[app one]\nfile = {one}\nmount = /one\n[app other]\nfile = {one}\n"),
            env={"TZ": "Asia/Kolkata"})
        self.assertEqual(self.run_in(host, self.SET), ["+0530", -19800])
        self.assertEqual(host.log.find(r"\[app\.tz\]"), [])

    def test_an_application_alone_has_the_process_to_itself(self):
        for key in ("", "interpreter = main"):
            with self.subTest(key):
                one = self.write("one.py", EVALUATES)
                host = self.start_host("-c", self.config(
                    f"[app one]\nfile = {one}\nmount = /one\n{key}\n"))
                self.assertEqual(self.run_in(host, self.SET), ["+0530", -19800])
                getenv = ("exec:import ctypes; g = ctypes.CDLL(None).getenv; "
                          "g.restype = ctypes.c_char_p; result = repr(g(b'TZ'))")
                self.assertEqual(self.run_in(host, getenv), "b'Asia/Kolkata'")
                self.assertEqual(host.log.find(r"\[app\.(tz|process)\]"), [])
                with open(one, "a") as f:
                    f.write("\n# edited\n")
                host.log.wait_for(r"\[(reload\.switched|worker\.replaced)\]")
                # The next generation starts as the first did.
                self.assertEqual(self.run_in(host, "os.environ.get('TZ')"), None)
                self.assertEqual(self.run_in(host, "time.timezone"), 0)


class Variables(ProcessWide):
    """env.NAME of an application that has a process of its own is what C code reads, too."""

    READ = ("exec:import ctypes, ssl; getenv = ctypes.CDLL(None).getenv; "
            "getenv.restype = ctypes.c_char_p; "
            "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); context.load_default_certs(); "
            "result = [getenv(b'SSL_CERT_FILE').decode(), getenv(b'PYTHONBREAKPOINT').decode(), "
            "breakpoint(), context.cert_store_stats()['x509']]")

    def test_c_code_reads_them_in_each_generation(self):
        certificates = self.write("certificates.pem", "")
        wanted = [certificates, "int", 0, 0]
        for key in ("", "interpreter = main", "spare = on"):
            with self.subTest(key):
                host = self.start_two(f"process = own\nenv.SSL_CERT_FILE = {certificates}\n"
                                      f"env.SSL_CERT_DIR = {self.folder}/none\n"
                                      f"env.PYTHONBREAKPOINT = int\n{key}")
                self.assertEqual(self.run_in(host, self.READ), wanted)
                with open(os.path.join(self.folder, "one.py"), "a") as f:
                    f.write("\n# edited\n")
                host.log.wait_for(r"app=one .*\[reload\.switched\]|\[worker\.replaced\]")
                self.assertEqual(self.run_in(host, self.READ), wanted)


class MonkeyPatching(ProcessWide):
    """gevent replaces locks and the identity of threads, wherever an application does it."""

    SERVES = """
        import threading, time
        def application(environ, start_response):
            thread = threading.Thread(target=time.sleep, args=(0.01,))
            thread.start()
            thread.join()
            start_response("200 OK", [])
            return [b"served " + type(thread).__module__.encode()]
        """

    def check(self, files, start, keys=""):
        folder = self.path("patched")
        for name, text in files.items():
            self.write(os.path.join(os.path.basename(folder), name), text)
        host = self.start_host("-c", self.config(
            f"[app patched]\nfile = {folder}/{start}\n{keys}\n"))
        host.log.wait_for(r"\[app\.(loaded|failed)\]")
        for _ in range(3):
            self.assertEqual(host.fetch("/").body[:6], b"served", host.log.text)

    def check_library(self, patch):
        for keys in ("", "interpreter = main"):
            with self.subTest(keys=keys, where="WSGI file"):
                self.check({"wsgi.py": patch + self.SERVES.replace("\n        ", "\n")}, "wsgi.py",
                           keys)
            with self.subTest(keys=keys, where="package"):
                self.check({"site/__init__.py": patch, "site/wsgi.py": self.SERVES},
                           "site/wsgi.py", keys)
            with self.subTest(keys=keys, where="module"):
                self.check({"patched.py": patch, "wsgi.py":
                            "import patched\n" + self.SERVES.replace("\n        ", "\n")},
                           "wsgi.py", keys)

    @needs_modules("gevent")
    def test_gevent(self):
        self.check_library("from gevent import monkey\nmonkey.patch_all()\n")

    @needs_modules("eventlet")
    def test_eventlet(self):
        self.check_library("import eventlet\neventlet.monkey_patch()\n")


if __name__ == "__main__":
    unittest.main()
