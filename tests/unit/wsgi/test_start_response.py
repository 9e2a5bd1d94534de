"""start_response and write: PEP 3333, "The start_response() Callable", "The write() Callable"."""

import sys
import unittest

from support import COMPLETE, CUT, ERROR, serve


def calling(*args, **kwargs):
    """An application that calls start_response like this."""

    def application(environ, start_response):
        start_response(*args, **kwargs)
        return [b"body"]

    return application


class StartResponse(unittest.TestCase):
    def fails(self, application, exception, **options):
        answer = serve(application, **options)
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertNotIn(b"X-Bad", answer.output)
        (line,) = answer.logged("request.exception")
        self.assertIn(exception.__name__, line[5])
        self.assertEqual((answer.end, answer.finishes), (COMPLETE, 1))

    def test_headers_arrive_in_order_and_repeatedly(self):
        headers = [("Set-Cookie", "a=1"), ("X-Other", "\xe9"), ("Set-Cookie", "b=2")]
        answer = serve(calling("201 Created", headers))
        self.assertEqual(answer.status, "201 Created")
        self.assertEqual(answer.headers, headers + [("Content-Length", "4")])

    def test_keywords(self):
        for kwargs in (
            {"headers": []},
            {"response_headers": []},
            {"headers": [], "exc_info": None},
        ):
            self.assertEqual(serve(calling("200 OK", **kwargs)).status, "200 OK")
        self.assertEqual(serve(calling(status="200 OK", headers=[])).status, "200 OK")

    def test_wrong_arguments(self):
        for args, kwargs in (
            ((), {}),
            (("200 OK",), {}),
            (("200 OK", [], None, None), {}),
            (("200 OK", []), {"other": 1}),
            (("200 OK", []), {"status": "200 OK"}),
            ((), {"status": "200 OK", "headers": [], "response_headers": []}),
        ):
            self.fails(calling(*args, **kwargs), TypeError)

    def test_wrong_types(self):
        for status, headers in (
            (b"200 OK", []),
            (200, []),
            (None, []),
            ("200 OK", ()),
            ("200 OK", {}),
            ("200 OK", None),
            ("200 OK", iter([])),
            ("200 OK", ["X-Bad: 1"]),
            ("200 OK", [["X-Bad", "1"]]),
            ("200 OK", [("X-Bad",)]),
            ("200 OK", [("X-Bad", "1", "2")]),
            ("200 OK", [(b"X-Bad", "1")]),
            ("200 OK", [("X-Bad", b"1")]),
            ("200 OK", [("X-Bad", 1)]),
            ("200 OK", [("X-Bad", None)]),
            ("200 OK", [("Content-Length", 4)]),
        ):
            self.fails(calling(status, headers), TypeError)

    def test_wrong_values(self):
        for status, headers in (
            ("100 Continue", []),
            ("103 Early Hints", [("Link", "</a>")]),
            ("OK", []),
            ("", []),
            ("200 OK\r\nX-Bad: 1", []),
            ("200 \u20ac", []),
            ("200 OK", [("X-Bad", "a\nb")]),
            ("200 OK", [("X-Bad", "a\r\nSet-Cookie: b")]),
            ("200 OK", [("X-Bad", "a\0b")]),
            ("200 OK", [("X-Bad", "\u20ac")]),
            ("200 OK", [("X-Bad\n", "1")]),
            ("200 OK", [("X-Bad:", "1")]),
            ("200 OK", [("X Bad", "1")]),
            ("200 OK", [("X-\u20ac", "1")]),
            ("200 OK", [("", "1")]),
            ("200 OK", [("Status", "200 OK")]),
            ("200 OK", [("Content-Length", "many")]),
            ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
        ):
            self.fails(calling(status, headers), ValueError)

    def test_twice_without_exc_info(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            start_response("200 OK", [])
            return [b"body"]

        self.fails(application, AssertionError)

    def test_never(self):
        self.fails(lambda environ, start_response: [b"body"], AssertionError)
        self.fails(lambda environ, start_response: [], AssertionError)
        self.fails(lambda environ, start_response: iter([b"body"]), AssertionError)

    def test_as_late_as_by_the_first_block(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            yield b"body"

        self.assertEqual(serve(application).body, b"body")

    def test_what_an_application_changes_in_its_list_afterwards_changes_nothing(self):
        def application(environ, start_response):
            headers = [("X-A", "1")]
            start_response("200 OK", headers)
            headers.append(("X-Bad", "1"))
            return [b"body"]

        self.assertIsNone(serve(application).header("X-Bad"))

    def test_exc_info_replaces_headers_that_were_not_sent(self):
        def application(environ, start_response):
            start_response("200 OK", [("X-Bad", "1"), ("Content-Length", "1000")])
            try:
                raise KeyError("k")
            except KeyError:
                start_response("503 Sorry", [("X-Good", "1")], sys.exc_info())
            return [b"sorry"]

        answer = serve(application)
        self.assertEqual(answer.status, "503 Sorry")
        self.assertEqual(answer.headers, [("X-Good", "1"), ("Content-Length", "5")])
        self.assertEqual(answer.log, [])

    def test_exc_info_is_raised_again_once_headers_were_sent(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            yield b"some"
            try:
                raise KeyError("the reason")
            except KeyError:
                start_response("503 Sorry", [], sys.exc_info())
            yield b"never"

        answer = serve(application)
        self.assertEqual((answer.status, answer.body, answer.end), ("200 OK", b"some", CUT))
        (line,) = answer.logged("request.exception")
        self.assertEqual(line[1], ERROR)
        self.assertIn("KeyError: 'the reason'", line[5])
        self.assertIn("in application", line[5])

    def test_exc_info_must_be_a_tuple_of_three(self):
        for value in ("x", (1, 2), [1, 2, 3], ValueError("x"), ()):
            self.fails(calling("200 OK", [], value), TypeError)

    def test_exc_info_leaves_no_cycle(self):
        # PEP 3333: the reference to the traceback must be dropped.
        def application(environ, start_response):
            try:
                raise ValueError("x")
            except ValueError:
                info = sys.exc_info()
                before = sys.getrefcount(info[1]), sys.getrefcount(info[2])
                start_response("500 Oops", [], info)
                after = sys.getrefcount(info[1]), sys.getrefcount(info[2])
                assert before == after
                info = None
            return [b"oops"]

        answer = serve(application)
        self.assertEqual((answer.status, answer.log), ("500 Oops", []))

    def test_an_invalid_second_call_does_not_keep_the_first(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            try:
                start_response("bad", [], (ValueError, ValueError(), None))
            except ValueError:
                pass
            return [b"body"]

        self.assertEqual(serve(application).status, "500 Internal Server Error")


class Write(unittest.TestCase):
    def test_blocks_leave_at_once_and_before_the_iterable(self):
        def application(environ, start_response):
            write = start_response("200 OK", [("X-A", "1")])
            write(b"one")
            write(b"two")
            return [b"three"]

        answer = serve(application)
        head = b"Status: 200 OK\r\nX-A: 1\r\n\r\n"
        self.assertEqual(
            answer.sends,
            [(head + b"one", False, False), (b"two", False, False), (b"three", True, False)],
        )

    def test_alone(self):
        def application(environ, start_response):
            start_response("200 OK", [])(b"all")
            return []

        answer = serve(application)
        self.assertEqual((answer.body, answer.is_complete), (b"all", True))
        self.assertIsNone(answer.header("Content-Length"))

    def test_an_empty_block_sends_nothing(self):
        def application(environ, start_response):
            write = start_response("200 OK", [])
            write(b"")
            start_response("404 Not Found", [], (KeyError, KeyError(), None))
            return [b"gone"]

        self.assertEqual(serve(application).status, "404 Not Found")

    def test_takes_bytes_only(self):
        for block in ("text", bytearray(b"x"), memoryview(b"x"), None, 1):

            def application(environ, start_response):
                start_response("200 OK", [])(block)
                return []

            answer = serve(application)
            self.assertEqual(answer.status, "500 Internal Server Error")
            self.assertIn("TypeError", answer.log[0][5])

    def test_to_a_client_that_has_gone(self):
        seen = []

        def application(environ, start_response):
            write = start_response("200 OK", [])
            write(b"one")
            try:
                write(b"two")
            except OSError as error:
                seen.append(error)
                raise
            return []

        answer = serve(application, close_after=1)
        self.assertIsInstance(seen[0], ConnectionError)
        self.assertEqual([line[0] for line in answer.log], ["request.closed"])

    def test_after_the_request(self):
        kept = []

        def application(environ, start_response):
            kept.extend([start_response("200 OK", []), start_response])
            return []

        serve(application)
        self.assertRaises(OSError, kept[0], b"late")
        self.assertRaises(AssertionError, kept[1], "200 OK", [])


if __name__ == "__main__":
    unittest.main()
