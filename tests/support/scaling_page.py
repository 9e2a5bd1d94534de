"""The configurations that docs/scaling.md shows, for those who run them."""

import os
import re

from .host import ROOT

#: The page's machines, and their ports.
MACHINES = ("10.0.0.11", "10.0.0.12")
PORT, AGENT_PORT = 9000, 9001


def configuration(language):
    """The only block of the page in this language."""
    with open(os.path.join(ROOT, "docs", "scaling.md"), encoding="utf-8") as f:
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1, f"{len(blocks)} blocks of {language}"
    return blocks[0]


def replaced(text, replace):
    for old, new in replace.items():
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new)
    return text
