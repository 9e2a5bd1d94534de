"""wsgi.errors: PEP 3333, "Input and Error Streams"."""

import logging
import threading
import unittest

from support import WARN, serve


def writing(*calls):
    """An application that does these things with wsgi.errors."""

    def application(environ, start_response):
        for call in calls:
            call(environ["wsgi.errors"])
        start_response("200 OK", [])
        return []

    return application


def texts(answer):
    return [line[5] for line in answer.logged("app.errors")]


class Errors(unittest.TestCase):
    def test_goes_to_the_web_server_and_to_the_log(self):
        answer = serve(writing(lambda f: f.write("a line\n")))
        self.assertEqual(answer.errors, "a line\n")
        (line,) = answer.log
        self.assertEqual(line, ("app.errors", WARN, "blog", 7, "4711-1", "a line"))

    def test_a_line_is_one_entry_however_it_is_written(self):
        answer = serve(writing(lambda f: print("a", 1, "b", file=f), lambda f: f.write("c\n")))
        self.assertEqual(answer.errors, "a 1 b\nc\n")
        self.assertEqual(texts(answer), ["a 1 b", "c"])

    def test_lines_written_together_stay_together(self):
        answer = serve(writing(lambda f: f.write("a\n  b\nrest"), lambda f: f.write(" of it\n")))
        self.assertEqual(answer.errors, "a\n  b\nrest of it\n")
        self.assertEqual(texts(answer), ["a\n  b", "rest of it"])

    def test_flush_passes_on_an_unfinished_line(self):
        answer = serve(writing(lambda f: f.write("a"), lambda f: f.flush(), lambda f: f.write("b\n")))
        self.assertEqual(texts(answer), ["a", "b"])

    def test_the_end_of_the_request_passes_on_an_unfinished_line(self):
        answer = serve(writing(lambda f: f.write("unfinished")))
        self.assertEqual(texts(answer), ["unfinished"])

    def test_writelines(self):
        answer = serve(writing(lambda f: f.writelines(["a\n", "b", "\n"])))
        self.assertEqual(texts(answer), ["a", "b"])
        answer = serve(writing(lambda f: f.writelines(str(n) + "\n" for n in range(3))))
        self.assertEqual(answer.errors, "0\n1\n2\n")

    def test_write_says_how_many_characters(self):
        counts = []
        serve(writing(lambda f: counts.append(f.write("h\xe9\u20ac\n")), lambda f: f.write("")))
        self.assertEqual(counts, [4])

    def test_any_text_can_be_written(self):
        answer = serve(writing(lambda f: f.write("\u20ac \udc80\n")))
        self.assertEqual(answer.errors, "\u20ac \\udc80\n")

    def test_takes_str_only(self):
        for call in (
            lambda f: f.write(b"bytes"),
            lambda f: f.write(None),
            lambda f: f.writelines([b"bytes"]),
            lambda f: f.writelines(5),
        ):
            answer = serve(writing(call))
            self.assertEqual(answer.status, "500 Internal Server Error")
            self.assertIn("TypeError", answer.logged("request.exception")[0][5])

    def test_after_the_response_has_ended_the_log_gets_it_alone(self):
        def application(environ, start_response):
            start_response("200 OK", [("Content-Length", "1")])
            yield b"x"
            environ["wsgi.errors"].write("late\n")

        answer = serve(application)
        self.assertEqual((answer.errors, texts(answer)), ("", ["late"]))

    def test_a_handler_may_keep_it(self):
        handlers = []

        def application(environ, start_response):
            if not handlers:
                handlers.append(logging.StreamHandler(environ["wsgi.errors"]))
                logger.addHandler(handlers[0])
            logger.warning("request %s", environ["fcgi_host.request_id"])
            start_response("200 OK", [])
            return []

        logger = logging.getLogger("kept")
        logger.propagate = False
        serve(application)
        answer = serve(application)
        self.assertEqual(answer.errors, "request 4711-1\n")
        self.assertEqual(texts(answer), ["request 4711-1"])

    def test_other_threads_write_to_the_log(self):
        def application(environ, start_response):
            write = environ["wsgi.errors"].write
            thread = threading.Thread(target=write, args=("from a thread\n",))
            thread.start()
            thread.join()
            start_response("200 OK", [])
            return []

        answer = serve(application)
        self.assertEqual(answer.errors, "")
        self.assertEqual(answer.log, [("app.errors", WARN, "blog", 7, None, "from a thread")])


if __name__ == "__main__":
    unittest.main()
