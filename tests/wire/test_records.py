"""Well-formed requests, cut into records and writes in every way the specification allows."""

import json
import unittest

from support import fcgi
from support.probe import ProbeTestCase


class Records(ProbeTestCase):
    def test_a_request_in_one_write_is_answered(self):
        response = self.host.fetch()
        self.assertEqual(response.status_line, "200 OK")
        self.assertEqual(response.headers["content-type"], "text/plain")
        self.assertEqual(response.body, b"Hello, World!")
        self.assertEqual((response.app_status, response.protocol_status), (0, 0))

    def test_a_connection_that_is_not_kept_is_closed_after_the_response(self):
        with self.host.connect() as c:
            c.request()
            self.assertTrue(c.at_end())

    def test_a_request_dribbled_byte_by_byte_is_answered(self):
        with self.host.connect() as c:
            params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="5")
            c.send_dribbled(fcgi.whole_request(params, b"12345"))
            self.assertEqual(c.read_response().body, b"12345")

    def test_others_are_served_while_a_header_dribbles(self):
        data = fcgi.whole_request(fcgi.params_of("/"))
        dribblers = [self.host.connect() for _ in range(4 * self.THREADS)]
        for c in dribblers:
            self.addCleanup(c.close)
        for at in (0, 1, 7, 8, 20, len(data) - 1):
            for c in dribblers:
                c.send(data[at : at + 1])
            self.check_witness()
        # What was sent so far is no header; nobody got an answer, nobody is in the way.
        self.assertEqual(self.host.fetch().body, b"Hello, World!")

    def test_a_request_may_be_split_at_any_byte(self):
        params = {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/echo",
                  "QUERY_STRING": "", "CONTENT_LENGTH": "3", "SERVER_NAME": "s",
                  "SERVER_PORT": "1", "SERVER_PROTOCOL": "HTTP/1.1"}
        data = fcgi.whole_request(params, b"abc", keep=True)
        with self.host.connect() as c:
            for at in range(1, len(data)):
                c.send(data[:at])
                if at % 8 == 0:
                    self.check_witness()  # the host has seen the first part
                c.send(data[at:])
                self.assertEqual(c.read_response().body, b"abc", f"split at {at}")

    def test_padding_of_any_length_is_skipped(self):
        body = fcgi.pairs(fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="2"))
        with self.host.connect() as c:
            for padding in (0, 1, 7, 8, 255):
                c.send(
                    fcgi.record(fcgi.BEGIN_REQUEST, 1, b"\0\1\1\0\0\0\0\0", padding)
                    + fcgi.record(fcgi.PARAMS, 1, body, padding)
                    + fcgi.record(fcgi.PARAMS, 1, b"", padding)
                    + fcgi.record(fcgi.STDIN, 1, b"o", padding)
                    + fcgi.record(fcgi.STDIN, 1, b"k", padding)
                    + fcgi.record(fcgi.STDIN, 1, b"", padding)
                )
                self.assertEqual(c.read_response().body, b"ok", f"padding {padding}")

    def test_parameters_may_straddle_records(self):
        params = fcgi.params_of("/environ", LONG="v" * 300, SHORT="s")
        for chunk in (1, 2, 3, 7, 127, 128):
            with self.host.connect() as c:
                c.send(fcgi.whole_request(params, chunk=chunk))
                environ = json.loads(c.read_response().body)
                self.assertEqual(environ["LONG"], "v" * 300)
                self.assertEqual(environ["SHORT"], "s")

    def test_lengths_may_take_four_bytes_for_short_values_too(self):
        long_form = b"\x80\0\0\4\x80\0\0\2NAMEok"
        with self.host.connect() as c:
            c.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(fcgi.params_of("/environ"))
                                              + long_form) + fcgi.stream(fcgi.STDIN, 1, b""))
            self.assertEqual(json.loads(c.read_response().body)["NAME"], "ok")

    def test_lengths_around_the_limits_of_their_encodings(self):
        for size in (0, 1, 127, 128, 255, 256, 16383, 16384):
            value = "v" * size
            self.assertEqual(self.environ_of(VALUE=value)["VALUE"], value)

    def test_values_of_sixty_thousand_bytes_and_hundreds_of_parameters(self):
        params = {f"NAME_{i}": str(i) for i in range(300)}
        environ = self.environ_of(BIG="b" * 60000, **params)
        self.assertEqual(environ["BIG"], "b" * 60000)
        self.assertEqual([environ[f"NAME_{i}"] for i in range(300)], [str(i) for i in range(300)])

    def test_values_may_hold_any_byte(self):
        value = bytes(range(1, 256)).decode("latin-1")
        self.assertEqual(self.environ_of(ANY=value)["ANY"], value)

    def test_a_body_may_come_in_records_of_one_byte_with_padding(self):
        body = bytes(range(256))
        with self.host.connect() as c:
            params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="256")
            c.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)))
            for i in range(256):
                c.send(fcgi.record(fcgi.STDIN, 1, body[i : i + 1], padding=i))
            c.send(fcgi.record(fcgi.STDIN, 1))
            self.assertEqual(c.read_response().body, body)

    def test_bodies_around_the_sizes_of_records_and_buffers(self):
        for size in (1, 8191, 8192, 8193, 65535, 65536, 65537, 65536 * 3 + 1):
            body = bytes(i * 31 % 251 for i in range(size))
            response = self.host.fetch("/echo", body=body)
            self.assertTrue(response.body == body, f"{size} bytes came back changed")

    def test_responses_around_the_sizes_of_records_and_buffers(self):
        for size in (0, 1, 65535, 65536, 65537, 1 << 20):
            response = self.host.fetch("/large", query=str(size))
            self.assertEqual(len(response.body), size)
            self.assertEqual((response.app_status, response.protocol_status), (0, 0))

    def test_a_body_that_is_written_back_while_it_is_read_does_not_stall(self):
        # The client sends everything before it reads anything that fits no buffer.
        body = bytes(1 << 22)
        with self.host.connect() as c:
            params = fcgi.params_of("/both-ways", method="POST", CONTENT_LENGTH=str(len(body)))
            c.send(fcgi.whole_request(params, body))
            self.assertEqual(len(c.read_response().body), len(body))

    def test_a_body_longer_than_content_length_is_not_seen_past_it(self):
        with self.host.connect() as c:
            params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="4")
            c.send(fcgi.whole_request(params, b"four and more", keep=True))
            self.assertEqual(c.read_response().body, b"four")
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")

    def test_a_body_shorter_than_content_length_ends_or_fails_but_never_waits(self):
        with self.host.connect() as c:
            params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="100")
            c.send(fcgi.whole_request(params, b"short", keep=True))
            response = c.read_response()
            self.assertIn((response.status, response.body == b"short"), [(200, True), (500, False),
                                                                         (400, False)])
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")

    def test_a_large_body_shorter_than_content_length_does_not_wait_either(self):
        with self.host.connect() as c:
            params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="1000000")
            c.send(fcgi.whole_request(params, bytes(300000)))
            self.assertTrue(c.read_response().ended)

    def test_a_body_without_content_length_ends_where_its_stream_ends(self):
        # wsgi.input_terminated is true: an application may read to the end.
        with self.host.connect() as c:
            c.send(fcgi.whole_request(fcgi.params_of("/echo", method="POST"), b"chunked"))
            self.assertEqual(c.read_response().body, b"chunked")

    def test_minus_one_as_content_length_says_nothing(self):
        # Caddy's word for a body that the client sends chunked.
        with self.host.connect() as c:
            for body in (b"chunked", b"x" * 300000, b""):
                params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="-1")
                c.send(fcgi.whole_request(params, body, keep=True))
                self.assertEqual(c.read_response().body, body)
        self.assertNotIn("CONTENT_LENGTH", self.environ_of(CONTENT_LENGTH="-1"))

    def test_an_empty_content_length_means_no_body(self):
        environ = self.environ_of(CONTENT_LENGTH="", CONTENT_TYPE="")
        self.assertIn(environ.get("CONTENT_LENGTH", ""), ("", "0"))

    def test_nonsense_as_content_length_is_refused(self):
        # No web server sends it: 400, or the connection is closed; the application is not asked.
        for value in ("abc", "-2", "1e3", "99999999999999999999999", " 5", "5 5", "0x10"):
            with self.host.connect() as c:
                params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH=value)
                c.send(fcgi.whole_request(params, b"12345"))
                response = c.read_cut_response()
                self.assertNotIn(b"12345", response.stdout, value)
                if response.stdout:
                    self.assertEqual(response.status, 400, value)

    def test_an_unread_body_is_drained_before_the_request_ends(self):
        # Else the kept-open connection would be reset, or its next request lost.
        with self.host.connect() as c:
            for size in (1, 70000, 1 << 20):
                self.assertEqual(c.request("/ignore", body=bytes(size), keep=True).body, b"ignored")
            self.assertEqual(c.request("/echo", body=b"next", keep=True).body, b"next")

    def test_what_the_application_says_to_wsgi_errors_goes_to_the_web_server(self):
        response = self.host.fetch("/stderr")
        self.assertEqual(response.body, b"said")
        self.assertEqual(response.stderr, b"a word to the web server\n")

    def test_stdout_ends_before_the_request_ends(self):
        types = [(r.type, bool(r.content)) for r in self.host.fetch("/").records]
        self.assertEqual(types[-1], (fcgi.END_REQUEST, True))
        self.assertIn((fcgi.STDOUT, False), types)


if __name__ == "__main__":
    unittest.main()
