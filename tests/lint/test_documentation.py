"""The option tables of the documentation say what options.def says; man pages are well-formed."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import source
from support.host import needs_program

OPTIONS_DOC = os.environ["OPTIONS_DOC"]
PAGES = sorted((source.ROOT / "docs/man").glob("*.[58]"))
TABLES = PAGES + sorted(source.ROOT.glob("*.md"))


def is_up_to_date(path):
    return subprocess.run([OPTIONS_DOC, "check", path], capture_output=True).returncode == 0


class Options(unittest.TestCase):
    def test_a_table_that_is_out_of_date_is_found_and_made_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(shutil.copy(source.ROOT / "docs/man/fcgi_host.conf.5", folder))
            text = page.read_text("utf-8")
            self.assertIn(".It Cm threads", text)
            page.write_text(text.replace(".It Cm threads", ".It Cm fibres"), "utf-8")
            self.assertFalse(is_up_to_date(page))
            subprocess.run([OPTIONS_DOC, "update", page], check=True)
            self.assertEqual(page.read_text("utf-8"), text)

    def test_every_table_is_up_to_date(self):
        for path in TABLES:
            self.assertTrue(is_up_to_date(path), f"{path}: build the target docs")

    def test_the_manual_page_has_every_key(self):
        text = (source.ROOT / "docs/man/fcgi_host.conf.5").read_text("utf-8")
        table = (source.ROOT / "fcgi_host/config/options.def").read_text("utf-8")
        keys = re.findall(r'^OPTION\(\w+, \w+,\n +\.key = "([^"]+)"', table, re.MULTILINE)
        self.assertGreater(len(keys), 30)
        for key in keys:
            self.assertEqual(text.count(f".It Cm {key} "), keys.count(key), key)

    def test_markdown_tables_can_be_made(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "tables").with_suffix(".md")
            page.write_text("".join(f"<!-- options: {subject} -->\n<!-- options end -->\n" for subject
                                    in ("command line", "commands", "[app NAME]")), "utf-8")
            subprocess.run([OPTIONS_DOC, "update", page], check=True)
            text = page.read_text("utf-8")
            self.assertRegex(text, r"(?m)^\| `-l`, `--listen ADDR` \| Address")
            self.assertRegex(text, r"(?m)^\| `gil = shared\\\|own` \| `shared` \| ")
            self.assertRegex(text, r"(?m)^\| `ignore = PATTERN...` \| `\*\*/__pycache__/\*\*` \| ")
            self.assertTrue(is_up_to_date(page))


@needs_program("mandoc")
class ManPages(unittest.TestCase):
    def lint(self, path):
        done = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True)
        # Whether other pages are installed here says nothing about this one.
        return [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                if "referenced manual not found" not in line and "outdated mandoc.db" not in line]

    def test_a_mistake_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "x.8")
            page.write_text(PAGES[0].read_text("utf-8") + ".Nonsense\n", "utf-8")
            self.assertTrue(self.lint(page))

    def test_there_is_none(self):
        self.assertEqual(len(PAGES), 2)
        for path in PAGES:
            self.assertEqual(self.lint(path), [])


if __name__ == "__main__":
    unittest.main()
