"""wsgi.input against io.BytesIO with the same bytes: PEP 3333, "Input and Error Streams"."""

import io
import random
import threading
import unittest

from support import COMPLETE, DEBUG, serve


def reading(read, body, **options):
    """What `read(wsgi.input)` gives for a body that arrives in these steps."""
    results = []

    def application(environ, start_response):
        try:
            results.append(read(environ["wsgi.input"]))
        except Exception as error:
            results.append(error)
        start_response("200 OK", [])
        return []

    length = sum(len(step) for step in body if isinstance(step, bytes))
    options.setdefault("content_length", length)
    answer = serve(application, body=body, **options)
    return results[0], answer


# The ways a body comes in: at once, in pieces, byte by byte, with waits between.
def arrivals(data):
    yield [data]
    yield [data[:3], data[3:]]
    yield ["busy", data[:1], "busy", "busy", data[1:], "busy"]
    yield [data[i : i + 1] for i in range(len(data))]


BODY = b"first line\nsecond\n\n\nlast without newline"
CALLS = [
    lambda f: f.read(),
    lambda f: f.read(-1),
    lambda f: f.read(None),
    lambda f: f.read(0),
    lambda f: f.read(5),
    lambda f: f.read(10_000),
    lambda f: [f.read(7), f.read(7), f.read()],
    lambda f: [f.read(), f.read(), f.read(1)],
    lambda f: f.readline(),
    lambda f: [f.readline() for _ in range(7)],
    lambda f: [f.readline(4), f.readline(-1), f.readline(None), f.readline(0)],
    lambda f: [f.readline(3), f.read(3), f.readline(), f.read()],
    lambda f: f.readlines(),
    lambda f: f.readlines(1),
    lambda f: f.readlines(12),
    lambda f: f.readlines(0),
    lambda f: f.readlines(-1),
    lambda f: f.readlines(None),
    lambda f: [f.readlines(12), f.read()],
    lambda f: list(f),
    lambda f: [next(f), f.read(2), next(f), list(f), list(f)],
]


class Input(unittest.TestCase):
    def test_reads_like_any_binary_file(self):
        for index, call in enumerate(CALLS):
            expected = call(io.BytesIO(BODY))
            for body in arrivals(BODY):
                result, _ = reading(call, body)
                self.assertEqual(result, expected, (index, body))

    def test_reads_to_the_end_of_the_stream_without_a_content_length(self):
        for index, call in enumerate(CALLS):
            expected = call(io.BytesIO(BODY))
            for body in arrivals(BODY):
                result, _ = reading(call, body, content_length=-1)
                self.assertEqual(result, expected, (index, body))

    def test_random_reads(self):
        choose = random.Random(4711)
        data = bytes(choose.choices(b"ab\n", k=60_000)) + b"x" * 40_000 + b"\n" + b"y" * 20_000
        for _ in range(20):
            sizes = [choose.choice((-1, 0, 1, 17, 4096, 20_000, 70_000)) for _ in range(12)]
            names = [choose.choice(("read", "readline", "readlines")) for _ in sizes]

            def call(file):
                return [getattr(file, name)(size) for name, size in zip(names, sizes)]

            cuts = sorted(choose.sample(range(len(data)), 30))
            body = [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
            body.insert(choose.randrange(30), "busy")
            self.assertEqual(reading(call, body)[0], call(io.BytesIO(data)), (names, sizes))

    def test_never_reads_past_content_length(self):
        for call in (lambda f: f.read(), lambda f: b"".join(f), lambda f: f.read(100)):
            self.assertEqual(reading(call, [b"0123456789"], content_length=4)[0], b"0123")

    def test_no_body(self):
        for options in ({"content_length": 0}, {"content_length": -1}):
            for call in (lambda f: f.read(), lambda f: f.read(5), lambda f: f.readline()):
                self.assertEqual(reading(call, [], **options)[0], b"")
            self.assertEqual(reading(list, [], **options)[0], [])

    def test_a_large_body_is_whole(self):
        data = random.Random(1).randbytes(20 << 20)
        body = [data[i : i + 65_000] for i in range(0, len(data), 65_000)]
        self.assertTrue(reading(lambda f: f.read(), body)[0] == data)
        self.assertTrue(reading(lambda f: f.read(), body, content_length=-1)[0] == data)
        self.assertTrue(reading(lambda f: f.readline(), [b"x" * (5 << 20)])[0] == b"x" * (5 << 20))

    def test_a_claimed_length_takes_no_memory(self):
        result, _ = reading(lambda f: f.read(), [b"few"], content_length=1 << 60)
        self.assertIsInstance(result, OSError)

    def test_a_body_that_breaks_off_is_an_error(self):
        for call in (
            lambda f: f.read(),
            lambda f: f.read(10),
            lambda f: (f.read(3), f.read(1)),
            lambda f: f.readline(),
            lambda f: f.readlines(),
            lambda f: list(f),
        ):
            for end in ([], ["closed"], ["protocol"], ["busy", "closed"]):
                result, _ = reading(call, [b"abc", *end], content_length=10)
                self.assertIsInstance(result, OSError, end)

    def test_what_came_before_the_break_can_be_read(self):
        result, _ = reading(lambda f: f.read(3), [b"abc"], content_length=10)
        self.assertEqual(result, b"abc")
        result, _ = reading(lambda f: f.readline(), [b"abc\nde", "closed"], content_length=10)
        self.assertEqual(result, b"abc\n")

    def test_a_client_that_went_away_is_not_the_applications_error(self):
        def application(environ, start_response):
            environ["wsgi.input"].read()

        answer = serve(application, body=[b"abc", "closed"], content_length=10)
        self.assertEqual([(line[0], line[1]) for line in answer.log], [("request.closed", DEBUG)])
        self.assertEqual(answer.sends, [])
        self.assertEqual((answer.end, answer.finishes), (COMPLETE, 1))

    def test_sizes_must_be_numbers(self):
        for call in (lambda f: f.read("1"), lambda f: f.readline(1.5), lambda f: f.read(1, 2)):
            self.assertIsInstance(reading(call, [BODY])[0], TypeError)
        self.assertEqual(reading(lambda f: f.read(1 << 100), [BODY])[0], BODY)

    def test_after_the_request_there_is_nothing_to_read(self):
        kept = []

        def application(environ, start_response):
            kept.append(environ["wsgi.input"])
            start_response("200 OK", [])
            return []

        serve(application, body=[b"abc"], content_length=3)
        for call in CALLS[4:6]:
            self.assertRaises(OSError, call, kept[0])

    def test_an_io_wrapper_can_be_put_around_it(self):
        # As frameworks do with the raw stream, by way of its read().
        def call(file):
            class Raw(io.RawIOBase):
                def readable(self):
                    return True

                def readinto(self, buffer):
                    data = file.read(len(buffer))
                    buffer[: len(data)] = data
                    return len(data)

            return io.TextIOWrapper(io.BufferedReader(Raw()), "utf-8").read()

        self.assertEqual(reading(call, [BODY])[0], BODY.decode())

    def test_another_thread_may_read_it(self):
        def call(file):
            results = []
            thread = threading.Thread(target=lambda: results.append(file.read()))
            thread.start()
            thread.join()
            return results[0]

        # Asserts of the thread state in fake_request.c look at one thread only: nothing waits.
        self.assertEqual(reading(call, [BODY])[0], BODY)


if __name__ == "__main__":
    unittest.main()
