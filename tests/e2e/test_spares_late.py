"""Spares: modules that requests import, several applications, workers, the end."""

import signal
import threading
import unittest

from support import fcgi
from support.spares import LIBRARIES, Case, OneApplication, app
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


class LateModules(OneApplication):
    PACKAGES = {f"late_{n}.py": f"import late_shared\nX = {n}\n" for n in range(8)}
    PACKAGES["late_shared.py"] = "import os\nSEEN = []\n"
    PACKAGES["late_mode.py"] = "import os\nX = os.environ.get('MODE')\n"

    def ask_at_once(self, paths):
        answers = {}
        threads = [threading.Thread(target=lambda path=path: answers.update({
            path: fcgi.fetch(self.host.address, f"/{self.name}/{path}").body.decode()}))
            for path in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_from_several_threads_at_once(self):
        self.start(LATE, self.PACKAGES, keys="threads = 8")
        names = [f"late_{n}" for n in range(8)]
        expected = {name: str(n) for n, name in enumerate(names)}
        self.assertEqual(self.ask_at_once(names), expected)
        await_(lambda: self.preload(self.name)["modules"] >= 9, "a spare with the late modules")
        self.edit(LATE, "# edited\n")
        self.switched(2)
        self.assertEqual(self.ask_at_once(reversed(names)), expected)
        self.assertEqual(self.colds(), 0)

    def test_what_a_request_has_set_in_a_library(self):
        text = """
            import late_shared
            def application(environ, start_response):
                start_response("200 OK", [])
                if environ["PATH_INFO"] == "/late":
                    late_shared.MODE = "set"
                    import late_reads
                    return [late_reads.X.encode()]
                return [b"-"]
            """
        self.start(text, {"late_shared.py": "MODE = 'default'\n",
                          "late_reads.py": "import late_shared\nX = late_shared.MODE\n"})
        self.assertEqual(self.get("/late"), "set")
        await_(lambda: self.preload(self.name)["modules"] == 2, "a spare with the late module")
        self.edit(text, "# edited\n")
        self.switched(2)
        self.assertEqual(self.get("/late"), "set")

    def test_environment_that_a_request_has_set_meanwhile(self):
        self.start(LATE, self.PACKAGES)
        self.assertEqual(self.get("/late_mode"), "None")
        await_(lambda: self.preload(self.name)["modules"] > 0, "a spare with the late module")
        self.edit(LATE, "# edited\n")
        self.switched(2)
        self.get("/set")
        self.assertEqual(self.get("/late_mode"), "'set by a request'")


class Ending(OneApplication):
    def test_exit_functions_of_what_is_left_out_and_of_what_is_not_asked_for(self):
        ends = "import atexit\natexit.register(print, '{0} ends')\nX = 1\n"
        threaded = ("import threading\nevent = threading.Event()\n"
                    "threading.Thread(target=event.wait).start()\nX = 1\n"
                    "import atexit\natexit.register(lambda: (event.set(), print('thread ends')))\n")
        self.start("import plain\ndef report(): return 1\n",
                   {"plain.py": threaded, "other.py": ends.format("other")})
        self.log.wait_for(r"\[app\.stdout\] thread ends")  # the interpreter that it spoilt
        self.edit("import other\ndef report(): return 2\n")
        self.switched(2)
        self.await_spare(self.name, 2)
        self.edit("def report(): return 3\n")
        self.switched(3)
        self.log.wait_for(r"\[app\.stdout\] other ends", 2)
        self.assertEqual(self.log.find("zombie"), [])

    def test_a_replaced_worker_gives_it_back_and_the_next_has_one(self):
        self.start(app("v1"))
        self.host.signal(signal.SIGHUP)
        self.await_spare(self.name, 2)
        self.edit(app("v2"))
        await_(lambda: self.answer() == "('v2', 1, 2)", "the edit")

    def test_stopping_with_a_spare(self):
        self.start(app("v1"))
        self.assertEqual(self.host.stop(), 0)

    def test_stopping_while_one_is_made(self):
        self.start(app("v1"), {**LIBRARIES, "plain.py": "import time\ntime.sleep(0.2)\nX = 1\n"},
                   ready=0)
        self.assertEqual(self.host.stop(), 0)


class Elsewhere(OneApplication):
    def test_none_where_the_old_generation_ends_first(self):
        self.start(app("v1"), keys="reload = restart", ready=0)
        self.edit(app("v2"))
        await_(lambda: self.answer() == "('v2', 1, 2)", "the edit")
        await_(lambda: self.preload(self.name)["why"].startswith("reload = restart"), "the reason")
        self.assertEqual(self.log.count(r"\[spare\."), 0)

    def test_no_module_of_an_application_in_the_main_interpreter(self):
        self.start(app("v1"), keys="interpreter = main\npreload = off", ready=0)
        self.assertEqual(self.preload(self.name),
                         {"modules": 0, "saved_ms": 0, "bytes": 0, "why": "preload = off"})

    def test_each_worker_has_one(self):
        self.case = Case(app("v1"), packages=LIBRARIES)
        section = self.write_case("two_workers", self.case)
        host = self.start_host("-c", self.config(f"[fcgi_host]\nrecycle_budget_mb = 0\nworkers = 2\n{section}"))
        host.log.wait_for(r"\[spare\.ready\]", 2)
        self.save("two_workers", app("v2"))
        host.log.wait_for(r"\[reload\.switched\]", 2)
        self.assertEqual(host.fetch("/two_workers").body.split(b"\n")[0], b"('v2', 1, 2)")
        self.assertEqual(host.log.count(r"\[spare\.cold\]"), 0)


class SeveralApplications(OneApplication):
    def test_in_one_interpreter(self):
        text = "import sys\nimport {0}\nSEEN = 'third' in sys.modules\ndef report(): return {0}.__name__, SEEN\n"
        for name, library in (("first", "plain"), ("second", "third"), ("last", "other")):
            self.write_case(name, Case(text.format(library), packages=LIBRARIES))
        sections = "".join(
            f"[app {name}]\nmount = /{name}\nfile = {self.folder}/{name}/app/wsgi_{name}.py\n"
            f"virtualenv = {self.folder}/first/venv\ninterpreter = shared\nspare = on\n"
            for name in ("first", "second", "last"))
        host = self.start_host("-c", self.config(f"[fcgi_host]\nrecycle_budget_mb = 0\n{sections}"))
        answers = ["('plain', False)", "('third', True)", "('other', True)"]
        for generation in (1, 2, 3):
            self.assertEqual([host.fetch(f"/{name}").body.decode().split("\n")[0]
                              for name in ("first", "second", "last")], answers)
            host.log.wait_for(r"\[spare\.ready\]", generation)
            self.save("second", text.format("third"), f"# {generation}\n")
            host.log.wait_for(r"\[reload\.switched\]", generation)
        self.assertEqual(host.log.count(r"\[spare\.cold\]"), 0)


if __name__ == "__main__":
    unittest.main()
