#!/usr/bin/env python3
"""Run CPython's own tests in an application and in a plain python3, and compare.

usage: bench/conformance.py [--python PYTHON] [--tests FOLDER] [--jobs N] [--limit-s S]
                            [--json FILE] [MODULE...]
       bench/conformance.py --report FILE... > docs/conformance.md

With MODULEs the rows of the others stay in FILE.

Each module of the package `test` runs three times: in a second thread of a plain python3, in an
application's first generation, and in its fourth, after three edits.  A second application lives
beside it.  FOLDER is where the package `test` is, if not in PYTHON's library (Debian:
libpython3.11-testsuite).  PYTHON is the one that FCGI_HOST embeds.
"""

import argparse
import concurrent.futures
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from common import PROGRAM, ROOT, as_root, environ, start, wait_until_answers
from conformance_reasons import reason_of
from support import fcgi

RUN = os.path.join(ROOT, "bench", "conformance_run.py")
EDITS = 3
ATTEMPTS = 8  # for a module; each leaves out one more test that did not come to its end
NEIGHBOUR = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"neighbour"]
"""
# What is about processes that are forked, other programs, windows, or files of gigabytes.
LEFT_OUT = re.compile(
    r"test_(multiprocessing|concurrent_futures|gdb|idle|tk|ttk|turtle|tix|winreg|winsound|msilib|"
    r"tools|peg_generator|c_analyzer|freeze|distutils|ensurepip|venv|lib2to3|clinic|embed|capi|"
    r"cppext|faulthandler|regrtest|interpreters|support|perf_profiler|pdb|readline|curses|largefile|cext|"
    r"check_c_globals|bdb|zipfile64|socketserver_|asyncio_windows)")


class Unfinished(Exception):
    """A run that did not come to its end: why, and in which test (None: before the first)."""

    def __init__(self, why, test=None):
        super().__init__(why)
        self.why, self.test = why, test


def last_begun(file):
    try:
        with open(file) as f:
            return (f.read().split() or [None])[-1]
    except OSError:
        return None


def begun_file(folder, name, without):
    """Where the names of tests that begin will be; these tests are to be left out."""
    file = os.path.join(folder, name)
    with open(file + ".without", "w") as f:
        f.writelines(f"{test}\n" for test in without)
    return file


def run_plainly(module, options, folder, without):
    begun = begun_file(folder, "plain", without)
    command = [options.python, RUN, module, begun]
    process = start(command, folder, "plain.log", PYTHONPATH=options.tests)
    try:
        status = process.wait(options.limit_s)
        with open(begun + ".json") as f:
            return json.load(f)
    except subprocess.TimeoutExpired:
        raise Unfinished(f"{options.limit_s:g} s passed", last_begun(begun)) from None
    except FileNotFoundError:
        raise Unfinished(f"exit status {status}", last_begun(begun)) from None
    finally:
        process.kill()
        process.wait()


class Host:
    """A host with the application that runs the tests, and a neighbour."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        site = os.path.join(folder, "site")  # the host watches it, and tests write where they are
        os.mkdir(site)
        self.file = os.path.join(site, "tests_app.py")
        self.address = os.path.join(folder, "socket")
        self.log = os.path.join(folder, "host.log")
        shutil.copy(RUN, self.file)
        neighbour, conf = os.path.join(site, "other.py"), os.path.join(folder, "conf")
        with open(neighbour, "w") as f:
            f.write(NEIGHBOUR)
        path = f"python_path = {options.tests}\n" if options.tests else ""
        with open(conf, "w") as f:
            f.write(f"[fcgi_host]\n[app tests]\nfile = {self.file}\nmount = /tests\n{path}"
                    f"request_timeout_s = 0\ndrain_timeout_s = {int(options.limit_s)}\n[app other]\nfile = {neighbour}\n")
        self.process = start([PROGRAM, *as_root(), "--listen", "unix:" + self.address, "-c", conf],
                             folder, "host.log")
        wait_until_answers(lambda: self.ask("", 5), self.process)

    def ask(self, query, limit_s):
        with fcgi.Connection(self.address, timeout_s=limit_s) as connection:
            response = connection.request("/tests", query=query)
        if response.status != 200:
            raise Unfinished(response.status_line)
        return json.loads(response.body)

    def logged(self, pattern):
        with open(self.log, errors="replace") as f:
            return re.findall(pattern, f.read())

    def run(self, module, name, without):
        begun = begun_file(self.folder, name, without)
        try:
            return self.ask(f"{module}&{begun}", self.options.limit_s)
        except TimeoutError:
            why = f"{self.options.limit_s:g} s passed"
        except (OSError, EOFError, Unfinished, ValueError) as error:
            why = str(error) or type(error).__name__
        words = self.logged(r"\[(?:worker\.crashed|request\.exception)\] (.{0,200})")
        raise Unfinished(words[-1] if words else why, last_begun(begun))

    def edit(self, times):
        """Returns how often the interpreter was not replaced in the living process."""
        ended = r"app=tests [^\n]*\[(?:reload\.retired|interpreter\.zombie)\]|\[worker\.replaced\]"
        for count in range(1, times + 1):
            before = len(self.logged(ended))
            with open(self.file, "a") as f:
                f.write(f"# {count}\n")
            end = time.monotonic() + self.options.limit_s
            while len(self.logged(ended)) <= before:
                if time.monotonic() > end:
                    raise Unfinished(f"edit {count} has not been loaded")
                time.sleep(0.05)
            self.ask("", self.options.limit_s)
        return len(self.logged(r"\[worker\.replaced\]"))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_hosted(module, options, folder, without, row):
    """Without tests that a plain python3 does not pass either: many wait for a signal."""
    without = without + [test for test, (outcome, _) in row["plain"].items() if outcome != "ok"]
    host = Host(options, folder)
    try:
        row["fresh"] = host.run(module, "fresh", without)
        row["replaced"] = host.edit(EDITS)
        row["recycled"] = host.run(module, "recycled", without)
    finally:
        row["found"] = host.logged(r"\[stale\.found\] (.*)")
        row["zombies"] = host.logged(r"\[interpreter\.zombie\] (.*)")
        host.stop()


def attempt(run, without):
    """Run until all is finished; without gets those that were not: {test: why}."""
    for _ in range(ATTEMPTS):
        folder = tempfile.mkdtemp(prefix="fcgi_host-conformance-")
        try:
            return run(folder, list(without))
        except Unfinished as reason:
            if reason.test is None or reason.test in without:
                raise
            without[reason.test] = reason.why
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise Unfinished(f"{ATTEMPTS} tests did not end")


def run_module(module, options):
    row = {"module": module}
    without = {}
    try:
        row["plain"] = attempt(lambda *where: run_plainly(module, options, *where), without)
        if count(row):
            attempt(lambda *where: run_hosted(module, options, *where, row), without)
    except Exception as reason:
        row["ended"] = str(reason) or type(reason).__name__
    for kind in ("fresh", "recycled"):
        row.setdefault(kind, {}).update(
            {test: ["did not end", why] for test, why in without.items()})
    return row


def all_modules(options):
    """Files with tests, of which some are a package's own."""
    code = "import test, os; print(os.path.dirname(test.__file__))"
    out = subprocess.run([options.python, "-c", code], capture_output=True, text=True, check=True,
                         env=environ(PYTHONPATH=options.tests))
    folder = out.stdout.strip()
    files = glob.glob("test_*.py", root_dir=folder) + glob.glob("test_*/test_*.py", root_dir=folder)
    for package in glob.glob("test_*/__init__.py", root_dir=folder):
        with open(os.path.join(folder, package)) as f:
            if "def test_" in f.read():
                files.append(os.path.dirname(package))
    names = (file.removesuffix(".py").replace("/", ".") for file in files)
    return sorted(name for name in names if not LEFT_OUT.match(name))


def differences(row, kind):
    """Tests that a plain python3 passes and this run does not: (name, outcome and reason)."""
    missing = ["did not run", ""]
    for name, (outcome, _) in row.get("plain", {}).items():
        here = row[kind].get(name, missing)
        if outcome == "ok" and here[0] != "ok":
            yield name.removeprefix("test."), here


def count(row):
    return sum(outcome == "ok" for outcome, _ in row["plain"].values())


def cell(text):
    """For a table: without what changes from run to run."""
    text = re.sub(r"(?<![\w.])/(?:[\w.@-]+/)+", "…/", re.sub(r"0x[0-9a-f]+", "0x…", text))
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 140 else text[:139] + "…"


def some(items, shown):
    """The first ones, and how many more there are."""
    text = ", ".join(items[:shown])
    return text + (f" and {len(items) - shown} more" if len(items) > shown else "")


def rows_of_table(row):
    """Cells of what differs: tests, generations, outcomes, reason."""
    groups = {}
    for kind in ("fresh", "recycled"):
        for name, (outcome, text) in differences(row, kind):
            what = f"{outcome}: {text}" if text else outcome
            why = reason_of(name, what)
            groups.setdefault((why, "" if why else what), []).append((name, kind, cell(what)))
    for (why, _), tests in groups.items():
        names, kinds, outcomes = (list(dict.fromkeys(part)) for part in zip(*tests))
        short = [f"`{name.removeprefix(row['module'] + '.')}`" for name in names]
        yield some(short, 3), " and ".join(kinds), some(outcomes, 1), why
    if "ended" in row:
        yield "", "", cell(row["ended"]), reason_of(row["module"], row["ended"])


def rows_of_log(row):
    """Cells of what the log says about reloads, and the reason."""
    groups = {}
    for text in sorted(row.get("found", []) + row.get("zombies", [])):
        why = reason_of(row["module"], text)
        groups.setdefault(why, {})[cell(text)] = None
    for why, texts in groups.items():
        yield some(list(texts), 1), why


def print_table(rows, head, rows_of):
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        for cells in rows_of(row):
            print(f"| `{row['module']}` | {' | '.join(cells)} |")


HEAD = """# Conformance: CPython's own tests in an application

Generated by `bench/conformance.py`, which runs each module of CPython's package `test` in a second thread of a plain python3,
in the first generation of an application, and in its fourth, after three edits; another application lives in the same
process. Tests that a plain python3 passes there are expected to pass in the application; the tables have those that do not, and
why. Left out are modules about forked processes, other programs, windows and files of gigabytes. A test that keeps its module
from ending is left out when the rest of the module runs. Of a version with few modules, a selection was run.
"""


def report(document):
    rows = [row for row in document["rows"] if "plain" in row]
    same = [row for row in rows if not list(rows_of_table(row))]
    moved = [row for row in rows if row.get("replaced")]
    print(f"""
## CPython {document["python"]}

{len(rows)} modules with {sum(map(count, rows))} tests that pass in a plain python3. {len(same)} modules are the same in the application,
fresh and recycled. {len(moved)} applications were moved to a process of their own by an extension.""")
    print_table(rows, ("module", "tests", "generation", "in the application", "reason"),
                rows_of_table)
    print_table(rows, ("module", "the log says", "reason"), rows_of_log)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=os.environ.get("FCGI_HOST_PYTHON", "/usr/bin/python3"))
    parser.add_argument("--tests", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=60)
    parser.add_argument("--json", default="")
    parser.add_argument("--report", nargs="+", default=())
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    if options.report:
        print(HEAD, end="")
        for name in options.report:
            with open(name) as f:
                report(json.load(f))
        return
    version = subprocess.run([options.python, "-c", "import sys; print(sys.version.split()[0])"],
                             capture_output=True, text=True, check=True).stdout.strip()
    modules = options.modules or all_modules(options)
    done = {}
    if options.modules and options.json and os.path.exists(options.json):
        with open(options.json) as f:
            done = {row["module"]: row for row in json.load(f)["rows"]}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(lambda module: run_module(module, options), modules):
            done[row["module"]] = row
            worse = [len(list(differences(row, kind))) for kind in ("fresh", "recycled")]
            print(row["module"], count(row) if "plain" in row else "-", *worse,
                  row.get("ended", ""), file=sys.stderr, flush=True)
            if options.json:
                with open(options.json, "w") as f:
                    json.dump({"python": version, "rows": [done[name] for name in sorted(done)]},
                              f, indent=1)


if __name__ == "__main__":
    main()
