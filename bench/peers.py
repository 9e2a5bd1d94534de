"""The hosts that are compared: how each is told to serve applications, and how it is stopped."""

import functools
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import common
import machine

APACHE_MODULES = "/usr/lib/apache2/modules"
AM_ROOT = os.geteuid() == 0


class App:
    """A WSGI file, the URL path below which it answers ("" for all), keys for fcgi_host, and the
    name to import it by."""

    def __init__(self, file, mount="", keys="", module="app"):
        self.file, self.mount, self.keys, self.module = file, mount, keys, module


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


# Each of these: (command, address).  An address is the path of a Unix socket, or a TCP port.

def fcgi_host(folder, apps, threads, workers=1, keys="", program=common.PROGRAM,
              host_keys="log_level = warn\n"):
    address = os.path.join(folder, "socket")
    conf = (f"[fcgi_host]\nlisten = unix:{address},mode=0666\nworkers = {workers}\n{host_keys}")
    for i, app in enumerate(apps):
        conf += f"[app a{i}]\nfile = {app.file}\nthreads = {threads}\n{keys}{app.keys}"
        conf += f"mount = {app.mount}\n" if app.mount else ""
    return [program, *common.as_root(program), "-c", write(folder, "fcgi_host.conf", conf)], address


def fcgi_host_logging(folder, apps, threads, workers=1, form="text"):
    return fcgi_host(folder, apps, threads, workers,
                     host_keys=f"log_level = warn\nlog_format = {form}\n"
                               f"access_log = {os.path.join(folder, 'access.log')}\n")


def uwsgi(folder, apps, threads, workers=1, protocol="fastcgi", options=(),
          logging=("--disable-logging",)):
    address = os.path.join(folder, "socket")
    command = ["uwsgi_python3", "--master", "--die-on-term", "--processes", str(workers),
               "--threads", str(threads), "--need-app", *logging, "--listen", "128",
               "--chmod-socket=666", f"--{protocol}-socket", address, "--pythonpath", folder,
               *options]
    if apps[0].mount:
        command.append("--manage-script-name")
        for app in apps:
            command += ["--mount", f"{app.mount}={app.file}"]
    else:
        command += ["--wsgi-file", apps[0].file]
    return command, address


def uwsgi_logging(folder, apps, threads, workers=1):
    """As it logs requests unless it is told not to, but into a file."""
    return uwsgi(folder, apps, threads, workers,
                 logging=("--logto", os.path.join(folder, "access.log")))


def mod_wsgi(folder, apps, threads, workers=1, group=None):
    """Apache's daemon mode, an interpreter for each application, or the one that group names."""
    port = common.free_port()
    scripts = "\n".join(f"WSGIScriptAlias {app.mount or '/'} {app.file} process-group=one "
                        f"application-group={group or f'a{i}'}" for i, app in enumerate(apps))
    user = "User www-data\nGroup www-data" if AM_ROOT else ""
    conf = write(folder, "apache.conf", f"""ServerRoot {folder}
ServerName localhost
{user}
Listen 127.0.0.1:{port}
ListenBacklog 1024
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
LoadModule mpm_event_module {APACHE_MODULES}/mod_mpm_event.so
LoadModule authz_core_module {APACHE_MODULES}/mod_authz_core.so
LoadModule wsgi_module {APACHE_MODULES}/mod_wsgi.so
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MaxKeepAliveRequests 0
WSGISocketPrefix {folder}/wsgi
WSGIDaemonProcess one processes={workers} threads={threads} python-path={folder}
{scripts}
<Directory {folder}>
  Require all granted
</Directory>
""")
    return ["apache2", "-DFOREGROUND", "-f", conf], port


def gunicorn(folder, apps, threads, workers=1, options=()):
    port = common.free_port()
    return ["gunicorn", "-k", "gthread", "--workers", str(workers), "--threads", str(threads),
            "--bind", f"127.0.0.1:{port}", "--chdir", folder, "--log-level", "warning", *options,
            apps[0].module + ":application"], port


def nginx(folder, protocol, address):
    """In front of a peer.  Connections to the peer are kept open where its protocol can."""
    port = common.free_port()
    with open(f"/etc/nginx/{protocol}_params", encoding="utf-8") as f:
        params = f.read()
    keep, again = "", ""
    if protocol == "fastcgi":
        keep, again = "keepalive 16; keepalive_requests 1000000000;", "fastcgi_keep_conn on;"
    temp = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                     ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = write(folder, "nginx.conf", f"""daemon off;
{"user root;" if AM_ROOT else ""}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    {temp}
    upstream peer {{ server unix:{address}; {keep} }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            {params}
            {protocol}_pass peer;
            {again}
        }}
    }}
}}
""")
    return ["nginx", "-c", conf, "-e", "stderr"], port


@functools.cache
def _python_version():
    """Of the program's CPython."""
    out = subprocess.run([common.PROGRAM, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(n) for n in re.search(r"Python (\d+)\.(\d+)", out.stdout).groups())


class Peer:
    """A host with a number of threads: what a row of a table is about."""

    def __init__(self, family, make, threads, needs, protocol="fastcgi", keeps_open=False,
                 python=(3,)):
        self.python = python  # at least
        self.family, self.threads, self.protocol = family, threads, protocol
        #: Whether FCGI_KEEP_CONN has an effect; without it every request needs a connection.
        self.keeps_open = keeps_open
        self.name = f"{family}-t{threads}"
        self._make, self._needs = make, needs

    @property
    def is_installed(self):
        return all(os.path.exists(path) for path in self._needs) and \
            (not self.is_ours or _python_version() >= self.python)

    @property
    def is_ours(self):
        return self.family.startswith("fcgi_host")

    def command(self, folder, apps, workers=1):
        return self._make(folder, apps, self.threads, workers)


def before(program):
    """The peer that another build of the host is, for each of ours: {peer of ours: peer}."""
    return {peer: Peer("before", functools.partial(fcgi_host, program=program), peer.threads,
                       [program], keeps_open=True) for peer in FCGI_HOST}


UWSGI_PROGRAM = "/usr/bin/uwsgi_python3"
FCGI_HOST = [Peer("fcgi_host", fcgi_host, n, [common.PROGRAM], keeps_open=True)
             for n in (1, 4, 16)]
#: With a GIL for each application: where the program is built with Python 3.13 or later.
FCGI_HOST_OWN_GIL = [Peer("fcgi_host_own_gil", functools.partial(fcgi_host, keys="gil = own\n"), 4,
                          [common.PROGRAM], keeps_open=True, python=(3, 13))]
UWSGI = [Peer("uwsgi", uwsgi, n, [UWSGI_PROGRAM]) for n in (4, 16)]
#: The same with a line in a file for each request: {peer: what it is to be compared with}.
LOGGING = {Peer(f"fcgi_host_{form}_log", functools.partial(fcgi_host_logging, form=form), 4,
                [common.PROGRAM], keeps_open=True): peer
           for peer in FCGI_HOST if peer.threads == 4 for form in ("text", "json")}
LOGGING |= {Peer("uwsgi_log", uwsgi_logging, 4, [UWSGI_PROGRAM]): peer
            for peer in UWSGI if peer.threads == 4}
UWSGI_PROTOCOL = [Peer("uwsgi_protocol", functools.partial(uwsgi, protocol="uwsgi"), n,
                       [UWSGI_PROGRAM], protocol="uwsgi") for n in (4, 16)]
MOD_WSGI = [Peer("mod_wsgi", mod_wsgi, n, ["/usr/sbin/apache2", APACHE_MODULES + "/mod_wsgi.so"],
                 protocol="http") for n in (4, 16)]


def fetch(address, url="/"):
    """The body of a page from a FastCGI socket's path, or from an HTTP port of this machine."""
    if isinstance(address, str):
        response = common.fcgi.fetch(address, url, SERVER_NAME="localhost", HTTP_HOST="localhost")
        if response.status != 200:
            raise OSError(response.status_line)
        return response.body
    connection = http.client.HTTPConnection("127.0.0.1", address, timeout=10)
    try:
        connection.request("GET", url)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise OSError(f"status {reply.status}")
        return body
    finally:
        connection.close()


class Served:
    """A peer that serves, perhaps with nginx in front, until the end of a `with` block.

    sources: {file name: (mount, text of the WSGI file, and keys of its [app], if any)}.  Everything runs in `cores`.
    """

    STOP_S = 10

    def __init__(self, peer, sources, cores=None, workers=1, behind_nginx=False):
        self.peer = peer
        self._processes = []
        self._folder = tempfile.mkdtemp(prefix="fcgi_host-bench-")
        os.chmod(self._folder, 0o755)
        try:
            self._start(sources, cores, workers, behind_nginx)
        except BaseException as error:
            print(f"{peer.name}: {error}\n{self._logs()}", file=sys.stderr)
            self.stop()
            raise

    def _start(self, sources, cores, workers, behind_nginx):
        apps = [App(write(self._folder, name, text), mount, *keys)
                for name, (mount, text, *keys) in sources.items()]
        self.files = [app.file for app in apps]
        command, self.address = self.peer.command(self._folder, apps, workers)
        self._run(command, "host.log", cores)
        if behind_nginx and self.peer.protocol != "http":
            command, self.address = nginx(self._folder, self.peer.protocol, self.address)
            self._run(command, "nginx.log", cores)
        for app in apps:
            common.wait_until_answers(lambda url=app.mount + "/": fetch(self.address, url),
                                      self._processes[0])

    def _run(self, command, log, cores):
        self._processes.append(common.start(command, self._folder, log, cores))

    def _logs(self):
        text = ""
        for name in ("host.log", "nginx.log"):
            path = os.path.join(self._folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="backslashreplace") as f:
                    text += f.read()[-2000:]
        return text

    @property
    def pids(self):
        return machine.in_sessions({process.pid for process in self._processes})

    def stop(self):
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(self.STOP_S)
            except subprocess.TimeoutExpired:
                pass
            # What is left of the session that was made for it, the leader unreaped or gone.
            for pid in machine.in_sessions({process.pid}):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
