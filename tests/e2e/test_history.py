"""The last fifteen minutes and the last reloads, as the status tells of them."""

import concurrent.futures
import json
import unittest

from support.applications import HELLO
from support.host import HostTestCase, children_of, run
from support.waiting import await_

WAITS = """
    import time

    def application(environ, start_response):
        time.sleep(0.3)
        start_response("200 OK", [])
        return [b"done"]
    """


class History(HostTestCase):
    def start(self, config):
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\ncontrol = {self.control}\n{config}"))
        self.host.log.wait_for(r"\[host\.ready\]")

    def requests(self):
        return sum(self.status()["history"]["requests"])

    def reloads(self):
        return [[each[key] for key in ("process", "app", "outcome")]
                for each in self.status()["recent_reloads"]]

    def test_requests_of_all_process_groups_count_and_outlive_their_workers(self):
        self.start(f"workers = 2\n[app a]\nfile = {self.write('a.py', HELLO)}\nmount = /a\n"
                   f"[app b]\nfile = {self.write('b.py', HELLO)}\nmount = /b\nprocess = own\n")
        for _ in range(10):
            self.assertEqual(self.host.fetch("/a/").status, 200)
            self.assertEqual(self.host.fetch("/b/").status, 200)
        await_(lambda: self.requests() == 20, "each request to be counted once")
        before = children_of(self.host.process.pid)
        code, _, err = run("reload", "--wait", "-s", self.control)
        self.assertEqual(code, 0, err)
        self.host.signal(1)
        self.host.log.wait_for(r"\[worker\.replaced\]", count=3)
        await_(lambda: not set(before) & set(children_of(self.host.process.pid)),
               "the workers to be others")
        self.assertEqual(self.requests(), 20)
        self.host.fetch("/a/")
        await_(lambda: self.requests() == 21, "the new workers to go on with it")

    def test_it_tells_of_times_waiting_requests_and_memory(self):
        self.start(f"[app slow]\nfile = {self.write('slow.py', WAITS)}\nthreads = 1\n")
        with concurrent.futures.ThreadPoolExecutor(5) as clients:
            for answer in clients.map(lambda _: self.host.fetch("/"), range(5)):
                self.assertEqual(answer.status, 200)
        await_(lambda: self.requests() == 5, "the requests to be counted")
        history = self.status()["history"]
        lists = [history[key] for key in ("requests", "p50_ms", "p99_ms", "queued", "rss_bytes")]
        self.assertEqual({len(each) for each in lists}, {len(history["requests"])})
        self.assertGreaterEqual(max(history["p99_ms"]), 5 * 300)  # the fifth waited for four others
        self.assertGreaterEqual(max(history["p50_ms"]), 300)
        # They waited for 0.3 + 0.6 + 0.9 + 1.2 s together; a sample may have seen them, too.
        seconds = [history["step_s"]] * (len(lists[0]) - 1) + [history["last_s"]]
        waited = sum(map(lambda queued, s: queued * s, history["queued"], seconds))
        self.assertGreaterEqual(waited, 2.9)
        self.assertLessEqual(max(history["queued"]), 5)
        self.assertGreater(history["rss_bytes"][-1], 5 << 20)

    def test_replacements_are_among_the_last_reloads(self):
        self.start(f"[app a]\nfile = {self.write('a.py', HELLO)}\nmount = /a\nreload = worker\n"
                   f"[app b]\nfile = {self.write('b.py', HELLO)}\nmount = /b\n"
                   f"[app c]\nfile = {self.write('c.py', HELLO)}\nmount = /c\nprocess = own\n"
                   "reload = worker\n")
        self.assertEqual(self.reloads(), [])
        run("reload", "--wait", "c", "-s", self.control)
        await_(lambda: self.reloads() == [["c", "c", "replaced"]], "the replacement of c")
        run("reload", "--wait", "a", "-s", self.control)
        await_(lambda: self.reloads()[:-1] == [["shared", None, "replaced"]],
               "the replacement that is of a and b")

    def test_a_reload_of_all_workers_is_one(self):
        file = self.write("a.py", HELLO)
        self.start(f"workers = 3\n[app a]\nfile = {file}\nreload = worker\n")
        with open(file, "a", encoding="utf-8") as edited:
            edited.write("\n# edited\n")
        self.host.log.wait_for(r"\[worker\.replaced\]", count=3)
        await_(lambda: [each["workers"] for each in self.status()["recent_reloads"]] == [3],
               "the reload of three workers to be told")

    def test_workers_that_are_replaced_for_a_limit_are_no_reload(self):
        self.start(f"[app a]\nfile = {self.write('a.py', HELLO)}\nprocess = own\nmax_requests = 2\n")
        for _ in range(8):
            self.host.fetch("/")
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.status()["last_replacement"], "the replacement to be told")
        self.assertEqual(self.reloads(), [])

    def test_who_asks_for_the_status_does_not_wait_in_it(self):
        self.start(f"status_path = /-/status\n[app a]\nfile = {self.write('a.py', HELLO)}\n")
        with concurrent.futures.ThreadPoolExecutor(5) as clients:
            answers = clients.map(lambda _: self.host.fetch("/-/status", query="json"), range(20))
            for answer in answers:
                self.assertEqual(set(json.loads(answer.body)["history"]["queued"]), {0})

    def test_a_reload_that_was_kept_says_why(self):
        self.start(f"[app a]\nfile = {self.write('a.py', HELLO)}\n")
        self.write("a.py", "raise ValueError('not <today>')\n")
        self.host.log.wait_for(r"\[(reload|worker)\.kept\]")
        await_(self.reloads, "the reload to be told")
        last = self.status()["recent_reloads"][0]
        self.assertEqual(last["outcome"], "kept")
        self.assertRegex(last["cause"], r"^changed: .*/a\.py")
        self.assertRegex(last["why"], r"not <today>|a does not load")
        self.assertLess(last["age_s"], 60)


if __name__ == "__main__":
    unittest.main()
