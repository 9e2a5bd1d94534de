"""The script that keeps pages fresh, in responses (live.h)."""

import io
import tempfile
import unittest

from support import COMPLETE, PARAMS, WARN, load, serve

LIVE = 2  # the application of support.py
SCRIPT = b'<script data-live="3-42">'
HTML = ("Content-Type", "text/html; charset=utf-8")


def page(result, *headers, status="200 OK", type_=HTML):
    def application(environ, start_response):
        start_response(status, [type_, *headers])
        return result() if callable(result) else result

    return application


def serve_live(application, **options):
    return serve(application, app=LIVE, **options)


def without_script(body):
    """A body, "#" in place of the script, and how long that is."""
    before, start, rest = body.partition(SCRIPT)
    script, end, behind = rest.partition(b"</script>\n")
    return (before + b"#" + behind, len(start + script + end)) if start else (body, 0)


class Injection(unittest.TestCase):
    def check(self, answer, body):
        """The body, and a Content-Length, if there is one, that tells its length."""
        self.assertEqual((answer.finishes, answer.end), (1, COMPLETE))
        self.assertTrue(answer.is_complete)
        self.assertEqual(without_script(answer.body)[0], body)
        length = answer.header("Content-Length")
        if length is not None:
            self.assertEqual(int(length), len(answer.body))
        return length

    def test_a_page_of_one_block_has_a_length(self):
        for result in ([b"<body>x</body>y"], (b"<body>x</body>y",)):
            self.assertIsNotNone(self.check(serve_live(page(result)), b"<body>x</body>#y"))

    def test_a_page_in_blocks_stays_one_however_it_is_split(self):
        text = b"<body>x</body>y"
        for size in range(1, len(text) + 1):
            blocks = [text[i:i + size] for i in range(0, len(text), size)]
            answer = serve_live(page(lambda: iter(blocks)))
            self.check(answer, b"<body>x</body>#y")
            bodies = [send[0].partition(b"\r\n\r\n")[2] if i == 0 else send[0]
                      for i, send in enumerate(answer.sends)]
            plain = [without_script(each)[0].replace(b"#", b"") for each in bodies]
            self.assertEqual([each for each in plain if each], blocks, "each leaves at once")

    def test_without_the_tag_it_comes_last(self):
        for result in ([b"<p>x"], [b"<p>", b"x"], lambda: iter([b"<p>", b"x", b""])):
            answer = serve_live(page(result))
            self.check(answer, b"<p>x#")
            self.assertTrue(answer.sends[-1][1], "with the end of the response")

    def test_a_length_that_the_application_gives_is_that_of_its_own_page(self):
        text = b"<body>x</body>y"
        length = ("Content-Length", str(len(text)))
        for result in ([text], [text[:9], text[9:]], lambda: iter([text[:12], text[12:]]),
                       lambda: iter([text, b"surplus"])):
            self.assertIsNotNone(self.check(serve_live(page(result, length)), b"<body>x</body>#y"))
        self.assertIsNotNone(self.check(serve_live(page([b"<p>"], ("Content-Length", "3"))), b"<p>#"))

    def test_a_page_that_breaks_off_is_cut_and_gets_no_more(self):
        answer = serve_live(page([b"<p>"], ("Content-Length", "30")))
        self.assertNotEqual(answer.end, COMPLETE)
        self.assertEqual(answer.body, b"<p>")

    def test_write(self):
        def application(environ, start_response):
            write = start_response("200 OK", [HTML])
            write(b"<body>x</bo")
            write(b"dy>y")
            return [b"z"]

        self.check(serve_live(application), b"<body>x</body>#yz")

    def test_files(self):
        for length in ((), (("Content-Length", "15"),)):
            def application(environ, start_response):
                file = tempfile.TemporaryFile()
                file.write(b"<body>x</body>y")
                file.seek(0)
                start_response("200 OK", [HTML, *length])
                return environ["wsgi.file_wrapper"](file)

            answer = serve_live(application)
            self.assertIsNotNone(self.check(answer, b"<body>x</body>y#"))
            self.assertEqual([send[2] for send in answer.sends], [False, True, False])
        answer = serve_live(page(lambda: io.BytesIO(b"<body></body>\n")))
        self.check(answer, b"<body></body>#\n")

    def test_head_has_the_length_of_get_and_no_body(self):
        for headers in ((), (("Content-Length", "14"),)):
            get = serve_live(page([b"<body>x</body>"], *headers))
            head = serve_live(page([b"<body>x</body>"], *headers), method="HEAD")
            self.assertEqual(head.header("Content-Length"), get.header("Content-Length"))
            self.assertEqual(int(get.header("Content-Length")), len(get.body))
            self.assertEqual(head.body, b"")
            self.assertTrue(head.is_complete)

    def test_the_error_page_of_an_exception_has_it(self):
        def application(environ, start_response):
            raise ValueError("oh")

        answer = serve_live(application)
        self.assertEqual(answer.status, "500 Internal Server Error")
        self.assertIn(SCRIPT, answer.body)
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))

    def test_an_exception_after_the_page_has_begun_to_be_made(self):
        def application(environ, start_response):
            start_response("200 OK", [HTML, ("Content-Length", "4")])
            raise ValueError("oh")

        answer = serve_live(application)
        self.assertEqual(answer.body.count(SCRIPT), 1)
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))

    def test_validators(self):
        tags = ("ETag", '"x"'), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        answer = serve_live(page([b"x"], *tags))
        self.assertIsNone(answer.header("ETag"))
        self.assertIsNone(answer.header("Last-Modified"))
        answer = serve_live(page([], *tags, status="304 Not Modified"))
        self.assertEqual(answer.header("ETag"), '"x"')
        self.assertEqual(answer.body, b"")

    def test_what_is_left_alone(self):
        text = b"<body>x</body>"
        plain = {"X-Requested-With": {**PARAMS, "HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
                 "fetch": {**PARAMS, "HTTP_SEC_FETCH_DEST": "empty"}}
        for what, params in plain.items():
            with self.subTest(what):
                self.assertEqual(serve_live(page([text]), params=params).body, text)
        self.assertEqual(serve_live(page([text]), method="POST").body, text)
        self.assertEqual(serve(page([text])).body, text, "another application")
        self.assertEqual(serve_live(page([b"{}"], type_=("Content-Type", "application/json"))).body,
                         b"{}")
        self.assertEqual(serve_live(page([text], ("Content-Encoding", "br"))).body, text)
        self.assertEqual(serve_live(page([])).body, b"")
        self.assertEqual(serve_live(page([b""])).body, b"")
        self.assertEqual(serve_live(page([], ("X-Sendfile", "/x.html"))).body, b"")

    def test_a_policy_that_keeps_it_out_is_logged_once(self):
        application = page([b"x"], ("Content-Security-Policy", "default-src 'none'"))
        loaded = load(application, LIVE)
        first, second = (serve_live(application, loaded=loaded) for _ in range(2))
        self.assertEqual((first.body, second.body), (b"x", b"x"))
        [line] = first.logged("live.forbidden")
        self.assertEqual(line[1], WARN)
        self.assertEqual(second.logged("live.forbidden"), [])

    def test_a_policy_that_allows_it_from_the_origin(self):
        answer = serve_live(page([b"<body></body>y"],
                                 ("Content-Security-Policy", "default-src 'self'")))
        self.assertEqual(answer.body, b'<body></body><script src="/.fcgi_host/live.js" '
                                      b'data-live="3-42"></script>\ny')


if __name__ == "__main__":
    unittest.main()
