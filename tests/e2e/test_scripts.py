"""[scripts]: every script below a folder is an application of its own, as with PHP."""

import json
import os
import shutil
import textwrap
import unittest

from support import servers
from support.host import PROGRAM, PYTHON, HostTestCase, needs_program

SCRIPT = """
    import itertools
    import json
    counter = itertools.count(1)
    def application(environ, start_response):
        runs = next(counter)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([environ["SCRIPT_NAME"], environ["PATH_INFO"], __file__, runs,
                            environ["fcgi_host.interpreter"]]).encode()]
    """


class Tree(HostTestCase):
    """A document root with scripts, and a world outside it that must never be run."""

    LIMIT = 64

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.folder, 0o777)
        cls.root = cls.folder + "/root"
        for name in ("a.py", "b.py", "below/c.py", "below/deeper/d.wsgi"):
            cls.write("root/" + name, SCRIPT)
        cls.write("root/page.html", "<p>static</p>\n")
        cls.write("root/broken.py", "raise RuntimeError('a broken script')\n")
        cls.write("root/not-a-script.txt", SCRIPT)
        cls.outside = cls.write("outside/secret.py", textwrap.dedent(SCRIPT) + "print('OUTSIDE RAN')\n")
        cls.write("root-beside/near.py", textwrap.dedent(SCRIPT) + "print('OUTSIDE RAN')\n")
        os.symlink(cls.outside, cls.root + "/escape.py")
        os.symlink(cls.folder + "/outside", cls.root + "/way-out")
        os.symlink(cls.root + "/a.py", cls.root + "/alias.py")
        cls.conf = cls.write("scripts.conf", servers.example("scripts.conf", {
            "/var/www/py": cls.root, "suffix = .py": "suffix = .py .wsgi",
            "max_interpreters = 64": f"max_interpreters = {cls.LIMIT}"}))

    def script(self, host, name, path_info=""):
        """A request as a web server makes it for a script."""
        return host.fetch(path_info, SCRIPT_FILENAME=f"{self.root}/{name}", SCRIPT_NAME="/" + name,
                          DOCUMENT_ROOT=self.root, REQUEST_URI="/" + name + path_info)


class Scripts(Tree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.start_class_host("-c", cls.conf)

    def tearDown(self):
        self.assertEqual(self.host.log.find("OUTSIDE RAN"), [])

    def test_a_script_is_run_in_an_interpreter_of_its_own(self):
        seen = {}
        for name in ("a.py", "b.py", "below/c.py", "below/deeper/d.wsgi"):
            response = self.script(self.host, name, "/more/path")
            script_name, path_info, file, _, interpreter = json.loads(response.body)
            self.assertEqual((script_name, path_info, file),
                             ("/" + name, "/more/path", f"{self.root}/{name}"))
            seen[name] = interpreter
        self.assertEqual(len(set(seen.values())), len(seen), seen)

    def test_it_stays_loaded(self):
        runs = [json.loads(self.script(self.host, "b.py").body)[3] for _ in range(3)]
        self.assertEqual(runs, [runs[0], runs[0] + 1, runs[0] + 2])

    def test_a_script_without_path_info_has_an_empty_one(self):
        self.assertEqual(json.loads(self.script(self.host, "a.py").body)[:2], ["/a.py", ""])

    def test_two_names_of_one_file_are_one_application(self):
        before = json.loads(self.script(self.host, "a.py").body)
        after = json.loads(self.script(self.host, "alias.py").body)
        self.assertEqual(after[3], before[3] + 1)
        self.assertEqual(after[4], before[4])

    def test_nothing_outside_the_root_is_ever_run(self):
        for name in ("escape.py", "way-out/secret.py", "../outside/secret.py",
                     "below/../../outside/secret.py", "../root-beside/near.py"):
            response = self.script(self.host, name)
            self.assertIn(response.status, (403, 404), name)
        for filename in (self.outside, self.folder + "/root-beside/near.py", "/etc/passwd",
                         "outside/secret.py", "", "/", self.root, self.root + "/",
                         f"proxy:fcgi://localhost{self.outside}"):
            response = self.host.fetch("/x", SCRIPT_FILENAME=filename)
            self.assertIn(response.status, (403, 404), filename)

    def test_a_link_that_is_bent_to_the_outside_later_is_not_followed(self):
        inside = self.write("root/bent-target.py", SCRIPT)
        link = self.root + "/bent.py"
        os.symlink(inside, link)
        self.assertEqual(self.script(self.host, "bent.py").status, 200)
        os.unlink(link)
        os.symlink(self.outside, link)
        self.assertIn(self.script(self.host, "bent.py").status, (403, 404))

    def test_only_the_suffixes_given_are_run(self):
        for name in ("not-a-script.txt", "page.html", "below"):
            self.assertIn(self.script(self.host, name).status, (403, 404), name)

    def test_a_script_that_is_not_there_is_404(self):
        self.assertEqual(self.script(self.host, "no-such.py").status, 404)

    def test_a_script_that_appears_later_is_found(self):
        self.assertEqual(self.script(self.host, "later.py").status, 404)
        self.write("root/later.py", SCRIPT)
        self.assertEqual(self.script(self.host, "later.py").status, 200)

    def test_a_broken_script_is_500_and_harms_no_other(self):
        self.assertEqual(self.script(self.host, "broken.py").status, 500)
        self.host.log.wait_for("a broken script")
        self.assertEqual(self.script(self.host, "a.py").status, 200)

    def test_many_first_requests_at_once_load_a_script_once(self):
        self.write("root/popular.py", SCRIPT)
        bodies = servers.in_parallel(20, lambda i: self.script(self.host, "popular.py").body)
        runs = sorted(json.loads(body)[3] for body in bodies)
        self.assertEqual(runs, list(range(1, 21)))


class FewInterpreters(Tree):
    LIMIT = 3

    def test_more_scripts_than_interpreters_are_served_all_the_same(self):
        host = self.start_host("-c", self.conf)
        for i in range(6):
            self.write(f"root/many{i}.py", SCRIPT)
        for _ in range(2):
            for i in range(6):
                response = self.script(host, f"many{i}.py")
                self.assertEqual(response.status, 200, response)
                self.assertEqual(json.loads(response.body)[0], f"/many{i}.py")
        # Those that were not used for longest made room: never more than three are alive.
        host.log.wait_for(r"\[app\.loaded\]", count=12)
        alive = most = 0
        for line in host.log.find(r"\[(app\.loaded|reload\.retired)\]"):
            alive += 1 if "[app.loaded]" in line else -1
            most = max(most, alive)
        self.assertEqual(most, self.LIMIT, host.log.text)


@needs_program("lighttpd")
class ScriptsBehindLighttpd(Tree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.makedirs(cls.folder + "/server")
        conf = servers.example("lighttpd/scripts.conf", {
            "/run/lighttpd/fcgi_host.sock": cls.folder + "/spawned.sock",
            "/usr/local/bin/fcgi_host": PROGRAM, "/etc/fcgi_host/scripts.conf": cls.conf,
            "/var/www/py": cls.root})
        cls.server = servers.start_lighttpd(cls.folder + "/server", conf, root=cls.root)
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("lighttpd", lambda: cls.server.log_text))

    def test_scripts_run_and_other_files_are_sent(self):
        for target, want in (("/a.py", ["/a.py", ""]), ("/below/c.py", ["/below/c.py", ""]),
                             ("/a.py/more/p?q", ["/a.py", "/more/p"])):
            self.assertEqual(json.loads(self.server.get(target).body)[:2], want)
        self.assertEqual(self.server.get("/page.html").body, b"<p>static</p>\n")

    def test_a_link_to_the_outside_is_refused(self):
        self.assertIn(self.server.get("/escape.py").status, (403, 404))
        self.assertNotIn("OUTSIDE RAN", self.server.log_text)

    def test_a_missing_script_is_404(self):
        self.assertEqual(self.server.get("/no-such.py").status, 404)


@needs_program("apache2")
class ScriptsBehindApache(Tree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = shutil.copy(PROGRAM, cls.folder)
        if not PYTHON.startswith("/usr/bin/") and not servers.www_data_can_run(program):
            raise unittest.SkipTest(f"www-data cannot run {PYTHON}")
        os.makedirs(cls.folder + "/server")
        conf = servers.example("apache/scripts.conf", {
            "/usr/local/bin/fcgi_host": program, "/etc/fcgi_host/scripts.conf": cls.conf,
            "/var/www/py": cls.root})
        cls.server = servers.start_apache(
            cls.folder + "/server", conf + "FcgidMaxProcessesPerClass 2\n", ["fcgid"],
            root=cls.root)
        cls.addClassCleanup(cls.server.stop)
        cls._logs.append(("apache", lambda: cls.server.log_text))

    def test_scripts_run_and_other_files_are_sent(self):
        for target, want in (("/a.py", ["/a.py", ""]), ("/below/c.py", ["/below/c.py", ""]),
                             ("/a.py/more/p?q", ["/a.py", "/more/p"])):
            self.assertEqual(json.loads(self.server.get(target).body)[:2], want)
        self.assertEqual(self.server.get("/page.html").body, b"<p>static</p>\n")

    def test_one_process_serves_many_scripts(self):
        for target in ("/a.py", "/b.py", "/below/c.py"):
            self.assertEqual(self.server.get(target).status, 200)
        self.assertLessEqual(self.server.log_text.count("[worker.started]"), 2)

    def test_a_link_to_the_outside_is_refused(self):
        self.assertIn(self.server.get("/escape.py").status, (403, 404))
        self.assertNotIn("OUTSIDE RAN", self.server.log_text)


if __name__ == "__main__":
    unittest.main()
