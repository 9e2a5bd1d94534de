"""What leaves, and how it ends: PEP 3333, "Buffering and Streaming", "Handling the
Content-Length Header", "Error Handling"; FastCGI 1.0 §6.2, §6.3."""

import io
import sys
import unittest
from wsgiref.handlers import SimpleHandler

import _harness
from support import COMPLETE, CUT, ERROR, PARAMS, WARN, load, serve


def returning(result, status="200 OK", headers=()):
    def application(environ, start_response):
        start_response(status, list(headers))
        return result() if callable(result) else result

    return application


class Closing:
    """An iterable that says what became of it."""

    def __init__(self, blocks, error=None, close_error=None):
        self.blocks = iter(blocks)
        self.error = error
        self.close_error = close_error
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        for block in self.blocks:
            return block
        if self.error:
            raise self.error
        raise StopIteration

    def close(self):
        self.closed += 1
        if self.close_error:
            raise self.close_error


class Sending(unittest.TestCase):
    def test_one_block_takes_head_and_end_along(self):
        for result in ([b"hello"], (b"hello",)):
            answer = serve(returning(result))
            self.assertEqual(len(answer.sends), 1)
            self.assertEqual(answer.body, b"hello")
            self.assertEqual(answer.header("Content-Length"), "5")
            self.assertTrue(answer.is_complete)

    def test_each_block_leaves_before_the_next_is_asked_for(self):
        sends_before = []

        def application(environ, start_response):
            start_response("200 OK", [])
            for n in range(4):
                sends_before.append(_harness.sent())
                yield b"%d" % n

        answer = serve(application)
        head = b"Status: 200 OK\r\n\r\n"
        self.assertEqual(
            [send[:2] for send in answer.sends],
            [(head + b"0", False), (b"1", False), (b"2", False), (b"3", False), (b"", True)],
        )
        self.assertEqual(sends_before, [0, 1, 2, 3])

    def test_empty_blocks_do_not_leave(self):
        answer = serve(returning(lambda: iter([b"", b"a", b"", b"", b"b", b""])))
        self.assertEqual([send[0] for send in answer.sends][1:], [b"b", b""])
        self.assertEqual(answer.body, b"ab")

    def test_headers_can_change_until_the_first_block_that_is_not_empty(self):
        def application(environ, start_response):
            start_response("200 OK", [])
            yield b""
            start_response("404 Not Found", [], (KeyError, KeyError(), None))
            yield b"gone"

        answer = serve(application)
        self.assertEqual((answer.status, answer.body), ("404 Not Found", b"gone"))

    def test_list_of_several_blocks(self):
        answer = serve(returning([b"a", b"b", b"c"]))
        self.assertEqual(answer.body, b"abc")
        self.assertEqual([send[1] for send in answer.sends], [False, False, True])
        self.assertIsNone(answer.header("Content-Length"))

    def test_nothing_at_all_has_length_0(self):
        for result in ([], (), [b""], lambda: iter([]), lambda: iter([b"", b""])):
            answer = serve(returning(result))
            self.assertEqual((answer.body, answer.is_complete), (b"", True))
            self.assertEqual(answer.header("Content-Length"), "0")
            self.assertEqual(len(answer.sends), 1)

    def test_an_iterable_of_length_one_has_its_blocks_length(self):
        class One:
            def __len__(self):
                return 1

            def __iter__(self):
                return iter([b"hello"])

        answer = serve(returning(One))
        self.assertEqual((answer.header("Content-Length"), answer.body), ("5", b"hello"))
        self.assertEqual(serve(returning({b"hello": 1})).header("Content-Length"), "5")

    def test_a_length_that_is_not_true_cuts_nothing(self):
        class Liar(list):
            def __len__(self):
                return 1

        for blocks in ([], [b"a", b"b"], [b"a", b"b", b"c"], [b"", b"a", b"b"]):
            answer = serve(returning(Liar(blocks)))
            self.assertEqual((answer.body, answer.is_complete), (b"".join(blocks), True))
        answer = serve(returning(Liar([b"a", "text"])))
        self.assertEqual((answer.body, answer.end), (b"a", CUT))

    def test_a_length_that_raises_is_no_length(self):
        class Odd:
            def __len__(self):
                raise RuntimeError("no")

            def __iter__(self):
                return iter([b"hello"])

        answer = serve(returning(Odd))
        self.assertEqual((answer.header("Content-Length"), answer.body), (None, b"hello"))

    def test_a_slow_socket(self):
        blocks = [b"a" * 100_000, b"b" * 100_000, b"c"]
        for result in (blocks, lambda: iter(blocks), blocks[:1]):
            answer = serve(returning(result), waits=1, quick=0)
            expected = result() if callable(result) else result
            self.assertEqual(answer.body, b"".join(expected))
            self.assertEqual((answer.end, answer.finishes), (COMPLETE, 1))

    def test_wrong_blocks(self):
        for result in (
            ["text"],
            [b"", "text"],
            "text",
            b"bytes are no iterable of bytes",
            [None],
            [bytearray(b"x")],
            [1],
            lambda: iter(["text"]),
            None,
            5,
        ):
            closing = Closing(result) if isinstance(result, list) else result
            for application in (returning(result), returning(closing)):
                answer = serve(application)
                self.assertEqual(answer.status, "500 Internal Server Error")
                (line,) = answer.logged("request.exception")
                self.assertIn("TypeError", line[5])


class ContentLength(unittest.TestCase):
    def test_the_last_promised_byte_takes_the_end_along(self):
        headers = [("Content-Length", "5")]
        for result in ([b"hello"], lambda: iter([b"hello"]), lambda: Closing([b"hello"])):
            answer = serve(returning(result, headers=headers))
            self.assertEqual(len(answer.sends), 1)
            self.assertEqual(answer.header("Content-Length"), "5")
            self.assertEqual((answer.body, answer.is_complete), (b"hello", True))

    def test_more_is_left_out(self):
        headers = [("Content-Length", "5")]
        for result in ([b"hello, world"], lambda: iter([b"hel", b"lo, w", b"orld"]), [b"hello", b"x"]):
            answer = serve(returning(result, headers=headers))
            self.assertEqual((answer.body, answer.is_complete), (b"hello", True))
            (line,) = answer.logged("response.length")
            self.assertEqual(line[1], ERROR)
            self.assertIn("GET /blog/entry?a=1&b=2", line[5])

    def test_less_is_visibly_cut(self):
        headers = [("Content-Length", "10")]
        for result in ([b"hello"], lambda: iter([b"hel", b"lo"]), (b"hel", b"lo")):
            answer = serve(returning(result, headers=headers))
            self.assertEqual((answer.body, answer.end), (b"hello", CUT))
            self.assertEqual(answer.header("Content-Length"), "10")
            self.assertFalse(any(send[1] for send in answer.sends))
            self.assertEqual(len(answer.logged("response.length")), 1)
        answer = serve(returning([], headers=headers))
        self.assertEqual(answer.end, CUT)
        self.assertEqual(len(answer.logged("response.length")), 1)

    def test_of_a_file_that_the_web_server_sends(self):
        for name in ("X-Sendfile", "x-accel-redirect", "X-LIGHTTPD-send-file", "X-Sendfile2"):
            for result in ([], [b""], (), iter([]), iter([b"", b""])):
                answer = serve(returning(result, headers=[("Content-Length", "10"), (name, "/f")]))
                self.assertEqual((answer.body, answer.is_complete), (b"", True), (name, result))
                self.assertEqual((answer.header("Content-Length"), answer.log), (None, []))
                self.assertEqual(answer.header(name), "/f")
        headers = [("Content-Length", "10"), ("X-Sendfile", "/f")]
        answer = serve(returning([b"hello"], headers=headers))
        self.assertEqual((answer.body, answer.end), (b"hello", CUT), "a body that is not left out")
        answer = serve(returning([], headers=headers), method="HEAD")
        self.assertEqual((answer.header("Content-Length"), answer.is_complete), ("10", True))

    def test_hop_by_hop_headers_are_left_out_and_that_is_said_once(self):
        headers = [("Connection", "keep-alive"), ("X-A", "1")]
        loaded = load(returning([b"x"], headers=headers))
        lines = []
        for _ in range(3):
            answer = serve(None, loaded=loaded)
            self.assertEqual((answer.status, answer.header("Connection")), ("200 OK", None))
            self.assertEqual(answer.header("X-A"), "1")
            lines += answer.logged("response.hop_by_hop")
        ((_, level, *_),) = lines
        self.assertEqual(level, WARN)

    def test_of_zero(self):
        answer = serve(returning([b""], headers=[("Content-Length", "0")]))
        self.assertEqual((answer.body, answer.is_complete), (b"", True))
        answer = serve(returning([b"x"], headers=[("Content-Length", "0")]))
        self.assertEqual((answer.body, answer.is_complete), (b"", True))
        self.assertEqual(len(answer.logged("response.length")), 1)

    def test_the_iterable_is_still_run_to_its_end_and_closed(self):
        closing = Closing([b"hello", b"x", b"y"])
        serve(returning(closing, headers=[("Content-Length", "5")]))
        self.assertEqual((list(closing.blocks), closing.closed), ([], 1))


class WithoutBody(unittest.TestCase):
    def test_head(self):
        for result in ([b"hello"], lambda: iter([b"hel", b"lo"]), lambda: Closing([b"hello"])):
            answer = serve(returning(result, headers=[("Content-Length", "5")]), method="HEAD")
            self.assertEqual((answer.body, answer.separator), (b"", b"\r\n\r\n"))
            self.assertEqual(answer.header("Content-Length"), "5")
            self.assertTrue(answer.is_complete)
            self.assertEqual(answer.log, [])

    def test_head_has_the_length_of_the_one_block(self):
        answer = serve(returning([b"hello"]), method="HEAD")
        self.assertEqual((answer.header("Content-Length"), answer.body), ("5", b""))

    def test_head_says_nothing_of_a_length_that_it_does_not_know(self):
        for result in ([], [b""], lambda: iter([]), lambda: iter([b"a"]), [b"a", b"b"]):
            answer = serve(returning(result), method="HEAD")
            self.assertIsNone(answer.header("Content-Length"), result)
            self.assertEqual((answer.body, answer.is_complete), (b"", True))

    def test_head_without_a_body_is_not_short(self):
        answer = serve(returning([], headers=[("Content-Length", "5")]), method="HEAD")
        self.assertEqual((answer.header("Content-Length"), answer.log), ("5", []))
        self.assertTrue(answer.is_complete)

    def test_statuses_without_a_body(self):
        for status in ("204 No Content", "304 Not Modified"):
            for result in ([b"hello"], [], lambda: Closing([b"a", b"b"])):
                closing = result() if callable(result) else result
                answer = serve(returning(closing, status))
                self.assertEqual((answer.status, answer.body), (status, b""))
                self.assertIsNone(answer.header("Content-Length"))
                self.assertTrue(answer.is_complete)
                self.assertEqual(answer.log, [])
                if isinstance(closing, Closing):
                    self.assertEqual((list(closing.blocks), closing.closed), ([], 1))

    def test_a_status_without_a_reason_gets_it(self):
        self.assertEqual(serve(returning([b"x"], "404")).status, "404 Not Found")

    def test_write_with_head(self):
        def application(environ, start_response):
            start_response("200 OK", [])(b"written")
            return []

        answer = serve(application, method="HEAD")
        self.assertEqual((answer.body, answer.is_complete), (b"", True))

    def test_an_error_with_head(self):
        answer = serve(lambda environ, start_response: 1 / 0, method="HEAD")
        self.assertEqual((answer.status, answer.body), ("500 Internal Server Error", b""))
        self.assertTrue(answer.is_complete)


class Close(unittest.TestCase):
    def test_is_called_once_on_every_path(self):
        for options in ({}, {"method": "HEAD"}, {"close_after": 0}, {"close_after": 1}, {"waits": 1}):
            for blocks in ([], [b"a", b"b"], ["wrong"], [b"a", "wrong"]):
                for error in (None, KeyError("x"), SystemExit(1), KeyboardInterrupt()):
                    closing = Closing(blocks, error)
                    answer = serve(returning(closing), **options)
                    self.assertEqual(closing.closed, 1, (options, blocks, error))
                    self.assertEqual(answer.finishes, 1)

    def test_is_called_when_start_response_was_not(self):
        closing = Closing([b"a"])
        serve(lambda environ, start_response: closing)
        self.assertEqual(closing.closed, 1)

    def test_a_generator_is_closed(self):
        events = []

        def application(environ, start_response):
            start_response("200 OK", [])
            try:
                yield b"a"
                yield b"b"
            finally:
                events.append("finally")

        serve(application, close_after=1)
        self.assertEqual(events, ["finally"])

    def test_an_error_in_close_is_logged_and_the_response_whole(self):
        closing = Closing([b"a"], close_error=KeyError("in close"))
        answer = serve(returning(closing))
        self.assertEqual((answer.body, answer.is_complete), (b"a", True))
        (line,) = answer.logged("request.exception")
        self.assertIn("KeyError: 'in close'", line[5])

    def test_an_error_in_close_does_not_hide_the_first(self):
        closing = Closing([], KeyError("first"), KeyError("second"))
        answer = serve(returning(closing))
        self.assertEqual(answer.status, "500 Internal Server Error")
        lines = [line[5] for line in answer.logged("request.exception")]
        self.assertEqual(len(lines), 2)
        self.assertIn("first", lines[0])

    def test_the_result_is_closed_not_its_iterator(self):
        class Result(Closing):
            def __iter__(self):
                return iter(self.blocks)

        result = Result([b"a"])
        self.assertEqual(serve(returning(result)).body, b"a")
        self.assertEqual(result.closed, 1)


class Errors(unittest.TestCase):
    def test_before_the_headers(self):
        def application(environ, start_response):
            start_response("200 OK", [("X-Bad", "1"), ("Content-Length", "1000")])
            raise ValueError("the <reason>")

        answer = serve(application)
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertIsNone(answer.header("X-Bad"))
        self.assertNotIn(b"reason", answer.output)
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))
        self.assertTrue(answer.is_complete)
        ((slug, level, app, generation, request_id, text),) = answer.log
        self.assertEqual((slug, level), ("request.exception", ERROR))
        self.assertEqual((app, generation, request_id), ("blog", 7, "4711-1"))
        self.assertTrue(text.startswith("GET /blog/entry?a=1&b=2: Traceback (most recent"), text)
        self.assertIn(f'File "{__file__}", line', text)
        self.assertTrue(text.endswith("ValueError: the <reason>"))

    def test_dev_shows_the_traceback(self):
        def application(environ, start_response):
            raise ValueError("the <reason>")

        answer = serve(application, app=1)
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertTrue(answer.header("Content-Type").startswith("text/html"))
        self.assertIn(b"ValueError: the &lt;reason&gt;", answer.body)
        self.assertIn(b"in application", answer.body)
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))

    def test_after_the_headers_the_response_is_cut(self):
        for error in (ValueError("x"), SystemExit(), KeyboardInterrupt(), GeneratorExit()):
            answer = serve(returning(Closing([b"some"], error)))
            self.assertEqual((answer.status, answer.body, answer.end), ("200 OK", b"some", CUT))
            self.assertFalse(any(send[1] for send in answer.sends))
            (line,) = answer.logged("request.exception")
            self.assertIn(type(error).__name__, line[5])

    def test_after_write_the_response_is_cut(self):
        def application(environ, start_response):
            start_response("200 OK", [])(b"some")
            raise ValueError("x")

        answer = serve(application)
        self.assertEqual((answer.body, answer.end), (b"some", CUT))

    def test_once_everything_promised_was_sent_an_error_is_only_logged(self):
        closing = Closing([b"hello"], ValueError("late"))
        answer = serve(returning(closing, headers=[("Content-Length", "5")]))
        self.assertEqual((answer.body, answer.is_complete), (b"hello", True))
        self.assertEqual(len(answer.logged("request.exception")), 1)

    def test_exiting_does_not_end_the_host(self):
        for error in (SystemExit, SystemExit(0), KeyboardInterrupt, GeneratorExit, MemoryError):

            def application(environ, start_response):
                raise error

            answer = serve(application)
            self.assertEqual(answer.status, "500 Internal Server Error")
            self.assertEqual(len(answer.logged("request.exception")), 1)

    def test_exceptions_that_cannot_be_shown(self):
        class Unprintable(Exception):
            def __str__(self):
                raise RuntimeError("no")

        def deep(environ, start_response):
            return deep(environ, start_response)

        def unprintable(environ, start_response):
            raise Unprintable

        def surrogates(environ, start_response):
            raise ValueError("\udc80\0")

        for application in (deep, unprintable, surrogates):
            answer = serve(application, app=1)
            self.assertEqual(answer.status, "500 Internal Server Error")
            self.assertEqual(len(answer.logged("request.exception")), 1)

    def test_a_long_traceback_keeps_its_end(self):
        def application(environ, start_response):
            raise ValueError("x" * 20_000 + "the end")

        answer = serve(application)
        self.assertIn("the end", answer.log[0][5])

    def test_a_client_that_has_gone_is_no_error(self):
        for result in ([b"a"], [b"a", b"b"], lambda: Closing([b"a", b"b", b"c"])):
            for after in (0, 1):
                answer = serve(returning(result), close_after=after)
                self.assertEqual([line for line in answer.log if line[1] > 0], [])
                self.assertEqual((answer.end, answer.finishes), (COMPLETE, 1))

    def test_an_abort_is_noticed_between_empty_blocks(self):
        asked = []

        def application(environ, start_response):
            start_response("200 OK", [])
            while True:
                asked.append(1)
                yield b""

        serve(application, aborted=1)
        self.assertEqual(len(asked), 1)


class Authorizer(unittest.TestCase):
    """FastCGI 1.0 §6.3: 200 grants access, so it must not leave before all is well."""

    def serve(self, application, **options):
        return serve(application, role=2, **options)

    def test_200_lets_pass_and_variables_are_handed_on(self):
        headers = [("Variable-USER", "alice"), ("Content-Length", "2")]
        for result in ([b"ok"], lambda: iter([b"o", b"k"]), lambda: Closing([b"ok"])):
            answer = self.serve(returning(result, headers=headers))
            self.assertEqual((answer.status, answer.body), ("200 OK", b"ok"))
            self.assertEqual(answer.headers, headers)
            self.assertEqual(len(answer.sends), 1)
            self.assertTrue(answer.is_complete)
            self.assertEqual(answer.log, [])

    def test_the_body_of_200_is_of_no_account(self):
        for headers in ((), [("Content-Length", "10")]):
            for result in ([], [b""], [b"x" * 100_000], lambda: iter([b"x" * 70_000])):
                answer = self.serve(returning(result, headers=headers))
                self.assertEqual((answer.status, answer.body), ("200 OK", b""))
                self.assertEqual(answer.header("Content-Length"), "0")
                self.assertTrue(answer.is_complete)

    def test_another_status_refuses_with_its_body(self):
        answer = self.serve(returning([b"no"], "401 Unauthorized", [("WWW-Authenticate", "Basic")]))
        self.assertEqual((answer.status, answer.body), ("401 Unauthorized", b"no"))
        self.assertEqual(answer.header("WWW-Authenticate"), "Basic")
        self.assertTrue(answer.is_complete)

    def test_every_error_refuses(self):
        def written(environ, start_response):
            start_response("200 OK", [])(b"ok")
            raise ValueError("x")

        def asserting(environ, start_response):
            assert False

        applications = [
            written,
            asserting,
            returning(["text"]),
            returning(None),
            returning(lambda: Closing([], ValueError("x"))),
            returning(lambda: Closing([b"ok"], ValueError("x"))),
            returning(lambda: Closing([b"ok"], SystemExit())),
            returning(lambda: Closing([b"ok"], close_error=ValueError("x"))),
            returning(
                lambda: Closing([b"ok"], ValueError("x")), headers=[("Content-Length", "2")]
            ),
        ]
        for application in applications:
            answer = self.serve(application)
            self.assertEqual(answer.status, "500 Internal Server Error")
            self.assertTrue(answer.is_complete)
            self.assertGreaterEqual(len(answer.logged("request.exception")), 1)

    def test_no_answer_refuses(self):
        for application in (lambda e, s: [], lambda e, s: [b"ok"], lambda e, s: iter([])):
            answer = self.serve(application)
            self.assertEqual(answer.status, "403 Forbidden")
            self.assertTrue(answer.is_complete)


class AgainstWsgiref(unittest.TestCase):
    """The same applications under CPython's own handler, as far as the two can agree."""

    def by_wsgiref(self, application, method):
        output = io.BytesIO()
        environ = {**PARAMS, "REQUEST_METHOD": method}
        handler = SimpleHandler(io.BytesIO(), output, io.StringIO(), environ)
        handler.origin_server = False  # a CGI response: "Status: …"
        handler.error_status = "500 Internal Server Error"
        handler.run(application)
        head, _, body = output.getvalue().partition(b"\r\n\r\n")
        status, *headers = head.decode("latin-1").split("\r\n")
        return status.removeprefix("Status: "), sorted(headers), body

    def test_the_same_status_headers_and_body(self):
        def writing(environ, start_response):
            write = start_response("200 OK", [("Content-Type", "a/b")])
            write(b"one")
            write(b"two")
            return [b"three"]

        def replacing(environ, start_response):
            start_response("200 OK", [("A", "1")])
            try:
                raise KeyError
            except KeyError:
                start_response("404 Gone", [("B", "2")], sys.exc_info())
            return [b"x"]

        def generating(environ, start_response):
            start_response("200 OK", [("Content-Type", "a/b")])
            yield b""
            yield b"1"
            yield b"2"

        applications = [
            returning([b"hello"]),
            returning((b"hello",), "201 Created", [("X-A", "\xe9"), ("Set-Cookie", "a=1")]),
            returning([]),
            returning([b"a", b"b"]),
            returning(lambda: iter([b"a", b"b"])),
            returning([b"hello"], headers=[("Content-Length", "5")]),
            writing,
            replacing,
            generating,
        ]
        for application in applications:
            status, headers, body = self.by_wsgiref(application, "GET")
            answer = serve(application)
            self.assertEqual(answer.status, status)
            self.assertEqual(sorted(f"{n}: {v}" for n, v in answer.headers), headers)
            self.assertEqual(answer.body, body)

    def test_what_wsgiref_refuses_is_refused(self):
        refused = [
            returning(["text"]),
            returning([b"x"], b"200 OK"),
            returning([b"x"], headers=[("A", 1)]),
            returning([b"x"], headers=[(b"A", "1")]),
            lambda environ, start_response: [b"x"],
            lambda environ, start_response: 1 / 0,
        ]
        for application in refused:
            stderr, sys.stderr = sys.stderr, io.StringIO()
            try:
                status, _, _ = self.by_wsgiref(application, "GET")
            finally:
                sys.stderr = stderr
            self.assertEqual(status, "500 Internal Server Error")
            self.assertEqual(serve(application).status, status)


if __name__ == "__main__":
    unittest.main()
