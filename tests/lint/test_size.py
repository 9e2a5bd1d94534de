"""Small files, small functions; a header says what it promises and guards itself by its path."""

import re
import statistics
import unittest

import source

MAX_FILE_LINES = 400
MAX_MEDIAN_LINES = 200
MAX_FUNCTION_LINES = 60

# With clang-format's layout a function opens with a line in the first column (or its
# continuation) that ends in "{", and closes with "}" alone.
NOT_A_FUNCTION = re.compile(r"^(typedef|struct|enum|union|extern)\b[^()]*\{$|=\s*\{$")


def functions(text):
    """(first line's number, lines, name) of the functions in a C file."""
    begin = None
    lines = [line.rstrip() for line in source.without_comments(text).split("\n")]
    for number, line in enumerate(lines, 1):
        if line == "}" and begin:
            yield begin, number - begin + 1, lines[begin - 1].strip()
            begin = None
        elif line[:1] not in ("", " ", "\t", "#", "}") and begin is None:
            opening = line
            if not line.endswith(("{", ";")):  # the parameters go on on the next lines
                for following in lines[number:number + 12]:
                    opening = following
                    if following.endswith(("{", ";")):
                        break
            if opening.endswith("{") and not NOT_A_FUNCTION.search(line):
                begin = number


def long_functions(path, text):
    for number, count, name in functions(text):
        if count > MAX_FUNCTION_LINES:
            yield f"{path}:{number}: {count} lines: {name}"


def guard_of(path):
    return re.sub(r"\W", "_", path).upper()


def c_lines(folders):
    return [(path, text.count("\n")) for path, text in source.files(folders, (".c",))]


class Size(unittest.TestCase):
    def test_a_long_function_is_found(self):
        body = "    x();\n" * MAX_FUNCTION_LINES
        self.assertEqual(len(list(long_functions("a.c", "int f(void) {\n" + body + "}\n"))), 1)
        two_lines = "static int f(int a,\n             int b) {\n"
        self.assertEqual(len(list(long_functions("a.c", two_lines + body + "}\n"))), 1)
        self.assertEqual(list(functions("struct x {\n    int a;\n};\nint f(void);\n")), [])
        self.assertEqual(list(functions("struct y; /* y.h */\nstruct x {\n    int a;\n};\n"
                                        "enum {\n    A\n};\n}\n")), [])

    def test_no_file_is_long(self):
        folders = source.LAYERS + ("tests",)
        too_long = [f"{path}: {text.count(chr(10))} lines" for path, text in source.c_files(folders)
                    if text.count("\n") > MAX_FILE_LINES]
        self.assertEqual(too_long, [], "\n" + "\n".join(too_long))

    def test_most_files_are_small(self):
        self.assertLessEqual(statistics.median(n for _, n in c_lines(source.LAYERS)),
                             MAX_MEDIAN_LINES)

    def test_no_function_is_long(self):
        too_long = [line for path, text in source.files(source.LAYERS, (".c", ".h"))
                    for line in long_functions(path, text)]
        self.assertEqual(too_long, [], "\n" + "\n".join(too_long))

    def test_headers_begin_with_their_contract_and_guard(self):
        for path, text in source.files(source.LAYERS, (".h",)):
            with self.subTest(path):
                self.assertTrue(text.startswith("/**\n"), f"{path}: no /** comment at its top")
                guard = guard_of(path)
                self.assertRegex(text, rf"\n#ifndef {guard}\n#define {guard}\n")


if __name__ == "__main__":
    unittest.main()
