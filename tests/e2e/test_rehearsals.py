"""What is tried and not only looked at: `audit --learn`, and `rehearse = on`."""

import json
import os
import subprocess
import unittest

from support.host import PYTHON, needs_recycling, run
from support.waiting import await_
from test_placement_memory import EXTENSIONS, Memory


def uses(extension):
    """The first lines of an application that imports one of the tests' own extensions."""
    return f"import sys\nsys.path.insert(0, {EXTENSIONS!r})\nimport {extension}\n"


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Audited(Memory):
    """`fcgi_host -c FILE audit --learn`: what no check of the host's finds."""

    def learn(self, *arguments):
        """Its exit status, the targets of its report, its standard error."""
        code, out, err = run("-c", self.conf, "audit", "--json", "--learn", *arguments,
                             deadline_s=100)
        return code, json.loads(out)["targets"], err

    def test_what_a_rehearsal_has_learnt_counts_at_the_next_start(self):
        self.application("a")
        self.application("b", uses("knows_first"), late="knows_first.is_known() or 1 / 0")
        self.begin()
        self.assertEqual(self.answer("b"), "1 b")
        self.end()
        code, (a, b), err = self.learn("--request", "/", "a", f"{self.folder}/b.py")
        self.assertEqual((code, a["learnt_in"], b["learnt_in"]), (1, None, self.state), err)
        entry, = self.kept()
        self.assertEqual((entry["verdict"], entry["interpreter"], entry["met"]),
                         ("breaks", "b", "later"))
        self.assertTrue(entry["file"].startswith(EXTENSIONS), entry)
        self.begin()
        self.assert_learnt_before()
        self.assertEqual((self.answer("a"), self.answer("b")), ("1 a", "1 main"))
        self.assertEqual(self.status()["b"]["process"], "b")

    def test_what_is_configured_to_be_in_main_is_not_learnt(self):
        self.keys["a"] = "interpreter = main"
        self.application("a", uses("opts_out"))
        self.begin("a")
        self.end()
        code, (target,), err = self.learn("a")
        self.assertEqual((code, target["placement"], target["learnt_in"]), (1, "main", None), err)
        self.assertFalse(os.path.exists(self.file))

    def test_what_cannot_be_kept_is_an_error(self):
        self.application("a", uses("opts_out"))
        self.begin("a", state_dir="off")
        self.end()
        code, targets, err = self.learn("a")
        self.assertEqual((code, targets), (2, []), err)
        self.assertIn("state_dir", err)
        code, _, err = self.learn(__file__)
        self.assertEqual(code, 2)
        self.assertIn("no application of the configuration", err)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file away")
    def test_the_file_of_a_host_of_another_user_stays(self):
        self.application("a", uses("opts_out"))
        self.begin("a")
        self.end()
        self.assertEqual(self.learn("a")[0], 1)
        kept = self.kept()
        for path in (self.state, self.file):
            os.chown(path, 65534, 65534)
        code, targets, err = self.learn("a")
        self.assertEqual((code, targets), (2, []), err)
        self.assertIn("is of another user (65534)", err)
        self.assertEqual((os.listdir(self.state), self.entries()), (["placement.json"], kept))


#: Writes what its processes are.
SAYS = """
import os
with open({file!r}, "a") as out:
    print(os.getuid(), os.nice(0), os.getpid(), file=out)
"""
#: Takes its time, but not where it serves.
WAITS = """
import fcgi_host, time
if fcgi_host.info()["interpreter"] == "audit":
    time.sleep(100)
"""


def nobody_has_python():
    try:
        return subprocess.run([PYTHON, "-c", ""], user="nobody", cwd="/").returncode == 0
    except PermissionError:  # this process is not root's, or Python is in a folder of root's
        return False


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


@needs_recycling
@unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
class Rehearsed(Memory):
    """`rehearse = on`: the host tries its applications itself."""

    def setUp(self):
        super().setUp()
        self.keys.update(a="rehearse = on\ncheck = /x", b="rehearse = on\ncheck = /x")
        self.application("b", uses("knows_first"), late="knows_first.is_known() or 1 / 0")

    def wait(self, name, slug):
        return self.host.log.wait_for(rf"app={name} \[{slug}\]", deadline_s=100)

    def test_what_is_wrong_is_moved_and_kept_and_the_others_are_left(self):
        self.application("a")
        self.begin()
        self.assertRegex(self.wait("b", "rehearsal.found"), "knows_first breaks: .*/x of B")
        self.wait("a", "rehearsal.same")
        await_(lambda: self.answer("b") == "1 main", "its own process")
        self.assertRegex(self.placed()[0], '^gets a process of its own, "b": knows_first breaks')
        self.assertEqual(self.answer("a"), "1 a")
        entry, = self.kept()
        self.assertEqual((entry["verdict"], entry["met"]), ("breaks", "later"))
        self.again()
        self.assert_learnt_before()
        self.wait("a", "rehearsal.same")
        self.assertEqual(self.host.log.count(r"app=b \[rehearsal"), 0)

    def test_one_that_is_alone_gets_the_main_interpreter(self):
        self.begin("b")
        self.wait("b", "rehearsal.found")
        await_(lambda: self.answer("b") == "1 main", "the main interpreter")
        self.assertRegex(self.placed()[0], "^moved to the main interpreter: knows_first breaks")
        self.kept()

    def test_it_ends_with_the_host(self):
        says = self.path("says")
        self.application("a", SAYS.format(file=says) + WAITS)
        self.begin("a")
        await_(lambda: read(says).count("\n") == 2, "the rehearsal to begin")
        pid = int(read(says).split()[-1])
        self.end()
        await_(lambda: not os.path.exists(f"/proc/{pid}"), "its processes to end")
        self.assertEqual(self.host.log.count(r"\[rehearsal"), 0)

    @unittest.skipUnless(nobody_has_python(), "only root can be nobody, who must reach Python")
    def test_it_runs_as_its_workers_do_but_after_all_others(self):
        says = self.write("says", "")
        os.chmod(says, 0o666)
        os.chmod(self.folder, 0o755)
        self.keys["a"] += "\nprocess = web\n[process web]\nuser = nobody\nnice = 3"
        self.application("a", SAYS.format(file=says))
        self.begin("a")
        self.wait("a", "rehearsal.same")
        worker, *rehearsals = [line.split()[:2] for line in read(says).splitlines()]
        self.assertEqual(worker, ["65534", "3"])
        self.assertGreater(len(rehearsals), 5)
        self.assertEqual([each for each in rehearsals if each != ["65534", "19"]], [])


if __name__ == "__main__":
    unittest.main()
