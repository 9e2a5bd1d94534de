"""Files of extensions that are replaced while they are loaded: the new ones need a new process."""

import json
import os
import shutil
import subprocess
import unittest

from support.host import HostTestCase, needs_recycling
from support.waiting import await_

#: With a folder of each version of the module `replaceable` and of its library.
EXTENSIONS = os.environ.get("EXTENSIONS")
MODULE, LIBRARY = "replaceable.so", "libreplaceable_part.so"

APP = """
{at_import}
VERSION = {version!r}
def versions():
    import replaceable
    return replaceable.versions()
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    which = versions() if "ext" in environ["PATH_INFO"] else (0, 0)
    return [("%s %d %d" % (VERSION, *which)).encode()]
"""


def app(version, at_import="import replaceable"):
    return APP.format(version=version, at_import=at_import)


@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Replaced(HostTestCase):
    def start(self, *sections, settings=""):
        """One application for each (name, text, keys)."""
        self.control = self.path("control")
        self.put(MODULE, 1)
        self.put(LIBRARY, 1)
        text = f"[fcgi_host]\nrecycle_budget_mb = 0\ncontrol = {self.control}\n{settings}\n"
        for name, source, keys in sections:
            file = self.write(f"{name}.py", source)
            text += f"[app {name}]\nmount = /{name}\nfile = {file}\n{keys}\n"
        self.host = self.start_host("-c", self.config(text))
        self.host.log.wait_for(r"\[app\.loaded\]", len(sections))

    def place(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, version):
        """As pip and dpkg do: a new file renamed over the old one."""
        new = shutil.copy(f"{EXTENSIONS}/replaceable_{version}/{name}", self.place(name) + ".new~")
        os.replace(new, self.place(name))

    def put_in_place(self, name, version):
        with open(f"{EXTENSIONS}/replaceable_{version}/{name}", "rb") as new, \
                open(self.place(name), "r+b") as file:
            content = new.read()
            self.assertEqual(len(content), os.path.getsize(file.name))
            file.write(content)

    def save(self, name, text):
        os.replace(self.write(f"{name}.py.tmp~", text), self.place(f"{name}.py"))

    def answer(self, name="one", path="/ext"):
        return self.host.fetch(f"/{name}{path}").body.decode()

    def reload_by_hand(self):
        subprocess.run([self.host.args[0], "reload", "-s", self.control], check=True, timeout=60)

    def replaced(self, why):
        """A new worker was needed, for this reason."""
        self.assertRegex(self.host.log.wait_for(r"\[worker\.replaced\]"), why)

    def await_spare(self):
        try:
            self.host.log.wait_for(r"\[spare\.ready\]")
        except AssertionError as error:
            raise AssertionError(f"{self.status_of()['preload']}\n{error}") from None

    def status_of(self, name="one"):
        out = subprocess.run([self.host.args[0], "status", "--json", "-s", self.control],
                             capture_output=True, check=True, timeout=30).stdout
        return next(each for worker in json.loads(out)["workers"]
                    for each in worker["apps"] if each["name"] == name)


@needs_recycling
class InAnInterpreter(Replaced):
    def start_one(self, keys=""):
        self.start(("one", app("v1"), keys))
        self.assertEqual(self.answer(), "v1 1 1")

    def test_a_module_that_nothing_was_replaced_of_is_recycled(self):
        self.start_one()
        self.save("one", app("v2"))
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v2 1 1")
        self.assertEqual(self.status_of()["reload"]["strategy"], "interpreter")

    def test_a_module_alone(self):
        self.start_one()
        self.put(MODULE, 2)
        self.replaced(r"extension replaceable was loaded from another file .*/replaceable\.so$")
        await_(lambda: self.answer() == "v1 2 1", "the new module's answer")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)
        self.assertEqual(self.status_of()["reload"]["strategy"], "interpreter")

    def test_a_library_alone(self):
        self.start_one()
        self.put(LIBRARY, 2)
        self.replaced(r"a library of replaceable was loaded from another file .*_part\.so$")
        await_(lambda: self.answer() == "v1 1 2", "the new library's answer")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)

    def test_with_code_that_is_edited_at_the_same_time(self):
        self.start_one()
        self.put(LIBRARY, 2)
        self.put(MODULE, 2)
        self.save("one", app("v2"))
        self.replaced("replaceable was loaded from another file")
        await_(lambda: self.answer() == "v2 2 2", "the new code's answer")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)

    def test_in_place(self):
        self.start_one()
        self.put_in_place(MODULE, 2)
        self.save("one", app("v2"))
        self.replaced("extension replaceable was loaded from another file")
        await_(lambda: self.answer() == "v2 2 1", "the new code's answer")

    def test_one_that_is_cut_short(self):
        for name in (MODULE, LIBRARY):
            with self.subTest(name=name):
                self.start_one()
                os.truncate(self.place(name), 0)
                self.save("one", app("v2", at_import=""))
                # The check copies what it reads of the file. CPython reads the module's definition and
                # types where they are, when it collects garbage or the check follows objects.
                line = self.host.log.wait_for(r"\[worker\.(replaced|crashed)\]")
                self.assertRegex(line, "replaceable was loaded from another file|died of SIGBUS")
                # It may die until here: CPython reads the module when it ends, too.
                await_(lambda: self.answer(path="/") == "v2 0 0", "the new code's answer")
                self.host.stop()

    def test_with_reload_restart_and_reload_interpreter(self):
        for mode in ("restart", "interpreter"):
            with self.subTest(mode=mode):
                self.start_one(f"reload = {mode}")
                self.put(MODULE, 2)
                self.replaced("extension replaceable was loaded from another file")
                await_(lambda: self.answer() == "v1 2 1", "the new module's answer")
                self.host.stop()

    def test_a_module_that_a_request_has_imported(self):
        self.start(("one", app("v1", at_import=""), ""))
        self.assertEqual(self.answer(), "v1 1 1")
        self.put(MODULE, 2)
        self.replaced("extension replaceable was loaded from another file")
        await_(lambda: self.answer() == "v1 2 1", "the new module's answer")

    def test_a_library_that_a_request_has_loaded(self):
        self.start(("one", app("v1", at_import=""), ""))
        self.assertEqual(self.answer(), "v1 1 1")
        self.put(LIBRARY, 2)
        self.replaced("a library of replaceable was loaded from another file")
        await_(lambda: self.answer() == "v1 1 2", "the new library's answer")

    def test_one_that_is_written_whenever_it_is_loaded(self):
        self.start_one()
        write = f"with open({self.place(MODULE)!r}, 'r+b') as file:\n" \
                "    content = file.read()\n    file.seek(0)\n    file.write(content)\n"
        self.save("one", app("v2", at_import=write + "import replaceable"))
        self.replaced("replaceable was loaded from another file")
        await_(lambda: self.answer() == "v2 1 1", "the new code's answer")
        self.reload_by_hand()
        self.assertEqual(self.answer(), "v2 1 1")
        self.assertEqual(self.host.log.count(r"loaded from files that were replaced"), 0)

    def test_a_reload_by_hand(self):
        self.start_one("reload = off")
        self.put(MODULE, 2)
        self.reload_by_hand()
        self.assertEqual(self.answer(), "v1 2 1")

    def test_an_interpreter_that_does_not_use_it_is_recycled(self):
        self.start(("one", app("v1"), "reload = off"), ("two", app("v1", at_import=""), ""))
        self.put(MODULE, 2)
        self.save("two", app("v2", at_import=""))
        self.host.log.wait_for(r" app=two .*\[reload\.switched\]")
        self.assertEqual(self.answer("two", "/"), "v2 0 0")

    def test_code_that_comes_to_use_it_when_it_is_replaced(self):
        self.start(("one", app("v1"), "reload = off"), ("two", app("v1", at_import=""), ""))
        self.put(MODULE, 2)
        self.save("two", app("v2"))
        self.replaced("extension replaceable was loaded from another file")
        await_(lambda: self.answer("two") == "v2 2 1", "the new code's answer")
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)

    def test_a_spare_that_was_made_before(self):
        for name in (MODULE, LIBRARY):
            with self.subTest(name=name):
                self.start_one("spare = on")
                self.await_spare()
                self.put(name, 2)
                self.save("one", app("v2"))
                self.replaced("replaceable was loaded from another file")
                await_(lambda: "2" in self.answer().split(" ", 1)[1], "the new file's answer")
                self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)
                self.host.stop()

    def test_a_script_that_comes_later(self):
        script = self.write("www/late.py", app("script"))
        root = os.path.dirname(script)

        def answer():
            return self.host.fetch("/ext", SCRIPT_FILENAME=script, SCRIPT_NAME="/late.py",
                                   DOCUMENT_ROOT=root).body.decode()
        self.start(("one", app("v1"), "reload = off"),
                   settings=f"[scripts]\nroot = {root}\npython_path = {self.folder}")
        self.put(MODULE, 2)
        self.assertIn(answer(), ("script 1 1", "script 2 1"))
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: answer() == "script 2 1", "the new module's answer")


class InTheMainInterpreter(Replaced):
    def test_a_library_alone(self):
        self.start(("one", app("v1"), "interpreter = main\npreload = off"))
        self.assertEqual(self.answer(), "v1 1 1")
        self.put(LIBRARY, 2)
        self.replaced("it runs in the main interpreter")
        await_(lambda: self.answer() == "v1 1 2", "the new library's answer")

    def test_workers_are_not_forked_from_what_was_replaced(self):
        for name, answer in ((MODULE, "v2 2 1"), (LIBRARY, "v2 1 2")):
            with self.subTest(name=name):
                self.start(("one", app("v1"), f"interpreter = main\npreload = replaceable\n"
                                            f"python_path = {self.folder}"))
                self.host.log.wait_for(r"\[template\.ready\]")
                self.put(name, 2)
                self.save("one", app("v2"))
                self.host.log.wait_for(r"\[worker\.replaced\]")
                await_(lambda: self.answer().startswith("v2"), "the new worker")
                self.assertEqual(self.answer(), answer)
                self.host.stop()
