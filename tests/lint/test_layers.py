"""Arrows go down only: each room includes what the table gives it, and its library links no more."""

import pathlib
import re
import unittest

import source

# Room → the rooms that it may include beside itself, the lowest first.
BASE = ("pool/base",)
PYTHON = BASE + ("pool/python",)
ROOMS = {
    "pool/base": (),
    "pool/python": BASE,
    "pool": PYTHON,
    "reload/watch": BASE,
    "reload/memory": BASE,
    "reload/objects": PYTHON + ("reload/memory",),
    "reload/scan": PYTHON + ("reload/memory", "reload/objects"),
    "reload/stale": PYTHON + ("reload/memory", "reload/objects", "reload/scan"),
    "reload": BASE + ("pool", "reload/watch"),
    "fcgi_host/base": BASE,
    "fcgi_host/config": BASE + ("fcgi_host/base",),
    "fcgi_host/link": BASE + ("fcgi_host/base",),
    "fcgi_host/status": BASE + ("fcgi_host/base",),
    "fcgi_host/app": PYTHON + ("pool", "fcgi_host/base", "fcgi_host/config", "fcgi_host/link"),
    "fcgi_host/fastcgi": BASE,
    "fcgi_host/intake": BASE + ("fcgi_host/fastcgi", "fcgi_host/link"),
    "fcgi_host/cgi": BASE + ("fcgi_host/base", "fcgi_host/config", "fcgi_host/fastcgi"),
    "fcgi_host/wsgi": PYTHON + ("pool", "fcgi_host/base", "fcgi_host/config",
                                "fcgi_host/fastcgi", "fcgi_host/cgi"),
    "fcgi_host/recycle": PYTHON + ("pool", "reload", "reload/stale", "fcgi_host/base",
                                   "fcgi_host/config", "fcgi_host/link", "fcgi_host/status",
                                   "fcgi_host/app", "fcgi_host/wsgi"),
    "fcgi_host/worker": PYTHON + ("pool", "reload/objects", "fcgi_host/base", "fcgi_host/config",
                                  "fcgi_host/link", "fcgi_host/app", "fcgi_host/fastcgi",
                                  "fcgi_host/intake", "fcgi_host/cgi", "fcgi_host/wsgi",
                                  "fcgi_host/recycle", "fcgi_host/status"),
    "fcgi_host/supervisor": BASE + ("reload/watch", "fcgi_host/base", "fcgi_host/config",
                                    "fcgi_host/link", "fcgi_host/status"),
    "fcgi_host/commands": PYTHON + ("pool", "reload/stale", "fcgi_host/base", "fcgi_host/config",
                                    "fcgi_host/link", "fcgi_host/status", "fcgi_host/app",
                                    "fcgi_host/wsgi", "fcgi_host/supervisor"),
    "fcgi_host": PYTHON + ("fcgi_host/base", "fcgi_host/config", "fcgi_host/intake",
                           "fcgi_host/supervisor", "fcgi_host/worker", "fcgi_host/commands"),
}
LIBRARY_OF = {  # system header → rooms that may include it
    "fastcgi.h": ("fcgi_host/fastcgi", "fcgi_host/intake"),
    "fcgiapp.h": (),
    "fcgi_stdio.h": (),
    "ini.h": ("fcgi_host/config",),
    "jansson.h": ("fcgi_host/base",),
    "libelf.h": ("reload/memory",),
    "gelf.h": ("reload/memory",),
    "elfutils/libdw.h": (),
    "sys/inotify.h": ("reload/watch",),
    "xxhash.h": ("reload/watch",),
    "Python.h": ("pool/python",),  # the others include py_compat.h
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
LIBRARY = re.compile(r"add_library\((\w+) STATIC")
LINKED = re.compile(r"target_link_libraries\((\w+) \w+([^)]*)\)")


def room_of(path):
    return str(pathlib.PurePosixPath(path).parent)


def wrong_includes(path, text):
    room = room_of(path)
    for match in INCLUDE.finditer(text):
        ours, library = match.groups()
        if ours and ours.split("/")[0] == "embedded":
            continue  # a file of the same room, see cmake/EmbedPython.cmake
        where = source.where(path, text, match.start())
        if ours and "/" not in ours:
            yield f"{where}: \"{ours}\" is not from the root"
        elif ours and room_of(ours) != room and room_of(ours) not in ROOMS[room]:
            yield f"{where}: {room}/ may not include {ours}"
        elif ours and ours.endswith("_internal.h") and room_of(ours) != room:
            yield f"{where}: {ours} is for its own room only"
        elif library and library in LIBRARY_OF and room not in LIBRARY_OF[library]:
            yield f"{where}: {room}/ may not use {library}"


def above_itself(rooms):
    """The rooms that may include themselves by way of others: there must be none."""
    def reaches(room, goal, seen):
        below = [other for other in rooms[room] if other not in seen]
        seen.update(below)
        return goal in below or any(reaches(other, goal, seen) for other in below)
    return [room for room in rooms if reaches(room, room, set())]


def libraries():
    """Room → (its library, the libraries that it is linked with)."""
    found = {}
    for room in ROOMS:
        text = (source.ROOT / room / "CMakeLists.txt").read_text("utf-8")
        match = LIBRARY.search(text)
        if match:
            linked = [name for target, names in LINKED.findall(text) if target == match[1]
                      for name in names.split()]
            found[room] = (match[1], linked)
    return found


class Rooms(unittest.TestCase):
    def test_an_arrow_up_is_found(self):
        for path, include in (("pool/x.c", '"fcgi_host/base/log.h"'),
                              ("reload/watch/x.c", '"reload/stale/stale.h"'),
                              ("fcgi_host/supervisor/x.c", '"fcgi_host/wsgi/wsgi.h"'),
                              ("fcgi_host/supervisor/x.c", "<Python.h>"),
                              ("pool/x.c", "<sys/inotify.h>"), ("pool/x.c", '"error.h"'),
                              ("fcgi_host/wsgi/x.c", '"fcgi_host/fastcgi/request_internal.h"')):
            with self.subTest(path=path, include=include):
                self.assertEqual(len(list(wrong_includes(path, f"#include {include}\n"))), 1)
        self.assertEqual(list(wrong_includes("reload/x.c", '#include "pool/base/error.h"\n')), [])
        self.assertEqual(above_itself({"a": ("b",), "b": ("c",), "c": ("a",)}), ["a", "b", "c"])

    def test_arrows_go_down_only(self):
        wrong = [line for path, text in source.c_files() for line in wrong_includes(path, text)]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
        self.assertEqual(above_itself(ROOMS), [])

    def test_every_folder_with_code_is_in_the_table(self):
        self.assertEqual({room_of(path) for path, _ in source.c_files()}, set(ROOMS))

    def test_the_documents_list_the_same_rooms_in_the_same_words(self):
        listed = [re.findall(r"^- `[^`]+`.*$", (source.ROOT / name).read_text("utf-8"), re.MULTILINE)
                  for name in ("fcgi_host/README.md", "docs/ARCHITECTURE.md")]
        rooms = [line for line in listed[0] if re.match(r"- `(main\.c|\w+/)`", line)]
        self.assertEqual([line for line in listed[1] if line in rooms], rooms)
        names = {f"fcgi_host/{name}" for line in rooms for name in re.findall(r"^- `(\w+)/`", line)}
        self.assertEqual(names, {room for room in ROOMS if room.startswith("fcgi_host/")})

    def test_a_library_is_linked_with_those_of_its_table_only(self):
        made = libraries()
        room_of_library = {library: room for room, (library, _) in made.items()}
        self.assertEqual(set(made), set(ROOMS) - {"fcgi_host"})
        for room, (library, linked) in made.items():
            for name in linked:
                below = room_of_library.get(name)
                self.assertTrue(below is None or below in ROOMS[room],
                                f"{library} is linked with {name}")


if __name__ == "__main__":
    unittest.main()
