"""An application with an extension that keeps state of its interpreter, and with its twin."""

import json
import os
import subprocess
import unittest

from support.host import HostTestCase, has_module, needs_recycling
from support.waiting import await_

#: The ground truth modules of tests/extensions, and what an application does with them.
EXTENSIONS = os.environ.get("EXTENSIONS")

APP = """
import string, sys
sys.path.insert(0, {extensions!r})
import {module} as extension
VERSION = {version!r}

class Text(string.Template):
    pass

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %s" % (VERSION, extension.is_template(string.Template("$x")))).encode()]

extension.is_template(string.Template("$x"))
"""


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class StaleState(HostTestCase):
    def start_app(self, module, keys=""):
        self.module = module
        self.app = self.write("app.py", self.text("v1"))
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n[app one]\nfile = {self.app}\n{keys}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")
        await_(lambda: self.answer() == "v1 True", "the first answer")

    def text(self, version):
        return APP.format(extensions=EXTENSIONS, module=self.module, version=version)

    def save(self, version):
        with open(self.app + ".new", "w") as f:
            f.write(self.text(version))
        os.replace(self.app + ".new", self.app)

    def answer(self):
        return self.host.fetch("/").body.decode()

    def reload_status(self):
        out = subprocess.run([self.host.args[0], "status", "--json", "-s", self.control],
                             capture_output=True, check=True, timeout=30).stdout
        app = json.loads(out)["workers"][0]["apps"][0]
        return app["reload"], app["extensions"]

    def test_the_variable_is_named_and_the_worker_is_replaced(self):
        self.start_app("lazy_class")
        line = self.host.log.wait_for(r"\[stale\.found\] lazy_class: template_class ")
        self.assertIn("<class 'string.Template'>", line)
        line = self.host.log.wait_for(r"app=one \[app\.placed\] moved to the main interpreter: ")
        self.assertIn("extension lazy_class cannot be recycled: stale", line)
        self.host.log.wait_for(r"app\.loaded.*interpreter main")
        self.assertEqual(self.host.log.count(r"\[app\.loaded\]"), 1, "it serves nowhere else")
        reload, _ = self.reload_status()
        self.assertEqual(reload["strategy"], "worker")
        self.assertIn("lazy_class", reload["why"])
        before = self.host.children()
        self.save("v2")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.answer() == "v2 True", "the new worker's answer")
        self.assertNotEqual(self.host.children(), before)
        self.assertEqual(self.host.log.count(r"\[reload\.switched\]"), 0)

    def test_its_corrected_twin_is_recycled_in_the_living_process(self):
        self.start_app("lazy_class_ok")
        before = self.host.children()
        for i in range(2, 5):
            self.save(f"v{i}")
            self.host.log.wait_for(r"\[reload\.retired\]", i - 1)
            self.assertEqual(self.answer(), f"v{i} True")
        self.assertEqual(self.host.children(), before)
        self.assertEqual(self.host.log.count(r"\[stale\.found\]"), 0)
        self.assertEqual(self.reload_status()[0]["strategy"], "interpreter")

    def test_without_the_gate_the_answer_is_wrong(self):
        """What the check prevents: the new generation is asked with the old one's class."""
        self.start_app("lazy_class", keys="reload = interpreter\non_stale = warn")
        self.save("v2")
        self.host.log.wait_for(r"\[reload\.switched\]")
        self.assertEqual(self.answer(), "v2 False")
        self.host.log.wait_for(r"\[stale\.found\] lazy_class: template_class ")

    def test_the_same_finding_is_written_once(self):
        self.start_app("lazy_class", keys="reload = interpreter\non_stale = warn")
        for i in range(2, 6):
            self.save(f"v{i}")
            self.host.log.wait_for(r"\[reload\.retired\]", i - 1)
        lines = [line.partition("[stale.found]")[2] for line in self.host.log.find(r"stale\.found")]
        self.assertTrue(lines)
        self.assertEqual(len(lines), len(set(lines)), lines)


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class HandedOut(HostTestCase):
    """An extension gives all interpreters the same dictionary."""

    APP = """
        import sys
        sys.path.insert(0, {extensions!r})
        from shared_options import options

        def application(environ, start_response):
            if environ["PATH_INFO"] == "/set":
                options["color"] = "green"
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [options.get("color", "none").encode()]

        {at_import}
        """

    def start_apps(self, at_import):
        writer = self.write("writer.py", self.APP.format(extensions=EXTENSIONS, at_import=at_import))
        reader = self.write("reader.py", self.APP.format(extensions=EXTENSIONS, at_import=""))
        return self.start_host("-c", self.config(
            f"[app writer]\nfile = {writer}\nmount = /writer\n"
            f"[app reader]\nfile = {reader}\nmount = /reader\n"))

    def assert_moved(self, host):
        line = host.log.wait_for(r"app=writer .*\[stale\.found\] shared_options: ")
        self.assertIn('attribute "options"', line)
        host.log.wait_for(r"app=writer \[app\.placed\] gets a process of its own")
        await_(lambda: (host.fetch("/writer/").body, host.fetch("/reader/").body) ==
               (b"green", b"none"), "the answers of two processes")

    def test_what_one_enters_when_it_is_imported_no_other_reads(self):
        self.assert_moved(self.start_apps('options["color"] = "green"'))

    def test_what_one_enters_later_is_found(self):
        host = self.start_apps("")
        for name in ("writer", "reader"):
            self.assertEqual(host.fetch(f"/{name}/").body, b"none")
        self.assertEqual(host.fetch("/writer/set").body, b"green")
        host.log.wait_for(r"\[stale\.found\] shared_options: ")


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class FreedMemory(HostTestCase):
    """Memory that an extension keeps without the object that it belongs to."""

    APP = """
        import sys, types
        sys.path.insert(0, {extensions!r})
        import {module} as extension
        settings = sys.modules["settings"] = types.ModuleType("settings")
        settings.GREETING = " ".join(["Good", "morning"])

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [("{version} " + extension.greet("all")).encode()]
        """

    def start_app(self, module):
        self.module = module
        self.app = self.save("v1")
        self.host = self.start_host("-c", self.config(f"[app one]\nfile = {self.app}\n"))
        await_(lambda: self.answer() == "v1 Good morning, all", "the first answer")

    def save(self, version):
        text = self.APP.format(extensions=EXTENSIONS, module=self.module, version=version)
        app = self.write("app.py.new", text)
        os.replace(app, app[:-len(".new")])
        return app[:-len(".new")]

    def answer(self):
        answer = self.host.fetch("/").body.decode()
        self.assertIn(" Good morning, all", answer)
        return answer

    def test_no_answer_is_made_with_it(self):
        self.start_app("freed_text")
        before = self.host.children()
        self.save("v2")
        await_(lambda: self.answer() and self.host.log.count(r"\[worker\.replaced\]"),
               "the worker's replacement")
        line = self.host.log.wait_for(r"\[stale\.found\] freed_text: ")
        self.assertIn("greeting", line)
        self.assertIn("holds memory of 'Good morning' that was freed ", line)
        self.assertEqual(self.answer(), "v2 Good morning, all")
        self.assertNotEqual(self.host.children(), before)

    def test_the_corrected_twin_is_recycled_in_the_living_process(self):
        self.start_app("freed_text_ok")
        before = self.host.children()
        for i in range(2, 5):
            self.save(f"v{i}")
            self.host.log.wait_for(r"\[reload\.retired\]", i - 1)
            self.assertEqual(self.answer(), f"v{i} Good morning, all")
        self.assertEqual(self.host.children(), before)
        self.assertEqual(self.host.log.count(r"\[stale\.found\]"), 0)


@needs_recycling
class BuiltIn(HostTestCase):
    """Extensions that are built into CPython have their variables in its own image."""

    APP = """
        import ctypes

        class Held:
            pass

        def application(environ, start_response):
            hook = ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook")
            if environ["PATH_INFO"] != "/clean":
                hook.value = id(Held)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"done"]
        """

    def test_with_on_stale_refuse_it_is_answered_with_503_until_the_next_edit(self):
        app = self.write("app.py", self.APP)
        host = self.start_host("-c", self.config(
            f"[fcgi_host]\nlog_level = debug\n[app one]\nfile = {app}\non_stale = refuse\n"))
        self.assertEqual(host.fetch("/clean").body, b"done")
        host.log.wait_for(r"debug .*\[stale\.clean\]")  # it looks again in a second
        self.assertEqual(host.fetch("/").body, b"done")
        before = host.children()

        def edit():
            with open(app, "a") as f:
                f.write("# changed\n")
        edit()
        host.log.wait_for(r"\[stale\.refused\]")
        answer = host.fetch("/")
        self.assertEqual(answer.status, 503)
        self.assertEqual(host.children(), before)
        edit()
        host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(host.fetch("/").body, b"done")

    def test_a_variable_of_cpython_s_that_a_request_has_filled_is_found(self):
        app = self.write("app.py", self.APP)
        host = self.start_host(app)
        await_(lambda: host.fetch("/").body == b"done", "the first answer")
        line = host.log.wait_for(r"\[stale\.found\] libpython\S+: PyOS_InputHook ")
        self.assertIn("app.Held'> of this generation", line)
        host.log.wait_for(r"\[app\.placed\] moved to the main interpreter: ")
        host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(host.fetch("/").body, b"done")

    def test_an_empty_context_that_a_neighbour_s_end_made_new_is_no_finding(self):
        """CPython 3.11 drops the one that all share whenever an interpreter ends."""
        gate = self.path("gate")
        code = """
            import contextvars, os
            if os.path.exists({gate!r}):
                with open({gate!r}) as f:
                    f.read()

            def application(environ, start_response):
                contextvars.Context()
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"done"]
            {at_import}
            """
        user = self.write("user.py", code.format(gate=gate, at_import="contextvars.Context()"))
        page = self.write("page.py", code.format(gate="/nonexistent", at_import=""))
        host = self.start_host("-c", self.config(
            f"[app user]\nfile = {user}\nmount = /user\n[app page]\nfile = {page}\nmount = /page\n"))

        def edit(file):
            with open(file, "a") as f:
                f.write("# changed\n")
        host.log.wait_for(r"\[host\.ready\]")
        edit(page)
        host.log.wait_for(r"app=page gen=1 \[reload\.retired\]")
        self.assertEqual(host.fetch("/user").body, b"done") # makes one, of the user's interpreter
        os.mkfifo(gate)
        edit(user)
        with open(gate, "w"): # the user's new generation is loading now
            edit(page)
            host.log.wait_for(r"app=page gen=2 \[reload\.retired\]")
        host.log.wait_for(r"app=user gen=1 \[reload\.retired\]")
        self.assertEqual(host.fetch("/user").body, b"done")
        self.assertEqual(host.log.find(r"\[stale\.found\]"), [])


@needs_recycling
class Spares(HostTestCase):
    """A spare imports a library while the generation before serves on."""

    LIBRARY = """
        import ctypes, os

        class Held:
            pass

        def hold():
            ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyOS_InputHook").value = id(Held)

        if os.path.exists({marker!r}) and open({marker!r}).read() == str(os.getpid()):
            hold()
        """

    def test_one_that_takes_what_the_serving_code_needs_is_the_end_of_both(self):
        os.mkdir(self.path("libraries"))
        control, marker = self.path("control"), self.path("marker")
        library = self.write("libraries/library.py", self.LIBRARY.format(marker=marker))
        app = self.write("app/app.py", f"""
            import sys
            sys.path.append({os.path.dirname(library)!r})
            import library

            def application(environ, start_response):
                library.hold()
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"done"]
            """)
        host = self.start_host("-c", self.config(
            # Forced, or the check would move it after the first request.
            f"[fcgi_host]\ncontrol = {control}\n[app one]\nfile = {app}\nreload = interpreter\n"))
        await_(lambda: host.fetch("/").body == b"done", "the first answer")
        with open(marker, "w", encoding="ascii") as f: # in this process only
            f.write(str(host.children()[0]))
        # No reload, but a spare.
        self.write("libraries/library.py", self.LIBRARY.format(marker=marker))
        host.log.wait_for(r"\[stale\.found\] libpython\S+: PyOS_InputHook .*reinitialised")
        host.log.wait_for(r"\[worker\.replaced\]")
        self.assertEqual(host.log.find(r"\[spare\.ready\]"), [])
        out = subprocess.run([host.args[0], "status", "--json", "-s", control],
                             capture_output=True, check=True, timeout=30).stdout
        preload = json.loads(out)["workers"][0]["apps"][0]["preload"]
        self.assertEqual(preload["modules"], 0)
        self.assertIn("a spare has taken from the code that serves", preload["why"])


#: Extensions that keep objects of the one interpreter they live in, in their variables and blocks.
#: All but the last refuse sub-interpreters (the first in 3.11 only), and so live in the main one.
NEIGHBOURS = ("numpy", "lxml.etree", "cryptography.hazmat.bindings._rust", "lazy_class")

PAGE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{version!r}.encode()]
"""


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Neighbours(HostTestCase):
    """What the extensions of one application hold is no concern of one that does not use them."""

    def test_an_application_without_extensions_is_recycled_beside_them(self):
        for module in NEIGHBOURS:
            for user_is_first in (True, False):
                with self.subTest(module, user_is_first=user_is_first):
                    if module == "lazy_class" or has_module(module):
                        self.check(module, user_is_first)

    def check(self, module, user_is_first):
        user = self.write("user.py", f"""
            import string, sys
            sys.path.insert(0, {EXTENSIONS!r})
            import {module} as extension
            if hasattr(extension, "is_template"):
                extension.is_template(string.Template("$x"))
            """ + PAGE.format(version="user").replace("\n", "\n            "))
        page = self.write("page.py", PAGE.format(version="v1"))
        apps = [f"[app user]\nfile = {user}\nmount = /user\n",
                f"[app page]\nfile = {page}\nmount = /page\n"]
        host = self.start_host("-c", self.config(
            "".join(apps if user_is_first else reversed(apps))))
        await_(lambda: host.fetch("/user").body == b"user", "the user's first answer")
        replaced = host.log.count(r"\[worker\.replaced\]")  # as it moved away
        for version in ("v1", "v2", "v3"):
            if version != "v1":
                self.write("page.py.new", PAGE.format(version=version))
                os.replace(page + ".new", page)
                host.log.wait_for(r" app=page .*\[reload\.retired\]", int(version[1]) - 1)
            await_(lambda: host.fetch("/page").body == version.encode(), "the page's answer")
            await_(lambda: host.fetch("/user").body == b"user", "the user's answer")
        host.stop()
        self.assertEqual(host.log.find(r" app=page .*\[stale\.found\]"), [])
        self.assertEqual(host.log.count(r"\[worker\.replaced\]"), replaced)


OFFERED = """
import sys
sys.path.insert(0, {extensions!r})
{imports}

def application(environ, start_response):
    start_response("200 OK", [])
    return [{version!r}.encode(), b" %d" % limit]
"""
PLAIN = "from {module} import limit"
SWALLOWED = "try:\n    from {module} import limit\nexcept Exception:\n    limit = -1"


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Offered(HostTestCase):
    """An extension that adds an attribute to the first module that is made of it, and to no other."""

    def write_app(self, name, version):
        text = OFFERED.format(extensions=EXTENSIONS, imports=self.imports, version=version)
        path = self.write(f"{name}.py.new", text)
        os.replace(path, path.removesuffix(".new"))
        return path.removesuffix(".new")

    def check(self, imports):
        """Two applications that need it, and three edits of each."""
        self.imports = imports
        host = self.start_host("-c", self.config("".join(
            f"[app {name}]\nfile = {self.write_app(name, 'v1')}\nmount = /{name}\n"
            for name in ("one", "two"))))
        for version in ("v1", "v2", "v3", "v4"):
            for name in ("one", "two"):
                if version != "v1":
                    self.write_app(name, version)
                await_(lambda: host.fetch("/" + name).body.startswith(version.encode()),
                       f"{version} of {name}")
                self.assertEqual(host.fetch("/" + name).body.decode(), f"{version} 10")
        return host

    def test_whoever_lacks_it_has_a_process_of_its_own(self):
        for imports in (PLAIN, SWALLOWED):
            with self.subTest(imports):
                host = self.check(imports.format(module="offers_once"))
                host.log.wait_for(r"\[app\.placed\].*offers_once")

    def test_the_corrected_twin_stays_where_it_is(self):
        host = self.check(PLAIN.format(module="offers_once_ok"))
        self.assertEqual(host.log.count(r"\[app\.placed\]"), 0)


if __name__ == "__main__":
    unittest.main()
