"""Limits of requests and of workers, and what the log says of them."""

import os
import signal
import time
import unittest

from support import fcgi
from support.host import APPS, HostTestCase, run
from support.load import Load
from support.waiting import await_

PERILOUS = os.path.join(APPS, "perilous.py")


class Limits(HostTestCase):
    def start(self, app="", host="", **kw):
        self.control = self.path("control")
        return self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.control}
            {host}
            [app perilous]
            file = {PERILOUS}
            reload = off
            {app}
            """), **kw)

    def ask(self, host, path, query=""):
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of(path, query)))
        return connection

    def test_a_request_that_runs_out_of_time_is_ended_and_the_worker_lives(self):
        host = self.start("request_timeout_s = 1")
        host.fetch()
        before = await_(host.children)
        response = host.fetch("/spin")
        self.assertEqual(response.status, 500)
        line = host.log.wait_for(r"\[request\.timeout\]")
        self.assertRegex(line, rf"app=perilous .*req={before[0]}-\d+ .* 1 s: GET /spin")
        host.log.wait_for(r'line \d+ in _spins')
        host.log.wait_for("RequestTimeout")
        self.assertEqual(host.fetch().status, 200)
        self.assertEqual(host.children(), before)

    def test_an_application_can_answer_when_its_time_is_over(self):
        conf_app = self.write("polite.py", """
            import fcgi_host, time
            def application(environ, start_response):
                try:
                    while True:
                        pass
                except fcgi_host.RequestTimeout:
                    start_response("503 Too slow", [])
                    return [b"sorry"]
            """)
        host = self.start_host("-c", self.config(f"""
            [app polite]
            file = {conf_app}
            request_timeout_s = 1
            """))
        response = host.fetch()
        self.assertEqual((response.status, response.body), (503, b"sorry"))

    def test_the_next_request_of_the_thread_does_not_get_the_timeout(self):
        host = self.start("request_timeout_s = 1\nthreads = 1")
        for _ in range(3):
            self.assertEqual(host.fetch("/nap", query="1.0").status in (200, 500), True)
            for _ in range(20):
                self.assertEqual(host.fetch().status, 200)

    def test_a_request_that_is_stuck_in_c_costs_the_worker_and_no_other_request(self):
        host = self.start("request_timeout_s = 1\ndrain_timeout_s = 1")
        host.fetch()
        before = await_(host.children)
        self.ask(host, "/hang")
        with Load(lambda: host.fetch("/").status, threads=2) as load:
            host.log.wait_for(r"\[request\.stuck\]")
            host.log.wait_for(r"\[worker\.replaced\].*stuck")
            await_(lambda: not set(before) & set(host.children()), "its end")
        self.assertEqual(load.failures, [])

    def test_one_that_keeps_the_gil_costs_the_worker(self):
        host = self.start("request_timeout_s = 1\ndrain_timeout_s = 1")
        host.fetch()
        before = await_(host.children)
        self.ask(host, "/gil")
        line = host.log.wait_for(r"\[request\.timeout\]")
        self.assertIn("GET /gil", line)
        host.log.wait_for(r'line \d+ in _waits_for_ever')
        host.log.wait_for(r"\[worker\.replaced\].*stuck")
        await_(lambda: host.fetch().status == 200)
        await_(lambda: not set(before) & set(host.children()), "its end")

    def test_a_slow_request_is_logged_while_it_runs(self):
        host = self.start("slow_request_s = 1")
        slow = self.ask(host, "/nap", "3")
        line = host.log.wait_for(r"\[request\.slow\]")
        self.assertIn("GET /nap?3", line)
        host.log.wait_for(r'line \d+ in _naps')
        self.assertEqual(slow.read_response().status, 200)
        self.assertEqual(host.log.count(r"\[request\.slow\]"), 1)

    def test_usr2_logs_the_stack_of_every_request(self):
        host = self.start()
        host.fetch()
        await_(lambda: '"running":[]' in run("status", "--json", "-s", self.control)[1])
        host.signal(signal.SIGUSR2)
        host.log.wait_for(r"\[request\.stack\] no thread serves")
        naps = [self.ask(host, "/nap", "2") for _ in range(2)]
        await_(lambda: '"in_flight":2' in run("status", "--json", "-s", self.control)[1])
        host.signal(signal.SIGUSR2)
        host.log.wait_for(r"\[request\.stack\].*GET /nap\?2", 2)
        host.log.wait_for("in _naps", 2)
        self.assertEqual([nap.read_response().status for nap in naps], [200, 200])

    def test_max_requests_replaces_the_worker_and_loses_nothing(self):
        host = self.start("max_requests = 100")
        with Load(lambda: host.fetch("/").status) as load:
            host.log.wait_for(r"\[worker\.replaced\].*max_requests", 5)
        self.assertEqual(load.failures, [])

    def test_memory_beyond_max_rss_mb_replaces_the_worker(self):
        host = self.start(host="max_rss_mb = 60")
        host.fetch()
        with Load(lambda: host.fetch("/").status, threads=2) as load:
            host.fetch("/grow")
            line = host.log.wait_for(r"\[worker\.replaced\]")
        self.assertRegex(line, r"\d+ MB resident, max_rss_mb is 60")
        self.assertEqual(load.failures, [])

    def test_an_idle_host_is_not_woken(self):
        host = self.start("request_timeout_s = 1\nslow_request_s = 1")
        host.fetch()
        pids = [host.process.pid, *host.children()]

        def switches():
            total = 0
            for pid in pids:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/status") as f:
                        total += sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)
            return total
        # The deadline of that request may pass once; then nothing is left to wait for.
        time.sleep(1.5)
        before = switches()
        time.sleep(2)
        self.assertLessEqual(switches() - before, 2)

    def test_startup_timeout_fails_the_application_and_the_others_serve(self):
        slow = self.write("slow.py", "while True: pass\n")
        host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            startup_timeout_s = 2
            [app perilous]
            file = {PERILOUS}
            [app slow]
            file = {slow}
            mount = /slow
            """))
        self.assertEqual(host.fetch("/").status, 200)
        host.log.wait_for(r"app=slow .*\[app\.failed\]")
        self.assertGreaterEqual(host.fetch("/slow/").status, 500)


class Stop(HostTestCase):
    def test_requests_in_hand_are_finished(self):
        host = self.start_host(PERILOUS)
        host.fetch()
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/nap", "1")))
        with host.connect() as later:
            later.request("/")
        host.signal(signal.SIGTERM)
        self.assertEqual(connection.read_response().status, 200)
        self.assertEqual(host.wait(), 0)

    def test_a_second_signal_stops_now(self):
        host = self.start_host(PERILOUS)
        host.fetch()
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/nap", "20")))
        with host.connect() as later:
            later.request("/")
        host.signal(signal.SIGTERM)
        host.log.wait_for(r"\[host\.stopping\]")
        started = time.monotonic()
        host.signal(signal.SIGINT)
        self.assertEqual(host.wait(), 0)
        self.assertLess(time.monotonic() - started, 5)
        self.assertFalse(connection.read_cut_response().ended)

    def test_stop_timeout_s_is_kept(self):
        host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            stop_timeout_s = 1
            [app perilous]
            file = {PERILOUS}
            """))
        host.fetch()
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/hang")))
        with host.connect() as later:
            later.request("/")
        started = time.monotonic()
        host.signal(signal.SIGTERM)
        self.assertEqual(host.wait(), 0)
        self.assertLess(time.monotonic() - started, 6)

    def test_stop_under_load_answers_all_that_was_taken(self):
        host = self.start_host(PERILOUS)
        statuses = []

        def fetch():
            try:
                connection = fcgi.Connection(host.address)
            except OSError:  # nobody listens any more
                time.sleep(0.01)
                return 200
            with connection:
                statuses.append(connection.request("/").status)
                return statuses[-1]
        with Load(fetch) as load:
            host.signal(signal.SIGTERM)
            self.assertEqual(host.wait(), 0)
        self.assertEqual(load.failures, [])

    def test_the_spawner_that_repeats_itself_does_not_cut_requests_off(self):
        from support.host import listening_socket
        address = self.path("spawned.sock")
        listening = listening_socket(address)
        self.addCleanup(listening.close)
        host = self.start_host(PERILOUS, listen=address, stdin=listening)
        host.fetch()
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of("/nap", "4")))
        with host.connect() as later:
            later.request("/")
        for _ in range(3):  # lighttpd's rhythm
            host.signal(signal.SIGTERM)
            time.sleep(1)
        self.assertEqual(connection.read_response().status, 200)
        self.assertEqual(host.wait(), 0)


if __name__ == "__main__":
    unittest.main()
