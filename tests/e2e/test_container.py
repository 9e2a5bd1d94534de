"""As in a container: process 1, nobody's user, a root that cannot be written to, limits of a control
group, no inotify, the log on standard output.  The configurations are those of examples/container."""

import json
import os
import re
import signal
import subprocess
import unittest

from support import container, control_group, fcgi, servers
from support.container import NOBODY
from support.host import PROGRAM, ROOT, HostTestCase, clean_environ, die_with_parent, free_port, needs_program
from support.load import Load
from support.waiting import await_

EXAMPLES = os.path.join(ROOT, "examples", "container")
CONTROL = "/run/site/fcgi_host.ctl"  # of inside

APPLICATION = """
    import json, os, subprocess, time

    kept = b"x" * (int(os.environ.get("KEEP_MB", 0)) << 20)

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        start_response("200 OK", [])
        if path == "/orphan":  # its parent ends first
            subprocess.run(["sh", "-c", "sleep 0.01 & echo $! >&2"], stderr=subprocess.PIPE)
        if path == "/slow":
            with open("/run/site/go") as f:
                return [f.read().encode()]
        if path == "/compute":
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
        if path == "/groups":
            with open("/proc/self/cgroup") as f:
                return [f.read().encode()]
        if path == "/request/of it":
            return [json.dumps([environ["SCRIPT_NAME"], environ["QUERY_STRING"],
                                environ["wsgi.input"].read().decode()]).encode()]
        return [f"{os.getppid()} {os.getuid()} {os.access('/', os.W_OK)}".encode()]
    """


class Contained(HostTestCase):
    """The host in a container of its own, with the folder of its sockets shared."""

    WITH_USERS = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        why = container.obstacle(cls.WITH_USERS)
        if why:
            raise unittest.SkipTest(why)

    def setUp(self):
        super().setUp()
        self.container = None
        self.shared = self.path("shared")
        os.mkdir(self.shared)
        self.socket = os.path.join(self.shared, "fcgi_host.sock")
        self.go = os.path.join(self.shared, "go")
        os.mkfifo(self.go)
        os.chmod(self.go, 0o666)

    def new_root(self):
        root = self.path("root")
        os.mkdir(root)
        return root

    def start(self, lines=(), limits=None, env=None, **replaced):
        """@param lines  mounts, beside those that any container has"""
        with open(os.path.join(EXAMPLES, "fcgi_host.conf"), encoding="utf-8") as f:
            text = f.read()
        for old, new in replaced.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        app = os.path.dirname(self.write("app/wsgi.py", APPLICATION))
        lines = [container.in_memory("/run"), container.in_memory("/srv"),
                 container.shared(self.shared, "/run/site"), container.shared(app, "/srv/app"), *lines]
        self.container = container.Container(
            self.new_root(), lines, [PROGRAM, "-c", self.config(text)], with_users=self.WITH_USERS,
            limits=limits, env=env)
        self._logs.append(("the host", lambda: self.container.log.text))
        self.addCleanup(self.end)
        os.chown(self.shared, self.container.user, self.container.user)
        await_(lambda: self.container.process.poll() is not None or
               os.path.exists(os.path.join(self.shared, "fcgi_host.ctl")), "the host")
        self.assertIsNone(self.container.process.poll(), "it has ended")
        await_(lambda: self.ask("ready").returncode == 0, "it to be ready")

    def end(self):
        if self.container:
            self.container.end()

    def ask(self, command, *arguments):
        """A probe: a process that enters the container."""
        return subprocess.run(self.container.enter(PROGRAM, command, "-s", CONTROL, *arguments),
                              capture_output=True, text=True)

    def fetch(self, path):
        return fcgi.fetch(self.socket, path)

    def log(self):
        """What it wrote, when it has ended."""
        self.assertEqual(self.container.wait(), 0)
        return [json.loads(line) for line in self.container.log.lines]

    def stop(self):
        """@return its log"""
        os.kill(self.container.first, signal.SIGTERM)
        return self.log()


class Container(Contained):
    def test_it_serves_as_process_1_without_writing_anywhere(self):
        self.start()
        self.assertEqual(self.fetch("/").body, f"1 {NOBODY} False".encode())
        self.assertEqual(self.ask("ping").returncode, 0)
        log = self.stop()
        events = {line["event"] for line in log}
        self.assertLessEqual({"host.ready", "app.loaded", "request", "host.stopped"}, events)
        request, = (line for line in log if line["event"] == "request")
        self.assertEqual((request["url.path"], request["http.response.status_code"]), ("/", 200))
        self.assertEqual([line for line in log if line.get("level") in ("warn", "error")], [])

    def test_orphans_are_taken_and_none_is_left(self):
        self.start()
        for _ in range(5):
            self.fetch("/orphan")

        def dead():
            with open(f"/proc/{self.container.first}/task/{self.container.first}/children", encoding="ascii") as f:
                children = f.read().split()
            states = []
            for child in children:
                try:
                    with open(f"/proc/{child}/stat", encoding="ascii") as f:
                        states.append(f.read().rpartition(")")[2].split()[0])
                except FileNotFoundError:
                    states.append("gone")
            return "Z" in states or len(children) > 1
        await_(lambda: not dead(), "only the worker to be left")

    def test_what_a_pod_does_before_its_end_loses_no_request(self):
        self.start(**{"drain_s = 5": "drain_s = 1"})
        with fcgi.Connection(self.socket) as connection:
            connection.send(fcgi.whole_request(fcgi.params_of("/slow")))
            drain = subprocess.Popen(
                self.container.enter(PROGRAM, "drain", "--wait", "-s", CONTROL, user=0),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            await_(lambda: self.ask("ready").returncode != 0, "it to say that it drains")
            self.assertEqual(self.fetch("/").status, 200)
            with open(self.go, "w", encoding="utf-8") as f:
                f.write("answered")
            self.assertEqual(connection.read_response().body, b"answered")
        self.assertEqual(drain.communicate(timeout=60)[0] and drain.returncode, 0)
        self.log()


class ContainerWithUsersOfItsOwn(Container):
    """In a user namespace, as without root, or with `hostUsers: false` of a pod."""

    WITH_USERS = True

    def test_outside_it_is_another_user(self):
        self.start()
        self.assertEqual(os.stat(self.socket).st_uid, container.FIRST_USER + NOBODY)


class ControlGroups(Contained):
    """Through a namespace of control groups its own group is the root: the limits are found there."""

    def groups(self):
        """What the kernel tells the application of its groups."""
        return self.fetch("/groups").body.decode().splitlines()

    def hold(self):
        """Requests that wait until the host is killed, more than a worker has threads."""
        for _ in range(12):
            connection = fcgi.Connection(self.socket)
            self.addCleanup(connection.close)
            connection.send(fcgi.whole_request(fcgi.params_of("/slow")))

    def workers(self):
        return [worker for worker in json.loads(self.ask("status", "--json").stdout)["workers"]
                if worker["state"] in ("serving", "loading")]

    def test_no_worker_is_added_that_memory_has_no_room_for(self):
        group = control_group.make(self, 300 << 20, self.end)
        self.start([container.own_control_groups(group)], group, {"KEEP_MB": "170"},
                   **{"reload = off": "threads = 1\nreload = off"})
        self.assertTrue({"0::/", "memory:/"} & {line.lstrip("123456789:") for line in self.groups()})
        self.hold()
        self.container.log.wait_for("no memory for another")
        self.assertEqual(len(self.workers()), 1)

    def assert_no_worker_is_added(self):
        with Load(lambda: self.fetch("/compute").status, threads=6) as load:
            load.await_answers(60)  # ten times as long as it needs to see that they wait
            self.assertEqual(len(self.workers()), 1)
        self.assertEqual(load.failures, [])

    def test_no_worker_is_added_that_has_no_share_of_the_processors(self):
        group = control_group.make(self, "20000 100000", self.end, "cpu.max")
        self.start([container.own_control_groups(group)], group)
        self.assertIn("0::/", self.groups())
        self.assert_no_worker_is_added()

    # As above with a limit that the kernel knows nothing of, for kernels that have none for a test.
    def test_the_share_of_the_processors_is_read_at_the_root(self):
        limit = self.write("groups/cpu.max", "20000 100000\n")
        self.write("groups/cpu.stat", "")
        self.start([container.shared(os.path.dirname(limit), "/sys/fs/cgroup"),
                    container.own_cpu_stat("/sys/fs/cgroup/cpu.stat")])
        self.assertIn("0::/", self.groups())
        self.assert_no_worker_is_added()
        with open(limit, "w", encoding="utf-8") as f:
            f.write("max 100000\n")
        self.hold()
        self.container.log.wait_for(r"worker\.scaled")


class Sidecars(Contained):
    """The web server in a container beside the host's; they share the folder of the socket."""

    def start_server(self, example, at, *argv):
        """@param at  where its image has the example  @param argv  what the image runs"""
        port = free_port()
        conf = self.write(example, servers.example(f"container/{example}", {"8080": str(port)}))
        folder = self.path("server")
        os.mkdir(folder)
        lines = [container.in_memory("/run"), container.in_memory("/tmp"),
                 container.shared(self.shared, "/run/site"), container.shared(conf, at)]
        server = servers.WebServer(folder, container.command(self.new_root(), lines, argv), port,
                                   env={"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": "/tmp"})
        self._logs.append((example, lambda: server.log_text))
        self.addCleanup(self.stop_server, server)
        return server.wait_ready()

    def stop_server(self, server):
        if server.process.poll() is None:
            os.kill(container.first_of(server.process), signal.SIGTERM)
        server.stop()

    def assert_it_serves(self, server):
        self.assertEqual(server.get("/").text, f"1 {NOBODY} False")
        reply = server.request("POST", "/request/of%20it?a=b%20c", "body")
        self.assertEqual(json.loads(reply.body), ["", "a=b%20c", "body"])
        self.stop_server(server)
        self.assertNotRegex(server.log_text, r"(?i)denied|read-only|not formatted")

    @needs_program("nginx")
    def test_nginx_serves_what_the_host_answers(self):
        self.start()
        self.assert_it_serves(self.start_server("nginx.conf", "/etc/nginx/nginx.conf",
                                                "nginx", "-e", "stderr", "-g", "daemon off;"))

    @needs_program("caddy")
    def test_caddy_serves_what_the_host_answers(self):
        self.start()
        self.assert_it_serves(self.start_server("Caddyfile", "/etc/caddy/Caddyfile", "caddy", "run", "--config",
                                                "/etc/caddy/Caddyfile", "--adapter", "caddyfile"))


class WithoutInotify(HostTestCase):
    def setUp(self):
        why = container.obstacle(with_users=True)
        if why:
            self.skipTest(why)

    def start_without_inotify(self, reload):
        """@return (the lines of its log, until it was ready; the application's file; its socket)"""
        app = self.write("plain.py", APPLICATION)
        socket = self.path("plain.sock")
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{socket}
            allow_root = yes
            [app site]
            file = {app}
            reload = {reload}
            """)
        process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c",
             'mount -t proc proc /proc && echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "inside",
             PROGRAM, "-c", config],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=clean_environ(), preexec_fn=die_with_parent)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "[host.ready]" in line:
                break
        self.assertTrue(lines and "[host.ready]" in lines[-1], "".join(lines))
        return "".join(lines), app, socket

    def test_no_inotify_is_needed_where_nothing_is_watched(self):
        log, _, _ = self.start_without_inotify("off")
        self.assertNotRegex(log, r"inotify|\[reload\.unavailable\]")
        self.assertIn("[stale.clean]", log)  # the check is made all the same

    def test_without_inotify_files_are_looked_at(self):
        log, app, socket = self.start_without_inotify("auto")
        self.assertRegex(log, r"\[reload\.watch_limit\] inotify_init1 .*; polling every")
        with open(app, "w", encoding="utf-8") as f:
            f.write("def application(environ, start_response):\n"
                    "    start_response('200 OK', [])\n    return [b'new']\n")
        await_(lambda: fcgi.fetch(socket, "/").body == b"new", "the new code")


class Files(unittest.TestCase):
    def read(self, name):
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            return f.read()

    def test_times_and_paths_of_the_examples_agree(self):
        config, pod = self.read("fcgi_host.conf"), self.read("pod.yaml")
        seconds = {key: int(value) for key, value in re.findall(r"(drain_s|stop_timeout_s) = (\d+)", config)}
        grace = int(re.search(r"terminationGracePeriodSeconds: (\d+)", pod)[1])
        self.assertLess(sum(seconds.values()), grace)
        self.assertIn(CONTROL, config)
        self.assertEqual(set(re.findall(r"-s, (\S+?)\]", pod)), {CONTROL})


if __name__ == "__main__":
    unittest.main()
