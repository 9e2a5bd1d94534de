"""The start page: says where it runs, and links to the other example.

The text at its top is in greeting.py: edit that file while it is served.
"""

import html
import os

import greeting

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>fcgi_host</title>
<style>
body {{ font: 1.1em/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }}
td {{ padding-right: 2em }}
</style></head>
<body>
<h1>{greeting}</h1>
<table>
<tr><td>application</td><td>{app}</td></tr>
<tr><td>interpreter</td><td>{interpreter}</td></tr>
<tr><td>generation</td><td id="generation">{generation}</td></tr>
<tr><td>process</td><td id="process">{process}</td></tr>
</table>
<p>The other example, in another interpreter of the same process: <a href="{root}/notes/">notes</a>.
</body>
</html>
"""


def application(environ, start_response):
    if environ.get("PATH_INFO", "") not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such page.\n"]
    page = PAGE.format(
        greeting=html.escape(greeting.TEXT),
        app=html.escape(environ["fcgi_host.app"]),
        interpreter=html.escape(environ["fcgi_host.interpreter"]),
        generation=environ["fcgi_host.generation"],
        process=os.getpid(),
        root=html.escape(environ.get("SCRIPT_NAME", "")),
    ).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"),
                              ("Content-Length", str(len(page)))])
    return [page]
