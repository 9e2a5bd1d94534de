"""Each row of fcgi_host/status/fields.def gets a value, and no member has a key from elsewhere.

Which object a member stands in is compared with a real document: tests/e2e/test_status_document.py.
"""

import re
import unittest

import source

# Where the document is written: the supervisor's frame, and the workers' parts.
WRITERS = ("fcgi_host/supervisor/status_round.c", "fcgi_host/supervisor/recent.c",
           "fcgi_host/supervisor/tasks.c", "fcgi_host/worker/status_part.c",
           "fcgi_host/recycle/report.c")
FIELD = re.compile(r'^FIELD\((\w+), \w+, (?:NULL|"[^"]+"), "([^"]+)", \w+', re.MULTILINE)
WRITTEN = re.compile(r"\bdocument_(?:add|begin)_\w+\(\s*&?\w+,\s*STATUS_(\w+)")
WITHOUT_ROW = re.compile(r'\bjson_(?:add|begin)\w*\(\s*&?\w+,\s*"([^"]+)"')
READ = re.compile(r'\b(?:json_get_\w+|json_object_get|put_string)\((?:\w+, )?\s*\w+,\s*"([^"]+)"')


def table():
    """[(name, key)]"""
    text = (source.ROOT / "fcgi_host/status/fields.def").read_text("utf-8")
    rows = FIELD.findall(text)
    assert len(rows) == len(re.findall(r"(?m)^FIELD\(", text))
    return rows


class Status(unittest.TestCase):
    def test_patterns_find(self):
        text = 'document_add_text(json, STATUS_A, x); document_begin_list(&json,\n STATUS_B);'
        self.assertEqual(WRITTEN.findall(text), ["A", "B"])
        self.assertEqual(WITHOUT_ROW.findall('json_add_null(json, NULL); json_add_null(&j, "d");'),
                         ["d"])
        self.assertEqual(READ.findall('json_get_string(app, "name"); json_object_get(x,\n "y")'),
                         ["name", "y"])

    def test_every_row_gets_a_value(self):
        written = set()
        for path in WRITERS:
            text = (source.ROOT / path).read_text("utf-8")
            written |= set(WRITTEN.findall(text))
            self.assertEqual(WITHOUT_ROW.findall(text), [], f"{path}: written without a row")
        self.assertEqual({name for name, _ in table()} - written, set(), "never written")

    def test_views_read_members_of_the_table(self):
        read = set()
        for path, text in source.c_files():
            if path.startswith("fcgi_host/status/"):
                read |= set(READ.findall(text))
        self.assertGreater(len(read), 20)
        self.assertEqual(read - {key for _, key in table()}, set(), "read, but not in the table")


if __name__ == "__main__":
    unittest.main()
