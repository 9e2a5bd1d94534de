"""An interpreter made ready for applications: its streams, signals, environment and paths."""

import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

from support import INFO, WARN, in_new_process

APP = {"name": "blog"}


class Streams(unittest.TestCase):
    def test_print_becomes_lines_of_the_log(self):
        _, log = in_new_process(
            """
            print("to stdout", 1)
            print("to stderr", file=sys.stderr)
            sys.stdout.write("two\\nlines\\n")
            sys.stdout.write("in ")
            sys.stdout.write("pieces\\n")
            print("\\u20ac \\udc80 \\0")
            sys.stdout.buffer.write(b"bytes\\n")
            print("unfinished", end="", flush=True)
            print("\\n\\n")
            """,
            APP,
        )
        out = [line[5] for line in log if line[0] == "app.stdout"]
        self.assertEqual(
            out,
            ["to stdout 1", "two\nlines", "in pieces", "\u20ac \\udc80 \\x00", "bytes",
             "unfinished"],
        )
        self.assertEqual(
            [line for line in log if line[0] == "app.stderr"],
            [("app.stderr", WARN, "blog", 7, None, "to stderr")],
        )
        self.assertEqual({line[1] for line in log if line[0] == "app.stdout"}, {INFO})

    def test_a_line_without_end_is_not_kept_for_ever(self):
        _, log = in_new_process("sys.stdout.write('x' * 100_000)", APP)
        self.assertEqual(len(log[0][5]), 100_000)

    def test_threads_do_not_mix_their_lines(self):
        _, log = in_new_process(
            """
            import threading
            def write(letter):
                for _ in range(50):
                    sys.stdout.write(letter * 3)
                    sys.stdout.write(letter * 3 + "\\n")
            threads = [threading.Thread(target=write, args=(c,)) for c in "abcd"]
            [t.start() for t in threads], [t.join() for t in threads]
            """,
            APP,
        )
        lines = "\n".join(line[5] for line in log).split("\n")
        self.assertEqual(sorted(lines), sorted([c * 6 for c in "abcd" for _ in range(50)]))

    def test_stdin_is_empty_and_argv_says_who_runs(self):
        results, _ = in_new_process("result([sys.stdin.read(), sys.argv])", APP)
        self.assertEqual(results, [["", ["fcgi_host"]]])

    def test_faulthandler_and_children_can_use_stderr(self):
        results, _ = in_new_process(
            """
            import faulthandler, subprocess
            faulthandler.enable()
            done = subprocess.run(["sh", "-c", "exit 3"], stderr=sys.stderr)
            result([sys.stderr.fileno(), done.returncode])
            """,
            APP,
        )
        self.assertEqual(results, [[2, 3]])


class Signals(unittest.TestCase):
    def test_signal_does_nothing_and_says_so(self):
        results, log = in_new_process(
            """
            import signal
            def of_process():
                with open("/proc/self/status") as lines:
                    return [line for line in lines if line.startswith("Sig")]
            before, handler = of_process(), lambda *args: None
            answers = [signal.signal(signal.SIGTERM, handler) == signal.SIG_DFL,
                       signal.signal(signal.SIGTERM, signal.SIG_IGN) is handler,
                       signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
                       of_process() == before]
            try:
                signal.signal(10_000, signal.SIG_IGN)
            except ValueError:
                answers.append("ValueError")
            result(answers)
            """,
            APP,
        )
        self.assertEqual(results, [[True, True, True, True, "ValueError"]])
        self.assertEqual([line[:3] for line in log], [("app.signal", WARN, "blog")] * 2)
        self.assertRegex(log[0][5], r"script\.py:\d+: signal\.signal\(SIGTERM, ")

    def test_asyncio_runs(self):
        results, log = in_new_process(
            """
            import asyncio
            async def main():
                await asyncio.sleep(0)
                return 5
            result(asyncio.run(main()))
            """,
            APP,
        )
        self.assertEqual(results, [5])
        self.assertEqual(log, [])


class Environment(unittest.TestCase):
    def test_starts_from_the_processs_and_the_configuration(self):
        results, _ = in_new_process(
            "result([os.environ.get(k) for k in ('OF_PROCESS', 'OF_BOTH', 'OF_APP', 'WITH')])",
            {**APP, "env": ["OF_BOTH=app", "OF_APP=1", "WITH=a=b"]},
            variables={"OF_PROCESS": "1", "OF_BOTH": "process"},
        )
        self.assertEqual(results, [["1", "app", "1", "a=b"]])

    def test_changes_do_not_reach_the_process(self):
        results, _ = in_new_process(
            """
            import ctypes
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            os.environ["CHANGED"] = "1"
            os.environ.setdefault("SET_DEFAULT", "1")
            os.putenv("PUT", "1")
            os.environ.pop("PRESENT")
            os.unsetenv("UNSET")
            names = (b"CHANGED", b"SET_DEFAULT", b"PUT", b"OF_APP", b"PRESENT", b"UNSET")
            found = [getenv(name) for name in names]
            result([value and value.decode() for value in found])
            result(["CHANGED" in os.environ, "PUT" in os.environ, "PRESENT" in os.environ])
            """,
            {**APP, "env": ["OF_APP=1"]},
            variables={"PRESENT": "p", "UNSET": "u"},
        )
        self.assertEqual(results, [[None, None, None, None, "p", "u"], [True, False, False]])

    def test_every_way_to_start_a_child_hands_it_on(self):
        results, _ = in_new_process(
            """
            import subprocess, tempfile
            os.environ["CHANGED"] = "c"
            os.putenv("PUT", "p")
            os.environ.pop("PRESENT")
            folder = tempfile.mkdtemp()
            path = os.path.join(folder, "out")
            show = f'echo "$OF_APP,$CHANGED,$PUT,$PRESENT" > {path}'
            def shown():
                with open(path) as file:
                    text = file.read().strip()
                os.unlink(path)
                return text
            argv = ["sh", "-c", show]

            def wait(pid):
                return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

            ways = {
                "run": lambda: subprocess.run(argv).returncode,
                "run shell": lambda: subprocess.run(show, shell=True).returncode,
                "run, close_fds=False": lambda: subprocess.run(argv, close_fds=False).returncode,
                "check_output": lambda: len(subprocess.check_output(argv)),
                "system": lambda: os.system(show),
                "popen": lambda: os.popen(show).close() or 0,
                "posix_spawn": lambda: wait(os.posix_spawn("/bin/sh", argv, os.environ)),
                "posix_spawnp": lambda: wait(os.posix_spawnp("sh", argv, os.environ)),
                "spawnv": lambda: os.spawnv(os.P_WAIT, "/bin/sh", argv),
                "spawnvp": lambda: os.spawnvp(os.P_WAIT, "sh", argv),
                "spawnlp": lambda: os.spawnlp(os.P_WAIT, "sh", *argv),
                "spawnl nowait": lambda: wait(os.spawnl(os.P_NOWAIT, "/bin/sh", *argv)),
            }
            if sys.version_info >= (3, 13):
                ways["posix_spawn None"] = lambda: wait(os.posix_spawn("/bin/sh", argv, None))
            for name, way in ways.items():
                result([name, way(), shown()])
            result([subprocess.run(argv, env={"CHANGED": "own"}).returncode, shown()])
            result([os.spawnve(os.P_WAIT, "/bin/sh", argv, {"PUT": "own"}), shown()])
            os.rmdir(folder)
            """,
            {**APP, "env": ["OF_APP=a"]},
            variables={"PRESENT": "x"},
        )
        for name, status, shown in results[:-2]:
            given_environ = name in ("posix_spawn", "posix_spawnp")  # os.putenv() is not in it
            self.assertEqual((status, shown), (0, "a,c,," if given_environ else "a,c,p,"), name)
        self.assertEqual(results[-2:], [[0, ",own,,"], [0, ",,own,"]])

    def test_exec_hands_it_on(self):
        code = """
            os.environ["CHANGED"] = "c"
            os.dup2(1, 5)
            os.execv("/bin/sh", ["sh", "-c", 'printf "[[[\\\\"$CHANGED\\\\"]], []]" >&5'])
            """
        results, _ = in_new_process(code, APP)
        self.assertEqual(results, [["c"]])
        results, _ = in_new_process(code.replace('execv("/bin/sh"', 'execvp("sh"'), APP)
        self.assertEqual(results, [["c"]])

    def test_children_end_as_without_us(self):
        results, _ = in_new_process(
            """
            import signal
            result([os.system("exit 3") >> 8, os.waitstatus_to_exitcode(os.system("kill -9 $$"))])
            result([os.spawnl(os.P_WAIT, "/bin/sh", "sh", "-c", "exit 4"),
                    os.spawnl(os.P_WAIT, "/bin/sh", "sh", "-c", "kill -9 $$"),
                    os.spawnl(os.P_WAIT, "/nowhere", "x")])
            """,
            APP,
        )
        self.assertEqual(results, [[3, -9], [4, -9, 127]])

    def test_names_are_checked(self):
        results, _ = in_new_process(
            """
            for name, value in (("", "x"), ("a=b", "x"), ("a", "x\\0")):
                try:
                    os.environ[name] = value
                except (OSError, ValueError) as error:
                    result(type(error).__name__)
            """,
            APP,
        )
        self.assertEqual(results, ["OSError", "ValueError", "ValueError"])

    def test_multiprocessing_spawns(self):
        results, _ = in_new_process(
            """
            import multiprocessing
            os.environ["CHANGED"] = "c"
            context = multiprocessing.get_context("spawn")
            sys.executable = os.path.realpath("/proc/self/exe")
            sys.modules["__main__"].__file__ = None
            process = context.Process(target=os._exit, args=(5,))
            process.start()
            process.join(30)
            result(process.exitcode)
            """,
            APP,
        )
        self.assertEqual(results, [5])


class Paths(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = os.path.realpath(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def make(self, path, text=""):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def make_virtualenv(self, name, system=False):
        folder = os.path.join(self.folder, name)
        packages = f"{name}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        self.make(f"{name}/pyvenv.cfg", f"include-system-site-packages = {str(system).lower()}\n")
        self.make(f"{name}/bin/python")
        os.makedirs(os.path.join(self.folder, packages))
        return folder, packages

    def test_python_path_is_in_front(self):
        a, b = os.path.join(self.folder, "a"), os.path.join(self.folder, "b")
        os.mkdir(a), os.mkdir(b)
        results, _ = in_new_process("result(sys.path[:2])", {**APP, "python_path": [a, b]})
        self.assertEqual(results, [[a, b]])

    def test_python_path_keeps_to_the_release_that_a_link_points_to(self):
        os.mkdir(os.path.join(self.folder, "41"))
        link = os.path.join(self.folder, "current")
        os.symlink("41", link)
        results, _ = in_new_process("result(sys.path[0])", {**APP, "python_path": [link]})
        self.assertEqual(results, [os.path.join(self.folder, "41")])

    def test_a_virtualenv_replaces_the_systems_packages(self):
        folder, packages = self.make_virtualenv("venv")
        self.make(f"{packages}/only_here.py", "VALUE = 1")
        self.make("elsewhere/through_pth.py", "VALUE = 2")
        self.make(f"{packages}/more.pth", os.path.join(self.folder, "elsewhere"))
        results, _ = in_new_process(
            """
            import only_here, through_pth, site
            result([only_here.VALUE, through_pth.VALUE])
            result([p for p in sys.path if p.endswith("-packages")])
            result([sys.prefix, sys.exec_prefix, sys.executable])
            result(site.getsitepackages())
            import json, lib2to3, sqlite3  # the standard library is still there
            """ if sys.version_info < (3, 13) else """
            import only_here, through_pth, site
            result([only_here.VALUE, through_pth.VALUE])
            result([p for p in sys.path if p.endswith("-packages")])
            result([sys.prefix, sys.exec_prefix, sys.executable])
            result(site.getsitepackages())
            import json, sqlite3
            """,
            {**APP, "virtualenv": folder},
        )
        self.assertEqual(results[0], [1, 2])
        self.assertEqual(results[1], [os.path.join(self.folder, packages)])
        self.assertEqual(results[2], [folder, folder, os.path.join(folder, "bin/python")])
        self.assertTrue(all(entry.startswith(folder) for entry in results[3]), results[3])

    def test_a_virtualenv_can_include_the_systems_packages(self):
        folder, packages = self.make_virtualenv("venv", system=True)
        before, _ = in_new_process("result([p for p in sys.path if p.endswith('-packages')])", APP)
        after, _ = in_new_process(
            "result([p for p in sys.path if p.endswith('-packages')])",
            {**APP, "virtualenv": folder},
        )
        self.assertEqual(after[0], [os.path.join(self.folder, packages), *before[0]])

    def test_a_real_virtualenv(self):
        folder = os.path.join(self.folder, "venv")
        version = "%d.%d" % sys.version_info[:2]
        python = os.path.join(sys.base_prefix, "bin", f"python{version}")
        if not os.path.exists(python):
            self.skipTest(f"no {python}")
        made = subprocess.run([python, "-m", "venv", "--without-pip", folder], capture_output=True)
        if made.returncode:
            self.skipTest("this Python cannot make virtual environments")
        results, _ = in_new_process(
            "result([p for p in sys.path if '-packages' in p])", {**APP, "virtualenv": folder}
        )
        expected = subprocess.run(
            [os.path.join(folder, "bin/python"), "-c",
             "import sys; print([p for p in sys.path if '-packages' in p])"],
            capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
        self.assertEqual(str(results[0]), expected.stdout.strip())

    def test_what_is_no_virtualenv_is_a_clear_error(self):
        results, _ = in_new_process("result(error)", {**APP, "virtualenv": self.folder})
        self.assertIn(f"virtualenv: {self.folder}/lib/python", results[0])
        self.assertNotIn("Traceback", results[0])


class Sharing(unittest.TestCase):
    def test_paths_and_variables_of_all_applications(self):
        results, _ = in_new_process(
            "result([sys.path[:2], os.environ['A'], os.environ['B'], os.environ['SAME']])",
            {"name": "blog", "python_path": ["/tmp"], "env": ["A=1", "SAME=x"]},
            {"name": "shop", "python_path": ["/usr", "/tmp"], "env": ["B=2", "SAME=x"]},
        )
        self.assertEqual(results, [[["/tmp", "/usr"], "1", "2", "x"]])

    def test_variables_that_disagree_are_an_error(self):
        results, _ = in_new_process(
            "result(error)",
            {"name": "blog", "env": ["A=1"]},
            {"name": "shop", "env": ["A=2"]},
        )
        self.assertEqual(
            results, ["applications blog and shop share an interpreter, but not the value of env.A"]
        )

    def test_virtualenvs_that_disagree_are_an_error(self):
        results, _ = in_new_process(
            "result(error)",
            {"name": "blog", "virtualenv": "/a"},
            {"name": "mail"},
            {"name": "shop", "virtualenv": "/b"},
        )
        self.assertIn("applications blog and shop share an interpreter", results[0])


if __name__ == "__main__":
    unittest.main()
