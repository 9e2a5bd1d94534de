"""Makes the page of notes from page.html, which is read once, when this module is loaded."""

import html
import pathlib
import string

_TEMPLATE = string.Template(pathlib.Path(__file__).with_name("page.html").read_text("utf-8"))


def render(notes, **values):
    """The page as bytes; `notes` are plain texts, the newest first."""
    items = "\n".join(f"<li>{html.escape(note)}</li>" for note in notes)
    shown = {name: html.escape(str(value)) for name, value in values.items()}
    return _TEMPLATE.substitute(shown, notes=items or "<li>(none yet)</li>").encode()
