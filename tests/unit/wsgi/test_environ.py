"""environ: PEP 3333, "environ Variables"; RFC 3875 §4.1."""

import unittest
from wsgiref.validate import check_environ, validator

import _harness
from support import PARAMS, environ_of, serve


class Environ(unittest.TestCase):
    def test_wsgiref_finds_nothing_to_complain_about(self):
        def application(environ, start_response):
            check_environ(environ)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"hello"]

        answer = serve(validator(application), path_info="/entry", script_name="/blog")
        self.assertEqual(answer.status, "200 OK")
        self.assertEqual(answer.log, [])

    def test_every_parameter_is_there_as_a_native_string(self):
        environ = environ_of()
        for name, value in PARAMS.items():
            if name != "SCRIPT_NAME":
                self.assertEqual(environ[name], value, name)
        for name, value in environ.items():
            self.assertIs(type(name), str)
            if not name.startswith(("wsgi.", "fcgi_host.")):
                self.assertIs(type(value), str, name)

    def test_bytes_are_decoded_as_latin_1(self):
        every_byte = bytes(range(1, 256))
        environ = environ_of({**PARAMS, "QUERY_STRING": every_byte, b"HTTP_X_\xe9": b"\xff"})
        self.assertEqual(environ["QUERY_STRING"], every_byte.decode("latin-1"))
        self.assertEqual(environ["HTTP_X_\xe9"], "\xff")

    def test_path_comes_from_routing(self):
        environ = environ_of(script_name="/blog", path_info="/entry")
        self.assertEqual((environ["SCRIPT_NAME"], environ["PATH_INFO"]), ("/blog", "/entry"))
        self.assertEqual(type(environ), dict)

    def test_body_type_and_length_as_headers_and_proxy_never_appear(self):
        names = ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_PROXY")
        environ = environ_of({**PARAMS, **dict.fromkeys(names, "x"), "HTTP_PROXY_X": "kept"})
        self.assertFalse(set(names) & set(environ))
        self.assertEqual(environ["HTTP_PROXY_X"], "kept")

    def test_a_web_server_cannot_set_what_is_the_hosts(self):
        forged = {"wsgi.url_scheme": "forged", "fcgi_host.app": "forged", "wsgi.other": "forged",
                  "FCGI_ROLE": "forged"}
        environ = environ_of({**PARAMS, **forged})
        self.assertNotIn("forged", [v for v in environ.values() if isinstance(v, str)])

    def test_required_variables_are_there_when_the_web_server_sends_none(self):
        environ = environ_of({})
        for name in ("REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"):
            self.assertTrue(environ[name], name)
        self.assertEqual(environ["QUERY_STRING"], "")

    def test_required_variables_are_never_empty(self):
        # nginx sends SERVER_NAME="" for a server block without a name.
        empty = dict.fromkeys(
            ("REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"), ""
        )
        environ = environ_of(empty)
        for name in empty:
            self.assertTrue(environ[name], name)

    def test_scheme_is_https_when_the_web_server_says_so(self):
        cases = [
            ({}, "http"),
            ({"HTTPS": "on"}, "https"),
            ({"HTTPS": "ON"}, "https"),
            ({"HTTPS": "1"}, "https"),
            ({"HTTPS": "off"}, "http"),
            ({"HTTPS": ""}, "http"),
            ({"REQUEST_SCHEME": "https"}, "https"),
            ({"REQUEST_SCHEME": "http"}, "http"),
            ({"HTTPS": "on", "REQUEST_SCHEME": "http"}, "https"),
            ({"HTTP_HTTPS": "on"}, "http"),  # a request header is the client's word
        ]
        for params, scheme in cases:
            self.assertEqual(environ_of(params)["wsgi.url_scheme"], scheme, params)

    def test_wsgi_variables(self):
        environ = environ_of()
        self.assertEqual(environ["wsgi.version"], (1, 0))
        self.assertIs(environ["wsgi.run_once"], False)
        self.assertIs(environ["wsgi.input_terminated"], True)
        self.assertTrue(callable(environ["wsgi.file_wrapper"]))

    def test_multithread_and_multiprocess_tell_the_truth(self):
        self.assertIs(environ_of(app=0)["wsgi.multithread"], False)
        self.assertIs(environ_of(app=1)["wsgi.multithread"], True)
        self.assertIs(environ_of()["wsgi.multiprocess"], False)
        _harness.set_multiprocess(True)
        self.assertIs(environ_of()["wsgi.multiprocess"], True)
        _harness.set_multiprocess(False)

    def test_the_hosts_own_variables(self):
        environ = environ_of()
        self.assertEqual(environ["fcgi_host.app"], "blog")
        self.assertEqual(environ["fcgi_host.interpreter"], "the interpreter")
        self.assertEqual(environ["fcgi_host.generation"], 7)
        self.assertEqual(environ["fcgi_host.request_id"], "4711-1")

    def test_role(self):
        self.assertEqual(environ_of()["FCGI_ROLE"], "RESPONDER")
        self.assertEqual(environ_of(role=2)["FCGI_ROLE"], "AUTHORIZER")

    def test_the_last_of_two_values_wins(self):
        pairs = {**PARAMS, "HTTP_A": "1"}
        pairs[b"HTTP_A"] = "2"
        self.assertEqual(environ_of(pairs)["HTTP_A"], "2")

    def test_a_request_does_not_see_anothers_changes(self):
        def application(environ, start_response):
            environ["REMOTE_USER"] = "alice"
            environ.pop("SERVER_NAME")
            environ["wsgi.url_scheme"] = "gopher"
            start_response("200 OK", [])
            return []

        serve(application)
        environ = environ_of()
        self.assertNotIn("REMOTE_USER", environ)
        self.assertEqual(environ["SERVER_NAME"], PARAMS["SERVER_NAME"])
        self.assertEqual(environ["wsgi.url_scheme"], "http")

    def test_values_follow_each_request(self):
        for value in ("a", "b", "b", "", "\xe9", "a" * 1000, "a"):
            self.assertEqual(environ_of({"HTTP_X": value, "HTTP_COOKIE": value})["HTTP_X"], value)
            self.assertEqual(environ_of({"HTTP_COOKIE": value})["HTTP_COOKIE"], value)

    def test_more_names_than_are_kept_are_all_there(self):
        params = {f"HTTP_X_{n}": str(n) for n in range(250)}
        for _ in range(3):
            environ = environ_of(params)
            self.assertEqual({n: environ[n] for n in params}, params)
        params = {f"HTTP_Y_{n}_" + "y" * 100: str(n) for n in range(100)}
        environ = environ_of(params)
        self.assertEqual({n: environ[n] for n in params}, params)
        names = ("HTTP_PROXY", "HTTP_CONTENT_TYPE")
        self.assertFalse(set(names) & set(environ_of(dict.fromkeys(names, "x"))))


if __name__ == "__main__":
    unittest.main()
