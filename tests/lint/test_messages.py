"""docs/messages.md has one entry for each slug that the program logs, and none besides."""

import re
import unittest

import source

DOCUMENT = source.ROOT / "docs/messages.md"
SLUG = r"[a-z]+\.[a-z_]+"
LOGGED = re.compile(rf"\blog_\w+\(\s*[^;]*?\"({SLUG})\"", re.DOTALL)
ENTRY = re.compile(rf"^#+\s+`?\[?({SLUG})\]?`?", re.MULTILINE)
PROMISED = {
    "app.loaded", "app.failed", "app.placed", "reload.detected", "reload.switched", "reload.kept",
    "reload.drained", "reload.retired", "stale.clean", "stale.found", "worker.started",
    "worker.replaced", "worker.crashed", "request.exception", "request.timeout"}


def logged(text):
    """The slugs in the calls of log_…() in a C file: any literal of a slug's shape in its arguments
    (so that `ok ? "a.b" : "a.c"` counts)."""
    code = source.without_comments(text, keep_strings=True)
    found = set()
    for call in re.finditer(r"\b(?:log_(?:line|error)|wsgi_log)\w*\(", code):
        statement = code[call.end():code.find(";", call.end())]
        found.update(re.findall(rf'"({SLUG})"', statement))
    return found


def logged_by_python(text):
    """The slugs in the Python code that the program contains: whole literals of a slug's shape,
    of the area that is its own."""
    return set(re.findall(r'"(app\.[a-z_]+)"', text))


class Messages(unittest.TestCase):
    def test_slugs_of_a_call_are_found(self):
        self.assertEqual(logged('log_line(LOG_INFO,\n  ok ? "app.a" : "app.b", NULL, "x %s", y);'),
                         {"app.a", "app.b"})
        self.assertEqual(logged('/* log_line(LOG_INFO, "app.a", NULL, ""); */'), set())
        self.assertEqual(logged('wsgi_log(LOG_INFO, "app.a", &about, "x");'), {"app.a"})
        self.assertEqual(logged_by_python('stream(WARN, "app.stderr")\n# app.x'), {"app.stderr"})
        self.assertEqual(ENTRY.findall("# Messages\n\n## app.a\ntext\n## `b.c`\n"), ["app.a", "b.c"])

    def test_every_slug_has_an_entry_and_every_entry_a_slug(self):
        in_code = set()
        for _, text in source.files(("fcgi_host",), (".c", ".h")):
            in_code |= logged(text)
        for _, text in source.files(("fcgi_host",), (".py",)):
            in_code |= logged_by_python(text)
        if not in_code and not DOCUMENT.exists():
            self.skipTest("nothing is logged yet")
        entries = ENTRY.findall(DOCUMENT.read_text("utf-8"))
        self.assertEqual(len(entries), len(set(entries)), "an entry stands twice")
        self.assertEqual(sorted(in_code - set(entries)), [], "logged, but not in docs/messages.md")
        self.assertEqual(sorted(set(entries) - in_code), [], "in docs/messages.md, but never logged")


if __name__ == "__main__":
    unittest.main()
