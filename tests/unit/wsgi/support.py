"""Requests for applications, without a web server: see harness.c."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap

import _harness

ERROR, WARN, INFO, DEBUG = 3, 2, 1, 0
COMPLETE, OVERLOADED, CUT = range(3)  # enum request_end

# What nginx's fastcgi_params sends for a GET, with a few request headers.
PARAMS = {
    "QUERY_STRING": "a=1&b=2",
    "REQUEST_METHOD": "GET",
    "CONTENT_TYPE": "",
    "CONTENT_LENGTH": "",
    "SCRIPT_NAME": "/blog/entry",
    "REQUEST_URI": "/blog/entry?a=1&b=2",
    "DOCUMENT_URI": "/blog/entry",
    "DOCUMENT_ROOT": "/usr/share/nginx/html",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_SCHEME": "http",
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "nginx/1.22.1",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "52514",
    "SERVER_ADDR": "127.0.0.1",
    "SERVER_PORT": "8080",
    "SERVER_NAME": "www.example.org",
    "REDIRECT_STATUS": "200",
    "HTTP_HOST": "www.example.org",
    "HTTP_USER_AGENT": "curl/7.88.1",
    "HTTP_ACCEPT": "*/*",
}

_ready = False


def set_up():
    """Prepare this interpreter once; its own streams stay, for unittest's output."""
    global _ready
    if not _ready:
        _ready = True
        streams = sys.stdout, sys.stderr, sys.argv
        _harness.add_app({"name": "blog"})
        _harness.add_app({"name": "shop", "threads": 4, "dev": 1})
        _harness.add_app({"name": "live", "dev": 1})
        _harness.set_up()
        sys.stdout, sys.stderr, sys.argv = streams


class Answer:
    def __init__(self, result, log):
        self.sends = result["sends"]  # (bytes, is last, is a file)
        self.errors = result["errors"].decode()
        self.end = result["end"]
        self.finishes = result["finishes"]
        self.has_ended = bool(result["has_ended"])
        self.questions = result["questions"]  # of wsgi_withhold_hook
        self.log = log
        self.output = b"".join(send[0] for send in self.sends)
        self.head, self.separator, self.body = self.output.partition(b"\r\n\r\n")
        lines = self.head.decode("latin-1").split("\r\n")
        self.status = lines[0].removeprefix("Status: ") if lines[0] else None
        self.headers = [tuple(line.split(": ", 1)) for line in lines[1:]]

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if len(values) == 1 else values or None

    @property
    def is_complete(self):
        return self.end == COMPLETE and [send[1] for send in self.sends][-1:] == [True]

    def logged(self, slug):
        return [line for line in self.log if line[0] == slug]


def load(application, app=0):
    """For several serve(…, loaded=…)."""
    set_up()
    return _harness.wrap(application, app)


def serve(application, params=None, body=(), app=0, loaded=None, **options):
    set_up()
    all_params = dict(PARAMS if params is None else params)
    method = options.pop("method", None)
    if method:
        all_params["REQUEST_METHOD"] = method
    listed = [(_bytes(name), _bytes(value)) for name, value in all_params.items()]
    _harness.log()
    result = _harness.serve(loaded or load(application, app), listed, list(body), options)
    return Answer(result, _harness.log())


def _bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def environ_of(params=None, **options):
    """What an application sees."""
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [])
        return []

    serve(application, params, **options)
    return seen


def in_new_process(code, *apps, variables=None):
    """Run `code` in an interpreter set up for `apps`; what it passes to result(), and the log.

    Each of `apps` is a dict as add_app() of harness.c takes it.  `error` is the set-up's, if any.
    """
    prelude = (
        "import json, os, sys, _harness, _harness_preload\n"
        f"sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "_results = []\n"
        "result = _results.append\n"
        f"for app in {list(apps)!r}:\n"
        "    _harness.add_app(app)\n"
        "error = None\n"
        "try:\n"
        "    _harness.set_up()\n"
        "except RuntimeError as raised:\n"
        "    error = str(raised)\n"
    )
    end = "\nos.write(1, json.dumps([_results, _harness.log()]).encode())\n"
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "script.py")
        with open(script, "w") as file:
            file.write(prelude + textwrap.dedent(code) + end)
        done = subprocess.run(
            [os.path.realpath("/proc/self/exe"), script],
            stdout=subprocess.PIPE,
            env={**os.environ, **(variables or {})},
            timeout=60,
        )
    assert done.returncode == 0, done
    results, log = json.loads(done.stdout)
    return results, [tuple(line) for line in log]
