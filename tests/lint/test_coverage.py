"""Every C file has a unit test of its name, or a line of tests/README.md says which tests cover it."""

import pathlib
import re
import unittest

import source

TESTS = source.ROOT / "tests"
HEADING = "## Which tests cover a room"
ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<by>[^|]+) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def rows(text):
    """(the rooms or files, the test files or patterns of such) of the table's lines."""
    table = text.partition(HEADING)[2].partition("\n## ")[0]
    for match in ROW.finditer(table):
        names = CODE.findall(match["what"]), CODE.findall(match["by"])
        if all(names):
            yield names


def named_files(text):
    """Files that the page names anywhere, as patterns: ROOM, NAME and TOPIC stand for any."""
    for name in CODE.findall(text):
        if "/" in name and name.endswith((".c", ".py")):
            yield re.sub("ROOM|NAME|TOPIC", "*", name)


def exist(pattern):
    return any(TESTS.glob(pattern)) or any(source.ROOT.glob(pattern))


def has_unit_test(path):
    """fcgi_host/ROOM is mirrored in tests/unit/ROOM, pool/ and reload/ under their own names."""
    path = pathlib.PurePosixPath(path)
    folder = TESTS / "unit" / re.sub("^fcgi_host/?", "", str(path.parent))
    return any((folder / f"test_{path.stem}{suffix}").exists() for suffix in (".c", ".py"))


def uncovered(paths, text):
    covered = {what for names, tests in rows(text) for what in names
               if any(map(exist, tests))}
    for path in paths:
        if not has_unit_test(path) and not {path, str(pathlib.PurePosixPath(path).parent)} & covered:
            yield path


class Coverage(unittest.TestCase):
    def setUp(self):
        self.page = (TESTS / "README.md").read_text("utf-8")

    def test_a_file_without_a_test_is_found(self):
        table = f"{HEADING}\n| room | tests |\n|---|---|\n| {{}} | {{}} |\n\n## Next\n"
        room = table.format("`pool`", "`unit/pool/test_q*.c`")
        one_file = table.format("`pool/new.c`", "`stress/stress_pool.c`")
        no_such_test = table.format("`pool`", "`e2e/test_nothing.py`")
        for text, missing in ((room, []), (one_file, []), (no_such_test, ["pool/new.c"]),
                              (table.format("`reload`", "`stress/stress_pool.c`"), ["pool/new.c"]),
                              ("", ["pool/new.c"])):
            self.assertEqual(list(uncovered(["pool/new.c", "pool/queue.c"], text)), missing)
        self.assertTrue(has_unit_test("fcgi_host/cgi/route.c"))

    def test_every_file_is_covered(self):
        files = [path for path, _ in source.files(source.LAYERS, (".c",))]
        wrong = list(uncovered(files, self.page))
        self.assertEqual(wrong, [], f"no unit test, and not in the table \"{HEADING}\" of "
                         "tests/README.md:\n" + "\n".join(wrong))

    def test_every_file_that_the_page_names_exists(self):
        text = "`e2e/test_x.py` `e2e/test_TOPIC.py` `wire` `unit/pool/`"
        self.assertEqual([name for name in named_files(text) if not exist(name)],
                         ["e2e/test_x.py"])
        wrong = [name for name in named_files(self.page) if not exist(name)]
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_every_room_that_the_table_names_exists(self):
        wrong = [what for names, _ in rows(self.page) for what in names
                 if not (source.ROOT / what).exists()]
        self.assertEqual(wrong, [], "\n".join(wrong))


if __name__ == "__main__":
    unittest.main()
