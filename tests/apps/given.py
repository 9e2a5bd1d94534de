"""Runs the application whose source a request brings in its parameter APPLICATION.

So a test shows the application beside what it expects of it. `note(x)` in it makes x part of what
the parameter EVENTS asks for.
"""

import json

events = []


def application(environ, start_response):
    if "EVENTS" in environ:
        body = json.dumps(events).encode()
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]
    source = environ.pop("APPLICATION")
    namespace = {"note": events.append, "__name__": "given"}
    exec(compile(source, "given application", "exec"), namespace)
    return namespace["application"](environ, start_response)
