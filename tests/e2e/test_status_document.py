"""The status document of a running host has the members of fcgi_host/status/fields.def, of their
kinds and at their places, and no other."""

import json
import os
import re
import signal
import textwrap
import threading
import unittest

from support.host import HostTestCase, needs_modules, run
from support.waiting import await_

FIELDS = os.path.join(os.environ["FCGI_HOST_SOURCE_DIR"], "fcgi_host/status/fields.def")
ROW = re.compile(r'^FIELD\(\w+, (\w+), (?:NULL|"([^"]+)"), "([^"]+)", (\w+)', re.MULTILINE)
#: Members that are null until there is something to tell.
MAY_BE_NULL = {"TEXT", "OBJECT"}
IS_KIND = {
    "TEXT": lambda value: isinstance(value, str),
    "NUMBER": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "MS": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "OBJECT": lambda value: isinstance(value, dict),
    "LIST": lambda value: isinstance(value, list),
}

APPLICATION = """
    import decimal, threading
    hold = threading.Event()

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/hold":
            hold.wait()
        hold.set()
        start_response("200 OK", [])
        return [b"answered"]
    """


#: Its interpreter cannot be ended: a read of a pipe that nobody writes to is never interrupted.
STAYS = textwrap.dedent(APPLICATION) + """
import os
threading.Thread(target=os.readv, args=(os.pipe()[0], [bytearray(1)]), daemon=True).start()
"""


def members(document):
    """(owner, inside, key, value) of everything in a status document."""
    def walk(owner, inside, value):
        for key, member in value.items():
            yield owner, inside, key, member
            if (owner, inside, key) in (("HOST", "", "workers"), ("WORKER", "", "apps")):
                for item in member:
                    yield from walk("WORKER" if key == "workers" else "APP", "", item)
                continue
            path = f"{inside}.{key}" if inside else key
            for item in member if isinstance(member, list) else [member]:
                if isinstance(item, dict):
                    yield from walk(owner, path, item)
    return walk("HOST", "", document)


@needs_modules("lxml.etree")  # refuses sub-interpreters: its application is moved
class Document(HostTestCase):
    def test_members_and_kinds_are_those_of_the_table(self):
        with open(FIELDS, encoding="utf-8") as file:
            rows = {row[:3]: row[3] for row in ROW.findall(file.read())}
        good, bad = self.write("good.py", APPLICATION), self.write("bad.py", "1 / 0\n")
        moved = self.write("moved.py", "import lxml.etree\n" + textwrap.dedent(APPLICATION))
        stays = self.write("stays.py", STAYS)
        with open(os.path.join(os.path.dirname(good), "REVISION"), "w", encoding="utf-8") as file:
            file.write("seven\n")
        self.addCleanup(os.unlink, file.name)
        control = self.path("control")
        host = self.start_host("--control", control, "-c", self.config(
            f"[app good]\nfile = {good}\nthreads = 2\n[app bad]\nfile = {bad}\nmount = /bad\n"
            f"[app moved]\nfile = {moved}\nmount = /moved\npreload = json lxml.etree\n"
            f"[app stays]\nfile = {stays}\nmount = /stays\n"
            f"[app later]\nfile = {good}\nmount = /later\nprocess = own\nworkers = 0-1\n"
            "[task fails]\napp = good\ncall = good:no_such_name\nevery = 1s\n"))
        host.log.wait_for(r"\[app\.loaded\]")
        host.signal(signal.SIGHUP)
        host.log.wait_for(r"\[worker\.replaced\]")
        for edited in (good, stays):
            with open(edited, "a", encoding="utf-8") as file:
                file.write("\n# edited\n")
        host.log.wait_for(r"app=good .*\[reload\.(switched|worker)\]")
        host.log.wait_for(r"\[interpreter\.zombie\]")
        holding = threading.Thread(target=host.fetch, args=("/hold",))
        holding.start()
        seen = {}

        def has_seen_all():
            code, out, err = run("status", "--json", "-s", control)
            self.assertEqual(code, 0, err)
            for owner, inside, key, value in members(json.loads(out)):
                row = (owner, inside, key)
                self.assertIn(row, rows, "written, but not in the table")
                if value is None:
                    self.assertIn(rows[row], MAY_BE_NULL, row)
                else:
                    self.assertTrue(IS_KIND[rows[row]](value), (row, rows[row], value))
                    seen[row] = value
            return set(rows) <= set(seen)

        try:
            await_(has_seen_all, "every member of the table to be written")
        except AssertionError as error:
            raise AssertionError(f"never written: {set(rows) - set(seen)}") from error
        finally:
            host.fetch("/go")
            holding.join()


if __name__ == "__main__":
    unittest.main()
