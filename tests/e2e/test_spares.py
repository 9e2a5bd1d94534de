"""Spares: when one is made, used and given up."""

import os
import unittest

from support.spares import LIBRARIES, OneApplication, app
from support.waiting import await_

LATE = """
import threading
def report():
    return "loaded"
def application(environ, start_response):
    start_response("200 OK", [])
    name = environ["PATH_INFO"].strip("/")
    if name == "set":
        import os
        os.environ["MODE"] = "set by a request"
    elif name:
        return [repr(__import__(name).X).encode()]
    return [str(environ["fcgi_host.generation"]).encode()]
"""


class Making(OneApplication):
    def test_on_makes_one_after_the_load_and_after_each_reload(self):
        self.start(app("v1"))
        for generation in (2, 3, 4):
            self.edit(app(f"v{generation}"))
            self.switched(generation)
            self.assertEqual(self.answer(), repr((f"v{generation}", 1, 2)))
            self.await_spare(self.name, generation)
        self.assertEqual(self.colds(), 0)
        self.assertGreater(self.preload(self.name)["modules"], 2)
        self.assertEqual(self.preload(self.name)["why"], "")

    def test_off_makes_none(self):
        self.start(app("v1"), keys="spare = off", ready=0)
        self.edit(app("v2"))
        self.switched(2)
        self.assertEqual(self.preload(self.name)["why"], "spare = off")

    def test_auto_makes_one_after_an_edit_and_gives_it_back(self):
        self.start(app("v1"), keys="spare = auto\nspare_idle_s = 1", ready=0)
        self.assertEqual(self.preload(self.name)["why"], "nothing has been edited yet")
        self.edit(app("v2"))
        self.await_spare(self.name)
        await_(lambda: "given back" in self.preload(self.name)["why"], "the spare to be given back")
        self.assertEqual(self.preload(self.name)["modules"], 0)
        self.edit(app("v3"))
        self.switched(3)
        self.assertEqual(self.answer(), "('v3', 1, 2)")

    def test_what_requests_import_later_is_in_the_next_one(self):
        self.start(LATE, {**LIBRARIES, "late_one.py": "X = 1\n"})
        before = self.log.count(r"\[spare\.ready\]")
        self.assertEqual(self.get("/late_one"), "1")
        line = self.await_spare(self.name, before + 1)
        self.assertIn("modules", line)
        self.edit(LATE, "# edited\n")
        self.switched(2)
        self.assertEqual(self.get("/late_one"), "1")
        self.assertEqual(self.colds(), 0)


class Using(OneApplication):
    def test_an_edit_that_adds_removes_and_reorders_imports(self):
        self.start(app("v1"))
        edits = (
            ("import plain, other, third\ndef report(): return third.Z, 'plain' in globals()\n", 0),
            ("import other, plain\ndef report(): return other.Y\n", None),
            ("import third, other\nimport sys\ndef report(): return 'plain' in sys.modules\n", None),
            ("import sys\ndef report(): return 'third' in sys.modules\n", None),
        )
        answers = ["(3, True)", "2", "True", "False"]
        for number, ((text, _), answer) in enumerate(zip(edits, answers), 2):
            self.edit(text)
            self.switched(number)
            self.assertEqual(self.answer(), answer)
            self.log.wait_for(r"\[reload\.retired\]", number - 1)
            if number < 5:
                await_(lambda: self.preload(self.name)["modules"] > 0, "the next spare")

    def test_a_library_that_is_edited_once_is_warm_the_next_time(self):
        self.start(app("v1"))
        self.edit_library("plain.py", "import json\nX = 'edited'\n")
        self.switched(2)
        self.assertEqual(self.answer(), "('v1', 'edited', 2)")
        self.assertEqual(self.colds(), 1)
        self.assertRegex(self.log.find(r"\[spare\.cold\]")[0], "plain.py has changed")
        self.await_spare(self.name, 2)
        self.edit(app("v2"))
        self.switched(3)
        self.assertEqual(self.answer(), "('v2', 'edited', 2)")
        self.assertEqual(self.colds(), 1)
        self.await_spare(self.name, 3)
        self.edit_library("plain.py", "import json\nX = 'edited again'\n")
        self.switched(4)
        self.assertEqual(self.answer(), "('v2', 'edited again', 2)")
        self.assertRegex(self.await_spare(self.name, 4), r"left out: plain \(.*has changed")
        self.edit_library("plain.py", "import json\nX = 'third'\n")
        self.switched(5)
        self.assertEqual(self.answer(), "('v2', 'third', 2)")

    def test_a_broken_edit_is_told_as_it_is_and_repaired(self):
        self.start(app("v1"))
        self.edit("import plain, other\ndef report(): return 5 +\n")
        line = self.log.wait_for(r"\[reload\.kept\]")
        self.assertIn("SyntaxError", self.log.text)
        self.assertNotIn("could not be formatted", self.log.text, line)
        self.assertEqual(self.answer(), "('v1', 1, 2)")
        self.await_spare(self.name, 2)
        self.edit("import plain, other\nnothing_such\n")
        self.log.wait_for(r"\[reload\.kept\]", 2)
        self.assertIn("NameError: name 'nothing_such' is not defined", self.log.text)
        self.await_spare(self.name, 3)
        self.edit(app("v2"))
        self.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "('v2', 1, 2)")

    def test_broken_edits_do_not_end_the_making(self):
        self.start(app("v1"))
        for count in range(1, 5):
            self.edit("import plain, other\n1 / 0\n", f"# {count}\n")
            self.log.wait_for(r"\[reload\.kept\]", count)
            self.await_spare(self.name, count + 1)
        self.edit(app("v2"))
        self.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "('v2', 1, 2)")

    def test_a_library_that_waits_for_the_application_is_left_out(self):
        waits = ("import sys, time\n"
                 "while not any(name.startswith('wsgi_') for name in sys.modules):\n"
                 "    time.sleep(0.01)\nX = 1\n")
        self.start(app("v1"), {**LIBRARIES, "plain.py": waits}, ready=0,
                   settings="startup_timeout_s = 2")
        await_(lambda: "took too long" in self.preload(self.name)["why"], "the time-out")
        self.edit(app("v2"))
        self.switched(2)
        self.assertEqual(self.answer(), "('v2', 1, 2)")
        self.assertRegex(self.await_spare(self.name), r"left out: plain.*it raises SystemExit")
        self.edit(app("v3"))
        self.switched(3)
        self.assertEqual(self.answer(), "('v3', 1, 2)")
        self.assertEqual(self.colds(), 0)

    def test_two_quick_edits(self):
        self.start(app("v1"))
        self.edit(app("v2"))
        self.edit(app("v3"))
        await_(lambda: self.answer() == "('v3', 1, 2)", "the second edit")

    def test_an_edit_while_the_spare_is_being_made(self):
        slow = "import time\ntime.sleep(0.3)\nX = 1\n"
        self.start(app("v1"), {**LIBRARIES, "plain.py": slow}, ready=0)
        for version in ("v2", "v3", "v4"):
            self.edit(app(version))
            await_(lambda: self.answer() == repr((version, 1, 2)), version)

    def test_what_happens_to_be_imported_in_advance_ends_with_the_interpreter(self):
        self.start(app("v1"), {**LIBRARIES, "plain.py":
                   "import atexit\natexit.register(print, 'plain ends')\nX = 1\n"})
        self.edit("def report():\n    return 'nothing imported'\n")
        self.switched(2)
        self.assertEqual(self.answer(), "'nothing imported'")
        self.log.wait_for(r"\[app\.stdout\] plain ends", 2)  # the serving one's, and the spare's


    def test_what_is_called_at_the_end_has_its_order(self):
        text = """
            import atexit, fcgi_host
            fcgi_host.on_retire(lambda: print("own retires"))
            atexit.register(print, "own ends")
            import plain
            {0}
            def report(): return plain.X
            """
        self.start(text.format("FIRST = 1"), {"plain.py": "import atexit, fcgi_host\nX = 1\n"
                   "atexit.register(print, 'plain ends')\n"
                   "fcgi_host.on_retire(lambda: print('plain retires'))\n"})
        expected = ["plain retires", "own retires", "plain ends", "own ends"]
        for generation in (1, 2):
            self.edit(text.format(f"FIRST = {generation + 1}"))
            self.log.wait_for(rf"gen={generation} \[reload\.retired\]")
            printed = self.log.find(rf"gen={generation} \[app\.stdout\]")
            self.assertEqual([line.partition("[app.stdout] ")[2] for line in printed], expected)
            self.await_spare(self.name, generation + 1)
        self.assertEqual(self.colds(), 0)

    def release(self, version):
        folder = f"releases/{version}"
        site = f"{folder}/venv/lib/python{self.python_version()}/site-packages"
        self.write(f"{site}/plain.py", f"X = {version}\n")
        self.write(f"{folder}/lib/own.py", f"X = {version}\n")
        self.write(f"{folder}/wsgi.py", f"import plain, own\nV = {version}\n"
                   "def application(environ, start_response):\n"
                   "    start_response('200 OK', [])\n"
                   "    return [repr((V, plain.X, own.X)).encode()]\n")
        link = os.path.join(self.folder, "current")
        os.symlink(folder, link + ".new")
        os.replace(link + ".new", link)

    def test_a_symbolic_link_to_another_release(self):
        self.release(1)
        current = os.path.join(self.folder, "current")
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\n[app one]\nfile = {current}/wsgi.py\npython_path = {current}/lib\n"
            f"virtualenv = {current}/venv\nspare = on\n"))
        for version in (1, 2, 3):
            self.assertEqual(host.fetch("/").body.decode(), repr((version,) * 3))
            host.log.wait_for(r"\[spare\.ready\]", version)
            self.release(version + 1)
            host.log.wait_for(r"\[reload\.switched\]", version)
        self.assertRegex(host.log.find(r"\[spare\.cold\]")[0], "files are in another place now")

    def test_three_cold_loads_in_a_row_end_the_making_for_a_while(self):
        text = """
            import os
            path = os.path.join(os.path.dirname(__file__), "toggle")
            if os.path.exists(path):
                os.unlink(path)
                import other, third
            else:
                os.close(os.open(path, os.O_CREAT))
                import third, other
            def report(): return other.Y
            """
        self.start(text)
        for count in range(1, 4):
            self.edit(text, f"# {count}\n")
            self.switched(count + 1)
            self.assertEqual(self.answer(), "2")
            self.assertEqual(self.colds(), count)
            if count < 3:
                self.await_spare(self.name, count + 1)
        self.assertRegex(self.preload(self.name)["why"], "third time in a row: none is made")
        for generation in range(5, 15):
            self.assertEqual(self.log.count(r"\[spare\.ready\]"), 3)
            self.edit(app(f"v{generation}"))
            self.switched(generation)
            self.assertEqual(self.answer(), repr((f"v{generation}", 1, 2)))
        self.await_spare(self.name, 4)
        self.edit(app("v15"))
        self.switched(15)
        self.assertEqual(self.answer(), "('v15', 1, 2)")
        self.assertEqual(self.colds(), 3)


if __name__ == "__main__":
    unittest.main()
