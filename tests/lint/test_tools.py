"""clang-format, shellcheck and mandoc over the repository."""

import os
import re
import shutil
import subprocess
import unittest

import source

# Other versions lay out some code differently; this one is Debian 12's.
CLANG_FORMAT_VERSION = 14
SHELL_SCRIPTS = (".ci/run", "scripts/debian", "scripts/demo", "scripts/deps", "scripts/lib.sh",
                 "scripts/package", "scripts/test", "tests/package/boot", "tests/package/build_and_lint",
                 "tests/package/image", "tests/package/install_and_remove", "tests/package/under_systemd")


def run(*command):
    return subprocess.run(command, cwd=source.ROOT, capture_output=True, text=True, check=False)


def need(test, tool):
    """The tool's path; a laptop may go without it, a check before landing may not."""
    path = shutil.which(tool)
    if not path:
        if os.environ.get("CI"):
            test.fail(f"{tool} is missing: scripts/deps test installs it")
        test.skipTest(f"no {tool}")
    return path


class Tools(unittest.TestCase):
    def test_c_files_are_formatted(self):
        tool = need(self, os.environ.get("CLANG_FORMAT") or "clang-format")
        version = re.search(r"version (\d+)", run(tool, "--version").stdout).group(1)
        if int(version) != CLANG_FORMAT_VERSION:
            self.skipTest(f"clang-format {version}, the layout is that of {CLANG_FORMAT_VERSION}")
        paths = [path for path, _ in source.c_files(source.LAYERS + ("bench", "tests"))]
        result = run(tool, "--dry-run", "--Werror", *paths)
        self.assertEqual(result.returncode, 0, "\n" + result.stderr + "\n(the target: format)")

    def test_shell_scripts_pass_shellcheck(self):
        result = run(need(self, "shellcheck"), "--external-sources", "--source-path=.",
                     *SHELL_SCRIPTS)
        self.assertEqual(result.returncode, 0, "\n" + result.stdout)

    def test_man_pages_pass_mandoc(self):
        pages = [path for path, _ in source.files(("docs",), (".5", ".8"))]
        if not pages:
            self.skipTest("no man pages yet")
        result = run(need(self, "mandoc"), "-T", "lint", "-W", "warning", *pages)
        self.assertEqual(result.returncode, 0, "\n" + result.stdout)


if __name__ == "__main__":
    unittest.main()
