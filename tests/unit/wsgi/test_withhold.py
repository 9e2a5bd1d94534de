"""A response that is not sent because an extension module has refused (withhold.h)."""

import tempfile
import unittest

import _harness
from support import COMPLETE, DEBUG, serve
from test_response import Closing, returning


def refusing(application):
    """The same after a refusal in the request."""
    def refused(environ, start_response):
        _harness.refuse()
        return application(environ, start_response)

    return refused


def raising(environ, start_response):
    raise ImportError("refuses")


class Withholding(unittest.TestCase):
    def assert_withheld(self, answer):
        self.assertEqual(answer.sends, [])
        self.assertFalse(answer.has_ended)
        self.assertEqual(answer.finishes, 0)

    def assert_answered(self, answer, status, questions):
        self.assertEqual(answer.status, status)
        self.assertTrue(answer.has_ended)
        self.assertEqual((answer.finishes, answer.end), (1, COMPLETE))
        self.assertEqual(answer.questions, questions)

    def test_a_request_that_met_a_refusal_whatever_its_status(self):
        for application in (returning([b"x"]), returning([b"x"], "404 No"), returning([]),
                            returning(lambda: iter([b"", b"x"])), returning(b""),
                            returning([b"x"], "500 Oh"), raising):
            answer = serve(refusing(application), withholds=1)
            self.assert_withheld(answer)
            self.assertEqual(answer.questions, 1)
            self.assertEqual(answer.logged("request.exception"), [])

    def test_the_exception_is_told_to_those_who_look_for_errors(self):
        answer = serve(refusing(raising), withholds=1)
        [line] = answer.logged("request.withheld")
        self.assertEqual(line[1], DEBUG)
        self.assertIn("ImportError: refuses", line[5])

    def test_the_application_may_begin_where_the_hook_says_so(self):
        self.assert_answered(serve(refusing(returning([b"x"]))), "200 OK", 1)
        answer = serve(refusing(raising))
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertEqual(len(answer.logged("request.exception")), 1)

    def test_later_requests_if_they_fail(self):
        _harness.refuse()
        for application in (raising, returning([b"x"], "500 Oh"), returning([b"x"], "503 Oh")):
            self.assert_withheld(serve(application, withholds=1))
        for status in ("200 OK", "404 No", "499 Oh"):
            self.assert_answered(serve(returning([b"x"], status), withholds=1), status, 0)

    def test_what_was_begun_goes_on(self):
        def application(environ, start_response):
            write = start_response("200 OK", [])
            write(b"begun")
            _harness.refuse()
            return [b" and ended"]

        answer = serve(application, withholds=1)
        self.assert_answered(answer, "200 OK", 0)
        self.assertEqual(answer.body, b"begun and ended")

    def test_the_iterable_is_asked_no_further_and_closed(self):
        body = Closing([b"one", b"two"])
        self.assert_withheld(serve(refusing(returning(body)), withholds=1))
        self.assertEqual(body.closed, 1)
        self.assertEqual(list(body.blocks), [b"two"])

    def test_close_may_raise(self):
        body = Closing([b"one"], close_error=ValueError("oh"))
        answer = serve(refusing(returning(body)), withholds=1)
        self.assert_withheld(answer)
        self.assertEqual(answer.logged("request.exception"), [])

    def test_write_raises_as_if_the_web_server_had_gone(self):
        raised = []

        def application(environ, start_response):
            _harness.refuse()
            write = start_response("200 OK", [])
            for _ in range(2):
                try:
                    write(b"x")
                except OSError as error:
                    raised.append(error)
            self.assertTrue(environ["fcgi_host.client_gone"]())
            return []

        self.assert_withheld(serve(application, withholds=1))
        self.assertEqual(len(raised), 2)

    def test_head_files_and_authorizers(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"content")
            file.flush()

            def application(environ, start_response):
                _harness.refuse()
                start_response("200 OK", [])
                return environ["wsgi.file_wrapper"](open(file.name, "rb"))

            self.assert_withheld(serve(application, withholds=1))
        self.assert_withheld(serve(refusing(returning([b"x"])), method="HEAD", withholds=1))
        self.assert_withheld(serve(refusing(returning([b"x"])), role=2, withholds=1))

    def test_text_for_the_error_log_is_no_response(self):
        def application(environ, start_response):
            _harness.refuse()
            environ["wsgi.errors"].write("oh\n")
            return returning([b"x"])(environ, start_response)

        answer = serve(application, withholds=1)
        self.assert_withheld(answer)
        self.assertEqual(answer.errors, "oh\n")


if __name__ == "__main__":
    unittest.main()
