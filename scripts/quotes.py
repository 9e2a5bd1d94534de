#!/usr/bin/env python3
"""Whole files quoted in documentation: `quotes.py check|update FILE...`.

A quotation is the line `<!-- quote: PATH -->` and the code block after it; PATH is from the
repository's root.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUOTE = re.compile(r"(<!-- quote: (\S+) -->\n```\w*\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)


def updated(text):
    return QUOTE.sub(lambda match: match[1] + (ROOT / match[2]).read_text("utf-8") + match[4], text)


def main():
    action, *files = sys.argv[1:]
    for file in map(pathlib.Path, files):
        text = file.read_text("utf-8")
        if action == "update":
            file.write_text(updated(text), "utf-8")
        elif updated(text) != text:
            sys.exit(f"{file}: quotations are out of date: scripts/quotes.py update {file}")


if __name__ == "__main__":
    main()
