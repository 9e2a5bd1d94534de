"""Applications that answer as a plain python3 does, edit after edit.

A case is a file with a function answer(name), which uses a package and returns something that JSON
can say.  Two applications are made of each, "one" and "two", and are edited in turn.
"""

import concurrent.futures
import json
import os
import subprocess
import unittest

from .host import APPS, IS_CI, LOG_LINE, PYTHON, HostTestCase, clean_environ
from .waiting import DEADLINE_S, await_

NAMES = ("one", "two")
EDITS = 3
#: How often each application is asked for the same answer: what the first request leaves behind is
#: met by the next one.
REQUESTS = 2
#: What a plain python3 says of a package that is absent, or there for another version of Python.
NOT_INSTALLED = ("ModuleNotFoundError", "partially initialized module", "cannot import name '_")
IS_DEFAULT_PYTHON = os.path.realpath(PYTHON) == os.path.realpath("/usr/bin/python3")
#: Of some distributions (docs/census.md): a worker that dies of one moves the application, which
#: answers all the same.
CRASHES_IN_SUB_INTERPRETERS = ("SIGABRT in /usr/lib/python3/dist-packages/matplotlib/ft2font.",)
EXCEPTION = r"\[request\.exception\]"

APPLICATION = """
VERSION = {version}


def application(environ, start_response):
    body = json.dumps([VERSION, answer({name!r})]).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
"""
PLAIN = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
print(json.dumps(importlib.import_module(sys.argv[2]).application.__globals__["answer"](sys.argv[3])))
"""


class Application:
    """One of the two applications of a case."""

    def __init__(self, folder, case, name, environ):
        stem = os.path.basename(case)
        self.name = f"{stem}-{name}"
        self.mount = f"/{stem}/{name}"
        self.file = os.path.join(folder, self.name, f"{stem}.py")
        self.version = 0
        self.is_wrong = False  # has failed the test; what comes later says nothing new
        self.environ = environ
        self._name = name
        with open(os.path.join(APPS, case + ".py"), encoding="utf-8") as f:
            self._code = f.read()
        os.makedirs(os.path.dirname(self.file))
        self.edit()

    def edit(self):
        """As an editor does: the file is never there in part."""
        self.version += 1
        with open(self.file + ".new", "w", encoding="utf-8") as f:
            f.write("import json\n" + self._code +
                    APPLICATION.format(version=self.version, name=self._name))
        os.replace(self.file + ".new", self.file)

    def section(self):
        keys = "".join(f"env.{key} = {value}\n" for key, value in self.environ.items())
        return f"[app {self.name}]\nfile = {self.file}\nmount = {self.mount}\n{keys}"

    def plain(self):
        """What a python3 of its own answers; a package that it lacks: its name, in the second."""
        folder, module = os.path.split(self.file[:-len(".py")])
        done = subprocess.run([PYTHON, "-B", "-W", "ignore", "-c", PLAIN, folder, module, self._name],
                              capture_output=True, text=True, env=clean_environ(**self.environ),
                              timeout=DEADLINE_S * 3)
        # A distribution's packages may have no extension modules for its other Pythons.
        lacks_extensions = done.returncode != 0 and not IS_DEFAULT_PYTHON
        if lacks_extensions or any(sign in done.stderr for sign in NOT_INSTALLED):
            return None, (done.stderr.splitlines() or ["no word"])[-1]
        assert done.returncode == 0, f"a plain python3 fails with {self.name}:\n{done.stderr}"
        return json.loads(done.stdout), None


class SameAnswers(HostTestCase):
    def check(self, cases, environ=None, is_learnt_late=False):
        """Serve all cases in one host, and compare.

        cases: files below tests/apps: "packages/with_lxml packages/with_yaml"
        is_learnt_late: extensions keep objects only once requests have used them.  Until the check
        has seen that, a neighbour may be handed them: its first answers may be wrong.
        """
        applications = [Application(self.path("applications"), case, name, environ or {})
                        for case in cases.split() for name in NAMES]
        applications, expected = self.expect(applications)
        host = self.start_host("-c", self.config("".join(
            application.section() for application in applications)))
        host.log.wait_for(r"\[host\.ready\]", deadline_s=DEADLINE_S * 3)
        if is_learnt_late:
            for application in applications:
                await_(lambda: self.is_right(host, application, expected),
                       f"the first right answer of {application.name}")
        exceptions = host.log.find(EXCEPTION)
        self.compare(host, applications, expected)
        for _ in range(EDITS):
            for name in NAMES:
                for application in applications:
                    if application.name.endswith("-" + name):
                        application.edit()
                self.compare(host, applications, expected)
        self.assertEqual(host.log.find(EXCEPTION), exceptions)
        self.check_log(host, applications)

    def expect(self, applications):
        """@return the applications whose packages are there, and {name: answer}"""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(Application.plain, applications))
        for application, (_, missing) in zip(applications, answers):
            with self.subTest(application.name):
                if missing and IS_CI and PYTHON.startswith("/usr/bin/"):
                    self.fail(missing)
                elif missing:
                    self.skipTest(missing)
        found = [(application, answer) for application, (answer, missing)
                 in zip(applications, answers) if not missing]
        if not found:
            raise unittest.SkipTest("no package is installed")
        return ([application for application, _ in found],
                {application.name: answer for application, answer in found})

    def compare(self, host, applications, expected):
        for application in applications:
            if application.is_wrong:
                continue
            with self.subTest(application.name, version=application.version):
                application.is_wrong = True
                await_(lambda: self.ask(host, application, expected) == application.version,
                       f"version {application.version}", DEADLINE_S * 3)
                for _ in range(REQUESTS - 1):
                    self.ask(host, application, expected)
                application.is_wrong = False

    def is_right(self, host, application, expected):
        response = host.fetch(application.mount + "/")
        return (response.status == 200 and
                json.loads(response.body)[1] == expected[application.name])

    def ask(self, host, application, expected):
        """@return the version that answers, whose answer is right

        An earlier one may answer again where a worker that has loaded it takes over.
        """
        response = host.fetch(application.mount + "/")
        self.assertEqual(response.status, 200, response)
        version, answer = json.loads(response.body)
        self.assertEqual(answer, expected[application.name])
        self.assertLessEqual(version, application.version)
        return version

    def check_log(self, host, applications):
        """What the check found was acted on: no application serves on beside its finding."""
        for application in applications:
            about = rf" app={application.name} .*"
            for pid in {LOG_LINE.fullmatch(line)["pid"]
                        for line in host.log.find(about + r"\[stale\.found\]")}:
                acted = rf"{about}\[app\.placed\]|\[worker\.ended\] worker {pid} "
                await_(lambda: host.log.find(acted), f"{application.name} to move, or {pid} to end")
        for slug in ("app.failed", "worker.crashed", "interpreter.zombie"):
            found = [line for line in host.log.find(rf"\[{slug}\]")
                     if not any(known in line for known in CRASHES_IN_SUB_INTERPRETERS)]
            self.assertEqual(found, [])
