"""state_dir: what was learnt of applications is known at the next start of the host."""

import json
import os
import shutil
import signal
import stat
import unittest

from support.host import HostTestCase, needs_modules, needs_recycling, run, status_of
from support.waiting import await_

APPLICATION = """
version = {version!r}

def application(environ, start_response):
    {late}
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %s" % (version, environ["fcgi_host.interpreter"])).encode()]
"""

#: Crashes in a sub-interpreter, is well in the main one.
CRASHES = """
import fcgi_host
if fcgi_host.info()["interpreter"] != "main":
    import ctypes
    ctypes.string_at(0)
"""

EXTENSIONS = os.environ.get("EXTENSIONS")


class Memory(HostTestCase):
    def setUp(self):
        self.state = self.path("state")
        self.env = {}
        self.keys = {}

    def application(self, name, first="", late="", version=1):
        return self.write(f"{name}.py", f"{first}\n" + APPLICATION.format(late=late, version=version))

    def save(self, name, *args, **kw):
        """As an editor does: the file is never there in part."""
        path = os.path.join(self.folder, f"{name}.py")
        os.replace(self.application(f"{name}.new", *args, **kw), path)

    def begin(self, names="ab", state_dir=True, wait=r"\[host\.ready\]"):
        self.control = self.path("control")
        text = f"[fcgi_host]\ncontrol = {self.control}\n"
        if state_dir:
            text += f"state_dir = {self.state if state_dir is True else state_dir}\n"
        for name in names:
            text += (f"[app {name}]\nfile = {os.path.join(self.folder, name)}.py\n"
                     f"mount = /{name}\n{self.keys.get(name, '')}\n")
        self.conf = self.config(text)
        self.host = self.start_host("-c", self.conf, env=self.env)
        self.host.log.wait_for(wait)
        return self.host

    def end(self):
        self.host.signal(signal.SIGTERM)
        self.assertEqual(self.host.wait(), 0)

    def again(self, *args, **kw):
        self.end()
        return self.begin(*args, **kw)

    def answer(self, name):
        response = self.host.fetch(f"/{name}/")
        return response.body.decode() if response.status == 200 else str(response.status)

    def placed(self):
        return [line.split("[app.placed] ")[1] for line in self.host.log.lines
                if "[app.placed]" in line]

    def status(self):
        return {app["name"]: {**app, "process": worker["process"]}
                for worker in status_of(self.control)["workers"] for app in worker["apps"]}

    @property
    def file(self):
        return os.path.join(self.state, "placement.json")

    def entries(self):
        with open(self.file, encoding="utf-8") as f:
            return json.load(f)["entries"]

    def kept(self):
        """The entries, once there are some: they are written after the application has moved."""
        await_(lambda: os.path.exists(self.file) and self.entries(), "what was learnt to be kept")
        return self.entries()

    def assert_learnt_before(self, name="b"):
        self.assertEqual(len(self.placed()), 1)
        self.assertRegex(self.placed()[0],
                         f'^gets a process of its own, "{name}", as was learnt 20')


def copy_lxml(folder):
    """An extension of the test's own, to be changed; its file."""
    import lxml.etree
    shutil.copytree(os.path.dirname(lxml.etree.__file__), os.path.join(folder, "lxml"))
    return os.path.join(folder, "lxml", os.path.basename(lxml.etree.__file__))


@needs_modules("lxml.etree")
class Refusals(Memory):
    def setUp(self):
        super().setUp()
        self.library = self.path("library")
        self.extension = copy_lxml(self.library)
        self.keys["b"] = f"python_path = {self.library}"
        self.application("a")
        self.application("b", "import lxml.etree")

    def test_the_next_start_begins_right(self):
        self.begin()
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        before = self.status()["b"]["placement"]
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.state).st_mode), 0o700)
        self.assertEqual(os.listdir(self.state), ["placement.json"])
        entry, = self.entries()
        self.assertEqual((entry["verdict"], entry["file"], entry["met"]),
                         ("refuses", self.extension, "load"))
        self.again()
        self.assert_learnt_before()
        self.assertIn("lxml.etree refuses", self.placed()[0])
        self.assertEqual([self.answer("a"), self.answer("b")], ["1 a", "1 main"])
        status = self.status()
        self.assertEqual((status["a"]["process"], status["b"]["process"]), ("shared", "b"))
        self.assertEqual(status["b"]["placement"], before)
        self.assertEqual(self.entries(), [entry])

    def test_the_first_request_does_not_meet_the_refusal_again(self):
        self.application("b", late="import lxml.etree")
        self.begin()
        self.assertEqual(self.answer("b"), "1 main")
        self.assertEqual(self.kept()[0]["met"], "later")
        self.again()
        self.assertEqual(self.answer("b"), "1 main")
        self.assert_learnt_before()

    def test_an_edit_that_makes_it_refuse_is_remembered(self):
        self.application("b")
        self.begin()
        self.assertEqual(self.answer("b"), "1 b")
        self.save("b", "import lxml.etree", version=2)
        await_(lambda: self.answer("b") == "2 main", "its own process")
        self.assertEqual(self.kept()[0]["file"], self.extension)
        self.again()
        self.assert_learnt_before()

    def test_one_that_does_not_load_in_a_process_of_its_own_is_not_remembered(self):
        self.application("b")
        self.begin()
        self.save("b", "import lxml.etree\n1 / 0", version=2)
        self.host.log.wait_for(r"app=b .*\[worker\.kept\]")
        self.assertFalse(os.path.exists(self.file))

    def test_another_extension_file_is_learnt_again(self):
        self.begin()
        os.utime(self.extension, (1000000000, 1000000000))
        self.end()
        self.assertRegex(self.host.log.wait_for(r"app=b \[state\.forgotten\]"), "has changed")
        self.assertEqual(self.entries(), [])
        self.begin()
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.again()
        self.assert_learnt_before()

    def test_without_the_extension_it_is_in_the_shared_process(self):
        self.begin()
        self.end()
        shutil.rmtree(self.library)
        self.application("b")
        self.begin()
        self.assertRegex(self.host.log.wait_for(r"app=b \[state\.forgotten\]"), "is gone")
        self.assertEqual((self.placed(), self.answer("b")), ([], "1 b"))

    def test_another_python_learns_again(self):
        self.begin()
        self.end()
        with open(self.file, encoding="utf-8") as f:
            text = f.read()
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(text.replace('"python":"3.', '"python":"2.'))
        self.begin()
        self.assertRegex(self.host.log.wait_for(r"app=b \[state\.forgotten\]"),
                         r"learnt with Python 2\.")
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.assertEqual(len(self.entries()), 1)

    def test_other_applications_in_the_interpreter_are_learnt_again(self):
        self.begin()
        self.keys["c"] = self.keys["b"] + "\ninterpreter = b"
        self.application("c")
        self.again("abc")
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.again("abc")
        self.assert_learnt_before()
        self.assertEqual(len(self.entries()), 1)

    def test_one_that_does_without_its_extension_is_tried_in_the_shared_process_again(self):
        self.begin()
        self.application("b")
        self.again()
        self.assert_learnt_before()
        self.assertRegex(self.host.log.wait_for(r"app=b \[state\.forgotten\]"), "do without")
        self.assertEqual(self.answer("b"), "1 main")
        self.again()
        self.assertEqual((self.placed(), self.answer("b")), ([], "1 b"))

    def test_an_extension_that_a_request_imports_is_missed_after_many_requests(self):
        self.application("b", late="import lxml.etree")
        self.begin()
        self.answer("b")
        await_(lambda: self.answer("b") == "1 main", "its own process")
        self.application("b")
        self.again()
        self.again()  # it was not asked: nothing is known
        self.assert_learnt_before()
        for _ in range(100):
            self.answer("b")
        self.again()
        self.assertEqual((self.placed(), self.answer("b")), ([], "1 b"))

    def test_an_application_that_is_alone_is_in_the_main_interpreter_at_once(self):
        self.begin("b")
        self.assertEqual(self.host.log.count(r"\[worker\.started\]"), 2)
        self.again("b")
        self.assertEqual(self.host.log.count(r"\[worker\.started\]"), 1)
        self.assertRegex(self.placed()[0], "^lives in the main interpreter, as was learnt 20")
        self.assertEqual(self.answer("b"), "1 main")

    def test_a_process_that_applications_share_on_purpose(self):
        self.keys["b"] += "\nprocess = web\n"
        self.keys["c"] = "process = web\n[process web]\n"
        self.application("c")
        self.begin("abc")
        self.again("abc")
        self.assertEqual([self.answer(name) for name in "abc"], ["1 a", "1 main", "1 c"])
        self.assertRegex(self.placed()[0], "^lives in the main interpreter, as was learnt 20")

    def test_groups_that_have_the_name_already(self):
        self.keys["c"] = "process = own"
        self.keys["b"] += "\ninterpreter = c"
        self.application("c")
        for _ in range(2):
            self.begin("abc")
            status = self.status()
            self.assertEqual([status[name]["process"] for name in "abc"], ["shared", "c-2", "c"])
            self.assertEqual(self.answer("b"), "1 main")
            self.end()
        self.begin("abc")

    def test_an_application_that_a_new_configuration_brings(self):
        self.begin()
        self.again("a")
        self.assertEqual(self.placed(), [])
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write(f"[app b]\nfile = {self.folder}/b.py\nmount = /b\n{self.keys['b']}\n")
        self.host.signal(signal.SIGHUP)
        await_(lambda: self.answer("b") == "1 main", "the new application")
        self.assert_learnt_before()
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.replaced\]", 3)
        self.assertEqual((self.answer("b"), len(self.placed())), ("1 main", 1))

    def test_a_new_configuration_that_does_not_come_into_effect(self):
        self.begin()
        self.keys["a"] = "reload = off"
        self.again("a")
        with open(self.conf, "a", encoding="utf-8") as f:
            f.write(f"[app b]\nfile = {self.folder}/b.py\nmount = /b\n{self.keys['b']}\n")
        self.save("a", "1 / 0")
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[host\.config\] the configuration in effect stays")
        self.assertEqual(set(self.status()), {"a"})
        self.assertEqual(self.answer("a"), "1 a")
        self.save("a", version=2)
        self.host.signal(signal.SIGHUP)
        await_(lambda: self.answer("b") == "1 main", "the new application")
        self.assertEqual(self.answer("a"), "2 a")
        self.assert_learnt_before()

    def test_a_reload_by_hand_changes_no_placement(self):
        self.begin()
        self.again()
        code, _, err = run("reload", "-s", self.control, "b")
        self.assertEqual(code, 0, err)
        self.assertEqual((self.answer("b"), len(self.placed())), ("1 main", 1))
        self.assertEqual(self.status()["b"]["process"], "b")

    # ---- The folder ----

    def test_off(self):
        self.env["STATE_DIRECTORY"] = self.state
        os.mkdir(self.state)
        self.begin(state_dir="off")
        self.again(state_dir="off")
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.assertEqual(os.listdir(self.state), [])

    def test_without_a_folder_nothing_is_kept(self):
        self.env["STATE_DIRECTORY"] = ""
        self.env["XDG_STATE_HOME"] = "relative"
        self.begin(state_dir=False)
        self.again(state_dir=False)
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.assertEqual(self.host.log.count(r"\[state\."), 0)

    def test_the_folder_of_systemd(self):
        self.env["STATE_DIRECTORY"] = f"{self.state}:{self.path('other')}"
        self.env["XDG_STATE_HOME"] = self.path("xdg")
        self.begin(state_dir=False)
        self.assertEqual(len(self.entries()), 1)
        self.again(state_dir=False)
        self.assert_learnt_before()

    def test_the_folder_of_a_user(self):
        self.env["XDG_STATE_HOME"] = self.folder
        self.state = os.path.join(self.folder, "fcgi_host")
        self.addCleanup(shutil.rmtree, self.state)
        self.begin(state_dir=False)
        self.assertEqual(len(self.entries()), 1)
        self.again(state_dir=False)
        self.assert_learnt_before()

    def test_a_folder_that_cannot_be_written(self):
        self.state = "/proc/no/such/folder"
        self.begin()
        self.assertEqual(self.host.log.count(r"\[state\.failed\]"), 1)
        self.assertRegex(self.host.log.text, r"state\.failed\] .*/proc/no/such/folder cannot be")
        self.assertEqual([self.answer("a"), self.answer("b")], ["1 a", "1 main"])

    def test_two_hosts_share_a_folder(self):
        self.begin()
        first, control = self.host, self.control
        self.application("c", "import lxml.etree")
        self.keys["c"] = self.keys["b"]
        self.begin("ac")
        self.assertEqual(len(self.entries()), 2)
        self.host, second = first, self.host
        self.control = control
        self.again()
        self.assert_learnt_before("b")
        self.host = second
        self.again("ac")
        self.assert_learnt_before("c")
        self.assertEqual(len(self.entries()), 2)

    # ---- A file that this host has not written ----

    def check_set_aside(self):
        self.assertEqual(self.host.log.count(r"\[state\.corrupt\]"), 1)
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": lxml.etree refuses')
        self.assertEqual([self.answer("a"), self.answer("b")], ["1 a", "1 main"])
        self.assertEqual(sorted(os.listdir(self.state)), ["placement.json", "placement.json.bad"])
        self.assertEqual(len(self.entries()), 1)
        self.again()
        self.assert_learnt_before()
        self.end()

    def test_what_is_no_memory_is_set_aside(self):
        self.begin()
        self.end()
        with open(self.file, encoding="utf-8") as f:
            good = f.read()
        for text in ("", "{", "[]", "null", "{}", '{"format":1}', '{"format":2,"entries":[]}',
                     '{"format":1,"entries":[1]}', '{"format":1,"entries":[{}]}', "[" * 100000,
                     good.replace('"size":', '"size":"'), good.replace('"file":"/', '"file":"'),
                     good.replace('"since":', '"since":-'), good.replace("b", "\\u0000"),
                     good.replace('"since":', '"since":999999999'), good + good,
                     good.replace("refuses", "\x00"), " " * 2000000 + good, "\udcff"):
            with self.subTest(text=text[:60]):
                shutil.rmtree(self.state)
                os.mkdir(self.state)
                with open(self.file, "w", encoding="utf-8", errors="surrogateescape") as f:
                    f.write(text)
                os.chmod(self.file, 0o600)
                self.begin()
                self.check_set_aside()

    def test_a_file_that_others_can_have_written_is_set_aside(self):
        self.begin()
        self.end()
        good = self.path("good")
        os.rename(self.file, good)

        def link():
            os.symlink(good, self.file)

        def writable():
            shutil.copy(good, self.file)
            os.chmod(self.file, 0o622)

        def fifo():
            os.mkfifo(self.file, 0o600)

        def folder():
            os.mkdir(self.file)

        def foreign():
            shutil.copy(good, self.file)
            os.chown(self.file, 1, -1)

        for make in (link, writable, fifo, folder) + ((foreign,) if os.geteuid() == 0 else ()):
            with self.subTest(make.__name__):
                shutil.rmtree(self.state)
                os.mkdir(self.state)
                make()
                self.begin()
                self.check_set_aside()
        self.assertTrue(os.path.isfile(good), "what the link named is as it was")


class Crashes(Memory):
    def setUp(self):
        super().setUp()
        self.application("a")
        self.application("b", CRASHES)

    def test_a_crash_while_loading_is_not_repeated(self):
        self.begin()
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 1)
        self.assertEqual(self.answer("b"), "1 main")
        entry, = self.entries()
        self.assertEqual((entry["verdict"], entry["file"]), ("crashes", f"{self.folder}/b.py"))
        self.again()
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)
        self.assert_learnt_before()
        self.assertEqual([self.answer("a"), self.answer("b")], ["1 a", "1 main"])

    def test_another_wsgi_file_is_tried_again(self):
        self.begin()
        self.application("b")
        self.again()
        self.assertEqual((self.placed(), self.answer("b")), ([], "1 b"))
        self.assertEqual(self.entries(), [])

    def test_one_that_crashes_in_its_own_process_too_is_not_remembered(self):
        self.application("b", "import ctypes\nctypes.string_at(0)")
        self.begin(wait=r"app=b .*\[app\.failed\] not loaded again")
        self.assertEqual(self.answer("a"), "1 a")
        await_(lambda: self.entries() == [], "it to be forgotten")

    def test_alone(self):
        for crashes in (1, 0):
            self.begin("b")
            self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), crashes)
            self.assertEqual(self.answer("b"), "1 main")
            self.end()
        self.begin("b")


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Stale(Memory):
    def test_what_cannot_be_recycled_begins_in_a_process_of_its_own(self):
        use = (f"import string, sys\nsys.path.insert(0, {EXTENSIONS!r})\nimport lazy_class\n"
               "lazy_class.is_template(string.Template('$x'))\n")
        self.application("a")
        self.application("b", use)
        self.begin()
        self.save("b", use, version=2)
        await_(lambda: self.answer("b") == "2 main", "its own process")
        entry, = self.kept()
        self.assertIn(entry["verdict"], ("stale", "dangling", "shared", "reinitialised"))
        self.assertTrue(entry["file"].startswith(EXTENSIONS), entry)
        self.again()
        self.assert_learnt_before()
        self.assertEqual(self.answer("b"), "2 main")


if __name__ == "__main__":
    unittest.main()
