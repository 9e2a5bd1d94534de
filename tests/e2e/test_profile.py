"""`fcgi_host profile`: the stacks of the threads that serve an application, counted."""

import os
import re
import threading
import xml.etree.ElementTree

from support import fcgi
from support.host import HostTestCase, run
from support.waiting import DEADLINE_S

#: Spends three quarters of its time in slow() and a quarter in quick(), by its CPU time; /stuck
#: waits until it may go on; a thread of the application's own turns round beside.
APP = """
import threading, time
gate = threading.Event()
def spend(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
def slow():
    spend(0.03)
def quick():
    spend(0.01)
def background():
    gate.wait()
threading.Thread(target=background, daemon=True).start()
def application(environ, start_response):
    if environ["PATH_INFO"].endswith("/stuck"):
        gate.wait()
    elif environ["PATH_INFO"].endswith("/open"):
        gate.set()
    elif environ["PATH_INFO"].endswith("/calls"):
        for i in range(500):  # frames and code that come and go
            sum(eval(f"(lambda n: n + {i})(n)", {"n": n}) for n in range(4))
    else:
        slow()
        quick()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"answer"]
"""
LINE = re.compile(r"thread \d+(?:;[^;]+)+ \d+")


class Profile(HostTestCase):
    def start(self, keys="threads = 2", host_keys=""):
        self.app = self.write("app.py", APP)
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n{host_keys}\n"
            f"[app one]\nfile = {self.app}\n{keys}\n"
            f"[app two]\nfile = {self.app}\nmount = /two\n"))
        self.host.log.wait_for(r"\[host\.ready\]")
        self.host.fetch("/open")

    def begin(self, *arguments):
        return self.start_command("profile", "-s", self.control, *arguments)

    @staticmethod
    def result(command):
        out, err = command.communicate(timeout=DEADLINE_S)
        return command.returncode, out, err

    def under_load(self, *arguments, path="/", clients=2):
        """Profile while clients send requests; also how many were answered, and how."""
        answers, is_over = [], threading.Event()
        def ask():
            while not is_over.is_set():
                response = self.host.fetch(path)
                answers.append((response.status, response.body))
        askers = [threading.Thread(target=ask) for _ in range(clients)]
        for asker in askers:
            asker.start()
        try:
            result = self.result(self.begin(*arguments))
        finally:
            is_over.set()
            for asker in askers:
                asker.join()
        return result, answers

    @staticmethod
    def counts(out):
        """Stack, as a list without the thread → its samples."""
        stacks = {}
        for line in out.splitlines():
            stack, _, count = line.rpartition(" ")
            frames = tuple(stack.split(";")[1:])
            stacks[frames] = stacks.get(frames, 0) + int(count)
        return stacks


class Sampled(Profile):
    def setUp(self):
        self.start()

    def test_stacks_are_counted_by_the_time_that_is_spent_there(self):
        # One client: a thread that waits for the GIL counts as well, wherever it waits.
        (status, out, err), answers = self.under_load("one", "3", clients=1)
        self.assertEqual(status, 0, err)
        for line in out.splitlines():
            self.assertRegex(line, rf"^{LINE.pattern}$")
        counts = self.counts(out)
        whole = [f"application ({self.app})", f"slow ({self.app})", f"spend ({self.app})"]
        self.assertIn(tuple(whole), counts)
        slow = sum(n for stack, n in counts.items() if f"slow ({self.app})" in stack)
        quick = sum(n for stack, n in counts.items() if f"quick ({self.app})" in stack)
        # Three quarters and a quarter: so far away that chance does not matter.
        self.assertGreater(slow, quick)
        self.assertGreater(quick, 0)
        self.assertGreater(len(answers), 0)
        self.assertEqual(set(answers), {(200, b"answer")})
        self.assertIn(f"in worker {self.host.children()[0]}\n", err)
        self.assertRegex(err, r"\d+ looks, \d+ stacks of threads that served a request, \d+ of which")

    def test_lines_may_be_told_apart(self):
        (status, out, _), _ = self.under_load("--lines", "--rate", "200", "one", "1")
        self.assertEqual(status, 0)
        number = 1 + APP.lstrip("\n")[:APP.lstrip("\n").index("        slow()")].count("\n")
        self.assertIn(f";application ({self.app}:{number});slow ({self.app}:", out)

    def test_threads_that_wait_for_requests_and_others_are_left_out(self):
        status, out, err = self.result(self.begin("one", "0.3"))
        self.assertEqual((status, out), (0, ""))
        self.assertRegex(err, r" 0 stacks")

    def test_other_applications_are_left_out(self):
        (status, out, _), answers = self.under_load("one", "0.5", path="/two")
        self.assertEqual((status, out), (0, ""))
        self.assertEqual(set(answers), {(200, b"answer")})

    def test_a_flame_graph_is_an_image_that_needs_nothing_else(self):
        file = self.path("graph.svg")
        (status, out, err), _ = self.under_load("--format", "svg", "-o", file, "one", "1")
        self.assertEqual((status, out), (0, ""), err)
        image = xml.etree.ElementTree.parse(file).getroot()
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(image.tag, space + "svg")
        titles = [title.text for title in image.iter(space + "title")]
        self.assertTrue(any(re.match(r"slow \(.*app\.py\) \(\d+ samples, [\d.]+ %\)$", title)
                            for title in titles), titles)
        self.assertEqual({element.tag for element in image.iter()},
                         {space + name for name in ("svg", "g", "rect", "text", "title")})

    def test_frames_that_come_and_go_are_read_without_harm(self):
        (status, out, err), answers = self.under_load("--rate", "1000", "one", "5", path="/calls")
        self.assertEqual(status, 0, err)
        self.assertEqual(set(answers), {(200, b"answer")})
        self.assertEqual(self.host.log.count(r"\[worker\.crashed\]"), 0)
        names = {frame.partition(" (")[0] for stack in self.counts(out) for frame in stack}
        self.assertIn("application.<locals>.<genexpr>", names)
        self.assertLessEqual(names, {"(no Python code)", "application", "<module>", "<lambda>",
                                     "application.<locals>.<genexpr>"})

    def test_each_use_is_in_the_log(self):
        self.result(self.begin("--rate", "50", "one", "0.1"))
        line = self.host.log.wait_for(r"\[profile\.begin\]")
        self.assertRegex(line, rf" app=one \[profile\.begin\] user {os.geteuid()} .*50 a second for 0\.1 s")


class Around(Profile):
    def test_a_thread_that_waits_in_its_request_is_seen_there(self):
        self.app = self.write("stuck.py", APP)
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n[app one]\nfile = {self.app}\nthreads = 2\n"))
        self.host.log.wait_for(r"\[host\.ready\]")
        connection = self.host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/stuck")))
        out = ""
        while not out:  # until it has come to its thread
            _, out, _ = self.result(self.begin("one", "0.2"))
        stack = f";application ({self.app});Event.wait ("
        self.assertTrue(all(stack in line for line in out.splitlines()), out)
        self.host.fetch("/open")
        self.assertEqual(connection.read_response().body, b"answer")

    def test_it_ends_with_the_command_and_one_goes_on_at_a_time(self):
        self.start()
        first = self.begin("one", "3600")
        self.host.log.wait_for(r"\[profile\.begin\]")
        status, out, err = self.result(self.begin("one", "0.1"))
        self.assertEqual((status, out), (2, ""))
        self.assertIn("somebody else", err)
        first.kill()
        while status == 2:  # until the worker has noticed that
            status, _, err = self.result(self.begin("one", "0.1"))
        self.assertEqual(status, 0, err)

    def test_what_there_is_is_written_when_the_worker_ends(self):
        self.start()
        command = self.begin("one", "3600")
        self.host.log.wait_for(r"\[profile\.begin\]")
        os.kill(self.host.children()[0], 9)
        status, _, err = self.result(command)
        self.assertEqual(status, 1)
        self.assertIn("the worker has ended", err)

    def test_a_reload_is_no_reason_to_stop(self):
        self.start()
        command = self.begin("one", "3")
        self.host.log.wait_for(r"\[profile\.begin\]")
        self.write("app.py", APP.replace("def slow", "def slower").replace(" slow()", " slower()"))
        self.host.log.wait_for(r"app=one.*\[reload\.switched\]|\[worker\.replaced\]")
        while command.poll() is None:
            self.assertEqual(self.host.fetch("/").body, b"answer")
        status, out, err = self.result(command)
        if status == 0:  # else the worker was replaced
            self.assertIn(";slower (", out)

    def test_refusals_are_status_2_and_say_why(self):
        self.start()
        for arguments, why in (
                (("-s", self.control, "nobody", "1"), 'no application is called "nobody"'),
                (("-s", self.control, "--worker", "1", "one", "1"), 'no worker 1 serves "one"'),
                (("-s", self.control, "one", "0"), "SECONDS"),
                (("-s", self.control, "one", "1s"), "SECONDS"),
                (("-s", self.control, "--rate", "1001", "one", "1"), "--rate"),
                (("-s", self.control, "--format", "png", "one", "1"), "format"),
                (("-s", self.control, "one"), "usage:"),
                (("one", "1"), "-s SOCKET")):
            status, _, err = run("profile", *arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn(why, err)

    def test_a_file_that_cannot_be_written_is_told(self):
        self.start()
        status, _, err = self.result(self.begin("-o", self.folder + "/no/such", "one", "0.1"))
        self.assertEqual(status, 1)
        self.assertIn("No such file", err)


if __name__ == "__main__":
    import unittest
    unittest.main()
