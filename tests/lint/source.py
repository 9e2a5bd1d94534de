"""Reading the repository's files: what the lint tests share."""

import functools
import os
import pathlib
import re

ROOT = pathlib.Path(os.environ.get("FCGI_HOST_SOURCE_DIR",
                                   pathlib.Path(__file__).resolve().parents[2]))
LAYERS = ("fcgi_host", "reload", "pool")

_NOT_CODE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE)


def files(folders, suffixes):
    """(path relative to the root, text) of the files below these folders, in order."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text("utf-8")


@functools.cache
def commands():
    """The arguments of each of the program's commands, by its name."""
    table = (ROOT / "fcgi_host/config/commands.def").read_text("utf-8")
    return dict(re.findall(r'^COMMAND\(\w+, "(\w+)",\s*"([^"]*)"', table, re.MULTILINE))


def c_files(folders=LAYERS):
    return files(folders, (".c", ".h"))


def without_comments(text, keep_strings=False):
    """C source with comments and the insides of literals blanked; lines stay where they are."""
    def blank(match):
        found = match.group()
        if found[0] in "\"'":
            return found if keep_strings else found[0] + found[0]
        return "\n" * found.count("\n") or " "
    return _NOT_CODE.sub(blank, text)


def where(path, text, position):
    return f"{path}:{text.count(chr(10), 0, position) + 1}"
