"""The files speak of the project only, and of things that exist."""

import ast
import re
import unittest

import source

SUFFIXES = (".c", ".h", ".py", ".md", ".txt", ".cmake", ".json", ".sh", ".conf", ".ini", ".def",
            ".service", ".socket", ".5", ".8")
FOLDERS = source.LAYERS + ("bench", "cmake", "docs", "examples", "packaging", "scripts", "tests")
# A path that exists on one person's machine only.
MACHINE_PATH = re.compile(r"(?<![\w.~}$)/-])/(work|root|home/(?!www\b)\w+)/")
# CPython's issues, which the code does name, have longer numbers.
TRACKER = re.compile(r"(?<![\w-])issues? #?\d{1,3}\b", re.IGNORECASE)
DOCUMENT = re.compile(r"(?<![\w./:-])((?:[\w.-]+/)*[A-Za-z][\w-]*\.md)\b")


# A file of ours, with its folder or bare, in prose: between backquotes, or in a comment of C.
SOURCE = re.compile(r"(?<![\w./:<-])((?:[\w-]+/)*[A-Za-z]\w+\.[ch])\b(?!\.)")
C_PROSE = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
QUOTED = re.compile(r"`[^`\n]+`")
# Files of CPython and of the C library; and names that stand for any.
NOT_OURS = re.compile(r"sysdeps/|malloc/malloc\.c|(Objects/|Python/)?(pycore_\w+\.h|obmalloc\.c|import\.c|"
                      r"Python\.h)$|.*\b(ROOM|NAME|test_NAME)\b")


def missing_sources(path, text, names):
    """Files of ours that prose names, and that are not there."""
    prose = C_PROSE if path.endswith((".c", ".h", ".def")) else QUOTED
    for piece in prose.finditer(text):
        for match in SOURCE.finditer(piece.group()):
            name = match.group(1)
            if name not in names and not NOT_OURS.match(name):
                where = source.where(path, text, piece.start() + match.start())
                yield f"{where}: there is no {name}"


def source_names():
    """Every C file by its path and each end of it: pool/base/error.h, base/error.h, error.h."""
    names = set()
    for path, _ in source.files(source.LAYERS + ("bench", "tests"), (".c", ".h")):
        parts = path.split("/")
        names.update("/".join(parts[i:]) for i in range(len(parts)))
    return names


def all_files():
    yield from source.files(FOLDERS, SUFFIXES)
    for path in sorted(source.ROOT.glob("*")):
        if path.is_file() and (path.suffix in SUFFIXES or path.name in ("LICENSE",)):
            yield path.name, path.read_text("utf-8")
    for name in ("scripts/demo", "scripts/test", "scripts/deps", ".ci/run"):
        yield name, (source.ROOT / name).read_text("utf-8")


def foreign(path, text):
    for pattern, what in ((MACHINE_PATH, "a path of one machine"), (TRACKER, "a tracker's number")):
        for match in pattern.finditer(text):
            yield f"{source.where(path, text, match.start())}: {what}: {match.group()}"


def missing_documents(path, text):
    here = (source.ROOT / path).parent
    for match in DOCUMENT.finditer(text):
        name = match.group(1)
        if not any((folder / name).exists() for folder in (source.ROOT, source.ROOT / "docs", here)):
            yield f"{source.where(path, text, match.start())}: there is no {name}"


class Text(unittest.TestCase):
    def test_what_is_foreign_is_found(self):
        bad_path, bad_number = "see /" + "root/x/y", "fixes issue" + " #12"
        self.assertTrue(list(foreign("x", bad_path)))
        self.assertTrue(list(foreign("x", bad_number)))
        self.assertEqual(list(foreign("x", "gh-117953, /srv/blog/wsgi.py, the network/home/")), [])
        self.assertTrue(list(missing_documents("x", "as NO_SUCH" + ".md says")))
        self.assertEqual(list(missing_documents("x", "https://example.org/a/README.md")), [])

    def test_nothing_foreign_is_said(self):
        found = [line for path, text in all_files() for line in foreign(path, text)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_documents_that_are_named_exist(self):
        if not (source.ROOT / "docs/ARCHITECTURE.md").exists():
            self.skipTest("the documentation is not written yet")
        found = [line for path, text in all_files() for line in missing_documents(path, text)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_source_files_that_are_named_exist(self):
        names = source_names()
        self.assertTrue(list(missing_sources("x.c", "/* see no_such.c */", names)))
        self.assertTrue(list(missing_sources("README.md", "as `pool/no_such.h` says", names)))
        self.assertEqual(list(missing_sources("x.c", "/* pool/pool.h, error.h */ x = \"y.c\";",
                                              names)), [])
        found = [line for path, text in all_files() if path.endswith((".c", ".h", ".def", ".md"))
                 for line in missing_sources(path, text, names)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_python_files_parse_with_the_oldest_python(self):
        for path, text in source.files(FOLDERS, (".py",)):
            if "/broken" not in path:  # applications that are meant not to load
                with self.subTest(path):
                    ast.parse(text, path, feature_version=(3, 11))

    def test_every_c_file_is_built(self):
        for path, _ in source.files(source.LAYERS, (".c",)):
            file = source.ROOT / path
            lists = (file.parent / "CMakeLists.txt").read_text("utf-8")
            listed = re.search(rf"(?<![\w/]){re.escape(file.name)}\b", lists)
            self.assertTrue(listed, f"{path} is not in its folder's CMakeLists.txt")


if __name__ == "__main__":
    unittest.main()
