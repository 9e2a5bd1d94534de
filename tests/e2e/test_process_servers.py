"""Process groups behind every web server: whichever process accepts, the right one answers."""

import hashlib
import json
import os
import shutil
import signal
import unittest

from support import servers
from support.host import PROGRAM, PYTHON, HostTestCase, needs_modules, needs_program
from support.load import Load
from support.waiting import await_

APPLICATION = """
import hashlib, json, os
VERSION = 1

def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({
        "app": NAME, "version": VERSION, "pid": os.getpid(), "host": os.getppid(),
        "interpreter": environ["fcgi_host.interpreter"], "script": environ["SCRIPT_NAME"],
        "path": environ["PATH_INFO"], "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest()}).encode()]
"""

#: a lives in the shared group; b says that it wants its own; c needs one, as the host finds out.
APPS = {"a": ("", ""), "b": ("process = own", ""), "c": ("", "import lxml.etree")}
SIZES = (0, 100, 2 << 20)


class Groups:
    """Mixed into a HostTestCase, which says by start_server() which web server that is."""

    #: It keeps connections open and does not repeat a request: one that it sends on a connection
    #: which is at home in a process that crashes just then is lost, whomever it is for.
    LOSES_WITH_A_CONNECTION = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.folder, 0o777)  # the host may run as www-data
        cls.program = shutil.copy(PROGRAM, cls.folder)
        state = cls.path("state")
        os.mkdir(state)
        os.chmod(state, 0o777)
        text = f"[fcgi_host]\nstate_dir = {state}\n"
        for name, (keys, first) in APPS.items():
            file = cls.write(f"{name}.py", f"{first}\nNAME = {name!r}\n{APPLICATION}")
            text += f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"
        cls.conf = cls.config(text)
        folder = cls.path("server")
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        cls.server = cls.start_server(folder)
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("the web server", lambda: cls.server.log_text))
        await_(lambda: all(cls.server.get(f"/{name}/").status == 200 for name in APPS), "all")

    @classmethod
    def start_host_for(cls):
        """A host that a server connects to; its address."""
        address = cls.path("host.sock")
        cls.host = cls.start_class_host("--listen", f"unix:{address},mode=0666", "-c", cls.conf,
                                        listen=address)
        cls.host.log.wait_for(r"\[host\.ready\]")
        return address

    def answer(self, reply, name):
        self.assertEqual(reply.status, 200, reply)
        answer = json.loads(reply.body)
        self.assertEqual((answer["app"], answer["script"]), (name, f"/{name}"))
        return answer

    def ask(self, name):
        return self.answer(self.server.get(f"/{name}/"), name)

    def load(self, name):
        return Load(lambda: self.server.get(f"/{name}/").status, threads=2)

    def test_each_application_is_answered_by_its_own_process(self):
        answers = {name: self.ask(name) for name in APPS}
        self.assertEqual([answers[name]["interpreter"] for name in "abc"], ["a", "main", "main"])
        self.assertEqual(answers["b"]["path"], "/")
        for _ in range(10):
            pids = {}
            for name in APPS:  # mod_fcgid may have started several hosts
                answer = self.ask(name)
                pids.setdefault(answer["host"], {})[answer["pid"]] = name
            self.assertEqual(sum(len(each) for each in pids.values()), len(APPS))

    def test_requests_on_one_connection_go_where_they_belong(self):
        connection = self.server.connect()
        for i, name in enumerate("abcabbaaccbacabcab"):
            body = bytes(i % 251 for i in range(SIZES[i % 3]))
            connection.request("POST" if i % 2 else "GET", f"/{name}/", body if i % 2 else None)
            answer = self.answer(servers.Reply(connection.getresponse()), name)
            self.assertEqual(answer["length"], len(body) if i % 2 else 0)
        connection.close()

    def test_bodies(self):
        for size in SIZES:
            body = os.urandom(size)
            for name in APPS:
                answer = self.answer(self.server.request("POST", f"/{name}/x", body), name)
                self.assertEqual((answer["length"], answer["path"]), (size, "/x"))
                self.assertEqual(answer["sha256"], hashlib.sha256(body).hexdigest())

    def test_many_clients_at_once(self):
        def client(i):
            connection = self.server.connect()
            for n in range(12):
                name = "abc"[(i + n) % 3]
                body = f"{i}.{n} ".encode() * (20000 if n % 4 == 0 else 20)
                connection.request("POST", f"/{name}/", body)
                answer = self.answer(servers.Reply(connection.getresponse()), name)
                assert answer["sha256"] == hashlib.sha256(body).hexdigest(), answer
            connection.close()
        servers.in_parallel(12, client)

    def test_an_edit_of_one_while_the_others_serve(self):
        for name in APPS:
            others = [other for other in APPS if other != name]
            file = os.path.join(self.folder, f"{name}.py")
            version = self.ask(name)["version"] + 1
            with self.load(others[0]) as one, self.load(others[1]) as two, \
                    self.load(name) as edited:
                with open(file, encoding="utf-8") as f:
                    text = f.read().replace(f"VERSION = {version - 1}", f"VERSION = {version}")
                with open(file + ".new", "w", encoding="utf-8") as f:
                    f.write(text)
                os.replace(file + ".new", file)
                await_(lambda: all(self.ask(name)["version"] == version for _ in range(10)),
                       "the new code")
                one.await_answers()
            self.assertEqual((one.failures, two.failures, edited.failures), ([], [], []))

    def pid_of_b(self):
        """None: the answer was lost with a connection that the dead worker had."""
        reply = self.server.get("/b/")
        is_lost = self.LOSES_WITH_A_CONNECTION and reply.status == 503
        return None if is_lost else self.answer(reply, "b")["pid"]

    def test_a_crash_of_one_while_the_others_serve(self):
        with self.load("a") as a, self.load("c") as c:
            pid = self.ask("b")["pid"]
            os.kill(pid, signal.SIGKILL)
            await_(lambda: self.pid_of_b() not in (pid, None), "another worker")
            a.await_answers()
        failures = a.failures + c.failures
        if self.LOSES_WITH_A_CONNECTION:  # one for each of the five clients at most
            self.assertEqual(failures, ["status 503"] * min(len(failures), 5))
        else:
            self.assertEqual(failures, [])


@needs_modules("lxml.etree")
@needs_program("nginx")
class NginxKeptOpen(Groups, HostTestCase):
    EXAMPLE = "nginx/keepalive.conf"

    @classmethod
    def start_server(cls, folder):
        return servers.start_nginx(folder, servers.example(
            cls.EXAMPLE, {"/run/fcgi_host.sock": cls.start_host_for()}))


class NginxClosing(NginxKeptOpen):
    EXAMPLE = "nginx/closing.conf"


@needs_modules("lxml.etree")
@needs_program("lighttpd")
class LighttpdSpawned(Groups, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        return servers.start_lighttpd(folder, servers.example("lighttpd/spawned.conf", {
            "/run/lighttpd/fcgi_host.sock": cls.path("spawned.sock"),
            "/usr/local/bin/fcgi_host": cls.program, "/srv/blog/wsgi.py": f"-c {cls.conf}"}))


@needs_modules("lxml.etree")
@needs_program("lighttpd")
class LighttpdExternal(Groups, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        return servers.start_lighttpd(folder, servers.example(
            "lighttpd/external.conf", {"/run/fcgi_host.sock": cls.start_host_for()}))


@needs_modules("lxml.etree")
@needs_program("apache2")
class ApacheProxyKeptOpen(Groups, HostTestCase):
    REUSE = "on"
    LOSES_WITH_A_CONNECTION = True

    @classmethod
    def start_server(cls, folder):
        return servers.start_apache(folder, servers.example("apache/proxy_fcgi.conf", {
            "/run/fcgi_host.sock": cls.start_host_for(),
            "enablereuse=on": f"enablereuse={cls.REUSE}"}), ["proxy", "proxy_fcgi"])


class ApacheProxyClosing(ApacheProxyKeptOpen):
    REUSE = "off"
    LOSES_WITH_A_CONNECTION = False


@needs_modules("lxml.etree")
@needs_program("apache2")
class ApacheModFcgid(Groups, HostTestCase):
    @classmethod
    def start_server(cls, folder):
        if not PYTHON.startswith("/usr/bin/") and not servers.www_data_can_run(cls.program):
            raise unittest.SkipTest(f"www-data cannot run {PYTHON}")
        script = cls.write("blog/blog.fcgi", servers.example("apache/blog.fcgi", {
            "/usr/local/bin/fcgi_host": cls.program, "/srv/blog/wsgi.py": f"-c {cls.conf}"}), 0o755)
        blog = os.path.dirname(script)
        conf = servers.example("apache/mod_fcgid.conf", {
            '"/blog" "/srv/blog/blog.fcgi"': f'"/" "{script}/"', '"/srv/blog"': f'"{blog}"'})
        # Not the default of 100 processes: two cores are soon busy starting interpreters.
        return servers.start_apache(folder, conf + "FcgidMaxProcessesPerClass 4\n", ["fcgid"])


if __name__ == "__main__":
    unittest.main()
