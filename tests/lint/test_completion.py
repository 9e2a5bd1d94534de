"""What bash and zsh complete the command line by, made from options.def and commands.def."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import source
from support.host import needs_program

BASH = pathlib.Path(os.environ["COMPLETIONS"], "fcgi_host.bash")
ZSH = pathlib.Path(os.environ["COMPLETIONS"], "fcgi_host.zsh")

COMPLETE_IN_BASH = r"""
    . "$1"
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _fcgi_host
    printf '%s\n' "${COMPREPLY[@]}"
"""
# A terminal that zsh completes in: the word is completed as far as it is clear, then all is listed.
COMPLETE_IN_ZSH = r"""
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=0; PS1='@''@@'"
    zpty -r shell text '*@@@*'
    zpty -w -n shell "$2"$'\t\t'
    zpty -w -n shell $'\x15'"print -r -- EN''D"$'\n'
    zpty -r shell text '*END*'
    print -r -- "$text"
    zpty -d shell
"""


class Completion(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "wsgi.py").touch()
        (self.folder / "a site").mkdir()

    def in_bash(self, *words):
        done = subprocess.run(["bash", "-c", COMPLETE_IN_BASH, "bash", BASH, "fcgi_host", *words],
                              capture_output=True, text=True, check=True, cwd=self.folder)
        self.assertEqual(done.stderr, "")
        return list(filter(None, done.stdout.split("\n")))


class Bash(Completion):
    def test_commands_and_files_are_completed_first(self):
        self.assertEqual(self.in_bash("st"), ["status", "stop"])
        self.assertEqual(self.in_bash("w"), ["wsgi.py"])

    def test_every_option_is_there(self):
        table = (source.ROOT / "fcgi_host/config/options.def").read_text("utf-8")
        flags = {"--" + flag for flag in re.findall(r'\.flag = "([^"]+)"', table)}
        self.assertGreater(len(flags), 8)
        self.assertEqual(set(self.in_bash("--")),
                         flags | {"--config", "--test-config", "--version", "--help"})

    def test_every_command_has_its_own_options(self):
        self.assertGreater(len(source.commands()), 10)
        for command, arguments in source.commands().items():
            self.assertEqual(set(self.in_bash(command, "-")),
                             set(re.findall(r"\[(-[^\] ]+)", arguments)), command)

    def test_the_command_is_found_behind_options_with_values(self):
        for before in (["-c", "status"], ["--log-level", "info"], ["--workers", "=", "2"], ["-t"]):
            self.assertEqual(self.in_bash(*before, "profile", "--form"), ["--format"], before)

    def test_values_are_completed(self):
        self.assertEqual(self.in_bash("--log-level", "w"), ["warn"])
        self.assertEqual(self.in_bash("--log-level", "="), ["debug", "info", "warn", "error", "off"])
        self.assertEqual(self.in_bash("--log-level", "=", "w"), ["warn"])
        self.assertEqual(self.in_bash("serve", "wsgi.py", "--server", ""),
                         ["lighttpd", "nginx", "apache"])
        self.assertEqual(self.in_bash("profile", "--format", "s"), ["svg"])
        self.assertEqual(self.in_bash("-c", "w"), ["wsgi.py"])
        self.assertEqual(self.in_bash("init", "a"), ["a site"])
        self.assertEqual(self.in_bash("--workers", ""), [])
        self.assertEqual(self.in_bash("status", ""), [])

    def test_a_name_is_completed_where_bash_has_loaded_the_file(self):
        done = subprocess.run(["bash", "-c", f". {BASH} && complete -p fcgi_host"],
                              capture_output=True, text=True)
        self.assertEqual(done.stdout, "complete -F _fcgi_host fcgi_host\n")

    @needs_program("shellcheck")
    def test_it_is_sound(self):
        done = subprocess.run(["shellcheck", "-s", "bash", BASH], capture_output=True, text=True)
        self.assertEqual(done.stdout, "")


@needs_program("zsh")
class Zsh(Completion):
    def in_zsh(self, line):
        functions = self.folder / "functions"
        functions.mkdir(exist_ok=True)
        (functions / "_fcgi_host").write_text(ZSH.read_text("utf-8"), "utf-8")
        done = subprocess.run(["zsh", "-f", "-c", COMPLETE_IN_ZSH, "zsh", functions, line], text=True,
                              capture_output=True, cwd=self.folder, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_commands_and_files_are_completed_first(self):
        shown = self.in_zsh("fcgi_host st")
        self.assertIn("status", shown)
        self.assertIn("stop", shown)
        self.assertIn("finish the requests in hand", shown)
        self.assertIn("wsgi.py", self.in_zsh("fcgi_host w"))

    def test_options_and_values_are_completed(self):
        self.assertIn("--workers", self.in_zsh("fcgi_host --wor"))
        self.assertIn("warn", self.in_zsh("fcgi_host --log-level w"))
        self.assertIn("--format", self.in_zsh("fcgi_host -t profile --for"))
        self.assertIn("apache", self.in_zsh("fcgi_host serve --server a"))


if __name__ == "__main__":
    unittest.main()
