"""fcgi_host.after_response(): what a request wants to have done when its response has been sent."""

import os
import signal
import unittest

from support.host import HostTestCase
from support.waiting import await_

APPLICATION = """
    import os
    import fcgi_host

    FOLDER = {folder!r}

    def note(text):
        with open(os.path.join(FOLDER, "notes"), "a") as f:
            f.write(text + "\\n")

    def wait_for_go():
        note("begins")
        with open(os.path.join(FOLDER, "go")) as f:  # a FIFO
            note(f.read())

    def raises():
        raise ValueError("afterwards")

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/wait":
            fcgi_host.after_response(wait_for_go)
        elif path == "/order":
            @fcgi_host.after_response
            def first():
                note("first")
                fcgi_host.after_response(lambda: note("third"))
            fcgi_host.after_response(lambda: note("second"))
        elif path == "/raises":
            fcgi_host.after_response(raises)
            fcgi_host.after_response(lambda: note("the next one"))
        elif path == "/fails":
            fcgi_host.after_response(lambda: note("in spite of it"))
            raise RuntimeError("now")
        elif path == "/wrong":
            try:
                fcgi_host.after_response("no callable")
            except TypeError as error:
                note(str(error))
            import threading
            def elsewhere():
                try:
                    fcgi_host.after_response(note)
                except RuntimeError as error:
                    note(str(error))
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        start_response("200 OK", [])
        return [{version!r}.encode()]
    """


class AfterResponse(HostTestCase):
    def start(self, keys="", host_keys=""):
        self.folder = self.path("folder")
        os.mkdir(self.folder)
        os.mkfifo(os.path.join(self.folder, "go"))
        self.control = self.path("control")
        self.file = self.write("app.py", APPLICATION.format(folder=self.folder, version="1"))
        return self.start_host("--control", self.control, "-c", self.config(
            f"[fcgi_host]\n{host_keys}\n[app app]\nfile = {self.file}\n{keys}\n"))

    def notes(self):
        try:
            with open(os.path.join(self.folder, "notes"), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def await_notes(self, *notes):
        await_(lambda: len(self.notes()) >= len(notes), f"the notes {notes}")
        self.assertEqual(self.notes(), list(notes))

    def go(self, text="goes on"):
        with open(os.path.join(self.folder, "go"), "w", encoding="utf-8") as f:
            f.write(text)

    def counts(self):
        after = self.status()["workers"][0]["apps"][0]["after_response"]
        return after["running"], after["done"], after["failed"]

    def test_it_runs_when_the_response_is_sent_and_others_are_served_meanwhile(self):
        host = self.start("threads = 2")
        with host.connect() as connection:  # it is given back: the next request comes over it
            self.assertEqual(connection.request("/wait", keep=True).body, b"1")
            self.await_notes("begins")
            self.assertEqual(connection.request("/", keep=True).body, b"1")
        running = self.status()["workers"][0]["running"]
        self.assertEqual([(r["app"], r["doing"]) for r in running], [("app", "after GET /wait")])
        self.assertEqual(self.counts(), (1, 0, 0))
        self.go()
        self.await_notes("begins", "goes on")
        await_(lambda: self.counts() == (0, 1, 0), "it to be counted")

    def test_they_run_in_their_order_and_may_add_others(self):
        host = self.start()
        host.fetch("/order")
        self.await_notes("first", "second", "third")
        await_(lambda: self.counts() == (0, 3, 0), "them to be counted")

    def test_an_exception_is_logged_and_counted_and_the_next_one_runs(self):
        host = self.start()
        host.fetch("/raises")
        self.await_notes("the next one")
        host.log.wait_for(r"error \d+ app=app gen=1 req=\d+-1 \[request\.after\] after_response: Traceback")
        self.assertIn("ValueError: afterwards", host.log.text)
        await_(lambda: self.counts() == (0, 2, 1), "them to be counted")

    def test_it_runs_after_a_request_that_failed(self):
        host = self.start()
        self.assertEqual(host.fetch("/fails").status, 500)
        self.await_notes("in spite of it")

    def test_what_is_wrong_is_said(self):
        host = self.start()
        host.fetch("/wrong")
        self.await_notes("after_response() takes a callable, not str",
                         "after_response() is for the thread that answers a request")

    def test_a_reload_waits_for_it(self):
        host = self.start("drain_timeout_s = 60")
        host.fetch("/wait")
        self.await_notes("begins")
        self.write("app.py", APPLICATION.format(folder=self.folder, version="2"))
        await_(lambda: host.fetch("/").body == b"2", "the new code")
        self.assertEqual(host.log.count(r"gen=1 .*\[reload\.drained\]"), 0)
        self.go("of the old code")
        self.await_notes("begins", "of the old code")
        host.log.wait_for(r"\[reload\.retired\]|\[worker\.ended\]")

    def test_the_host_stops_when_it_has_ended(self):
        host = self.start()
        host.fetch("/wait")
        self.await_notes("begins")
        host.signal(signal.SIGTERM)
        host.log.wait_for(r"\[host\.stopping\]")
        self.go("before the end")
        self.await_notes("begins", "before the end")
        host.log.wait_for(r"\[host\.stopped\]")

    def test_it_has_no_request_timeout(self):
        host = self.start("request_timeout_s = 1\nslow_request_s = 1")
        host.fetch("/wait")
        host.log.wait_for(r"\[request\.slow\]")  # when the request itself would have timed out
        self.go()
        self.await_notes("begins", "goes on")
        self.assertEqual(host.log.count(r"\[request\.timeout\]"), 0)


if __name__ == "__main__":
    unittest.main()
