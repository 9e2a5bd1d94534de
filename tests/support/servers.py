"""Real web servers from user-level configurations in a temporary folder.

What they run is examples/: the very files that users copy, with only the paths replaced that a
user would replace as well.
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

from .host import AS_ROOT, PROGRAM, ROOT, clean_environ, die_with_parent, free_port
from .waiting import DEADLINE_S, await_

EXAMPLES = os.path.join(ROOT, "examples")
INSTALLED = "/usr/local/bin/fcgi_host"  # in examples/
APACHE_MODULES = "/usr/lib/apache2/modules"
AM_ROOT = os.geteuid() == 0


def example(name, replace):
    """The text of an example with paths replaced; each must occur, or the example has drifted."""
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
        text = f.read()
    for old, new in replace.items():
        assert old in text, f"{old!r} is not in examples/{name}"
        if old == INSTALLED:
            new = " ".join((new, *AS_ROOT))
        text = text.replace(old, new)
    return text


class Reply:
    """An HTTP response, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<Reply {self.status} {dict(self.headers)} {self.body[:2000]!r}>"


class WebServer:
    """A web server in the foreground; stopped with its children at the end."""

    def __init__(self, folder, command, port, log=None, env=None):
        self.folder = folder
        self.port = port
        self.log_path = log  # beside what it prints
        self._output_path = os.path.join(folder, "output.log")
        with open(self._output_path, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                env=clean_environ(**(env or {})), start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait_ready(self):
        def accepts():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.process.args} ended:\n{self.log_text}")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except OSError:
                return False
        await_(accepts, f"port {self.port} of {self.process.args[0]}")
        return self

    @property
    def log_text(self):
        text = ""
        for path in (self._output_path, self.log_path):
            if path and os.path.exists(path):
                with open(path, encoding="utf-8", errors="backslashreplace") as f:
                    text += f.read()
        return text

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.process.args[0]} did not stop:\n{self.log_text}") from None

    def connect(self, timeout_s=DEADLINE_S):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path="/", **headers):
        return self.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def raw(self, data):
        """Send bytes as they are; a socket to read the answer from."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        s.sendall(data)
        return s


def _new_folder(parent, name):
    path = os.path.join(parent, name)
    os.makedirs(path)
    os.chmod(path, 0o755)
    return path


def _write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def lighttpd_version():
    """Such as 1.4.69; None: it is not installed."""
    try:
        told = subprocess.run(["lighttpd", "-v"], stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError:
        return None
    return told.stdout.partition("/")[2].split()[0]


def version_of(*command):
    """What a program tells of itself, such as (2, 6); (): it is not installed."""
    try:
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except FileNotFoundError:
        return ()
    return tuple(int(n) for n in re.search(r"(\d+)\.(\d+)", told.stdout).groups())


def start_lighttpd(folder, conf, root=None):
    port = free_port()
    log = os.path.join(folder, "error.log")
    base = f'''
server.document-root = "{root or _new_folder(folder, 'www')}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{log}"
server.breakagelog = "{log}"
server.upload-dirs = ( "{_new_folder(folder, 'uploads')}" )
server.max-fds = 4096
mimetype.assign = ( ".html" => "text/html", ".txt" => "text/plain" )
'''
    if root:  # the example names its own
        base = base.replace(f'server.document-root = "{root}"\n', "")
    path = _write(folder, "lighttpd.conf", base + conf)
    return WebServer(folder, ["lighttpd", "-D", "-f", path], port, log).wait_ready()


def start_nginx(folder, conf, user="root"):
    """user: of its workers, when root starts it."""
    port = free_port()
    log = os.path.join(folder, "error.log")
    shutil.copy("/etc/nginx/fastcgi_params", folder)
    assert "listen 80;" in conf
    _write(folder, "site.conf", conf.replace("listen 80;", f"listen 127.0.0.1:{port} backlog=1024;"))
    temp = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                     ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = _write(folder, "nginx.conf", f"""
daemon off;
{f"user {user};" if AM_ROOT else ""}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {log} warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    {temp}
    include {folder}/site.conf;
}}
""")
    return WebServer(folder, ["nginx", "-c", path, "-e", log], port, log).wait_ready()


def www_data_can_run(program):
    """Web servers' user may not reach every Python, nor every folder."""
    if not AM_ROOT:
        return True
    done = subprocess.run(["runuser", "-u", "www-data", "--", program, "--version"],
                          capture_output=True)
    return done.returncode == 0


def start_apache(folder, conf, modules, root=None):
    port = free_port()
    log = os.path.join(folder, "error.log")
    load = "\n".join(
        f"LoadModule {m}_module {APACHE_MODULES}/mod_{m}.so"
        for m in ("mpm_event", "authz_core", "alias", "env", *modules)
        if os.path.exists(f"{APACHE_MODULES}/mod_{m}.so") or m in modules)
    fcgid = ""
    if "fcgid" in modules:
        # Processes come as soon as they are asked for: no throttle of spawning.
        ipc = _new_folder(folder, "ipc")
        os.chmod(ipc, 0o777)
        fcgid = f"""
FcgidIPCDir {ipc}
FcgidProcessTableFile {folder}/fcgid_shm
FcgidSpawnScoreUpLimit 1000000
FcgidConnectTimeout 20
"""
    path = _write(folder, "apache.conf", f"""
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {log}
LogLevel warn
Listen 127.0.0.1:{port}
{load}
{"User www-data" if AM_ROOT else ""}
{"Group www-data" if AM_ROOT else ""}
StartServers 1
ServerLimit 4
ThreadsPerChild 64
MaxRequestWorkers 256
DocumentRoot {root or _new_folder(folder, 'www')}
<Directory />
    Require all denied
</Directory>
<Location />
    Require all granted
</Location>
{fcgid}
{conf}
""")
    server = WebServer(folder, ["apache2", "-DFOREGROUND", "-f", path], port, log)
    return server.wait_ready()


def start_haproxy(folder, conf):
    port = free_port()
    assert "bind :80\n" in conf
    path = _write(folder, "haproxy.cfg", conf.replace("bind :80\n", f"bind 127.0.0.1:{port}\n"))
    return WebServer(folder, ["haproxy", "-db", "-f", path], port).wait_ready()


def start_caddy(folder, conf):
    port = free_port()
    assert ":80 {" in conf
    # No interface of its own, and what it keeps for its next start is kept in the folder.
    path = _write(folder, "Caddyfile", """
{
    admin off
    auto_https off
}
""" + conf.replace(":80 {", f"http://:{port} {{\n\tbind 127.0.0.1"))
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", path]
    keeps = {"XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder}
    return WebServer(folder, command, port, env=keeps).wait_ready()


def start_h2o(folder, conf):
    port = free_port()
    assert "  port: 80\n" in conf
    path = _write(folder, "h2o.conf", f"""
{"user: root" if AM_ROOT else ""}
max-connections: 1024
""" + conf.replace("  port: 80\n", f"  port: {port}\n  host: 127.0.0.1\n"))
    return WebServer(folder, ["h2o", "-c", path], port).wait_ready()


class SpawnFcgi:
    """fcgi_host started through spawn-fcgi -n (it replaces itself by the program)."""

    def __init__(self, script, log):
        self.log_path = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(["/bin/sh", script], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env=clean_environ(),
                                            preexec_fn=die_with_parent)

    def stop(self):
        self.process.terminate()
        return self.process.wait(DEADLINE_S)

    @property
    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="backslashreplace") as f:
            return f.read()


def in_parallel(count, function, deadline_s=3 * DEADLINE_S):
    """function(i) for i < count, all started before the first may go; their results."""
    results = [None] * count
    errors = []
    ready = threading.Barrier(count)

    def run(i):
        try:
            ready.wait()
            results[i] = function(i)
        except BaseException as e:  # noqa: B902 - reported below
            errors.append(f"{i}: {e!r}")

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline_s)
        assert not thread.is_alive(), "a client still waits"
    assert not errors, f"{len(errors)} of {count} failed: {errors[:5]}"
    return results


__all__ = ["PROGRAM", "example", "in_parallel", "lighttpd_version", "start_apache", "start_caddy",
           "start_h2o", "start_haproxy", "start_lighttpd", "start_nginx", "Reply", "SpawnFcgi", "WebServer", "version_of"]
