"""What dies takes its own requests with it, and nothing else."""

import ctypes
import os
import re
import signal
import time
import unittest

from support import fcgi
from support.host import APPS, HostTestCase, run
from support.load import Load
from support.waiting import await_

EXTENSIONS = os.environ.get("EXTENSIONS")
PERILOUS = os.path.join(APPS, "perilous.py")
#: A new worker serves within a second on a machine that does nothing else.
SOON_S = 20 if os.environ.get("FCGI_HOST_SANITIZE") else 5


def in_its_place(host, pids, count=1):
    """The workers, once there are `count` and none of `pids`."""
    def others():
        children = [pid for pid in host.children() if pid not in pids]
        return children if len(children) >= count else None
    return await_(others, "another worker")


def asked_to_die(host, path):
    try:
        return host.fetch(path)
    except (fcgi.Closed, OSError):
        return None


class Crashes(HostTestCase):
    def crash(self, path, signal_name):
        host = self.start_host(PERILOUS)
        host.fetch()
        before = await_(host.children)
        self.assertIsNone(asked_to_die(host, path))
        died = time.monotonic()
        self.assertEqual(host.fetch("/").status, 200)
        self.assertLess(time.monotonic() - died, SOON_S)
        self.assertNotEqual(host.children(), before)
        line = host.log.wait_for(r"\[worker\.crashed\]")
        self.assertIn(signal_name, line)
        self.assertIn("app=perilous", line)
        self.assertRegex(line, rf"req={before[0]}-\d+ ")
        self.assertIn(f"GET {path}", line)
        return host

    def test_a_segmentation_fault_costs_one_request_and_leaves_last_words(self):
        host = self.crash("/segv", "SIGSEGV")
        host.log.wait_for(r'File ".*perilous\.py", line \d+ in _dies_of_a_signal')

    def test_abort_leaves_last_words(self):
        host = self.crash("/abort", "SIGABRT")
        host.log.wait_for(r'File ".*perilous\.py", line \d+ in _aborts')

    def test_an_exhausted_stack_leaves_last_words(self):
        self.crash("/overflow", "SIGSEGV")

    def test_the_extension_is_named_that_the_c_stack_leads_through(self):
        host = self.crash("/segv", "SIGSEGV")
        line = host.log.wait_for(r"\[worker\.crashed\]")
        self.assertRegex(line, r"died of SIGSEGV in \S*/_ctypes\S*\.so while serving GET /segv")
        host.log.wait_for(r'  Binary file "\S*/_ctypes\S*\.so", at \+0x[0-9a-f]+$')
        self.assertNotIn("C stack trace", host.log.text)  # faulthandler's own, of 3.14

    @unittest.skipUnless(EXTENSIONS, "EXTENSIONS does not name the folder of the built modules")
    def test_an_extension_that_crashes_is_named(self):
        app = self.write("uses.py", f"""
            import sys
            sys.path.insert(0, {EXTENSIONS!r})
            import crashes_in_use
            def application(environ, start_response):
                crashes_in_use.use()
                start_response("200 OK", [])
                return []
            """)
        host = self.start_host("-c", self.config(
            f"[app one]\nfile = {app}\nmount = /one\n[app two]\nfile = {app}\nmount = /two\n"))
        self.assertEqual(host.fetch("/one").status, 200)
        self.assertIsNone(asked_to_die(host, "/two"))
        line = host.log.wait_for(r"app=two .*\[worker\.crashed\]")
        self.assertRegex(line, r"died of SIGSEGV in \S*/crashes_in_use\S*\.so while serving GET /two")
        frames = [line for line in host.log.lines if line.startswith("      Binary file")]
        self.assertRegex(frames[0], r"/crashes_in_use\S*\.so")

    def test_exit_in_c_is_a_crash_and_names_what_was_in_hand(self):
        host = self.start_host(PERILOUS)
        self.assertIsNone(asked_to_die(host, "/exit"))
        self.assertEqual(host.fetch("/").status, 200)
        line = host.log.wait_for(r"\[worker\.crashed\]")
        self.assertIn("status 3", line)
        self.assertIn("in hand: perilous: GET /exit", line)

    def test_only_the_requests_in_hand_are_lost(self):
        host = self.start_host(PERILOUS)
        with Load(lambda: host.fetch("/").status, threads=4) as load:
            for _ in range(5):
                before = await_(host.children)
                answered = len(load.failures)
                asked_to_die(host, "/segv")
                in_its_place(host, before)
                load.await_answers()
                self.assertLessEqual(len(load.failures) - answered, 4, load.failures)

    def test_one_of_two_workers_killed_leaves_the_other_serving(self):
        host = self.start_host(PERILOUS, "--workers", "2")
        await_(lambda: len(host.children()) == 2)
        with Load(lambda: host.fetch("/").status, threads=2):
            victim = host.children()[0]
            os.kill(victim, signal.SIGKILL)
            in_its_place(host, [victim], 2)

    def test_kill_in_a_loop_under_load(self):
        host = self.start_host(PERILOUS)
        with Load(lambda: host.fetch("/").status, threads=4) as load:
            for _ in range(8):
                before = await_(host.children)
                lost = len(load.failures)
                os.kill(before[0], signal.SIGKILL)
                killed = time.monotonic()
                in_its_place(host, before)
                load.await_answers()
                self.assertLess(time.monotonic() - killed, SOON_S)
                self.assertLessEqual(len(load.failures) - lost, 4, load.failures)
        self.assertEqual(host.log.count(r"\[worker\.crashed\].*SIGKILL"), 8)

    def test_an_application_whose_crashes_go_on_is_slowed_down_and_its_neighbour_is_not(self):
        good = self.write("good.py", CrashesWhileLoading.GOOD)
        host = self.start_host("-c", self.config(f"""
            [app bad]
            file = {PERILOUS}
            mount = /bad
            [app good]
            file = {good}
            """))
        for _ in range(12):
            before = await_(host.children)
            self.assertIsNone(asked_to_die(host, "/bad/segv"))
            in_its_place(host, before)
            host.fetch()
            if host.log.count(r"app=bad \[app\.slowed\]"):
                break
        self.assertGreaterEqual(host.log.count(r"\[worker\.crashed\]"), 10)
        response = host.fetch("/bad/")
        if response.status != 200:  # or it was slow to ask
            self.assertEqual(response.status, 503)
            self.assertGreaterEqual(int(response.headers["retry-after"]), 1)
        host.log.wait_for(r"app=bad \[app\.slowed\].*503 for \d+ ms")
        self.assertEqual(host.fetch("/").body, b"good")
        await_(lambda: host.fetch("/bad/").status == 200, "the end of the pause")
        self.assertEqual(host.log.count(r"\[worker\.waiting\]"), 0)

    def test_a_worker_that_somebody_kills_counts_against_nobody(self):
        host = self.start_host(PERILOUS)
        host.fetch()
        for _ in range(12):
            before = await_(host.children)
            os.kill(before[0], signal.SIGKILL)
            in_its_place(host, before)
            self.assertEqual(host.fetch().status, 200)
        self.assertEqual(host.log.count(r"\[worker\.waiting\]|\[app\.slowed\]"), 0)

    def test_workers_die_with_the_supervisor(self):
        host = self.start_host(PERILOUS, exit_status=-signal.SIGKILL)
        host.fetch()
        workers = host.children()
        self.assertTrue(workers)
        host.process.kill()
        host.wait()
        for pid in workers:
            await_(lambda: not os.path.exists(f"/proc/{pid}") or
                   re.search(r"State:\s+[ZX]", open(f"/proc/{pid}/status").read()), "its end")


PR_SET_CHILD_SUBREAPER = 36


class Orphans(HostTestCase):
    def test_a_supervisor_that_inherits_orphans_reaps_them(self):
        """As process 1 of a container does: their parent, a program that an application ran, is gone."""
        app = self.write("app.py", """
            import subprocess

            def application(environ, start_response):
                done = subprocess.run(["sh", "-c", "sleep 0 >&2 & echo $!"], stdout=subprocess.PIPE)
                start_response("200 OK", [])
                return [done.stdout]
            """)
        libc = ctypes.CDLL(None)
        host = self.start_host(app, preexec_fn=lambda: libc.prctl(PR_SET_CHILD_SUBREAPER, 1))
        for _ in range(5):
            orphan = int(host.fetch().body)
            await_(lambda: not os.path.exists(f"/proc/{orphan}"), "the orphan to be reaped")
        self.assertEqual(len(host.children()), 1)


class OutOfDescriptors(HostTestCase):
    LIMIT = 64

    def test_it_serves_restarts_and_replaces_all_the_same(self):
        def few():
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT))
        control = self.path("control")
        host = self.start_host("--control", control, PERILOUS, preexec_fn=few)
        host.fetch()
        silent = [host.connect() for _ in range(2 * self.LIMIT)]
        for connection in silent:
            self.addCleanup(connection.close)
        for _ in range(2):  # the second time with the worker's descriptors all taken
            status, out, err = run("reload", "-s", control)
            self.assertEqual(status, 0, out + err)
        before = await_(host.children)
        os.kill(before[-1], signal.SIGKILL)
        for connection in silent:
            connection.close()
        in_its_place(host, before[-1:])
        self.assertEqual(host.fetch().status, 200)
        self.assertEqual(run("status", "-s", control)[0], 0)


class CrashesWhileLoading(HostTestCase):
    BAD = """
        import ctypes, os
        with open({log!r}, "a") as f:
            f.write(f"{{os.getpid()}}\\n")
        ctypes.string_at(0)
        """
    GOOD = """
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"good"]
        """

    def start(self, *more):
        self.tries = self.path("tries")
        bad = self.write("bad.py", self.BAD.format(log=self.tries))
        good = self.write("good.py", self.GOOD)
        self.control = self.path("control")
        conf = self.config(f"""
            [fcgi_host]
            control = {self.control}
            [app bad]
            file = {bad}
            mount = /bad
            [app good]
            file = {good}
            """)
        return self.start_host("-c", conf, *more)

    def test_the_second_time_it_is_given_up_and_the_others_serve(self):
        host = self.start()
        self.assertEqual(host.fetch("/").body, b"good")
        response = host.fetch("/bad/")
        self.assertEqual(response.status, 503)
        self.assertIn("retry-after", response.headers)
        with open(self.tries) as f:
            self.assertEqual(len(set(f.read().split())), 2)
        self.assertEqual(host.log.count(r"app=bad \[worker\.crashed\].*while loading bad"), 2)
        self.assertEqual(host.log.count(r"app=bad \[app\.placed\]"), 1)
        self.assertGreaterEqual(host.log.count(r"app=bad .*\[app\.failed\]"), 1)
        host.fetch("/")  # and it goes on so

    def test_it_is_tried_again_when_its_file_changes(self):
        host = self.start()
        self.assertEqual(host.fetch("/bad/").status, 503)
        with Load(lambda: host.fetch("/").status) as load:
            self.write("bad.py", self.GOOD.replace("good", "repaired"))
            host.log.wait_for(r"\[worker\.replaced\].*changed: .*bad\.py")
            self.assertEqual(host.fetch("/bad/").body, b"repaired")
        self.assertEqual(load.failures, [])

    def test_an_edit_that_crashes_again_leaves_it_given_up(self):
        host = self.start()
        self.assertEqual(host.fetch("/bad/").status, 503)
        self.write("bad.py", self.BAD.format(log=self.tries) + "# another\n")
        host.log.wait_for(r"\[worker\.replaced\].*changed: .*bad\.py")
        self.assertEqual(host.fetch("/bad/").status, 503)
        self.assertEqual(host.fetch("/").body, b"good")
        self.write("bad.py", self.GOOD)
        host.log.wait_for(r"\[worker\.replaced\].*changed: .*bad\.py", 2)
        self.assertEqual(host.fetch("/bad/").body, b"good")

    def test_it_is_tried_again_when_asked_for(self):
        host = self.start()
        self.assertEqual(host.fetch("/bad/").status, 503)
        os.rename(self.write("good2.txt", self.GOOD), self.folder + "/bad.py")
        status, out, err = run("reload", "-s", self.control, "bad")
        self.assertEqual(status, 0, out + err)
        self.assertEqual(host.fetch("/bad/").body, b"good")


if __name__ == "__main__":
    unittest.main()
