"""`fcgi_host exec`: a file that runs beside an application, in its interpreter."""

import os
import select
import signal
import subprocess
import unittest

from support import fcgi
from support.host import PROGRAM, PYTHON, HostTestCase, clean_environ, needs_recycling
from support.waiting import DEADLINE_S

#: Threads that wait for an event until an exec sets it, a name to be found, a thread that prints.
APP = """
import __main__, logging, threading
__main__.mark = "the application's"
gate = threading.Event()
speak = threading.Semaphore(0)
spoken = threading.Event()
def say():
    while True:
        speak.acquire()
        print("the application speaks")
        spoken.set()
threading.Thread(target=say, daemon=True).start()
def application(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        gate.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{version!r}.encode()]
"""
#: How an exec finds the application's module, whatever name it has.
FIND = """
import sys
app = next(m for m in list(sys.modules.values()) if getattr(m, "speak", None))
"""


def has_own_gil():
    code = "import sys; sys.exit(sys.version_info < (3, 13))"
    return subprocess.run([PYTHON, "-c", code]).returncode == 0


class Exec(HostTestCase):
    def start(self, keys="threads = 1", host_keys="", text=None):
        self.app = self.write("app.py", text or APP.format(version="v1"))
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n{host_keys}\n"
            f"[app one]\nfile = {self.app}\n{keys}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.host.fetch("/")

    def save(self, text):
        """An edit, as editors make it."""
        os.replace(self.write("app.py~", text), self.app)

    def begin(self, code, *arguments, options=(), app="one", stdin=False):
        file = "-" if stdin else self.write(self.new_name(), code, mode=0o600)
        command = self.start_command("exec", "-s", self.control, *options, app, file, *arguments,
                                     stdin=subprocess.PIPE)
        if stdin:
            command.stdin.write(code)
        command.stdin.close()
        return command

    @classmethod
    def new_name(cls):
        """Of a file: several may be read at a time."""
        return os.path.basename(cls.path("given.py"))

    @staticmethod
    def result(command):
        out, err = command.stdout.read(), command.stderr.read()
        return command.wait(DEADLINE_S), out, err

    def exec(self, code, *arguments, **how):
        return self.result(self.begin(code, *arguments, **how))

    def request_that_gets_stuck(self):
        connection = self.host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/stuck")))
        return connection


class Runs(Exec):
    def setUp(self):
        self.start()

    def test_in_the_applications_interpreter_and_tells_which_worker(self):
        code = "import fcgi_host\nprint(fcgi_host.info()['app'], fcgi_host.info()['generation'])\n"
        status, out, err = self.exec(code)
        self.assertEqual((status, out), (0, "one 1\n"))
        self.assertEqual(err, f"fcgi_host exec: in worker {self.host.children()[0]}\n")

    def test_as_main_and_leaves_the_applications_own_main_and_arguments_alone(self):
        code = """
            import sys
            print(__name__, __file__ == argv[0], argv[1:], sys.argv)
            print(sys.modules["__main__"].mark, "mark" in globals())
            """
        status, out, _ = self.exec(code, "-s", "two words", "")
        self.assertEqual(status, 0)
        self.assertEqual(out, "__main__ True ['-s', 'two words', ''] ['fcgi_host']\n"
                              "the application's False\n")

    def test_from_standard_input(self):
        status, out, _ = self.exec("print(__file__)\nraise KeyError('x')\n", stdin=True)
        self.assertEqual((status, out), (1, "<stdin>\n"))

    def test_and_its_exception_is_the_commands(self):
        code = "def wrong():\n    return [] + ()  # here\nwrong()\n"
        status, out, err = self.exec(code)
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, r'  File "/.*/given-\d+\.py", line 2, in wrong\n'
                              r'    return \[\] \+ \(\)  # here\n')
        self.assertIn("TypeError", err)
        self.assertNotIn("application_exec", err)
        self.assertNotIn("TypeError", self.host.log.text)

    def test_what_is_no_python_is_told(self):
        status, _, err = self.exec("print(\n")
        self.assertEqual(status, 1)
        self.assertIn("SyntaxError", err)

    def test_and_may_exit(self):
        for code, expected in (("sys.exit()", (0, "")), ("sys.exit(0)", (0, "")),
                               ("sys.exit(7)", (1, "")), ("sys.exit('no')", (1, "no\n"))):
            status, _, err = self.exec("import sys\n" + code)
            self.assertEqual((status, err.partition("\n")[2]), expected, code)

    def test_and_leaves_a_line_in_the_log(self):
        self.exec("pass\n")
        line = self.host.log.wait_for(r"\[exec\.begin\]")
        self.assertRegex(line, rf" app=one gen=1 \[exec\.begin\] user {os.geteuid()} runs .*/given-\d+\.py")
        line = self.host.log.wait_for(r"\[exec\.end\]")
        self.assertRegex(line, r" app=one gen=1 \[exec\.end\] .*/given-\d+\.py: exit status 0$")

    def test_several_at_a_time_but_not_any_number(self):
        code = "import sys\nprint('begun', flush=True)\n" + FIND + "app.gate.wait()\n"
        many = [self.begin(code) for _ in range(8)]
        for command in many:
            self.assertEqual(command.stdout.readline(), "begun\n")
        status, _, err = self.exec("pass\n")
        self.assertEqual(status, 2)
        self.assertIn("too many", err)
        many.pop().kill()
        self.host.log.wait_for(r"\[exec\.begin\]", 8)
        status = 2
        while status == 2:  # until the one that was killed has let go
            status, _, err = self.exec(FIND + "app.gate.set()\n")
        self.assertEqual(status, 0, err)
        for command in many:
            self.assertEqual(self.result(command)[0], 0)


class Output(Exec):
    def setUp(self):
        self.start()

    def test_comes_as_it_is_written(self):
        command = self.begin(FIND + "print('first')\napp.gate.wait()\nprint('second')\n")
        self.assertEqual(command.stdout.readline(), "first\n")
        self.exec(FIND + "app.gate.set()\n")
        self.assertEqual(self.result(command)[:2], (0, "second\n"))

    def test_is_that_of_its_own_thread_only(self):
        code = FIND + """
app.speak.release()
app.spoken.wait()
print("mine")
"""
        self.assertEqual(self.exec(code)[:2], (0, "mine\n"))
        self.host.log.wait_for(r"\[app\.stdout\] the application speaks")
        self.assertNotIn("mine", self.host.log.text)

    def test_goes_where_it_belongs(self):
        code = ("import sys\nprint('to out')\nprint('to err', file=sys.stderr)\n"
                "sys.stdout.buffer.write(b'\\xff\\x00 bytes\\n')\n")
        command = subprocess.run(
            [PROGRAM, "exec", "-s", self.control, "one", self.write("given.py", code)],
            capture_output=True, env=clean_environ())
        self.assertEqual(command.stdout, b"to out\n\xff\x00 bytes\n")
        self.assertTrue(command.stderr.endswith(b"\nto err\n"), command.stderr)

    def test_may_be_long(self):
        code = "import sys\nsys.stdout.write('0123456789abcde\\n' * 65536)\n"
        status, out, _ = self.exec(code)
        self.assertEqual((status, len(out)), (0, 1 << 20))
        self.assertEqual(out, "0123456789abcde\n" * 65536)

    def test_so_may_the_file(self):
        code = "x = 1  # " + "z" * 100_000 + "\n"
        self.assertEqual(self.exec(code * 10 + "print('end')\n")[:2], (0, "end\n"))


class Debugging(Exec):
    def test_a_thread_that_is_stuck_is_found_and_freed(self):
        self.start()
        connection = self.request_that_gets_stuck()
        code = FIND + """
import traceback
stuck = [frame for frame in sys._current_frames().values() if "application" in
         [f.name for f in traceback.extract_stack(frame)]]
print(len(stuck), "gate.wait()" in "".join(traceback.format_stack(stuck[0])) if stuck else "")
"""
        out = ""
        while not out.startswith("1 "):  # until the request has come to its thread
            status, out, err = self.exec(code)
            self.assertEqual(status, 0, err)
        self.assertEqual(out, "1 True\n")
        self.exec(FIND + "app.gate.set()\n")
        self.assertEqual(connection.read_response().body, b"v1")

    def test_a_level_of_logging_can_be_changed(self):
        self.start(text="""
            import logging
            logging.basicConfig(level=logging.WARNING)
            def application(environ, start_response):
                logging.getLogger("app").debug("a detail")
                start_response("200 OK", [])
                return [b""]
            """)
        self.host.fetch("/")
        self.assertNotIn("a detail", self.host.log.text)
        self.exec("import logging\nlogging.getLogger().setLevel(logging.DEBUG)\n")
        self.host.fetch("/")
        self.host.log.wait_for("a detail")


class Stops(Exec):
    def begin_endless(self, what):
        command = self.begin(FIND + f"print('begun', flush=True)\nwhile True:\n    {what}\n")
        self.assertEqual(command.stdout.readline(), "begun\n")
        return command

    def check_ended_by(self, signal_number, what):
        command = self.begin_endless(what)
        command.send_signal(signal_number)
        command.wait(DEADLINE_S)
        self.host.log.wait_for(r"\[exec\.end\] .*: exit status 1, stopped, since the command")
        self.assertEqual(self.exec("print(1)\n")[:2], (0, "1\n"))

    def test_with_the_command(self):
        self.start()
        self.check_ended_by(signal.SIGINT, "pass")

    def test_with_the_command_though_it_waits(self):
        self.start()
        self.check_ended_by(signal.SIGKILL, "app.gate.wait()")

    def test_and_what_it_had_is_freed(self):
        self.start()
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        command = self.begin(FIND + f"held = open({fifo!r}, 'wb')\nprint('begun', flush=True)\n"
                             "app.gate.wait()\n")
        self.assertEqual(command.stdout.readline(), "begun\n")
        command.kill()
        poller = select.poll()
        poller.register(reader, select.POLLHUP)
        self.assertTrue(poller.poll(DEADLINE_S * 1000), "it is open still")

    def test_with_the_command_though_nobody_has_read(self):
        self.start()
        self.check_ended_by(signal.SIGTERM, "print('x' * 10000)")

    @needs_recycling
    def test_with_its_generation_after_the_time_that_requests_have(self):
        self.start("drain_timeout_s = 1")
        command = self.begin_endless("app.gate.wait()")
        self.save(APP.format(version="v2"))
        self.host.log.wait_for(r"gen=2 \[reload\.switched\]")
        status, _, err = self.result(command)
        self.assertEqual(status, 1)
        self.assertIn("its generation ends", err)
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")
        self.assertEqual(self.host.fetch("/").body, b"v2")
        self.assertEqual(self.exec("import fcgi_host\nprint(fcgi_host.info()['generation'])\n")[1], "2\n")

    @needs_recycling
    def test_with_its_generation_though_the_command_does_not_read(self):
        self.start("drain_timeout_s = 1")
        command = self.begin_endless("print('x' * 10000)")
        command.send_signal(signal.SIGSTOP)
        self.save(APP.format(version="v2"))
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")
        self.assertEqual(self.host.log.count(r"\[interpreter\.zombie\]"), 0)

    @needs_recycling
    def test_within_that_time_by_itself(self):
        self.start()
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        command = self.begin(f"print('begun')\nprint(open({fifo!r}).read())\n")
        self.assertEqual(command.stdout.readline(), "begun\n")
        self.save(APP.format(version="v2"))
        self.host.log.wait_for(r"gen=2 \[reload\.switched\]")
        self.assertEqual(self.host.log.count(r"gen=1 \[reload\.retired\]"), 0)
        with open(fifo, "w") as f:
            f.write("done")
        self.assertEqual(self.result(command)[:2], (0, "done\n"))
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")

    def test_with_its_worker(self):
        self.start()
        status, _, err = self.exec("import os\nos._exit(3)\n")
        self.assertEqual(status, 1)
        self.assertIn("the worker has ended", err)

    def test_when_the_host_stops(self):
        self.start("drain_timeout_s = 1", "stop_timeout_s = 1")
        command = self.begin_endless("pass")
        self.host.signal(signal.SIGTERM)
        self.assertEqual(self.result(command)[0], 1)


class Wherever(Exec):
    CODE = "import fcgi_host\nprint(fcgi_host.info()['interpreter'], fcgi_host.info()['gil'])\n"

    def test_in_main(self):
        self.start("interpreter = main")
        self.assertEqual(self.exec(self.CODE)[:2], (0, "main shared\n"))

    @unittest.skipUnless(has_own_gil(), "this CPython has one GIL")
    def test_in_an_interpreter_with_its_own_gil(self):
        self.start("gil = own")
        self.assertEqual(self.exec(self.CODE)[:2], (0, "one own\n"))

    def test_in_the_process_that_the_application_has(self):
        self.start("process = own\n[app two]\nmount = /two\nfile = " + self.write(
            "two.py", "def application(e, s):\n    s('200 OK', [])\n    return [b'two']\n"))
        self.host.fetch("/two")
        pids = {self.exec("import os\nprint(os.getpid())\n", app=app)[1] for app in ("one", "two")}
        self.assertEqual(pids, {f"{pid}\n" for pid in self.host.children()})

    def test_in_the_worker_that_is_named(self):
        self.start(host_keys="workers = 2")
        self.host.log.wait_for(r"\[app\.loaded\]", 2)
        self.host.log.wait_for(r"\[host\.ready\]")
        for pid in self.host.children():
            status, out, err = 2, "", ""
            while status == 2:  # until that worker serves
                status, out, err = self.exec("import os\nprint(os.getpid())\n",
                                             options=("--worker", str(pid)))
            self.assertEqual((status, out), (0, f"{pid}\n"), err)

    def test_in_a_script(self):
        root = os.path.join(self.folder, "site")
        script = self.write("site/hello.py", APP.format(version="script"))
        self.start("mount = /one", f"[scripts]\nroot = {root}")
        self.host.fetch("/hello.py", SCRIPT_FILENAME=script)
        status, out, err = self.exec(FIND + "print(app.__file__)\n", app=script)
        self.assertEqual((status, out), (0, f"{script}\n"), err)

    @needs_recycling
    def test_and_the_check_takes_it_for_a_use_like_others(self):
        self.start()
        code = "import decimal, json, sqlite3, datetime\nprint(decimal.Decimal('1.10') + 1)\n"
        self.assertEqual(self.exec(code)[:2], (0, "2.10\n"))
        self.save(APP.format(version="v2"))
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")
        self.assertEqual(self.host.fetch("/").body, b"v2")
        self.assertEqual(self.host.log.count(r"\[stale\.found\]|\[interpreter\.zombie\]"), 0)


class Refusals(Exec):
    def run_command(self, *arguments):
        done = subprocess.run([PROGRAM, "exec", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=clean_environ())
        return done.returncode, done.stderr

    def test_are_status_2_and_say_why(self):
        self.start()
        given = self.write("given.py", "pass\n")
        gone = os.path.join(self.folder, "gone.py")
        for arguments, why in (
                (("-s", self.control, "nobody", given), 'no application is called "nobody"'),
                (("-s", self.control, "--worker", "1", "one", given), 'no worker 1 serves "one"'),
                (("-s", self.control, "one", gone), "No such file"),
                (("-s", self.control, "one"), "usage:"),
                (("--lines", "one", given), "unknown option"),
                (("one", given), "-s SOCKET"),
                (("-s", self.control + "x", "one", given), "No such file")):
            status, err = self.run_command(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn(why, err)
        self.assertEqual(self.host.log.count(r"\[exec\.begin\]"), 0)

    def test_where_the_application_has_not_loaded(self):
        self.write("app.py", "1 / 0\n")
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n"
            f"[app one]\nfile = {self.folder}/app.py\n"))
        self.host.log.wait_for(r"\[host\.ready\]")
        status, err = self.run_command("-s", self.control, "one", self.write("given.py", "pass\n"))
        self.assertEqual(status, 2)
        self.assertIn("does not serve", err)


if __name__ == "__main__":
    unittest.main()
