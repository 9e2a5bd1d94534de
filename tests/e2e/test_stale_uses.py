"""What extensions fill on first use, or leave behind after a load that failed, is found, too."""

import os
import textwrap
import unittest

from support.host import HostTestCase, needs_modules, needs_recycling
from support.waiting import await_

EXTENSIONS = os.environ.get("EXTENSIONS")

#: The extension looks up the class string.Template when it is first asked, and keeps it.
APP = """
    import string, sys
    sys.path.insert(0, {extensions!r})
    import {module}
    {more}
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        answer = {module}.is_template(string.Template("")) if environ["PATH_INFO"].endswith("/use") else None
        return [f"{version} {{answer}} {{environ['fcgi_host.interpreter']}}".encode()]
    """


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Uses(HostTestCase):
    def start(self, names, module="lazy_class", more="", keys=""):
        self.module = module
        self.control = self.path("control")
        text = f"[fcgi_host]\ncontrol = {self.control}\n"
        for name in names:
            self.save(name, "v1", more)
            text += f"[app {name}]\nfile = {self.folder}/{name}/app.py\nmount = /{name}\n{keys}\n"
        self.host = self.start_host("-c", self.config(text))

    def save(self, name, version, more=""):
        text = textwrap.dedent(APP).format(extensions=EXTENSIONS, module=self.module, more=more,
                                           version=version)
        os.replace(self.write(f"{name}/app.py.new~", text), os.path.join(self.folder, name, "app.py"))

    def ask(self, name, path="/use"):
        response = self.host.fetch(f"/{name}{path}")
        self.assertEqual(response.status, 200, response)
        return response.body.decode().split()

    def apps(self):
        return {app["name"]: app for worker in self.status()["workers"] for app in worker["apps"]}

    def await_place(self, name, interpreter):
        await_(lambda: self.ask(name, "/")[2] == interpreter, f"{name} in {interpreter}")

    def test_what_a_request_fills_moves_the_application(self):
        self.start(["one"])
        self.assertEqual(self.ask("one", "/"), ["v1", "None", "one"])
        self.assertEqual(self.ask("one")[1], "True")
        self.host.log.wait_for(r"\[stale\.found\] lazy_class: template_class .*: stale")
        self.host.log.wait_for(r"app=one \[app\.placed\] moved to the main interpreter: .*lazy_class")
        self.await_place("one", "main")
        for version in ("v2", "v3"):
            self.save("one", version)
            await_(lambda: self.ask("one")[:2] == [version, "True"], "the new code")
        self.assertEqual(self.host.log.count(r"\[app\.placed\]"), 1)

    def test_neighbours_are_right(self):
        names = ["one", "two", "three"]
        self.start(names)
        for name in names:
            await_(lambda: self.ask(name) and self.ask(name, "/")[2] == "main", f"{name} to move")
        self.assertEqual([self.ask(name)[1] for name in names], ["True"] * 3)
        for version in ("v2", "v3"):
            for name in names:
                self.save(name, version)
                await_(lambda: self.ask(name)[0] == version, "the new code")
                self.assertEqual([self.ask(each)[1] for each in names], ["True"] * 3)

    def test_the_corrected_twin_stays(self):
        self.start(["one", "two"], "lazy_class_ok")
        for version in ("v2", "v3"):
            for name in ("one", "two"):
                self.assertEqual(self.ask(name)[1:], ["True", name])
                self.save(name, version)
                self.host.log.wait_for(rf"app={name} .*\[reload\.switched\]", int(version[1]) - 1)
        self.assertEqual(self.host.log.find(r"\[stale\.found\]|\[app\.placed\]"), [])

    def test_a_load_that_fails_leaves_nothing_that_serves(self):
        fill = "{}.is_template(string.Template(''))\nraise ValueError('not yet')"
        self.start(["one"], more=fill.format("lazy_class"))
        self.host.log.wait_for(r"\[app\.failed\]")
        self.save("one", "v2")
        await_(lambda: self.host.fetch("/one/use").status == 200, "the repaired code")
        self.assertEqual(self.ask("one")[:2], ["v2", "True"])

    def test_a_reload_that_fails_leaves_nothing_that_serves(self):
        self.start(["one"])
        self.ask("one", "/")
        self.save("one", "v2", "lazy_class.is_template(string.Template(''))\nraise ValueError('not yet')")
        self.host.log.wait_for(r"\[reload\.(kept|worker)\]|\[worker\.kept\]")
        self.assertNotIn(b"False", self.host.fetch("/one/use").body)
        self.save("one", "v3")
        await_(lambda: self.host.fetch("/one/").body.startswith(b"v3"), "the repaired code")
        self.assertEqual(self.ask("one")[:2], ["v3", "True"])

    @needs_modules("numpy")
    def test_what_a_refused_extension_leaves_behind_is_nobody_s(self):
        """An application with ctypes was not recycled any more beside one that is refused numpy."""
        page = """
            import {module}
            def application(environ, start_response):
                start_response("200 OK", [])
                return ["{version} {{}}".format({module}.__name__).encode()]
            """
        guarded = "try:\n    import numpy\nexcept ImportError:\n    import math as numpy\n"
        ctypes = textwrap.dedent(page).format(module="ctypes", version="v1")
        numpy = guarded + textwrap.dedent(page).format(module="numpy", version="v1")
        first = self.write("one/app.py", ctypes)
        self.host = self.start_host("-c", self.config(
            f"[app one]\nfile = {first}\nmount = /one\n"
            f"[app two]\nfile = {self.write('two/app.py', numpy)}\nmount = /two\n"))
        self.assertEqual(self.host.fetch("/two").body, b"v1 numpy")
        self.assertEqual(self.host.fetch("/one").body, b"v1 ctypes")
        self.write("one/app.py", ctypes.replace("v1", "v2"))
        self.host.log.wait_for(r"app=one .*\[reload\.switched\]")
        self.host.log.wait_for(r"app=one .*\[reload\.retired\]")
        self.assertEqual(self.host.fetch("/one").body, b"v2 ctypes")


if __name__ == "__main__":
    unittest.main()
