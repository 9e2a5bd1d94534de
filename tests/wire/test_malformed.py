"""Bytes that the specification does not allow: that connection suffers, nothing else does."""

import random
import struct
import unittest

from support import fcgi
from support.probe import ProbeTestCase

PARAMS = fcgi.pairs(fcgi.params_of())
HEADER = fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, PARAMS)

# What each connection sends. None of it is a request that could be answered in full.
MALFORMED = {
    "text of another protocol": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zeros": bytes(64),
    "version 0": fcgi.record(fcgi.BEGIN_REQUEST, 1, b"\0\1\0\0\0\0\0\0", version=0),
    "version 2": fcgi.record(fcgi.BEGIN_REQUEST, 1, b"\0\1\0\0\0\0\0\0", version=2),
    "version 2 after a header": HEADER + fcgi.record(fcgi.STDIN, 1, b"", version=2),
    "begin with the null request id": fcgi.begin(0),
    "begin without content": fcgi.record(fcgi.BEGIN_REQUEST, 1),
    "begin with seven bytes": fcgi.record(fcgi.BEGIN_REQUEST, 1, bytes(7)),
    "begin twice with one id": fcgi.begin() + fcgi.begin(),
    "begin again after params": HEADER + fcgi.begin(),
    "a name longer than the stream": fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, b"\x7f\x01NAME"),
    "a value longer than the stream": fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, b"\x04\x7fNAMEv"),
    "a length cut off": fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, b"\x04\x80\0"),
    "a name of two gigabytes": fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, b"\xff\xff\xff\xff\x01N"),
    "lengths that overflow 32 bits": fcgi.begin() + fcgi.stream(
        fcgi.PARAMS, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff" + b"x" * 64),
    "params after their end": HEADER + fcgi.record(fcgi.PARAMS, 1, PARAMS),
    "stdin before the end of params": fcgi.begin() + fcgi.record(fcgi.STDIN, 1, b"early"),
}


def read_all(c):
    """Whatever comes until the connection is closed."""
    data = b""
    try:
        while more := c.socket.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data


class Malformed(ProbeTestCase):
    def test_each_kind_of_malformed_input_ends_its_connection_only(self):
        for what, data in MALFORMED.items():
            with self.subTest(what), self.host.connect() as c:
                c.send(data)
                c.shutdown_writing()
                self.assertNotIn(b"Status: 200", read_all(c))
                self.check_witness()

    def test_malformed_input_is_closed_without_waiting_for_more(self):
        # No shutdown, no timeout: the host itself closes, or the read would reach its deadline.
        for what in ("text of another protocol", "version 2", "begin twice with one id"):
            with self.subTest(what), self.host.connect() as c:
                c.send(MALFORMED[what])
                read_all(c)

    def test_a_header_that_does_not_end_is_cut_off_before_it_fills_the_memory(self):
        piece = fcgi.record(fcgi.PARAMS, 1, b"\x80\x7f\xff\xff\x80\x7f\xff\xff" + bytes(65000))
        sent = 0
        with self.host.connect() as c:
            c.send(fcgi.begin())
            with self.assertRaises((BrokenPipeError, ConnectionResetError, fcgi.Closed)):
                while sent < 64 << 20:
                    c.send(piece)
                    sent += len(piece)
                c.read_response()
        self.assertLess(sent, 64 << 20, "64 MiB of parameters were taken in")

    def test_a_header_of_very_many_parameters_is_answered_or_cut_off(self):
        params = [(f"N{i}", "") for i in range(200000)]
        with self.host.connect() as c:
            try:
                c.send(fcgi.whole_request(list(fcgi.params_of().items()) + params))
            except (BrokenPipeError, ConnectionResetError):
                return
            c.read_cut_response()

    def test_every_truncation_of_a_request_is_survived(self):
        params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="3")
        data = fcgi.whole_request(params, b"abc")
        for size in range(len(data)):
            with self.host.connect() as c:
                c.send(data[:size])
                if size % 16 == 0:
                    c.shutdown_writing()
                    c.read_cut_response()

    def test_random_damage_is_survived(self):
        seed = 20240601
        rng = random.Random(seed)
        params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="3")
        data = fcgi.whole_request(params, b"abc", keep=True)
        for i in range(600):
            damaged = bytearray(data)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(damaged))
                kind = rng.randrange(4)
                if kind == 0:
                    damaged[at] = rng.randrange(256)
                elif kind == 1:
                    del damaged[at : at + rng.randint(1, 9)]
                elif kind == 2:
                    damaged[at:at] = rng.randbytes(rng.randint(1, 9))
                else:
                    damaged[at] ^= 0x80
            with self.host.connect() as c:
                try:
                    c.send(bytes(damaged))
                    c.shutdown_writing()
                    while c.socket.recv(65536):
                        pass
                except OSError as e:
                    self.assertNotIsInstance(e, TimeoutError, f"seed {seed}, damage {i}")
            if i % 50 == 0:
                self.check_witness()

    def test_random_records_are_survived(self):
        rng = random.Random(7)
        for _ in range(300):
            data = b"".join(
                struct.pack(">BBHHBB", 1, rng.randrange(13), rng.choice((0, 1, 1, 1, 2)), n, pad, 0)
                + rng.randbytes(n) + bytes(pad)
                for n, pad in ((rng.choice((0, 0, 1, 8, 8, 40)), rng.choice((0, 0, 3)))
                               for _ in range(rng.randint(1, 8))))
            with self.host.connect() as c:
                try:
                    c.send(data)
                    c.shutdown_writing()
                    while c.socket.recv(65536):
                        pass
                except OSError as e:
                    self.assertNotIsInstance(e, TimeoutError)


if __name__ == "__main__":
    unittest.main()
