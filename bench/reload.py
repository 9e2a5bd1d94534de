#!/usr/bin/python3
"""reload.py [TRIALS]: from a saved file to the first answer of the new code.

Each peer serves the same application behind its own socket (nothing in front).  Four clients ask
all the time; a file is renamed over the old one, as editors do.  Printed per peer, over the
trials: median (min..max) of
  first new   ms from the save to the first answer of the new code
  last old    ms from the save to the last answer of the old code
  gap         the longest time without any answer, ms
and how many requests failed.
"""

import http.client
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

import common


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def http_fetcher(port):
    def fetch():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            reply = connection.getresponse()
            body = reply.read().decode()
            if reply.status != 200:
                raise OSError(f"status {reply.status}")
            return body
        finally:
            connection.close()
    return fetch


def fcgi_host(folder, app):
    address = os.path.join(folder, "fcgi_host.sock")
    return [common.PROGRAM, "--listen", "unix:" + address, app], lambda: common.fetch_fcgi(address)


def uwsgi(folder, app):
    address = os.path.join(folder, "uwsgi.sock")
    command = ["uwsgi_python3", "--master", "--die-on-term", "--processes", "1", "--threads", "4",
               "--need-app", "--disable-logging", "--py-autoreload", "1",
               "--fastcgi-socket", address, "--pythonpath", folder, "--module", "app"]
    return command, lambda: common.fetch_fcgi(address)


def gunicorn(folder, app):
    port = free_port()
    return ["gunicorn", "-k", "gthread", "--threads", "4", "--reload", "--bind",
            f"127.0.0.1:{port}", "--chdir", folder, "--log-level", "warning",
            "app:application"], http_fetcher(port)


def mod_wsgi(folder, app):
    port = free_port()
    conf = os.path.join(folder, "apache.conf")
    modules = "/usr/lib/apache2/modules"
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    with open(conf, "w") as f:
        f.write(f"""ServerRoot {folder}
ServerName localhost
{user}Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess one processes=1 threads=4 python-path={folder}
WSGIScriptAlias / {app} process-group=one application-group=one
<Directory {folder}>
  Require all granted
</Directory>
""")
    return ["apache2", "-DFOREGROUND", "-f", conf], http_fetcher(port)


PEERS = {"fcgi_host": fcgi_host, "uwsgi --py-autoreload 1": uwsgi, "gunicorn --reload": gunicorn,
         "mod_wsgi daemon": mod_wsgi}
NEEDS = {"uwsgi --py-autoreload 1": "uwsgi_python3", "gunicorn --reload": "gunicorn",
         "mod_wsgi daemon": "apache2"}


class Client(threading.Thread):
    def __init__(self, fetch):
        super().__init__(daemon=True)
        self.fetch, self.answers, self.failures = fetch, [], 0
        self.wanted = True
        self.start()

    def run(self):
        while self.wanted:
            try:
                body = self.fetch()
                self.answers.append((time.monotonic(), body))
            except Exception:
                self.failures += 1
            time.sleep(0.001)


def trial(fetch, app, kind, version, deadline_s=12):
    clients = [Client(fetch) for _ in range(4)]
    time.sleep(0.3)
    saved = common.save(app, kind, version)
    end = time.monotonic() + deadline_s
    while time.monotonic() < end and not any(a and a[-1][1] == version for a in
                                             (c.answers for c in clients)):
        time.sleep(0.005)
    time.sleep(0.3)
    for client in clients:
        client.wanted = False
    for client in clients:
        client.join()
    answers = sorted(answer for client in clients for answer in client.answers)
    new = [t - saved for t, body in answers if body == version]
    old = [t - saved for t, body in answers if body != version]
    times = [t for t, _ in answers]
    return {"first new": 1e3 * min(new) if new else None, "last old": 1e3 * max(old),
            "gap": 1e3 * max(b - a for a, b in zip(times, times[1:])),
            "failed": sum(c.failures for c in clients), "asked": len(answers)}


def text(values):
    values = [v for v in values if v is not None]
    if not values:
        return "never"
    return f"{statistics.median(values):.0f} ({min(values):.0f}..{max(values):.0f})"


def measure(name, kind, trials):
    folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
    os.chmod(folder, 0o755)
    app = os.path.join(folder, "app.py")
    common.save(app, kind, "v0")
    command, fetch = PEERS[name](folder, app)
    process = common.start(command, folder, "log")
    try:
        common.wait_until_answers(fetch, process)
        time.sleep(1.5)  # pollers of the rivals take their first look
        results = [trial(fetch, app, kind, f"v{i + 1}") for i in range(trials)]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"| {name} | {kind} | " + " | ".join(
        text([r[key] for r in results]) for key in ("first new", "last old", "gap"))
        + f" | {sum(r['failed'] for r in results)} of {sum(r['asked'] for r in results)} |",
        flush=True)


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| peer | application | first new, ms | last old, ms | gap, ms | failed |")
    print("|---|---|---|---|---|---|")
    for kind in common.APPS:
        for name in PEERS:
            needed = NEEDS.get(name)
            if needed and not shutil.which(needed, path="/usr/sbin:/usr/bin"):
                print(f"| {name} | {kind} | not installed | | | |")
                continue
            measure(name, kind, trials)


if __name__ == "__main__":
    main()
