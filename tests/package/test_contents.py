"""The Debian package of this build tree, and what `cmake --install` installs: the same; the units in it.

That it installs, runs and goes again in a bare system: `scripts/test --debian SUITE --package`.
"""

import os
import pathlib
import pwd
import re
import stat
import subprocess
import tempfile
import unittest

from support.host import APPS, HostTestCase, ROOT, needs_program

BUILD = pathlib.Path(os.environ["FCGI_HOST_BUILD_DIR"])
PACKAGING = pathlib.Path(ROOT, "packaging")
UNITS = ("fcgi_host.service", "fcgi_host.socket", "fcgi_host@.service", "fcgi_host@.socket")


def run(*command, **kw):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, **kw)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}")
    return done.stdout


def install(folder, prefix):
    """cmake --install, into a folder."""
    run("cmake", "--install", BUILD, "--prefix", prefix, env={**os.environ, "DESTDIR": str(folder)})
    return folder


def tree(folder):
    """Path → permissions, of all files."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
            for path in folder.rglob("*") if path.is_file()}


def settings(unit):
    """The settings of a unit, in order."""
    return [line for line in unit.read_text("utf-8").split("\n") if line and line[0] not in "#["]


@needs_program("dpkg-deb", "dpkg-shlibdeps", "cpack")
class Package(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="fcgi_host-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", cls.folder / "cpack")
        cls.package, = (cls.folder / "cpack").glob("*.deb")
        cls.content, cls.control = cls.folder / "content", cls.folder / "control"
        run("dpkg-deb", "-x", cls.package, cls.content)
        run("dpkg-deb", "-e", cls.package, cls.control)
        cls.installed = install(cls.folder / "installed", "/usr")

    def field(self, name):
        return run("dpkg-deb", "-f", self.package, name).strip()

    def test_it_has_what_cmake_installs(self):
        self.assertEqual(tree(self.content), tree(self.installed))
        for name in tree(self.content):
            if name != "usr/bin/fcgi_host":  # stripped
                self.assertEqual((self.content / name).read_bytes(),
                                 (self.installed / name).read_bytes(), name)

    def test_it_has_program_manuals_units_completions_and_examples(self):
        names = tree(self.content)
        self.assertEqual(names["usr/bin/fcgi_host"], 0o755)
        for name in ("usr/share/man/man8/fcgi_host.8.gz", "usr/share/man/man5/fcgi_host.conf.5.gz",
                     "usr/share/bash-completion/completions/fcgi_host",
                     "usr/share/fcgi_host/examples/nginx/keepalive.conf", "etc/fcgi_host/fcgi_host.conf",
                     "usr/share/doc/fcgi-host/copyright", "usr/share/doc/fcgi-host/changelog.gz",
                     *("usr/lib/systemd/system/" + unit for unit in UNITS)):
            self.assertEqual(names.get(name), 0o644, name)
        self.assertTrue([name for name in names if name.endswith("/_fcgi_host")])

    def test_all_of_etc_is_conffiles(self):
        of_etc = ["/" + name for name in tree(self.content) if name.startswith("etc/")]
        self.assertEqual((self.control / "conffiles").read_text("utf-8").split(), sorted(of_etc))

    def test_its_name_says_version_and_architecture(self):
        architecture = run("dpkg", "--print-architecture").strip()
        self.assertEqual(self.package.name, f"fcgi_host_{self.field('Version')}_{architecture}.deb")
        self.assertEqual(self.field("Architecture"), architecture)
        version = re.search(r"^project\(fcgi_host VERSION ([0-9.]+)",
                            pathlib.Path(ROOT, "CMakeLists.txt").read_text("utf-8"), re.MULTILINE)[1]
        self.assertEqual(self.field("Version").split("~")[0], version)
        changelog = (PACKAGING / "debian/changelog").read_text("utf-8")
        self.assertEqual(re.match(r"fcgi-host \(([0-9.]+)\) ", changelog)[1], version)

    def test_it_depends_on_the_python_that_it_was_built_with(self):
        python = ".".join(os.environ["FCGI_HOST_PYTHON_VERSION"].split(".")[:2])
        depends = self.field("Depends")
        self.assertRegex(depends, rf"\blibpython{re.escape(python)}\w* \(>= ")
        self.assertRegex(depends, rf"\bpython{re.escape(python)}\b")

    def test_the_configuration_names_what_is_there(self):
        text = (self.content / "etc/fcgi_host/fcgi_host.conf").read_text("utf-8")
        for path in re.findall(r"^file = (/.*)$", text, re.MULTILINE):
            self.assertTrue((self.content / path[1:]).is_file(), path)


class Scripts(unittest.TestCase):
    @needs_program("shellcheck")
    def test_what_dpkg_runs_is_sound(self):
        for name in ("postinst", "prerm", "postrm"):
            path = PACKAGING / "debian" / name
            self.assertTrue(os.access(path, os.X_OK), path)
            self.assertTrue(path.read_text("utf-8").startswith("#!/bin/sh\n"), path)
            run("shellcheck", path)


class Units(HostTestCase):
    def make(self, version, prefix="/usr"):
        """The units for a systemd; their folder."""
        folder = pathlib.Path(self.path("units"))
        run("cmake", f"-DSOURCE_DIR={ROOT}", f"-DWORK_DIR={folder}/work", "-DBINDIR=bin",
            "-DDATADIR=share", "-DUNITDIR=lib/systemd/system", f"-DSYSTEMD_VERSION={version}",
            f"-DZSH_COMPLETION={BUILD}/completions/fcgi_host.zsh", f"-DCMAKE_INSTALL_PREFIX={prefix}",
            "-P", os.path.join(ROOT, "cmake/InstallService.cmake"),
            env={**os.environ, "DESTDIR": str(folder)})
        return pathlib.Path(f"{folder}{prefix}/lib/systemd/system")

    def test_reload_is_waited_for_where_systemd_can(self):
        for unit in ("fcgi_host.service", "fcgi_host@.service"):
            new, old = settings(self.make(257) / unit), settings(self.make(252) / unit)
            self.assertIn("Type=notify-reload", new)
            # Both would send the signal twice.
            self.assertEqual([line for line in new if line.startswith("ExecReload")], [])
            self.assertIn("Type=notify", old)
            self.assertIn('ExecReload=/bin/sh -c "kill -HUP ${MAINPID}"', old)

    def test_an_instance_reads_the_configuration_of_its_name(self):
        folder = self.make(257)
        self.assertIn("ExecStart=/usr/bin/fcgi_host --config /etc/fcgi_host/%i.conf",
                      settings(folder / "fcgi_host@.service"))
        self.assertIn("ExecStart=/usr/bin/fcgi_host --config /etc/fcgi_host/fcgi_host.conf",
                      settings(folder / "fcgi_host.service"))
        sockets = [line for unit in ("fcgi_host.socket", "fcgi_host@.socket")
                   for line in settings(folder / unit) if line.startswith("ListenStream")]
        self.assertEqual(sockets, ["ListenStream=/run/fcgi_host.sock",
                                   "ListenStream=/run/fcgi_host-%i.sock"])

    def test_another_prefix_is_in_the_units(self):
        self.assertIn("ExecStart=/usr/local/bin/fcgi_host --config /etc/fcgi_host/fcgi_host.conf",
                      settings(self.make(257, "/usr/local") / "fcgi_host.service"))
        self.assertIn("ExecStart=/opt/x/bin/fcgi_host --config /opt/x/etc/fcgi_host/fcgi_host.conf",
                      settings(self.make(257, "/opt/x") / "fcgi_host.service"))

    def test_a_configuration_that_is_there_is_kept(self):
        folder = pathlib.Path(self.path("kept"))
        install(folder, "/usr")
        config = folder / "etc/fcgi_host/fcgi_host.conf"
        config.write_text("; mine\n", "utf-8")
        install(folder, "/usr")
        self.assertEqual(config.read_text("utf-8"), "; mine\n")

    @needs_program("systemd-analyze")
    def test_they_are_as_sandboxed_as_promised(self):
        folder = self.make(252)
        for unit in ("fcgi_host.service", "fcgi_host@.service"):
            # In tenths; more than 3.0 is an error.
            run("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager",
                folder / unit)

    @needs_program("systemd-analyze")
    def test_less_would_be_found(self):
        folder = self.make(252)
        loose = folder / "loose.service"
        text = (folder / "fcgi_host.service").read_text("utf-8")
        loose.write_text(text.replace("SystemCallFilter=", "#").replace("CapabilityBoundingSet=", "#"),
                         "utf-8")
        with self.assertRaises(AssertionError):
            run("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", loose)

    def test_what_the_package_serves_serves(self):
        folder = pathlib.Path(self.path("site"))
        install(folder, "/usr")
        text = (folder / "etc/fcgi_host/fcgi_host.conf").read_text("utf-8")
        config = self.config(text.replace("/usr/share", f"{folder}/usr/share")
                             .replace("/run/fcgi_host/control", self.path("control")))
        page = self.start_host("-c", config).fetch("/").body.decode()
        self.assertIn("<h1>Hello from a sub-interpreter</h1>", page)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@needs_program("setpriv")
class Users(HostTestCase):
    """examples/systemd/users.conf: a supervisor that is root, with few of its rights."""

    def test_the_rights_that_are_left_suffice(self):
        text = pathlib.Path(ROOT, "examples/systemd/users.conf").read_text("utf-8")
        names = re.search(r"^CapabilityBoundingSet=(.*)$", text, re.MULTILINE)[1].split()
        self.assertTrue(names)
        bounds = ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in names)])
        config = self.config(f"""
            [fcgi_host]
            user = www-data
            control = {self.path("control")}
            [process other]
            user = nobody
            nice = -1
            rlimit.nofile = 4000
            [app a]
            file = {APPS}/given.py
            [app b]
            file = {APPS}/given.py
            mount = /b
            process = other
            """)
        address = self.path("users.sock")
        host = subprocess.Popen(
            ["setpriv", "--bounding-set", bounds, "--inh-caps=-all", os.environ["FCGI_HOST"], "-c",
             config, "--listen", f"unix:{address},mode=0666,user=www-data"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            lines = []
            for line in host.stdout:
                lines.append(line)
                if "[host.ready]" in line:
                    break
            self.assertIn("2 applications", "".join(lines[-1:]), lines)
            self.assertEqual(os.stat(address).st_uid, pwd.getpwnam("www-data").pw_uid)
        finally:
            host.terminate()
            host.communicate()
        self.assertEqual(host.returncode, 0)


if __name__ == "__main__":
    unittest.main()
