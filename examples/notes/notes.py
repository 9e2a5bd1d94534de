"""A board of notes, kept in memory: a new generation of the interpreter starts with an empty one.

Its page is made by page.py from page.html.
"""

import os
import threading
import urllib.parse

import page

MAX_NOTES = 50  # what a page shows at a glance
MAX_BODY = 10_000  # bytes; a note is a line or two

_lock = threading.Lock()
_notes = []


def add(environ):
    """Take the form's note. Returns the status line."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MAX_BODY:
        return "413 Content Too Large"
    form = urllib.parse.parse_qs(environ["wsgi.input"].read(length).decode("utf-8", "replace"))
    text = form.get("note", [""])[0].strip()
    if text:
        with _lock:
            _notes.append(text)
            del _notes[:-MAX_NOTES]
    return "303 See Other"


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        status = add(environ)
        start_response(status, [("Location", environ.get("SCRIPT_NAME", "") + "/"),
                                ("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []
    with _lock:
        notes = list(reversed(_notes))
    body = page.render(notes, generation=environ["fcgi_host.generation"],
                       interpreter=environ["fcgi_host.interpreter"], process=os.getpid())
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"),
                              ("Content-Length", str(len(body)))])
    return [body]
