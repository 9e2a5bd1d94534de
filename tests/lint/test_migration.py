"""What docs/migration.md and docs/scaling.md say of this program exists: keys, sections, commands."""

import functools
import re
import unittest

import source

PAGES = ("docs/migration.md", "docs/scaling.md")
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
#: Looks like a key of ours where it is not a table's foreign name.
SNAKE = re.compile(r"[a-z]+(_[a-z]+)+")
FOREIGN = {"fastcgi_pass", "fastcgi_read_timeout", "mod_remoteip", "real_ip", "uwsgi_pass"}
#: setrlimit(2), as `rlimit.NAME` takes them.
RLIMITS = {"as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "stack"}


@functools.cache
def keys():
    table = (source.ROOT / "fcgi_host/config/options.def").read_text("utf-8")
    return set(re.findall(r'\.key = "([^"]+)"', table))


def sections():
    return {"[fcgi_host]", "[scripts]", "[app NAME]", "[process NAME]", "[task NAME]"}


def is_key(name):
    family, _, member = name.partition(".")
    if name in keys():
        return True
    return (family == "python" and bool(re.fullmatch(r"[a-z]+", member))
            or family == "env" and bool(re.fullmatch(r"[A-Z_]+", member))
            or family == "rlimit" and member in RLIMITS)


def wrong_command(text):
    """None, or what is wrong with "fcgi_host WORD --flag"."""
    words = text.split()[1:]
    if not words or words[0] in ("-t", "-c"):
        return None
    if words[0] not in source.commands():
        return f"no such command: {text}"
    flags = [word for word in words[1:] if word.startswith("-")]
    missing = [flag for flag in flags if flag not in re.findall(r"--?\w+", source.commands()[words[0]])]
    return f"{words[0]} does not take {', '.join(missing)}" if missing else None


def wrong_name(name, is_ours):
    """@param is_ours  it stands where only names of ours do"""
    if name.startswith("fcgi_host "):
        return wrong_command(name)
    if name.startswith("["):
        return None if name in sections() else f"no such section: {name}"
    name, equals, _ = name.partition(" = ")
    if is_key(name):
        return None
    looks_like_one = bool(SNAKE.fullmatch(name)) or name.startswith(("env.", "rlimit."))
    is_ours = is_ours or bool(equals)
    return f"no such key: {name}" if is_ours or looks_like_one and name not in FOREIGN else None


def wrong_names(text):
    """In prose, and in tables: theirs | ours | what differs."""
    for line in BLOCK.sub("", text).split("\n"):
        is_row = line.startswith("|")
        columns = line.split("|")[1:-1] if is_row else [line]
        for number, column in enumerate(columns):
            if is_row and number == 0:
                continue
            for name in CODE.findall(column):
                wrong = wrong_name(name, is_ours=is_row and number == 1)
                if wrong:
                    yield wrong


class Migration(unittest.TestCase):
    def test_names_that_do_not_exist_are_found(self):
        for text in ("| `x` | `no_key` | |", "| `x` | `threadz` | |", "| `x` | - | `drain_minutes` |",
                     "| `x` | `[pool NAME]` | |", "`fcgi_host explode`", "`fcgi_host status --xml`",
                     "`rlimit.files`", "`threadz = 4`", "a `request_timeout_ms` in prose"):
            self.assertEqual(len(list(wrong_names(text))), 1, text)

    def test_others_are_not(self):
        for text in ("| `no_key` | `threads` | `pong` |", "`fcgi_host status --json -s SOCKET`",
                     "`env.LANG`, `rlimit.nofile`, `queue = 4`, `python.optimize`, `env.NAME`", "`[task NAME]`, `fcgi_host -t`",
                     "`mod_remoteip`", "```ini\nno_key = 1 `no_key`\n```"):
            self.assertEqual(list(wrong_names(text)), [], text)

    def test_every_name_of_the_pages_exists(self):
        for page in PAGES:
            text = (source.ROOT / page).read_text("utf-8")
            self.assertGreater(len(CODE.findall(text)), 20, page)
            self.assertEqual(list(wrong_names(text)), [], page)

    def test_each_table_has_three_columns(self):
        text = (source.ROOT / PAGES[0]).read_text("utf-8")
        rows = [line for line in text.split("\n") if line.startswith("|")]
        self.assertGreater(len(rows), 90)
        self.assertEqual([row for row in rows if row.count("|") != 4], [])


if __name__ == "__main__":
    unittest.main()
