"""Each hazard is real, the check finds it, and it finds nothing in the corrected twin."""

import functools
import os
import shutil
import subprocess
import tempfile
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))

# case: (hazard, verdicts before the switch)
CASES = {
    "lazy_class": (2, {"stale"}),
    "cached_settings": (2, {"stale"}),
    "handler_map": (2, {"stale"}),
    "heap_record": (2, {"stale"}),
    "type_default": (2, {"stale"}),
    "api_consumer": (2, {"stale"}),
    "class_at_init": (2, {"shared"}),
    "worker_local": (2, {"stale"}),
    "borrowed_item": (3, {"dangling"}),
    "borrowed_vector": (3, {"dangling"}),
    "borrowed_list": (3, {"dangling"}),
    "borrowed_attribute": (3, {"dangling"}),
    "call_on_thread": (1, {"clean"}),
    "thread_pool": (1, {"stale"}),
    "watcher": (1, {"stale"}),
    "class_chain": (2, {"stale"}),
    "packed_record": (2, {"stale"}),
    "inner_link": (2, {"stale"}),
    "mapped_table": (2, {"stale"}),
    "thread_key": (2, {"stale"}),
    "kept_interpreter": (3, {"dangling"}),
    "kept_thread": (3, {"dangling"}),
    "kept_exceptions": (3, {"dangling"}),
    "shared_options": (2, {"shared"}),
    "shared_instance": (2, {"shared"}),
}

#: Of the Python in the program.
VERSION = tuple(int(part) for part in os.environ["FCGI_HOST_PYTHON_VERSION"].split(".")[:2])
if VERSION >= (3, 15):
    CASES["exported_slots"] = (2, {"stale"})

# The application of a case, where it is that of another one.
APPLICATIONS = dict.fromkeys(
    ("class_chain", "packed_record", "inner_link", "mapped_table", "thread_key",
     "kept_interpreter", "kept_thread", "kept_exceptions", "exported_slots"), "lazy_class")


def application(case):
    return f"case_{APPLICATIONS.get(case, case)}"


# What must stay clean: cases, and the extension that each is about.
HARMLESS = {
    "ctypes_in_request": "_ctypes",
    "half_written": "half_written",
    "shared_constants": "shared_constants",
}

# case: (variable, whose memory); seen only once it has been freed
FREED = {
    "freed_text": ("greeting", "'Good morning'"),
    "freed_buffer": ("table", "<bytes object>"),
    "freed_capsule": ("units", "a block of 8 bytes"),
    "freed_block": ("squares", "a block of 80 bytes"),
    "freed_record": ("record → heap", "a block of 128 bytes"),
    "freed_keys": ("table → → heap", "'key 99'"),
}

# What stands in new memory is of its last use, but with a sanitizer's allocator.
ALLOCATOR = "debug" if os.environ.get("FCGI_HOST_SANITIZE") else "default"


@functools.cache
def run(program, case, extension, folder=os.environ["EXTENSIONS"], **variables):
    # "debug": freed memory is overwritten, so that using it is seen.
    environment = dict(os.environ, CASE_EXTENSION=extension, PYTHONMALLOC="debug",
                       PYTHONPATH=os.pathsep.join([folder, os.path.join(FOLDER, "cases")]))
    environment.update(variables)
    return subprocess.run([program, application(case)], env=environment, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="backslashreplace")  # an answer may be freed memory


def verdicts(output):
    """{"first": ("stale", ["  2 stale …", …]), …}"""
    found, lines = {}, []
    for line in output.splitlines():
        step, _, rest = line.partition(" ")
        if step in ("first", "switch", "end"):
            lines = []
            found[step] = (rest, lines)
        elif line.startswith("  ") and not line.startswith("  note"):
            lines.append(line)
    return found


class GroundTruth(unittest.TestCase):
    maxDiff = None

    def test_hazard_is_real(self):
        for case in [*CASES, *FREED]:
            with self.subTest(case):
                done = run(os.environ["RECYCLE"], case, case)
                is_right = done.returncode == 0 and done.stdout.endswith("2 right\n")
                self.assertFalse(is_right, done.stdout)

    def test_twin_gives_the_right_answers(self):
        for case in [*CASES, *FREED]:
            with self.subTest(case):
                done = run(os.environ["RECYCLE"], case, f"{case}_ok")
                self.assertEqual((done.stdout, done.returncode),
                                 ("1 right\n1 retired\n2 right\n", 0), done.stderr)

    def test_check_finds_it_before_the_switch(self):
        for case, (hazard, expected) in CASES.items():
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, case)
                verdict, findings = verdicts(done.stdout)["switch"]
                self.assertIn(verdict, expected, done.stdout + done.stderr)
                self.assertTrue([line for line in findings if line.startswith(f"  {hazard} ")],
                                findings)
                for line in findings:
                    self.assertIn(f" {case} ", line)

    def test_check_knows_it_from_the_first_load(self):
        for case, (_, expected) in CASES.items():
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, case)
                self.assertIn(verdicts(done.stdout)["first"][0], expected, done.stdout)

    def test_dangling_pointers_are_seen_after_the_end(self):
        for case, (hazard, _) in CASES.items():
            with self.subTest(case):
                if hazard == 3:
                    done = run(os.environ["RECYCLE_CHECKED"], case, case)
                    self.assertEqual(verdicts(done.stdout)["end"][0], "dangling", done.stdout)

    def test_memory_that_was_freed_is_named_after_the_end(self):
        for case, (variable, memory) in FREED.items():
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, case)
                found = verdicts(done.stdout)
                self.assertEqual(found["switch"], ("clean", []), done.stdout)
                self.assertEqual(found["end"], ("dangling", [
                    f"  3 dangling {case} {variable} memory of {memory} that was freed borrowed, "
                    "of the ended generation"]), done.stdout)

    def test_memory_is_found_with_each_of_cpythons_allocators(self):
        for allocator in ("pymalloc", "malloc", "malloc_debug"):
            for case, (variable, _) in FREED.items():
                with self.subTest(case, allocator=allocator):
                    done = run(os.environ["RECYCLE_CHECKED"], case, case, PYTHONMALLOC=allocator)
                    verdict, findings = verdicts(done.stdout)["end"]
                    self.assertEqual(verdict, "dangling", done.stdout)
                    self.assertIn(f" {case} {variable} memory of ", "\n".join(findings))

    def test_thread_of_an_extension_is_sent_to_the_interpreter_that_started_it(self):
        done = run(os.environ["RECYCLE_CHECKED"], "call_on_thread", "call_on_thread")
        self.assertIn("\n1 right\n", "\n" + done.stdout)
        self.assertTrue(done.stdout.endswith("1 retired\nend clean\n2 right\n"), done.stdout)

    def test_interpreter_is_kept_as_long_as_such_a_thread_lives(self):
        for case in ("thread_pool", "watcher"):
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, case)
                self.assertIn("\n1 zombie\n", done.stdout)
                self.assertEqual(done.returncode, 0)

    def test_check_finds_nothing_in_the_twin(self):
        for case in [*CASES, *FREED]:
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, f"{case}_ok")
                found = verdicts(done.stdout)
                self.assertEqual({step: found[step] for step in ("first", "switch", "end")},
                                 {step: ("clean", []) for step in ("first", "switch", "end")},
                                 done.stdout + done.stderr)
                self.assertEqual(done.returncode, 0)


class Late(unittest.TestCase):
    """What a request makes an extension keep is found at the next switch, by words alone, too."""

    def switch(self, extension, folder):
        done = run(os.environ["RECYCLE_CHECKED"], "late_class", extension, folder,
                   CASE_IS_LATE="1")
        found = verdicts(done.stdout)
        self.assertEqual(found["first"], ("clean", []), done.stdout + done.stderr)
        return found["switch"][0]

    def test_of_any_extension(self):
        folder = os.environ["EXTENSIONS"]
        self.assertEqual(self.switch("lazy_class", folder), "stale")
        self.assertEqual(self.switch("lazy_class_ok", folder), "clean")

    def test_where_the_process_has_none_but_the_standard_library_s(self):
        with tempfile.TemporaryDirectory() as parent:
            folder = os.path.join(parent, "lib-dynload")
            shutil.copytree(os.environ["EXTENSIONS"], folder,
                            ignore=lambda path, names: {
                                name for name in names if not name.startswith("lazy_class")})
            self.assertEqual(self.switch("lazy_class", folder), "stale")
            self.assertEqual(self.switch("lazy_class_ok", folder), "clean")


class Harmless(unittest.TestCase):
    maxDiff = None

    def test_answers_are_right_and_the_check_finds_nothing(self):
        for case, extension in HARMLESS.items():
            with self.subTest(case):
                done = run(os.environ["RECYCLE_CHECKED"], case, extension, PYTHONMALLOC=ALLOCATOR)
                found = verdicts(done.stdout)
                self.assertEqual({step: found.get(step) for step in ("first", "switch", "end")},
                                 {step: ("clean", []) for step in ("first", "switch", "end")},
                                 done.stdout + done.stderr)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.endswith("2 right\n"), done.stdout)


if __name__ == "__main__":
    unittest.main()
