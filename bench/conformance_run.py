"""One module of CPython's own tests, in whichever interpreter this file runs.

As a WSGI application: QUERY_STRING is MODULE&FILE, the answer its outcomes.  As a program
(`conformance_run.py MODULE FILE`): the same in a second thread, as the serving threads are.
FILE gets the name of each test before it begins, for the case that the process does not come back;
FILE.without has the names of tests to leave out.
"""

import importlib
import json
import signal
import sys
import threading
import unittest


class Outcomes(unittest.TestResult):
    """{name of a test: [outcome, the last line of the reason]}"""

    def __init__(self, begun):
        super().__init__()
        self.outcomes = {}
        self._begun = begun

    def _note(self, test, outcome, text=""):
        lines = text.strip().splitlines() or [""]
        before = self.outcomes.get(test.id(), ["ok"])[0]
        if before in ("ok", "skipped"):  # the first failure of subtests counts
            self.outcomes[test.id()] = [outcome, lines[-1][:300]]

    def startTest(self, test):
        super().startTest(test)
        print(test.id(), file=self._begun, flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._note(test, "ok")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "failed", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "failed", self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failed", "".join(map(str, err[1:2])))

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._note(test, "ok")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failed", "unexpected success")


def those_but(tests, left_out):
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield type(test)(those_but(test, left_out))
        elif test.id() not in left_out:
            yield test


def outcomes_of(module, begun_file):
    with open(begun_file + ".without") as f:
        left_out = set(f.read().splitlines())
    from test import support
    support.use_resources = []  # no network, no large files
    sys.modules["numpy"] = None  # some tests use it if it is there, and it refuses sub-interpreters
    with open(begun_file, "w") as begun:
        result = Outcomes(begun)
        try:
            tests = unittest.defaultTestLoader.loadTestsFromModule(
                importlib.import_module("test." + module))
        except unittest.SkipTest as reason:
            return {module: ["skipped", str(reason)]}
        except BaseException as error:
            return {module: ["failed", f"{type(error).__name__}: {error}"]}
        unittest.TestSuite(those_but(tests, left_out)).run(result)
    return result.outcomes


def application(environ, start_response):
    query = environ["QUERY_STRING"]
    body = json.dumps(outcomes_of(*query.split("&")) if query else None).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # tests of signals send it
    answer = []
    thread = threading.Thread(target=lambda: answer.append(outcomes_of(*sys.argv[1:3])))
    thread.start()
    thread.join()
    # Not the standard output, which tests write to.
    with open(sys.argv[2] + ".json", "w") as f:
        json.dump(answer[0] if answer else {sys.argv[1]: ["failed", "no outcome"]}, f)
