#!/usr/bin/env python3
"""Audit many extension modules and write docs/census.md.

usage: scripts/census.py PYTHON=PROGRAM... > docs/census.md

Each PROGRAM is a fcgi_host built for the Python whose interpreter PYTHON is.  Audited are the extension modules of
that Python's standard library, and those of scripts/census_packages.txt that it can import.  Packages are also served:
where an application that imports one runs then is compared with what the audit says.
"""

import collections
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PACKAGES = pathlib.Path(__file__).with_name("census_packages.txt")

# What is no module of use to an application: CPython's tests of itself.
TESTS = ("_test", "_xx", "xx", "_ctypes_test")

# What serves one module.
AS_ROOT = ["--allow-root"] if os.geteuid() == 0 else []
APPLICATION = """
import {module}


def application(environ, start_response):
    start_response("204 No Content", [])
    return []
"""
CONFIG = """
[fcgi_host]
listen = unix:{folder}/socket
control = {folder}/control
[app served]
file = {folder}/application.py
"""

# Prints the names of the extension modules of a Python's standard library.
LIST = """
import pathlib, sysconfig
folder = pathlib.Path(sysconfig.get_path("stdlib"), "lib-dynload")
print(*sorted(file.name.split(".")[0] for file in folder.glob("*.so")))
"""


def standard_library(python):
    done = subprocess.run([python, "-c", LIST], stdout=subprocess.PIPE, text=True, check=True)
    return [name for name in done.stdout.split() if not name.startswith(TESTS)]


def packages(python):
    """The modules of the list that this Python can import."""
    lines = [line for line in PACKAGES.read_text("utf-8").splitlines() if line[:1] not in ("#", "")]
    return [module for module in (line.split()[0] for line in lines)
            if subprocess.run([python, "-c", f"import {module}"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0]


def audit(program, modules):
    for module in modules:
        done = subprocess.run([program, "audit", "--json", "-m", module], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        document = json.loads(done.stdout)
        for target in document["targets"]:
            yield module, document["python"], target


@contextlib.contextmanager
def serving(program, folder, module):
    """A host with one application, which imports a module; gives its status once it is ready."""
    application = folder / "application.py"
    application.write_text(APPLICATION.format(module=module), "utf-8")
    config = folder / "fcgi_host.conf"
    config.write_text(CONFIG.format(folder=folder), "utf-8")
    host = subprocess.Popen([program, *AS_ROOT, "-c", config], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    try:
        if not any("[host.ready]" in line for line in host.stdout):
            raise RuntimeError(f"{program} does not serve {module}")
        done = subprocess.run([program, "status", "--json", "-s", folder / "control"],
                              stdout=subprocess.PIPE, check=True)
        yield json.loads(done.stdout)
    finally:
        host.terminate()
        host.communicate()


def serve(program, module):
    """@return where an application runs that imports a module, in the words of the audit"""
    with tempfile.TemporaryDirectory() as name:
        with serving(program, pathlib.Path(name), module) as status:
            homes = [application for worker in status["workers"]
                     for application in worker["apps"] if application["state"] == "serving"]
    if not homes:
        return "none"
    if homes[-1]["interpreter"] == "main":
        return "main"
    return "own-gil" if homes[-1]["gil"] == "own" else "sub-interpreter"


def said(target):
    """Where the audit says that an application runs: a GIL of its own is for those that ask for it."""
    return {None: "none", "own-gil": "sub-interpreter"}.get(target["placement"], target["placement"])


def cell(text, limit=110):
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= limit else text[:limit - 1] + "…"


SEVERITY = ["clean", "unknown", "reinitialised", "shared", "stale", "dangling", "refuses", "breaks", "crashes"]


def row(module, target):
    own = [extension for extension in target["extensions"]
           if extension["verdict"] != "clean" or extension["module"].split(".")[0].lstrip("_")
           == module.split(".")[0].lstrip("_")]
    init = sorted({extension["init"] for extension in own}) or ["-"]
    gilstate = any(extension["uses_gilstate"] for extension in own)
    worst = max((extension["verdict"] for extension in target["extensions"]), key=SEVERITY.index,
                default="clean")
    return [f"`{module}`", " + ".join(init), "yes" if gilstate else "", worst,
            target["placement"] or "none", target["reload"], cell(target["why"])]


def print_table(rows, *more):
    heads = ["module", "initialisation", "GIL-state API", "verdict", "placement", "reload", "why", *more]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for cells in rows:
        print("| " + " | ".join(cells) + " |", flush=True)
    print()


def print_packages(program, version, modules):
    print(f"## Debian's packages, CPython {version}\n")
    placements = collections.Counter()
    others = []

    def rows():
        for module, _, target in audit(program, modules):
            served = serve(program, module)
            placements[served] += 1
            if served != said(target):
                others.append(module)
            yield row(module, target) + [served]

    print_table(rows(), "served in")
    print("An application that imports one of these is served in: "
          + ", ".join(f"{place} {count}" for place, count in placements.most_common()) + ".")
    print("The audit says the same of each.\n" if not others else
          f"The audit says otherwise of: {', '.join(others)}.\n")


def main():
    pairs = [argument.split("=", 1) for argument in sys.argv[1:]]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        sys.exit("usage: scripts/census.py PYTHON=PROGRAM...")
    print("# Census: extension modules under the audit\n")
    print("Generated by `scripts/census.py`, which runs `fcgi_host audit --json -m MODULE` for each")
    print("module in throw-away processes. `docs/extension-authors.md` explains the words.")
    print("Extensions that fcgi_host withholds (README, limits) are audited as CPython has them.\n")
    for python, program in pairs:
        results = list(audit(program, standard_library(python)))
        version = results[0][1]
        print(f"## Standard library, CPython {version}\n")
        print_table([row(module, target) for module, _, target in results])
        modules = packages(python)
        if modules:
            print_packages(program, version, modules)


if __name__ == "__main__":
    main()
