"""FCGI_ABORT_REQUEST at each stage of a request (FastCGI 1.0, section 5.4), and the web server's
other way to give up: closing the connection."""

import unittest

from support import fcgi
from support.probe import ProbeTestCase


def post(path, query, length):
    return fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(
        fcgi.params_of(path, query, "POST", CONTENT_LENGTH=str(length))))


class Abort(ProbeTestCase):
    def assert_ended_and_usable(self, c):
        """END_REQUEST came, with whatever output had been under way; the connection goes on."""
        response = c.read_response()
        self.assertEqual(response.protocol_status, fcgi.REQUEST_COMPLETE)
        self.assertEqual(c.request(request_id=2, keep=True).body, b"Hello, World!")

    def test_after_begin(self):
        with self.host.connect() as c:
            c.send(fcgi.begin(keep=True) + fcgi.abort())
            self.assert_ended_and_usable(c)

    def test_in_the_middle_of_params(self):
        with self.host.connect() as c:
            data = fcgi.pairs(fcgi.params_of())
            c.send(fcgi.begin(keep=True) + fcgi.record(fcgi.PARAMS, 1, data[:40]) + fcgi.abort())
            self.assert_ended_and_usable(c)

    def test_while_a_small_body_is_awaited(self):
        with self.host.connect() as c:
            c.send(fcgi.begin(keep=True) + post("/echo", "", 100)
                   + fcgi.record(fcgi.STDIN, 1, b"ten bytes!") + fcgi.abort())
            self.assert_ended_and_usable(c)

    def test_while_the_application_reads_a_large_body(self):
        with self.host.connect() as c:
            c.send(fcgi.begin(keep=True) + post("/read", "aborted", 1 << 20))
            c.send(fcgi.stream(fcgi.STDIN, 1, bytes(200000), end=False))
            self.await_event("reading aborted")
            c.send(fcgi.abort())
            self.assert_ended_and_usable(c)
            self.assertIn("failed aborted", " ".join(self.events()))

    def test_while_the_application_runs(self):
        with self.host.connect() as c:
            c.send(fcgi.whole_request(fcgi.params_of("/hold", "abort"), keep=True))
            self.await_event("held abort")
            c.send(fcgi.abort())
            self.check_witness()
            self.open_gate("abort")
            self.assert_ended_and_usable(c)

    def test_while_a_response_streams(self):
        with self.host.connect() as c:
            c.send(fcgi.whole_request(fcgi.params_of("/endless", "abort"), keep=True))
            while c.read_record().type != fcgi.STDOUT:
                pass
            c.send(fcgi.abort())
            self.await_closed_while_reading(c, "closed abort")

    def await_closed_while_reading(self, c, event):
        response = fcgi.Response(1)
        c.read_until(lambda: response.ended, {1: response})  # ends, though the response would not
        self.await_event(event)
        self.assertEqual(c.request(request_id=2, keep=True).body, b"Hello, World!")

    def test_after_the_end_it_is_ignored(self):
        with self.host.connect() as c:
            c.request(keep=True)
            c.send(fcgi.abort())
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")

    def test_on_a_connection_not_kept_it_closes(self):
        with self.host.connect() as c:
            c.send(fcgi.begin() + fcgi.abort())
            response = c.read_cut_response()
            self.assertEqual(response.stdout, b"")


class Disconnect(ProbeTestCase):
    """The web server closes the connection; nobody else notices, and nothing is left behind."""

    def test_before_and_within_the_header(self):
        data = fcgi.whole_request(fcgi.params_of())
        for size in (0, 1, 8, 9, 16, 17, 24, 30, len(data) // 2, len(data) - 17, len(data) - 9):
            with self.host.connect() as c:
                c.send(data[:size])
            self.check_witness()

    def test_within_a_small_body(self):
        with self.host.connect() as c:
            c.send(fcgi.begin() + post("/read", "small", 1000) + fcgi.record(fcgi.STDIN, 1, b"x"))
        self.check_witness()
        self.assertNotIn("read small 1000", self.events())

    def test_within_a_large_body_the_application_is_told(self):
        with self.host.connect() as c:
            c.send(fcgi.begin() + post("/read", "gone", 1 << 20))
            c.send(fcgi.stream(fcgi.STDIN, 1, bytes(200000), end=False))
            self.await_event("reading gone")
        self.await_event_like("failed gone")

    def await_event_like(self, start):
        from support.waiting import await_
        await_(lambda: [e for e in self.events() if e.startswith(start)], start)

    def test_while_the_application_runs(self):
        for i in range(2 * self.THREADS):  # would use up all threads if one were lost
            with self.host.connect() as c:
                c.send(fcgi.whole_request(fcgi.params_of("/hold", f"leaves{i}")))
                self.await_event(f"held leaves{i}")
            self.open_gate(f"leaves{i}")
        self.check_witness()

    def test_in_the_middle_of_a_response_its_iterable_is_closed(self):
        for i in range(2 * self.THREADS):
            with self.host.connect() as c:
                c.send(fcgi.whole_request(fcgi.params_of("/endless", f"gone{i}")))
                c.read_record()
            self.await_event(f"closed gone{i}")

    def test_a_reader_that_stops_reading_holds_up_nobody_but_itself(self):
        with self.host.connect() as slow:
            slow.send(fcgi.whole_request(fcgi.params_of("/endless", "slow")))
            self.await_event("endless slow")
            for _ in range(20):
                self.check_witness()
        self.await_event("closed slow")


if __name__ == "__main__":
    unittest.main()
