"""Save the file, get the new code, lose nothing: reloads in the living process."""

import json
import os
import shutil
import subprocess
import threading
import unittest

from support import fcgi
from support.host import HostTestCase, needs_modules, needs_recycling
from support.waiting import await_

#: Tells which version of the file and which generation answered, in one response.
APP = """
import os, time
VERSION = {version!r}
{at_import}
def application(environ, start_response):
    begin = "%s %d" % (VERSION, environ["fcgi_host.generation"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield (begin + "|").encode()
    yield ("%s %d" % (VERSION, environ["fcgi_host.generation"])).encode()
"""


def app(version, at_import=""):
    return APP.format(version=version, at_import=at_import)


class Load(threading.Thread):
    """Requests one after the other until stopped; keeps what answered, and every failure."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.answers = []
        self.failures = []
        self._stop_wanted = threading.Event()
        self.start()

    def run(self):
        while not self._stop_wanted.is_set():
            try:
                response = fcgi.fetch(self.address, "/")
                first, _, second = response.body.decode().partition("|")
                if response.status != 200 or first != second:
                    self.failures.append(repr(response))
                self.answers.append(first)
            except Exception as error:  # whatever it is, it counts
                self.failures.append(repr(error))

    def stop(self):
        self._stop_wanted.set()
        self.join()


class Reload(HostTestCase):
    def start_app(self, text=None, keys="", name="app.py"):
        self.app = self.write(name, text or app("v1"))
        # No budget: a sanitizer keeps freed memory, and the worker would be replaced for it.
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\n[app one]\nfile = {self.app}\n{keys}"))
        self.host.log.wait_for(r"\[app\.(loaded|failed)\]")
        return self.host

    def save(self, text, path=None):
        """As editors do: a new file renamed over the old one."""
        path = path or self.app
        with open(path + ".tmp~", "w") as f:
            f.write(text)
        os.replace(path + ".tmp~", path)

    def version(self):
        return self.host.fetch("/").body.decode().partition("|")[0].split()[0]

    def wait_switched(self, count=1):
        return self.host.log.wait_for(r"\[reload\.switched\]", count)

    def under_load(self, edit):
        """Run edit() under continuous load; every response is checked."""
        loads = [Load(self.host.address) for _ in range(4)]
        try:
            edit()
        finally:
            for load in loads:
                load.stop()
        self.assertEqual([f for load in loads for f in load.failures], [])
        return [answer for load in loads for answer in load.answers]


@needs_recycling
class WaysOfSaving(Reload):
    def check_way(self, save):
        self.start_app()
        loads = self.under_load(lambda: (save(), self.wait_switched()))
        self.assertTrue(loads)
        self.assertEqual(self.version(), "v2")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 1)
        self.host.log.wait_for(r"gen=1 \[reload\.drained\]")
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")

    def test_rename_over_as_vim_and_most_editors_do(self):
        def save():
            os.rename(self.app, self.app + "~")
            with open(self.app, "w") as f:
                f.write(app("v2"))
        self.check_way(save)

    def test_atomic_rename_as_vs_code_and_emacs_do(self):
        self.check_way(lambda: self.save(app("v2")))

    def test_truncate_and_write_as_nano_does(self):
        def save():
            with open(self.app, "r+") as f:
                f.truncate(0)
                f.write(app("v2"))
        self.check_way(save)

    def test_two_edits_of_the_same_size_within_a_second_both_count(self):
        self.start_app()
        for count, version in enumerate(("v2", "v3", "v4"), 1):
            self.save(app(version))
            self.wait_switched(count)
            self.assertEqual(self.version(), version)

    def test_touch_of_other_files_and_an_edit_that_changes_nothing_do_not_reload(self):
        module = self.write("module.py", "")
        self.start_app("import module\n" + app("v1"))
        os.utime(module)
        self.save("import module\n" + app("v1"))
        other = self.write("marker.txt", "")
        os.utime(other)
        self.save(app("v2"))  # the next real edit is the first that is detected
        self.wait_switched()
        self.assertEqual(self.host.log.count(r"\[reload\.detected\]"), 1)

    def test_a_module_that_a_request_imported_later_is_watched(self):
        module = self.write("late.py", "X = 'v1'")
        self.start_app("""
def application(environ, start_response):
    import late
    start_response("200 OK", [])
    return [(late.X + "|" + late.X).encode()]
""")
        self.assertEqual(self.version(), "v1")
        self.save("X = 'v2'", module)
        self.wait_switched()
        self.assertEqual(self.version(), "v2")

    def test_a_file_that_appears_where_an_import_had_failed(self):
        self.start_app("import missing\n" + app("v1"))
        self.assertEqual(self.host.fetch("/").status, 500)
        self.write("missing.py", "")
        self.wait_switched()
        self.assertEqual(self.version(), "v1")

    def test_watch_patterns_and_ignore(self):
        self.write("templates/a.html", "1")
        self.write("templates/skip/b.html", "1")
        self.start_app(keys="watch = templates/**/*.html\nignore = **/skip/**")
        self.write("templates/skip/b.html", "2")
        self.write("templates/deep/er/c.html", "new")
        line = self.host.log.wait_for(r"\[reload\.detected\]")
        self.wait_switched()
        self.assertIn("c.html", line)

    def test_a_directory_removed_and_made_anew(self):
        module = self.write("package/mod.py", "X = 1")
        self.start_app("import package.mod\n" + app("v1"))
        shutil.rmtree(os.path.dirname(module))
        self.host.log.wait_for(r"\[reload\.kept\]")
        self.assertEqual(self.version(), "v1")
        self.write("package/mod.py", "X = 2")
        self.wait_switched()


@needs_recycling
class Deployments(Reload):
    def test_a_symbolic_link_switch_serves_the_new_release(self):
        for release in ("41", "42"):
            self.write(f"releases/{release}/helper.py", f"X = 'v{release}'")
            self.write(f"releases/{release}/app.py", """
import helper
def application(environ, start_response):
    start_response("200 OK", [])
    return [("%s|%s" % (helper.X, helper.X)).encode()]
""")
        current = os.path.join(self.folder, "current")
        os.symlink("releases/41", current)
        self.host = self.start_host(
            "-c", self.config(f"[app one]\nfile = {current}/app.py\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.assertEqual(self.version(), "v41")

        def switch():
            os.symlink("releases/42", current + ".new")
            os.replace(current + ".new", current)
            self.wait_switched()
        self.under_load(switch)
        self.assertEqual(self.version(), "v42")
        self.write("releases/42/helper.py", "X = 'v43'")
        self.wait_switched(2)
        self.assertEqual(self.version(), "v43")

    def test_git_checkout_of_hundreds_of_files_is_one_reload_and_no_mix(self):
        git = shutil.which("git")
        if not git:
            self.skipTest("no git")
        folder = os.path.join(self.folder, "tree")
        environ = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", HOME=self.folder)

        def run(*args):
            subprocess.run([git, "-c", "user.name=t", "-c", "user.email=t@example.org", *args],
                           cwd=folder, env=environ, check=True, capture_output=True)
        count = 300
        for version in ("v1", "v2"):
            for i in range(count):
                self.write(f"tree/pkg/m{i}.py", f"VERSION = {version!r}\n")
            self.write("tree/pkg/__init__.py", "")
            self.write("tree/app.py", """
import importlib
VERSIONS = {importlib.import_module("pkg.m%%d" %% i).VERSION for i in range(%d)}
def application(environ, start_response):
    start_response("200 OK", [])
    text = "+".join(sorted(VERSIONS))
    return [("%%s|%%s" %% (text, text)).encode()]
""" % count)
            if version == "v1":
                run("init", "-q")
            run("add", "-A")
            run("commit", "-q", "-m", version)
            run("tag", version)
        run("checkout", "-q", "v1")
        self.host = self.start_host(
            "-c", self.config(f"[app one]\nfile = {folder}/app.py\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        answers = self.under_load(lambda: (run("checkout", "-q", "v2"), self.wait_switched()))
        self.assertEqual(set(answers) - {"v1", "v2"}, set())
        self.assertEqual(self.version(), "v2")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 1)


@needs_recycling
class BrokenEdits(Reload):
    def check_broken(self, text, says, keys=""):
        self.start_app(keys=keys)

        def edit():
            self.save(text)
            line = self.host.log.wait_for(r"\[reload\.kept\]")
            self.assertIn("gen", line + " gen")
        answers = self.under_load(edit)
        self.assertEqual({a.split()[0] for a in answers}, {"v1"})
        self.assertRegex(self.host.log.text, says)
        self.assertEqual(self.host.log.count(r"\[reload\.kept\]"), 1)
        self.save(app("v3"))
        self.wait_switched()
        self.assertEqual(self.version(), "v3")

    def test_a_syntax_error(self):
        self.check_broken("def application(:\n", "SyntaxError")

    def test_an_import_error(self):
        self.check_broken("import no_such_module_here\n", "ModuleNotFoundError")

    def test_a_missing_callable(self):
        self.check_broken("x = 1\n", "application")

    def test_an_exception(self):
        self.check_broken(app("v2", "raise ValueError('at import')"), "ValueError: at import")

    def test_sys_exit(self):
        self.check_broken(app("v2", "import sys; sys.exit(3)"), "SystemExit")

    def test_a_failing_check_page(self):
        self.check_broken("""
def application(environ, start_response):
    start_response("503 Service Unavailable", [])
    return [b""]
""", "check /healthz: answered 503", keys="check = /healthz")

    def test_an_endless_loop(self):
        self.start_app()
        self.host.stop()
        config = self.config(f"[fcgi_host]\nstartup_timeout_s = 1\n[app one]\nfile = {self.app}\n")
        self.host = self.start_host("-c", config)
        self.host.log.wait_for(r"\[app\.loaded\]")
        self.save(app("v2", "while True: pass"))
        self.host.log.wait_for(r"\[reload\.kept\]")
        self.assertEqual(self.version(), "v1")
        self.save(app("v3"))
        self.wait_switched()
        self.assertEqual(self.version(), "v3")

    def test_at_first_start_it_answers_500_and_the_repaired_file_is_picked_up(self):
        self.start_app("def application(:\n")
        self.assertEqual(self.host.fetch("/").status, 500)
        self.save(app("v2"))
        self.wait_switched()
        self.assertEqual(self.version(), "v2")

    def test_dev_shows_a_broken_edit_in_the_browser_until_it_is_repaired(self):
        self.start_app(keys="dev = on")
        self.save("def application(:\n")
        self.host.log.wait_for(r"\[reload\.kept\]")
        response = self.host.fetch("/")
        self.assertEqual(response.status, 500)
        self.assertIn(b"SyntaxError", response.body)
        self.save(app("v2"))
        self.wait_switched()
        self.assertEqual(self.version(), "v2")


@needs_recycling
class Leftovers(Reload):
    """What an application leaves running must not crash or hang the host."""

    def check_leftover(self, at_import, ends=r"\[(reload\.retired|interpreter\.zombie)\]"):
        self.start_app(app("v1", at_import))
        for count in range(1, 4):
            self.save(app(f"v{count + 1}", at_import))
            self.wait_switched(count)
            self.host.log.wait_for(ends, count)
        self.assertEqual(self.version(), "v4")
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)

    def test_a_daemon_thread_that_loops(self):
        self.check_leftover("""
import threading
def loop():
    while True: time.sleep(0.01)
threading.Thread(target=loop, daemon=True).start()""", r"\[reload\.retired\]")

    def test_a_thread_that_waits_for_an_event_of_its_own_and_is_told_by_atexit(self):
        self.check_leftover("""
import atexit, threading
done = threading.Event()
threading.Thread(target=done.wait).start()
atexit.register(done.set)""", r"\[reload\.retired\]")

    def test_an_executor_and_an_event_loop(self):
        self.check_leftover("""
import asyncio, concurrent.futures, threading
pool = concurrent.futures.ThreadPoolExecutor(2)
pool.submit(time.sleep, 0.01)
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
import fcgi_host
fcgi_host.on_retire(lambda: loop.call_soon_threadsafe(loop.stop))""", r"\[reload\.retired\]")

    def test_exit_functions_run_in_the_generation_that_ends(self):
        marker = os.path.join(self.folder, "ended")
        self.start_app(app("v1", f"""
import atexit, fcgi_host
def note(what):
    with open({marker!r}, "a") as f: f.write(what + " v1\\n")
atexit.register(note, "atexit")
fcgi_host.on_retire(lambda: note("on_retire"))"""))
        self.save(app("v2"))
        self.host.log.wait_for(r"gen=1 \[reload\.retired\]")
        with open(marker) as f:
            self.assertEqual(f.read(), "on_retire v1\natexit v1\n")

    def test_a_thread_stuck_in_c_makes_a_zombie_and_in_the_end_a_new_worker(self):
        # A read of a pipe that nobody writes to is never interrupted.
        stuck = """
import threading
r, w = os.pipe()
threading.Thread(target=os.readv, args=(r, [bytearray(1)]), daemon=True).start()"""
        self.start_app(app("v1", stuck))
        for count in range(1, 4):
            self.save(app(f"v{count + 1}", stuck))
            line = self.host.log.wait_for(r"\[interpreter\.zombie\]", count)
            self.assertRegex(line, r"threads do not end: Thread-1 \(readv\) at .*threading\.py:\d+$")
        self.save(app("v5"))
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.version() == "v5", "the new worker's answer")

    def test_a_zombie_says_who_started_its_thread(self):
        # A C library calls back, in a thread that Python has not started.
        self.start_app(app("v1", """
import ctypes
r, w = os.pipe()
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def wait(_):
    os.readv(r, [bytearray(1)])
ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, wait, None)"""), "on_stale = warn")
        self.save(app("v2"))
        line = self.host.log.wait_for(r"\[interpreter\.zombie\]")
        self.assertRegex(line, r"threads do not end: a thread of C code at .*app\.py:\d+; "
                               r"threads started by [^,]*(libffi|_ctypes)[^,]*$")

    def test_a_long_response_is_finished_by_the_generation_that_began_it(self):
        self.start_app("""
import threading
go = threading.Event()
def application(environ, start_response):
    start_response("200 OK", [])
    yield b"begin v1 "
    if environ["PATH_INFO"] == "/wait":
        go.wait(20)
    elif environ["PATH_INFO"] == "/go":
        go.set()
    yield b"end v1"
""")
        with self.host.connect() as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/wait")))
            while b"begin" not in connection.read_record().content:
                pass
            self.save(app("v2"))
            self.wait_switched()
            self.assertEqual(self.version(), "v2")
            self.assertEqual(self.host.log.count(r"gen=1 \[reload\.retired\]"), 0)
            connection.close()


@needs_recycling
class Asked(Reload):
    def command(self, *args):
        return subprocess.run([self.host.args[0], *args, "-s", self.control],
                              capture_output=True, text=True, timeout=60)

    def start_with_control(self, keys="", apps=None):
        self.app = self.write("app.py", app("v1"))
        other = self.write("other/other.py", app("o1"))
        self.control = os.path.join(self.folder, "control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n[app one]\nfile = {self.app}\n{keys}\n"
            f"[app two]\nfile = {other}\nmount = /two\n"))
        self.host.log.wait_for(r"\[app\.loaded\]", 2)
        self.assertEqual(self.version(), "v1")  # a worker that does not accept yet is replaced

    def status(self, name="one"):
        result = self.command("status", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        apps = json.loads(result.stdout)["workers"][0]["apps"]
        return next(each for each in apps if each["name"] == name)

    def test_reload_by_hand_recycles_what_it_names_and_waits(self):
        self.start_with_control()
        result = self.command("reload", "one")
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(self.status("one")["generation"], 2)
        self.assertEqual(self.status("two")["generation"], 1)
        self.assertEqual(self.status("one")["reload"]["last"]["outcome"], "switched")

    def test_reload_by_hand_of_broken_code_fails_and_keeps_the_old(self):
        self.start_with_control(keys="reload = off")
        self.save("def application(:\n")
        result = self.command("reload", "one")
        self.assertEqual(result.returncode, 1, result)
        self.assertEqual(self.version(), "v1")
        self.assertEqual(self.status("one")["reload"]["strategy"], "off")

    def test_status_tells_strategy_and_last_reload(self):
        self.start_with_control()
        self.save(app("v2"))
        self.wait_switched()
        reload = self.status("one")["reload"]
        self.assertEqual(reload["strategy"], "interpreter")
        self.assertEqual(reload["last"]["outcome"], "switched")
        self.assertEqual(reload["last"]["cause"], f"changed: {self.app}")
        self.assertIsNone(self.status("two")["reload"]["last"])

    def test_strategy_worker_replaces_the_worker_and_loses_nothing(self):
        self.start_with_control(keys="reload = worker")
        before = self.host.children()

        def edit():
            self.save(app("v2"))
            self.host.log.wait_for(r"\[worker\.replaced\]")
        self.under_load(edit)
        await_(lambda: self.version() == "v2", "the new worker's answer")
        self.assertNotEqual(self.host.children(), before)

    def test_reload_off_watches_nothing(self):
        self.start_with_control(keys="reload = off")
        self.save(app("v2"))
        other = os.path.join(self.folder, "other", "other.py")
        self.save(app("o2"), other)
        self.host.log.wait_for(r"app=two .*\[reload\.switched\]")
        self.assertEqual(self.version(), "v1")


@needs_recycling
class Many(Reload):
    def test_one_of_twenty_is_edited_and_the_others_do_not_notice(self):
        files = [self.write(f"a{i}/app{i}.py", app("v1")) for i in range(20)]
        sections = "".join(f"[app a{i}]\nfile = {file}\nmount = /a{i}\nthreads = 1\n"
                           for i, file in enumerate(files))
        self.host = self.start_host("-c", self.config(sections))
        self.host.log.wait_for(r"\[app\.loaded\]", 20)
        self.save(app("v2"), files[7])
        self.wait_switched()
        for i in range(20):
            version, generation = self.host.fetch(f"/a{i}").body.decode().split("|")[0].split()
            self.assertEqual((version, generation), ("v2", "2") if i == 7 else ("v1", "1"))
        self.assertEqual(self.host.log.count(r"\[reload\.detected\]"), 1)

    def test_two_names_in_one_interpreter_reload_once(self):
        file = self.write("app.py", app("v1"))
        self.app = file
        self.host = self.start_host("-c", self.config(
            f"[app one]\nfile = {file}\ninterpreter = both\nmount = /1\n"
            f"[app two]\nfile = {file}\ninterpreter = both\nmount = /2\n"))
        self.host.log.wait_for(r"\[app\.loaded\]", 2)
        self.save(app("v2"))
        self.wait_switched(2)  # one line for each application
        for path in ("/1", "/2"):
            self.assertTrue(self.host.fetch(path).body.startswith(b"v2 2"))

    @needs_modules("flask")
    def test_flask_is_recycled_again_and_again_under_load(self):
        text = """
from flask import Flask
app = Flask(__name__)
@app.route("/")
def index():
    return "{version}|{version}"
"""
        self.start_app(text.format(version="v1"))

        def edit():
            for count in range(1, 11):
                self.save(text.format(version=f"v{count + 1}"))
                self.wait_switched(count)
        self.under_load(edit)
        self.assertEqual(self.version(), "v11")
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)


class OnAnyPython(Reload):
    def test_an_edit_is_served_and_nothing_is_lost(self):
        self.start_app()

        def edit():
            self.save(app("v2"))
            await_(lambda: self.version() == "v2", "the new code")
        self.under_load(edit)

    def test_a_broken_edit_keeps_the_old_code(self):
        self.start_app()

        def edit():
            self.save("def application(:\n")
            self.host.log.wait_for(r"\[(reload|worker)\.kept\]")
        answers = self.under_load(edit)
        self.assertEqual({answer.split()[0] for answer in answers}, {"v1"})
        self.save(app("v3"))
        await_(lambda: self.version() == "v3", "the repaired code")


if __name__ == "__main__":
    unittest.main()
