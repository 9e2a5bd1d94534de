"""The status document has the members that fcgi_host/status/fields.def lists, and no other.

Which object a member stands in is compared with a real document: tests/e2e/test_status_document.py.
"""

import re
import unittest

import source

# Where the document is written: the supervisor's frame, and the workers' parts.
WRITERS = ("fcgi_host/supervisor/status_round.c", "fcgi_host/worker/", "fcgi_host/recycle/")
FIELD = re.compile(r'^FIELD\(\w+, (?:NULL|"[^"]+"), "([^"]+)", \w+', re.MULTILINE)
WRITTEN = re.compile(r'\b(?:json_(?:add|begin)|write_time)\w*\(\s*&?\w+,\s*"([^"]+)"')


READ = re.compile(r'\b(?:json_get_\w+|json_object_get|put_string)\((?:\w+, )?\s*\w+,\s*"([^"]+)"')


def keys_read(text):
    return set(READ.findall(text))


def keys_written(text):
    return set(WRITTEN.findall(text))


class Status(unittest.TestCase):
    def test_keys_are_found(self):
        text = 'json_add_string(json, "a", x); json_begin_array(&json,\n "b"); write_time(j, "c", 0);'
        self.assertEqual(keys_written(text + 'json_add_null(json, NULL); f(json, "d");'),
                         {"a", "b", "c"})

    def test_every_member_is_in_the_table_and_every_row_is_written(self):
        table = (source.ROOT / "fcgi_host/status/fields.def").read_text("utf-8")
        rows = set(FIELD.findall(table))
        self.assertEqual(len(FIELD.findall(table)), len(re.findall(r"(?m)^FIELD\(", table)))
        written = set()
        for path, text in source.c_files():
            if path.startswith(WRITERS):
                written |= keys_written(text)
        self.assertEqual(written - rows, set(), "written, but not in the table")
        self.assertEqual(rows - written, set(), "in the table, but not written")

    def test_views_read_members_of_the_table(self):
        rows = set(FIELD.findall((source.ROOT / "fcgi_host/status/fields.def").read_text("utf-8")))
        self.assertEqual(keys_read('json_get_string(app, "name"); json_object_get(x,\n "y")'),
                         {"name", "y"})
        read = set()
        for path, text in source.c_files():
            if path.startswith("fcgi_host/status/"):
                read |= keys_read(text)
        self.assertGreater(len(read), 20)
        self.assertEqual(read - rows, set(), "read by a view, but not in the table")


if __name__ == "__main__":
    unittest.main()
