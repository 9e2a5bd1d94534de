"""Management records (FastCGI 1.0, section 4)."""

import unittest

from support import fcgi
from support.probe import ProbeTestCase


class Management(ProbeTestCase):
    def result(self, c):
        rec = c.read_record()
        self.assertEqual((rec.type, rec.request_id), (fcgi.GET_VALUES_RESULT, 0))
        return dict(fcgi.parse_pairs(rec.content))

    def test_get_values_tells_the_truth(self):
        with self.host.connect() as c:
            c.send(fcgi.get_values("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"))
            values = self.result(c)
        self.assertEqual(values.keys(), {"FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"})
        self.assertEqual(values["FCGI_MPXS_CONNS"], "0")
        # It keeps many connections and has eight threads: "1" would be a lie.
        self.assertGreaterEqual(int(values["FCGI_MAX_CONNS"]), 64)
        self.assertGreaterEqual(int(values["FCGI_MAX_REQS"]), self.THREADS)

    def test_names_that_are_not_known_are_left_out(self):
        with self.host.connect() as c:
            c.send(fcgi.get_values("FCGI_MPXS_CONNS", "NO_SUCH_VALUE", ""))
            self.assertEqual(self.result(c), {"FCGI_MPXS_CONNS": "0"})
            c.send(fcgi.get_values("NO_SUCH_VALUE"))
            self.assertEqual(self.result(c), {})
            c.send(fcgi.get_values())
            self.assertEqual(self.result(c), {})

    def test_only_what_was_asked_for_is_answered(self):
        with self.host.connect() as c:
            c.send(fcgi.get_values("FCGI_MAX_REQS"))
            self.assertEqual(list(self.result(c)), ["FCGI_MAX_REQS"])

    def test_get_values_byte_by_byte_and_several_at_once(self):
        with self.host.connect() as c:
            c.send_dribbled(fcgi.get_values("FCGI_MPXS_CONNS"))
            self.assertEqual(self.result(c), {"FCGI_MPXS_CONNS": "0"})
            c.send(fcgi.get_values("FCGI_MPXS_CONNS") * 3)
            for _ in range(3):
                self.assertEqual(self.result(c), {"FCGI_MPXS_CONNS": "0"})

    def test_a_connection_serves_requests_after_get_values(self):
        with self.host.connect() as c:
            c.send(fcgi.get_values("FCGI_MPXS_CONNS"))
            self.result(c)
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")
            c.send(fcgi.get_values("FCGI_MPXS_CONNS"))
            self.result(c)
            self.assertEqual(c.request().body, b"Hello, World!")

    def test_get_values_in_the_middle_of_a_header_is_answered(self):
        with self.host.connect() as c:
            c.send(fcgi.begin() + fcgi.get_values("FCGI_MPXS_CONNS"))
            self.assertEqual(self.result(c), {"FCGI_MPXS_CONNS": "0"})
            c.send(fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(fcgi.params_of())))
            c.send(fcgi.stream(fcgi.STDIN, 1, b""))
            self.assertEqual(c.read_response().body, b"Hello, World!")

    def test_an_unknown_management_type_is_answered_with_unknown_type(self):
        with self.host.connect() as c:
            for type_ in (12, 100, 255):
                c.send(fcgi.record(type_, 0, b"whatever"))
                rec = c.read_record()
                self.assertEqual((rec.type, rec.request_id), (fcgi.UNKNOWN_TYPE, 0))
                self.assertEqual(rec.content, bytes([type_]) + bytes(7))
            self.assertEqual(c.request().body, b"Hello, World!")

    def test_malformed_pairs_in_get_values_do_no_harm(self):
        for content in (b"\x05", b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0e\x00FCGI"):
            with self.host.connect() as c:
                c.send(fcgi.record(fcgi.GET_VALUES, 0, content))
                c.shutdown_writing()
                try:
                    rec = c.read_record()
                    self.assertEqual(rec.type, fcgi.GET_VALUES_RESULT)
                except fcgi.Closed:
                    pass
            self.check_witness()


if __name__ == "__main__":
    unittest.main()
