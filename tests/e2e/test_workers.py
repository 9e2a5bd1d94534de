"""Several workers share the connections that come."""

import collections
import os
import signal
import unittest

from support import fcgi
from support.host import HostTestCase
from support.load import Load
from support.waiting import await_

APP = """
    import os, time
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/nap":
            time.sleep(float(environ["QUERY_STRING"]))
        else:
            sum(i * i for i in range(15000))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
    """


class Workers(HostTestCase):
    def start(self, workers=2, threads=4):
        host = self.start_host("--workers", str(workers), "--threads", str(threads),
                               self.write("who.py", APP))
        await_(lambda: len(host.children()) == workers, "all workers")
        serving = set()
        await_(lambda: serving.add(host.fetch().body) or len(serving) == workers, "all to serve")
        return host

    def ask(self, host, path, query=""):
        connection = host.connect()
        self.addCleanup(connection.close)
        connection.send(fcgi.whole_request(fcgi.params_of(path, query)))
        return connection

    def test_each_has_its_share_of_closing_connections(self):
        host = self.start()
        served = collections.Counter()

        def fetch():
            response = host.fetch()
            served[response.body] += 1
            return response.status
        with Load(fetch, threads=8) as load:
            load.await_answers(1000)
        self.assertEqual(load.failures, [])
        self.assertEqual(len(served), 2)
        self.assertGreater(min(served.values()), sum(served.values()) / 4, served)

    def test_requests_go_past_a_worker_that_has_long_ones(self):
        host = self.start(threads=2)
        for _ in range(3):  # of these, one worker has two at least
            self.ask(host, "/nap", "3")
        for _ in range(40):
            self.assertEqual(host.fetch().status, 200)

    def test_a_stopped_worker_strands_nobody(self):
        host = self.start()
        stopped = host.children()[0]
        os.kill(stopped, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped, signal.SIGCONT)
        # It has accepted nothing: all can be answered by the other one.
        asked = [self.ask(host, "/") for _ in range(30)]
        for connection in asked:
            self.assertEqual(connection.read_response().status, 200)

    def test_killed_again_and_again_the_others_are_told(self):
        host = self.start(workers=3)

        def fetch():
            try:
                return host.fetch().status
            except (fcgi.Closed, OSError):
                return 200  # it was in the hands of the one that was killed
        with Load(fetch, threads=8) as load:
            for _ in range(5):
                children = await_(lambda: len(host.children()) == 3 and host.children())
                os.kill(children[0], signal.SIGKILL)
                load.await_answers(100)
        self.assertEqual(load.failures, [])


if __name__ == "__main__":
    unittest.main()
