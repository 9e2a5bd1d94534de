"""lighttpd spawns build/release/bin/fcgi_host with the two example applications: scripts/demo
installs and builds, then runs this."""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parent.parent
HOST = SOURCE / "build/release/bin/fcgi_host"
START_S = 20  # until the first page: starting Python and loading two applications, on a slow machine
RELOAD_S = 10  # until the edited text is served; it takes a fraction of a second
STOP_S = 15  # requests in flight may finish

LIGHTTPD_CONF = """\
server.modules = ( "mod_fastcgi" )
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.pid-file = "{folder}/lighttpd.pid"
fastcgi.server = ( "/" => ((
    "bin-path" => "{host} --config {folder}/fcgi_host.conf",
    "socket" => "{folder}/fcgi_host.sock",
    "max-procs" => 1,
    "check-local" => "disable",
    "fix-root-scriptname" => "enable"
)))
"""
FCGI_HOST_CONF = """\
[fcgi_host]
{as_root}control = {folder}/fcgi_host.ctl
log = {folder}/fcgi_host.log

[app welcome]
file = {examples}/welcome/welcome.py
mount = /

[app notes]
file = {examples}/notes/notes.py
mount = /notes
watch = page.html
"""


def say(text):
    print(text, flush=True)


def port_number(text):
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port")
    return number


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def fetch(url):
    """(status, text) of a page; (None, reason) when there is no answer."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return None, str(error)


def fetch_until(url, wanted, deadline_s):
    """Fetch until a page of status 200 contains `wanted`. Returns the page, or None, and the
    milliseconds that it took.  (What happens on the other side of HTTP sends us no event.)"""
    begin = time.monotonic()
    while True:
        status, text = fetch(url)
        now = time.monotonic()
        if status == 200 and wanted in text:
            return text, (now - begin) * 1000
        if now - begin > deadline_s:
            say(f"  {url}: {status}: {text[:500]}")
            return None, (now - begin) * 1000
        time.sleep(0.01)


def about(text):
    """The generation and the process that a page names."""
    return tuple(re.search(rf'id="{what}">(\d+)<', text).group(1)
                 for what in ("generation", "process"))


@contextlib.contextmanager
def served(folder, examples, port):
    """lighttpd in the foreground, until the end of the with block."""
    values = {"folder": folder, "examples": examples, "port": port, "host": HOST,
              "as_root": "allow_root = yes\n" if os.geteuid() == 0 else ""}
    (folder / "lighttpd.conf").write_text(LIGHTTPD_CONF.format(**values))
    (folder / "fcgi_host.conf").write_text(FCGI_HOST_CONF.format(**values))
    lighttpd = shutil.which("lighttpd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/sbin")
    log = (folder / "lighttpd.log").open("wb")
    # A session of its own: Ctrl-C reaches this script only, which then stops lighttpd in order.
    server = subprocess.Popen([lighttpd, "-D", "-f", folder / "lighttpd.conf"],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              start_new_session=True)
    try:
        yield server
    finally:
        log.close()
        server.terminate()
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            say(f"lighttpd did not stop within {STOP_S} s: killed")
            server.kill()
            server.wait()


def show_logs(folder):
    for name in ("lighttpd.log", "fcgi_host.log"):
        path = folder / name
        if path.exists():
            say(f"--- {name}\n{path.read_text(errors='replace')[-4000:]}")


def check(folder, examples, base):
    """Fetch, edit, fetch again. Returns whether all was as promised."""
    notes, _ = fetch_until(f"{base}/notes/", "<h1>Notes</h1>", START_S)
    old, _ = fetch_until(f"{base}/", "Hello from a sub-interpreter", START_S)
    if old is None or notes is None:
        return False
    generation, process = about(old)
    notes_generation, notes_process = about(notes)
    say(f"  {base}/        \"Hello from a sub-interpreter\", generation {generation}, "
        f"process {process}")
    say(f"  {base}/notes/  \"Notes\", generation {notes_generation}, process {notes_process}")
    if process != notes_process:
        say("  the two applications are not in one process")
        return False

    new_text = "Hello from the edited file"
    edited = examples / "welcome/greeting.py"
    edited.write_text(edited.read_text().replace("Hello from a sub-interpreter", new_text))
    say(f"  edited {edited}")
    new, took_ms = fetch_until(f"{base}/", new_text, RELOAD_S)
    if new is None:
        say(f"  {base}/        still the old text after {took_ms:.0f} ms")
        return False
    new_generation, new_process = about(new)
    where = "the same process" if new_process == process else f"process {new_process}"
    say(f"  {base}/        \"{new_text}\" after {took_ms:.0f} ms, generation {new_generation}, "
        f"{where}")

    notes, _ = fetch_until(f"{base}/notes/", "<h1>Notes</h1>", START_S)
    if notes is None:
        return False
    same = about(notes) == (notes_generation, notes_process)
    say(f"  {base}/notes/  {'untouched' if same else 'reloaded too'}: "
        "generation {}, process {}".format(*about(notes)))
    return int(new_generation) > int(generation) and same


def run_check(folder, port):
    examples = folder / "examples"
    shutil.copytree(SOURCE / "examples", examples)
    with served(folder, examples, port):
        ok = check(folder, examples, f"http://127.0.0.1:{port}")
        if not ok:
            show_logs(folder)
    say("demo check: " + ("passed" if ok else "FAILED"))
    return 0 if ok else 1


def run(folder, port):
    base = f"http://127.0.0.1:{port}"
    with served(folder, SOURCE / "examples", port) as server:
        page, _ = fetch_until(f"{base}/", "<html", START_S)
        if page is None:
            show_logs(folder)
            return 1
        say(f"""
Two applications, each in an interpreter of its own, in one process behind lighttpd:
    {base}/        examples/welcome
    {base}/notes/  examples/notes
To see a reload, edit and save this file, then load the first page again:
    {SOURCE}/examples/welcome/greeting.py
What goes on is logged in {folder}/fcgi_host.log
Ctrl-C stops.""")
        server.wait()
        say("lighttpd has stopped by itself:")
        show_logs(folder)
    return 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--port", type=port_number, default=8080)
    arguments = parser.parse_args()
    if not port_is_free(arguments.port):
        say(f"port {arguments.port} of 127.0.0.1 is in use; --port N takes another")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="fcgi_host-demo-") as name:
        try:
            return (run_check if arguments.check else run)(pathlib.Path(name), arguments.port)
        except KeyboardInterrupt:
            say("\nstopped")
            return 130 if arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
