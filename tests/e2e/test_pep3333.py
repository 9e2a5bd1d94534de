"""PEP 3333, rule by rule, asked of a running host over FastCGI.

Each test brings its application along (tests/apps/given.py runs it). The quotations are the
PEP's; "CGI" means RFC 3875.
"""

import hashlib
import json
import os
import textwrap
import unittest

from support import fcgi
from support.host import APPS, HostTestCase
from support.waiting import await_


class Wsgi(HostTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.start_class_host("--threads", 4, os.path.join(APPS, "given.py"))
        cls.host.fetch("/", EVENTS="1")

    def call(self, application, path="/", **kw):
        """The response of an application given as source."""
        return self.host.fetch(path, APPLICATION=textwrap.dedent(application), **kw)

    def cut(self, application, path="/", **params):
        """What arrives of a response that breaks off."""
        params = fcgi.params_of(path, APPLICATION=textwrap.dedent(application), **params)
        with self.host.connect() as c:
            c.send(fcgi.whole_request(params))
            return c.read_cut_response()

    def value(self, expression, **kw):
        """What an expression over `environ` is inside the application, through JSON."""
        response = self.call(f"""
            import json
            def application(environ, start_response):
                body = json.dumps({expression}).encode()
                start_response("200 OK", [("Content-Type", "application/json")])
                return [body]
            """, **kw)
        self.assertEqual(response.status, 200, response)
        return json.loads(response.body)

    def events(self):
        return json.loads(self.host.fetch("/", EVENTS="1").body)

    def await_event(self, event):
        await_(lambda: event in self.events(), f"event {event!r}")

    def assert_500(self, response, logged):
        """An error page of the host: 500, nothing of the application's, and why in the log."""
        self.assertEqual(response.status, 500, response)
        self.assertEqual(response.protocol_status, 0)
        self.assertNotIn(b"Traceback", response.stdout)
        self.host.log.wait_for(logged)


class Environ(Wsgi):
    """"environ Variables"."""

    def test_environ_is_a_builtin_dict(self):
        self.assertTrue(self.value("type(environ) is dict"))

    def test_an_application_may_change_environ(self):
        self.assertEqual(self.value("(environ.update(a=1), environ['a'])[1]"), 1)

    def test_keys_are_str_and_so_are_the_values_of_all_cgi_variables(self):
        self.assertEqual(self.value(
            "[k for k, v in environ.items() if type(k) is not str or"
            " (type(v) is not str and not k.startswith(('wsgi.', 'fcgi_host.')))]"), [])

    def test_the_required_variables_are_there(self):
        environ = self.value("{k: v for k, v in environ.items() if type(v) is str}", path="/a/b",
                             query="x=1")
        for name in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME",
                     "SERVER_PORT", "SERVER_PROTOCOL"):
            self.assertIn(name, environ)
        self.assertEqual(environ["REQUEST_METHOD"], "GET")
        self.assertEqual(environ["PATH_INFO"], "/a/b")
        self.assertEqual(environ["QUERY_STRING"], "x=1")

    def test_variables_that_must_be_there_are_made_up_when_the_server_sends_none(self):
        # "SERVER_NAME, SERVER_PORT: … can never be empty strings, and so are always required."
        params = {"REQUEST_METHOD": "GET", "PATH_INFO": "/p"}
        source = """
            import json
            def application(environ, start_response):
                start_response("200 OK", [])
                return [json.dumps({k: v for k, v in environ.items() if type(v) is str}).encode()]
            """
        params["APPLICATION"] = textwrap.dedent(source)
        with self.host.connect() as c:
            c.send(fcgi.whole_request(params))
            environ = json.loads(c.read_response().body)
        for name in ("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"):
            self.assertTrue(environ[name], name)
        self.assertEqual((environ["SCRIPT_NAME"], environ["PATH_INFO"]), ("", "/p"))
        self.assertEqual(environ.get("QUERY_STRING", ""), "")

    def test_strings_are_latin_1_decoded_bytes(self):
        # "native strings … code points representable in ISO-8859-1"
        value = "/caf\xc3\xa9/\xff\x80"
        self.assertEqual(self.value("environ['PATH_INFO']", path=value), value)
        self.assertEqual(self.value("environ['PATH_INFO'].encode('latin-1').decode('utf-8')",
                                    path="/caf\xc3\xa9"), "/caf\u00e9")

    def test_wsgi_version_is_1_0(self):
        self.assertTrue(self.value("environ['wsgi.version'] == (1, 0) and"
                                   " type(environ['wsgi.version']) is tuple"))

    def test_wsgi_url_scheme_follows_https(self):
        self.assertEqual(self.value("environ['wsgi.url_scheme']"), "http")
        for value in ("on", "On", "1", "yes"):
            self.assertEqual(self.value("environ['wsgi.url_scheme']", HTTPS=value), "https", value)
        for value in ("off", "0", ""):
            self.assertEqual(self.value("environ['wsgi.url_scheme']", HTTPS=value), "http", value)

    def test_multithread_is_true_with_several_threads_and_multiprocess_false_in_one_process(self):
        self.assertEqual(self.value("[bool(environ['wsgi.multithread']),"
                                    " bool(environ['wsgi.multiprocess']),"
                                    " bool(environ['wsgi.run_once'])]"), [True, False, False])

    def test_input_is_terminated(self):
        self.assertIs(self.value("environ['wsgi.input_terminated']"), True)

    def test_the_extra_keys_of_the_host(self):
        got = self.value("[environ['fcgi_host.' + k] for k in"
                         " ('app', 'interpreter', 'generation', 'request_id')]")
        self.assertEqual(got[:3], ["given", "given", 1])
        other = self.value("environ['fcgi_host.request_id']")
        self.assertNotEqual(got[3], other)

    def test_request_headers_are_passed_on(self):
        self.assertEqual(self.value("environ['HTTP_X_ODD_HEADER']", HTTP_X_ODD_HEADER="v"), "v")

    def test_content_type_and_length_are_those_of_the_request(self):
        got = self.value("[environ.get('CONTENT_TYPE'), environ.get('CONTENT_LENGTH')]",
                         body=b"12", CONTENT_TYPE="text/x")
        self.assertEqual(got, ["text/x", "2"])

    def test_http_content_type_http_content_length_and_http_proxy_never_reach_environ(self):
        # nginx and lighttpd send the first two; the third is how "httpoxy" poisons clients.
        self.assertEqual(self.value(
            "[k for k in environ if k in"
            " ('HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH', 'HTTP_PROXY')]",
            HTTP_CONTENT_TYPE="evil", HTTP_CONTENT_LENGTH="7", HTTP_PROXY="http://evil/"), [])

    def test_a_client_cannot_name_keys_of_wsgi(self):
        # A FastCGI parameter called wsgi.input must not replace ours.
        params = {"wsgi.url_scheme": "gopher", "wsgi.input": "text", "fcgi_host.app": "other",
                  "wsgi.errors": "text", "wsgi.version": "9"}
        self.assertEqual(self.value(
            "[environ['wsgi.url_scheme'], type(environ['wsgi.input']) is str,"
            " environ['fcgi_host.app'], type(environ['wsgi.errors']) is str,"
            " environ['wsgi.version'][0]]", **params), ["http", False, "given", False, 1])

    def test_environment_variables_of_the_process_do_not_shadow_the_request(self):
        self.assertEqual(self.value("environ['SERVER_NAME']", SERVER_NAME="asked.example"),
                         "asked.example")


class Input(Wsgi):
    """"Input and Error Streams"."""

    BODY = b"first line\nsecond\r\n\nlast without end"

    def reading(self, expression, body=BODY, **kw):
        return self.value(
            f"(lambda i: {expression})(environ['wsgi.input'])", body=body, **kw)

    def test_read_without_size_reads_all(self):
        self.assertEqual(self.reading("[i.read().decode(), i.read().decode()]"),
                         [self.BODY.decode(), ""])

    def test_read_with_size_minus_one_or_none_reads_all(self):
        self.assertEqual(self.reading("i.read(-1).decode()"), self.BODY.decode())
        self.assertEqual(self.reading("i.read(None).decode()"), self.BODY.decode())

    def test_read_with_size_reads_so_much_and_no_more_than_there_is(self):
        self.assertEqual(self.reading("[i.read(n).decode() for n in (0, 1, 4, 100, 100)]"),
                         ["", "f", "irst", self.BODY[5:].decode(), ""])

    def test_reads_give_bytes(self):
        self.assertTrue(self.reading(
            "all(type(x) is bytes for x in (i.read(1), i.readline(), i.readlines()[0], i.read()))"))

    def test_readline(self):
        self.assertEqual(self.reading("[i.readline().decode() for _ in range(6)]"),
                         ["first line\n", "second\r\n", "\n", "last without end", "", ""])

    def test_readline_with_a_size_hint(self):
        # "The optional 'size' argument to readline() is … supported"
        self.assertEqual(self.reading("[i.readline(n).decode() for n in (5, 100, 6, 0, -1, -1)]"),
                         ["first", " line\n", "second", "", "\r\n", "\n"])

    def test_readlines(self):
        self.assertEqual(self.reading("[x.decode() for x in i.readlines()]"),
                         self.BODY.decode().splitlines(True)[:1] + ["second\r\n", "\n",
                                                                    "last without end"])

    def test_readlines_with_a_hint_stops_at_or_after_it_and_loses_nothing(self):
        self.assertEqual(self.reading("(b''.join(i.readlines(5)) + b''.join(i.readlines())).decode()"),
                         self.BODY.decode())

    def test_iteration_gives_lines(self):
        self.assertEqual(self.reading("[x.decode() for x in i]"),
                         ["first line\n", "second\r\n", "\n", "last without end"])

    def test_ways_of_reading_may_be_mixed(self):
        self.assertEqual(
            self.reading("[i.read(3).decode(), i.readline().decode(), next(iter(i)).decode(),"
                         " i.read().decode()]"),
            ["fir", "st line\n", "second\r\n", "\nlast without end"])

    def test_a_line_longer_than_any_buffer(self):
        body = b"x" * 200000 + b"\n" + b"y" * 100000
        self.assertEqual(self.reading("[len(x) for x in i]", body), [200001, 100000])

    def test_without_a_body_every_read_is_empty(self):
        self.assertEqual(self.reading("[len(i.read()), len(i.readline()), len(i.readlines()),"
                                      " len(list(i)), len(i.read(5))]", b""), [0] * 5)

    def test_a_large_body_arrives_whole_whatever_the_size_of_reads(self):
        body = bytes(i * 7 % 253 for i in range(1 << 20))
        want = hashlib.sha256(body).hexdigest()
        for size in (1000, 65536, 1 << 22):
            got = self.value(
                f"(lambda h, i: ([h.update(b) for b in iter(lambda: i.read({size}), b'')],"
                " h.hexdigest())[1])(__import__('hashlib').sha256(), environ['wsgi.input'])",
                body=body)
            self.assertEqual(got, want)

    def test_reading_after_the_request_has_ended_fails_cleanly(self):
        self.call("""
            import builtins
            def application(environ, start_response):
                builtins.kept_input = environ["wsgi.input"]
                builtins.kept_errors = environ["wsgi.errors"]
                start_response("200 OK", [])
                return [b""]
            """, body=b"abc")
        got = self.call("""
            import builtins
            def application(environ, start_response):
                try:
                    result = repr(builtins.kept_input.read())
                except Exception as e:
                    result = type(e).__name__
                builtins.kept_errors.write("late word")
                start_response("200 OK", [])
                return [result.encode()]
            """)
        self.assertIn(got.body, (b"b''", b"ValueError", b"OSError", b"BrokenPipeError",
                                b"ConnectionResetError"))


class Errors(Wsgi):
    def test_errors_take_write_writelines_and_flush(self):
        response = self.call("""
            def application(environ, start_response):
                errors = environ["wsgi.errors"]
                errors.write("one\\n")
                errors.writelines(["two\\n", "three\\n"])
                errors.flush()
                print("four", file=errors)
                start_response("200 OK", [])
                return [b"ok"]
            """)
        self.assertEqual(response.stderr, b"one\ntwo\nthree\nfour\n")
        self.assertEqual(response.body, b"ok")

    def test_errors_are_logged_too(self):
        self.call("""
            def application(environ, start_response):
                environ["wsgi.errors"].write("a marked word\\n")
                start_response("200 OK", [])
                return [b"ok"]
            """)
        self.assertIn("app=given", self.host.log.wait_for(r"\[app\.errors\].*a marked word"))

    def test_errors_take_text_beyond_latin_1(self):
        response = self.call("""
            def application(environ, start_response):
                environ["wsgi.errors"].write("\\u20ac \\udc80\\n")
                start_response("200 OK", [])
                return [b"ok"]
            """)
        self.assertEqual(response.body, b"ok")
        self.assertIn("\u20ac".encode(), response.stderr)

    def test_errors_refuse_bytes(self):
        response = self.call("""
            def application(environ, start_response):
                try:
                    environ["wsgi.errors"].write(b"bytes")
                except TypeError:
                    start_response("200 OK", [])
                    return [b"TypeError"]
            """)
        self.assertEqual(response.body, b"TypeError")

    def test_stdout_and_stderr_go_to_the_log_not_to_the_response(self):
        response = self.call("""
            import sys
            def application(environ, start_response):
                print("printed by an application")
                print("said by an application", file=sys.stderr)
                start_response("200 OK", [])
                return [b"ok"]
            """)
        self.assertEqual(response.stdout.count(b"printed"), 0)
        self.host.log.wait_for("printed by an application")
        self.host.log.wait_for("said by an application")


class StartResponse(Wsgi):
    """"The start_response() Callable"."""

    def test_status_and_headers_are_sent_as_given(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("418 I'm a teapot", [("X-One", "1"), ("X-Two", "a, b"), ("X-One", "2")])
                return [b"short and stout"]
            """)
        self.assertEqual(response.status_line, "418 I'm a teapot")
        given = [h for h in response.header_list if h[0].startswith("X-")]
        self.assertEqual(given, [("X-One", "1"), ("X-Two", "a, b"), ("X-One", "2")])

    def test_two_cookies_stay_two_headers(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
                return []
            """)
        cookies = [v for n, v in response.header_list if n.lower() == "set-cookie"]
        self.assertEqual(cookies, ["a=1", "b=2"])

    def test_header_values_are_latin_1(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("X-Name", "caf\\xe9")])
                return []
            """)
        self.assertIn(b"X-Name: caf\xe9", response.head)

    def test_headers_leave_with_the_first_block_not_before(self):
        # "must not actually transmit the response headers … until … the first … non-empty bytestring"
        response = self.call("""
            import sys
            def application(environ, start_response):
                start_response("200 OK", [("X-First", "yes")])
                yield b""
                try:
                    raise RuntimeError("too late?")
                except RuntimeError:
                    start_response("500 Oops", [("X-Second", "yes")], sys.exc_info())
                yield b"body"
            """)
        self.assertEqual(response.status_line, "500 Oops")
        self.assertNotIn("x-first", response.headers)
        self.assertEqual(response.body, b"body")

    def test_start_response_may_be_called_as_late_as_the_first_iteration(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("X-Late", "1")])
                yield b"generated"
            """)
        self.assertEqual((response.headers["x-late"], response.body), ("1", b"generated"))

    def test_start_response_takes_keywords_for_exc_info(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [], exc_info=None)
                return [b"ok"]
            """)
        self.assertEqual(response.body, b"ok")

    def test_a_second_call_without_exc_info_is_an_error(self):
        # "it is a fatal error to call start_response without the exc_info argument if
        #  start_response has already been called"
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [])
                try:
                    start_response("200 OK", [])
                except Exception as e:
                    return [type(e).__name__.encode()]
                return [b"accepted"]
            """)
        self.assertNotEqual(response.body, b"accepted")

    def test_exc_info_after_the_headers_were_sent_is_raised_again(self):
        # "raise … the exc_info tuple if the headers have already been sent"
        response = self.cut("""
            import sys
            def application(environ, start_response):
                start_response("200 OK", [])
                yield b"sent"
                try:
                    raise KeyError("original")
                except KeyError:
                    try:
                        start_response("500 Oops", [], sys.exc_info())
                    except KeyError as e:
                        note("raised again " + str(e))
                        raise
            """)
        self.assertEqual(response.body, b"sent")
        self.assertIn("raised again 'original'", self.events())
        self.assertFalse(response.ended and response.app_status == 0, "quietly complete")

    def test_no_start_response_at_all_is_an_error(self):
        self.assert_500(self.call("""
            def application(environ, start_response):
                return [b"body"]
            """), r"start_response")

    def test_no_start_response_and_nothing_to_send_is_an_error_too(self):
        self.assertEqual(self.call("""
            def application(environ, start_response):
                return []
            """).status, 500)

    def test_status_must_be_str_with_code_and_reason(self):
        for status in ("b'200 OK'", "200", "None", "''", "'OK'", "'20 OK'", "'2000 OK'",
                       "'200 OK\\r\\nX-Injected: 1'", "'200 O\\nK'", "'200 \\u20ac'", "'abc OK'"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response({status}, [("Content-Type", "text/plain")])
                    return [b"body"]
                """)
            self.assertEqual(response.status, 500, f"{status}: {response}")
            self.assertNotIn("x-injected", response.headers)

    def test_headers_must_be_a_list_of_pairs_of_str(self):
        # "a list of (header_name, header_value) tuples … type(response_headers) is ListType"
        for headers in ("(('A', 'b'),)", "{'A': 'b'}", "None", "['A: b']", "[('A',)]",
                        "[('A', 'b', 'c')]", "[('A', 1)]", "[(b'A', 'b')]", "[('A', b'b')]",
                        "[('A', None)]", "[('A', '\\u20ac')]", "iter([('A', 'b')])"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response("200 OK", {headers})
                    return [b"body"]
                """)
            self.assertEqual(response.status, 500, f"{headers}: {response}")

    def test_header_injection_is_refused(self):
        # "must not include control characters, including carriage returns or linefeeds"
        for header in ("('X', 'a\\r\\nX-Injected: 1')", "('X', 'a\\nX-Injected: 1')",
                       "('X', 'a\\rb')", "('X', 'a\\x00b')", "('X\\r\\nX-Injected', '1')",
                       "('X Y', '1')", "('X:', '1')", "('', '1')", "('X\\n', '1')"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response("200 OK", [{header}])
                    return [b"body"]
                """)
            self.assertEqual(response.status, 500, f"{header}: {response}")
            self.assertNotIn(b"Injected", response.stdout)

    def test_a_status_header_of_the_application_cannot_replace_its_status(self):
        # CGI reads "Status:" as the status line; "headers must not include … Status".
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("Status", "500 Injected")])
                return [b"body"]
            """)
        lines = [v for n, v in response.header_list if n.lower() == "status"]
        self.assertNotIn("500 Injected", lines)
        self.assertEqual(len(lines), 1)

    def test_an_interim_status_is_an_error_and_takes_no_other_response_along(self):
        with self.host.connect() as c:
            for status in ("100 Continue", "101 Switching Protocols", "103 Early Hints"):
                response = c.request("/", keep=True, APPLICATION=textwrap.dedent(f"""
                    def application(environ, start_response):
                        start_response("{status}", [])
                        return []
                    """))
                self.assertEqual(response.status, 500)

    def test_a_status_without_a_reason_is_taken(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("404", [])
                return [b"body"]
            """)
        self.assertEqual((response.status_line, response.body), ("404 Not Found", b"body"))

    def test_hop_by_hop_headers_are_left_out(self):
        # "Applications and middleware are forbidden from using HTTP/1.1 'hop-by-hop' features"
        for name in ("Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "TE", "Trailer",
                     "Proxy-Authenticate"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response("200 OK", [("{name}", "x")])
                    return [b"body"]
                """)
            sent = name.lower() in response.headers
            self.assertFalse(sent, f"{name} was passed on")
            self.assertEqual((response.status, response.body), (200, b"body"))

    def test_start_response_returns_a_write_callable(self):
        # "write(body_data) … must … be transmitted" before what the iterable gives
        response = self.call("""
            def application(environ, start_response):
                write = start_response("200 OK", [("Content-Type", "text/plain")])
                write(b"written ")
                write(b"")
                write(b"and ")
                return [b"returned"]
            """)
        self.assertEqual(response.body, b"written and returned")

    def test_write_refuses_what_is_not_bytes(self):
        response = self.call("""
            def application(environ, start_response):
                write = start_response("200 OK", [])
                try:
                    write("text")
                except Exception as e:
                    return [type(e).__name__.encode()]
                return [b"accepted"]
            """)
        self.assertNotEqual(response.body, b"accepted")

    def test_a_response_may_be_written_only(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [])(b"all of it")
                return []
            """)
        self.assertEqual(response.body, b"all of it")


class Iterables(Wsgi):
    """What an application may return."""

    def test_lists_tuples_generators_and_objects_with_getitem_are_iterables(self):
        for result in ("[b'a', b'b']", "(b'a', b'b')", "(x for x in (b'a', b'b'))",
                       "iter([b'a', b'b'])", "map(bytes, [b'a', b'b'])", "Old()"):
            response = self.call(f"""
                class Old:
                    def __getitem__(self, i):
                        return [b"a", b"b"][i]
                def application(environ, start_response):
                    start_response("200 OK", [])
                    return {result}
                """)
            self.assertEqual(response.body, b"ab", result)

    def test_an_application_may_be_any_callable(self):
        # given.py calls it itself; test_applications.py has classes and instances as `application`
        response = self.call("""
            class application:
                def __init__(self, environ, start_response):
                    self.start = start_response
                def __iter__(self):
                    self.start("200 OK", [])
                    yield b"class"
            """)
        self.assertEqual(response.body, b"class")

    def test_empty_blocks_are_no_end(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"", b"a", b"", b"b", b""]
            """)
        self.assertEqual(response.body, b"ab")

    def test_an_empty_response_has_headers(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("X-Empty", "1")])
                return []
            """)
        self.assertEqual((response.headers["x-empty"], response.body), ("1", b""))

    def test_wrong_types_of_blocks_are_an_error(self):
        for result in ("['text']", "[None]", "[1]", "'text'", "[bytearray(b'x')]", "None", "7",
                       "[memoryview(b'x')]"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response("200 OK", [("Content-Type", "text/plain")])
                    return {result}
                """)
            self.assertEqual(response.status, 500, f"{result}: {response}")

    def test_a_single_bytes_object_is_an_error(self):
        # Its iteration gives integers.
        self.assertEqual(self.call("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return b"bytes"
            """).status, 500)

    def test_content_length_is_added_to_a_response_of_one_block(self):
        # "If … len(iterable) is 1, then the server can automatically determine Content-Length"
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return [b"12345"]
            """)
        self.assertEqual(response.headers.get("content-length"), "5")

    def test_a_content_length_of_the_application_stays(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("Content-Length", "4")])
                return [b"12", b"34"]
            """)
        self.assertEqual([v for n, v in response.header_list if n.lower() == "content-length"], ["4"])
        self.assertEqual(response.body, b"1234")

    def test_more_than_content_length_is_never_sent(self):
        # "must not … transmit more than Content-Length bytes"
        response = self.cut("""
            def application(environ, start_response):
                start_response("200 OK", [("Content-Length", "4")])
                yield b"12"
                yield b"345678"
                yield b"9"
            """)
        self.assertEqual(response.body, b"1234")

    def test_less_than_content_length_is_logged_or_cut_not_quietly_complete(self):
        response = self.cut("""
            def application(environ, start_response):
                start_response("200 OK", [("Content-Length", "10")])
                yield b"1234"
            """)
        self.assertEqual(response.body, b"1234")
        self.assertFalse(response.ended and response.app_status == 0, response)


class Close(Wsgi):
    """"the server or gateway must call [close()] upon completion of the current request"."""

    CLOSING = """
        class Closing:
            def __init__(self, name, blocks, error=None):
                self.name, self.blocks, self.error = name, iter(blocks), error
            def __iter__(self):
                return self
            def __next__(self):
                for block in self.blocks:
                    return block
                if self.error:
                    raise self.error
                raise StopIteration
            def close(self):
                note("closed " + self.name)
    """

    def call_closing(self, name, application, call=None):
        response = (call or self.call)(textwrap.dedent(self.CLOSING) + textwrap.dedent(application))
        self.await_event("closed " + name)
        self.assertEqual(self.events().count("closed " + name), 1, "closed more than once")
        return response

    def test_after_a_complete_response(self):
        response = self.call_closing("complete", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("complete", [b"a", b"b"])
            """)
        self.assertEqual(response.body, b"ab")

    def test_after_an_empty_response(self):
        self.call_closing("empty", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("empty", [])
            """)

    def test_after_an_error_before_the_first_block(self):
        response = self.call_closing("early", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("early", [], RuntimeError("before"))
            """)
        self.assertEqual(response.status, 500)

    def test_after_an_error_in_the_middle(self):
        self.call_closing("middle", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("middle", [b"a"], RuntimeError("in the middle"))
            """, self.cut)

    def test_after_a_block_of_a_wrong_type(self):
        self.call_closing("type", """
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("type", ["text"])
            """)

    def test_without_start_response(self):
        self.call_closing("unstarted", """
            def application(environ, start_response):
                return Closing("unstarted", [b"a"])
            """)

    def test_after_a_head_request(self):
        params = fcgi.params_of(method="HEAD", APPLICATION=textwrap.dedent(self.CLOSING) + textwrap.dedent("""
            def application(environ, start_response):
                start_response("200 OK", [])
                return Closing("head", [b"a", b"b"])
            """))
        with self.host.connect() as c:
            c.send(fcgi.whole_request(params))
            self.assertEqual(c.read_response().body, b"")
        self.await_event("closed head")

    def test_generators_run_their_finally(self):
        self.cut("""
            def application(environ, start_response):
                start_response("200 OK", [])
                try:
                    yield b"a"
                    raise RuntimeError("to see finally")
                finally:
                    note("finally ran")
            """)
        self.await_event("finally ran")

    def test_an_error_in_close_is_logged_and_the_response_is_whole(self):
        response = self.call("""
            class Bad(list):
                def close(self):
                    raise RuntimeError("error in close")
            def application(environ, start_response):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return Bad([b"whole"])
            """)
        self.assertEqual(response.body, b"whole")
        self.host.log.wait_for("error in close")


class Exceptions(Wsgi):
    def test_an_exception_before_the_headers_gives_500_and_a_traceback_in_the_log(self):
        response = self.call("""
            def application(environ, start_response):
                raise LookupError("a marked failure")
            """)
        self.assert_500(response, "LookupError: a marked failure")
        line = self.host.log.wait_for(r"\[request\.exception\]")
        self.assertRegex(line, r" error \d+ .*app=given ")
        self.assertNotIn(b"marked", response.stdout)

    def test_an_exception_after_start_response_and_before_a_block_gives_500_too(self):
        response = self.call("""
            def application(environ, start_response):
                start_response("200 OK", [("X-Mine", "1")])
                raise LookupError("after start_response")
            """)
        self.assert_500(response, "after start_response")
        self.assertNotIn("x-mine", response.headers)

    def test_an_exception_after_the_headers_cuts_the_response_visibly(self):
        response = self.cut("""
            def application(environ, start_response):
                start_response("200 OK", [])
                yield b"half"
                raise LookupError("after the headers")
            """)
        self.assertEqual(response.body, b"half")
        self.assertFalse(response.ended and response.app_status == 0, "quietly complete")
        self.host.log.wait_for("after the headers")

    def test_system_exit_and_keyboard_interrupt_end_the_request_not_the_host(self):
        for exception in ("SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()"):
            response = self.call(f"""
                def application(environ, start_response):
                    raise {exception}
                """)
            self.assertEqual(response.status, 500, exception)
        self.assertEqual(self.value("1"), 1)

    def test_an_exception_whose_str_fails_is_survived(self):
        response = self.call("""
            class Nasty(Exception):
                def __str__(self):
                    raise RuntimeError("no text for you")
            def application(environ, start_response):
                raise Nasty
            """)
        self.assert_500(response, "Nasty")

    def test_control_characters_of_an_exception_do_not_forge_log_lines(self):
        self.assertEqual(self.call("""
            def application(environ, start_response):
                raise ValueError("\\x1b[31mred\\n2026-01-01T00:00:00.000Z error 1 [forged.line] x")
            """).status, 500)
        self.host.log.wait_for("forged.line")
        self.assertEqual(self.host.log.find(r"^2026-01-01T00:00:00.000Z"), [])
        self.assertEqual(self.host.log.find("\x1b"), [])

    def test_recursion_without_end_is_survived(self):
        response = self.call("""
            def f():
                return f()
            def application(environ, start_response):
                return f()
            """)
        self.assert_500(response, "RecursionError")


class Bodies(Wsgi):
    def test_head_sends_the_headers_of_get_and_no_body(self):
        application = """
            def application(environ, start_response):
                start_response("200 OK", [("Content-Length", "5"), ("X-A", "b")])
                return [b"12345"]
            """
        get, head = self.call(application), self.call(application, method="HEAD")
        self.assertEqual(sorted(head.header_list), sorted(get.header_list))
        self.assertEqual((head.body, get.body), (b"", b"12345"))

    def test_204_and_304_have_no_body_and_no_content_length_of_ours(self):
        for status in ("204 No Content", "304 Not Modified"):
            response = self.call(f"""
                def application(environ, start_response):
                    start_response("{status}", [("ETag", '"x"')])
                    return [b"never sent"]
                """)
            self.assertEqual(response.status_line, status)
            self.assertEqual(response.body, b"")
            self.assertNotIn("content-length", response.headers)
            self.assertEqual(response.headers["etag"], '"x"')

    def test_each_block_leaves_at_once(self):
        # "must … transmit each bytestring … before requesting another one"
        with self.host.connect() as c:
            source = textwrap.dedent("""
                import builtins, threading
                builtins.gate = threading.Semaphore(0)
                def application(environ, start_response):
                    write = start_response("200 OK", [])
                    write(b"written")
                    assert builtins.gate.acquire(timeout=60)
                    yield b"first"
                    assert builtins.gate.acquire(timeout=60)
                    yield b"second"
                """)
            opening = """
                import builtins
                def application(environ, start_response):
                    builtins.gate.release()
                    start_response("200 OK", [])
                    return []
                """
            c.send(fcgi.whole_request(fcgi.params_of(APPLICATION=source)))
            response = fcgi.Response(1)

            def arrives(text):
                c.read_until(lambda: response.stdout.endswith(text), {1: response})
            arrives(b"\r\n\r\nwritten")
            self.call(opening)
            arrives(b"writtenfirst")
            self.call(opening)
            arrives(b"firstsecond")
            c.read_until(lambda: response.ended, {1: response})

    def test_a_slow_client_gets_everything(self):
        with self.host.connect() as c:
            source = """
                def application(environ, start_response):
                    start_response("200 OK", [])
                    return [bytes([i]) * 100000 for i in range(64)]
                """
            c.send(fcgi.whole_request(fcgi.params_of(APPLICATION=textwrap.dedent(source))))
            self.assertEqual(self.value("1"), 1)  # served while the first response waits
            body = c.read_response().body
            self.assertEqual(len(body), 6400000)
            self.assertEqual(body[::100000], bytes(range(64)))


class FileWrapper(Wsgi):
    """"Optional Platform-Specific File Handling"."""

    CONTENT = bytes(i * 13 % 251 for i in range(300000))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.path("content.bin")
        with open(cls.file, "wb") as f:
            f.write(cls.CONTENT)

    def wrapped(self, opened, headers="[]", before="", **kw):
        return self.call(f"""
            import io
            def application(environ, start_response):
                file = {opened}
                {before}
                start_response("200 OK", {headers})
                return environ["wsgi.file_wrapper"](file, 8192)
            """, **kw)

    def test_a_file_is_sent(self):
        self.assertTrue(self.wrapped(f"open({self.file!r}, 'rb')").body == self.CONTENT)

    def test_a_file_is_sent_from_where_it_stands(self):
        response = self.wrapped(f"open({self.file!r}, 'rb')", before="file.seek(299990)")
        self.assertEqual(response.body, self.CONTENT[299990:])

    def test_what_python_has_buffered_of_a_file_counts(self):
        response = self.wrapped(f"open({self.file!r}, 'rb')", before="file.read(7)")
        self.assertTrue(response.body == self.CONTENT[7:])

    def test_a_file_like_object_without_a_descriptor_is_sent(self):
        self.assertEqual(self.wrapped("io.BytesIO(b'in memory')").body, b"in memory")

    def test_an_object_with_read_alone_is_sent(self):
        response = self.wrapped("type('F', (), {'read': io.BytesIO(b'only read').read})()")
        self.assertEqual(response.body, b"only read")

    def test_what_no_sendfile_can_send_is_read_to_its_end(self):
        for what, want in (("/proc/self/status", b"Pid:"), (None, b"piped")):
            opened = f"open({what!r}, 'rb')" if what else "pipe()"
            response = self.call(f"""
                import os
                def pipe():
                    reading, writing = os.pipe()
                    os.write(writing, b"piped")
                    os.close(writing)
                    return open(reading, "rb")
                def application(environ, start_response):
                    start_response("200 OK", [])
                    return environ["wsgi.file_wrapper"]({opened})
                """)
            self.assertIn(want, response.body)

    def test_content_length_limits_what_is_sent(self):
        response = self.cut(f"""
            def application(environ, start_response):
                start_response("200 OK", [("Content-Length", "10")])
                return environ["wsgi.file_wrapper"](open({self.file!r}, "rb"))
            """)
        self.assertEqual(response.body, self.CONTENT[:10])

    def test_head_sends_no_byte_of_the_file(self):
        self.assertEqual(self.wrapped(f"open({self.file!r}, 'rb')", method="HEAD").body, b"")

    def test_the_wrapper_may_be_iterated_by_middleware(self):
        response = self.call(f"""
            def application(environ, start_response):
                start_response("200 OK", [])
                for block in environ["wsgi.file_wrapper"](open({self.file!r}, "rb"), 1000):
                    yield block
            """)
        self.assertTrue(response.body == self.CONTENT)

    def test_close_of_the_file_is_called(self):
        self.call("""
            import io
            class File(io.BytesIO):
                def close(self):
                    note("file closed")
                    super().close()
            def application(environ, start_response):
                start_response("200 OK", [])
                return environ["wsgi.file_wrapper"](File(b"x"))
            """)
        self.await_event("file closed")

    def test_an_empty_file_is_an_empty_response(self):
        response = self.wrapped("open('/dev/null', 'rb')")
        self.assertEqual((response.status, response.body), (200, b""))


class Module(Wsgi):
    """The module that applications can import."""

    def test_info_says_where_the_application_runs(self):
        info = self.value("__import__('fcgi_host').info()")
        self.assertEqual((info["app"], info["interpreter"], info["generation"], info["gil"]),
                         ("given", "given", 1, "shared"))
        self.assertTrue(info["version"])


class Validated(HostTestCase):
    """The standard library's own checker around an application: any breach fails the request."""

    def test_wsgiref_validate_finds_nothing(self):
        app = self.write("validated.py", """
            from wsgiref.validate import validator

            def plain(environ, start_response):
                body = environ["wsgi.input"].read(10) + environ["wsgi.input"].readline(5)
                lines = list(environ["wsgi.input"])
                environ["wsgi.errors"].write("noted\\n")
                environ["wsgi.errors"].flush()
                start_response("200 OK", [("Content-Type", "text/plain")])
                if environ["PATH_INFO"] == "/file":
                    import io
                    return environ["wsgi.file_wrapper"](io.BytesIO(b"a file"))
                if environ["PATH_INFO"] == "/generator":
                    return (x for x in [b"a", b"", b"b"])
                return [body, b"|", b"".join(lines)]

            application = validator(plain)
            """)
        host = self.start_host(app)
        self.assertEqual(host.fetch("/", body=b"0123456789ABCDEFGH\nI").body,
                         b"0123456789ABCDE|FGH\nI")
        self.assertEqual(host.fetch("/generator").body, b"ab")
        self.assertEqual(host.fetch("/file").body, b"a file")
        self.assertEqual(host.fetch("/", method="HEAD").status, 200)
        self.assertEqual(host.fetch("/odd%20path", query="a=b&c").status, 200)
        self.assertEqual(host.log.find("Traceback|AssertionError|WSGIWarning"), [])


if __name__ == "__main__":
    unittest.main()
