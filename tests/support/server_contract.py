"""What an application must see and be able to do behind every web server.

A test class names its server by start_server(); all of them run the same tests.
"""

import hashlib
import http.client
import json
import os
import shutil

from . import servers
from .host import APPS, PROGRAM, PYTHON, HostTestCase
from .waiting import await_

MIB = 1 << 20

#: Request target, and what PEP 3333 and RFC 3875 make of it: the decoded path, with "//" and ".."
#: resolved by the web server (unless AS_SENT says otherwise), and the query string as it was sent.
URLS = [
    ("/", "/", ""),
    ("/a", "/a", ""),
    ("/a/", "/a/", ""),
    ("/a/b/c?x=1&y=2", "/a/b/c", "x=1&y=2"),
    ("/caf%C3%A9/%E2%82%AC", "/caf\xc3\xa9/\xe2\x82\xac", ""),
    ("/%FF", "/\xff", ""),
    ("/a%20b+c", "/a b+c", ""),
    ("/a%25b", "/a%b", ""),
    ("/%3Fnot-a-query", "/?not-a-query", ""),
    ("/a;b=c", "/a;b=c", ""),
    ("/~user/$&'()*,:@!", "/~user/$&'()*,:@!", ""),
    ("/a//b///c", "/a/b/c", ""),
    ("/a/../c", "/c", ""),
    ("/x.py/y.fcgi", "/x.py/y.fcgi", ""),
    ("/?a=%C3%A9&b=/?+%20", "/", "a=%C3%A9&b=/?+%20"),
    ("/q?", "/q", ""),
    ("/q?=", "/q", "="),
    ("/q?http://x/y", "/q", "http://x/y"),
]


class ServerContract:
    """Mixed into a HostTestCase. Where the server mounts the application is MOUNT."""

    MOUNT = ""
    HOST_MOUNT = ""  # what fcgi_host's configuration says of it
    REFUSES = ()  # URLs that the web server itself answers with an error
    AS_SENT = ()  # URLs whose path it passes on as it came, with "//" or ".."
    DECODES_SLASH = True  # "/a%2Fb" is "/a/b"; Apache answers 404 instead
    APPENDS_ERROR_PAGE = False  # to a response that breaks off, instead of breaking off as well
    LOGS_ERRORS = True  # what is written to wsgi.errors
    HIDES_A_BREAK = False  # in a response without a Content-Length: the client takes it for whole

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.folder, 0o777)  # applications may run as www-data
        # Copies that any user can reach, wherever the tree lies.
        cls.program = shutil.copy(PROGRAM, cls.folder)
        app = shutil.copy(os.path.join(APPS, "site.py"), cls.folder)
        # The queue has room for the 200 clients; the default would send some of them 503.
        mount = f"mount = {cls.HOST_MOUNT}" if cls.HOST_MOUNT else ""
        cls.conf = cls.config(f"[app site]\nfile = {app}\nqueue = 256\n{mount}\n")
        cls.server = cls.start_server()
        cls._logs.append(("web server", lambda: cls.server.log_text))
        cls.addClassCleanup(cls.stop_server)

    @classmethod
    def server_folder(cls):
        folder = cls.path("server")
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        return folder

    @classmethod
    def stop_server(cls):
        cls.server.stop()

    def environ(self, target, **headers):
        reply = self.server.get(target, **headers)
        self.assertEqual(reply.status, 200, reply)
        return json.loads(reply.body)

    def url(self, path):
        return self.MOUNT + path

    # ---- URLs

    def test_script_name_path_info_and_query_string_are_as_pep_3333_wants(self):
        for target, path, query in URLS:
            if target in self.REFUSES:
                continue
            if target in self.AS_SENT:
                path = target
            with self.subTest(target):
                environ = self.environ(self.MOUNT + target)
                self.assertEqual(
                    (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["QUERY_STRING"]),
                    (self.MOUNT, path, query))
                self.assertEqual(environ["REQUEST_URI"], self.MOUNT + target)

    def test_an_encoded_slash_is_a_slash_or_refused(self):
        reply = self.server.get(self.url("/a%2Fb"))
        if self.DECODES_SLASH:
            self.assertEqual(json.loads(reply.body)["PATH_INFO"], "/a/b")
        else:
            self.assertEqual(reply.status, 404)

    def test_the_url_can_be_rebuilt(self):
        # PEP 3333, "URL Reconstruction"
        environ = self.environ(self.url("/p?q"), Host=f"127.0.0.1:{self.server.port}")
        self.assertEqual(environ["wsgi.url_scheme"], "http")
        self.assertEqual(environ["SERVER_PORT"], str(self.server.port))
        self.assertRegex(environ["SERVER_NAME"], r"\A[\w.-]+\Z")  # and no port
        self.assertTrue(environ["HTTP_HOST"].startswith("127.0.0.1"))
        self.assertEqual(environ["SERVER_PROTOCOL"], "HTTP/1.1")
        self.assertEqual(environ["REMOTE_ADDR"], "127.0.0.1")

    # ---- Headers

    def test_request_headers_arrive(self):
        environ = self.environ(self.url("/"), X_Odd="one", Cookie="c=1", Authorization="Basic eDp5",
                               Accept="text/x; q=0.5")
        self.assertEqual(environ["HTTP_X_ODD"], "one")
        self.assertEqual(environ["HTTP_COOKIE"], "c=1")
        self.assertEqual(environ["HTTP_AUTHORIZATION"], "Basic eDp5")
        self.assertEqual(environ["HTTP_ACCEPT"], "text/x; q=0.5")

    def test_proxy_content_type_and_content_length_do_not_become_http_variables(self):
        reply = self.server.request("POST", self.url("/"), b"12",
                                    {"Proxy": "http://evil/", "Content-Type": "text/x"})
        environ = json.loads(reply.body)
        self.assertEqual([environ.get("CONTENT_TYPE"), environ.get("CONTENT_LENGTH")],
                         ["text/x", "2"])
        for name in ("HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            self.assertNotIn(name, environ)

    def test_two_cookies_arrive_as_two_headers(self):
        reply = self.server.get(self.url("/cookies"))
        self.assertEqual(reply.headers.get_all("Set-Cookie"), ["a=1; Path=/", "b=2; Path=/"])

    # ---- Statuses

    def test_statuses_reach_the_client(self):
        for status in ("200 OK", "404 Not Found", "410 Gone", "418 I'm a teapot",
                       "500 Internal Server Error", "503 Service Unavailable"):
            reply = self.server.get(self.url("/status?" + status.replace(" ", "+")))
            self.assertEqual((reply.status, reply.body), (int(status[:3]), b"as asked"))

    def test_a_redirect_reaches_the_client_and_is_not_followed_inside(self):
        reply = self.server.get(self.url("/redirect"))
        self.assertEqual(reply.status, 302)
        self.assertTrue(reply.headers["Location"].endswith("/elsewhere?x=1"))
        reply = self.server.get(self.url("/created"))
        self.assertEqual((reply.status, reply.body), (201, b"made"))
        for status in (301, 303, 307, 308):
            reply = self.server.get(self.url(f"/moved?{status}+Moved"))
            self.assertEqual((reply.status, reply.headers["Location"]), (status, "/elsewhere"))

    def test_a_conditional_request_is_answered_304_without_a_body(self):
        self.assertEqual(self.server.get(self.url("/etag")).body, b"version 1")
        reply = self.server.request("GET", self.url("/etag"), headers={"If-None-Match": '"v1"'})
        self.assertEqual((reply.status, reply.body, reply.headers["ETag"]), (304, b"", '"v1"'))

    def test_204_has_no_body(self):
        reply = self.server.get(self.url("/status?204+No+Content"))
        self.assertEqual((reply.status, reply.body), (204, b""))

    def test_head_is_get_without_a_body(self):
        get = self.server.request("GET", self.url("/etag"))
        head = self.server.request("HEAD", self.url("/etag"))
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], get.headers["Content-Length"])

    def test_an_exception_is_a_500_without_details(self):
        reply = self.server.get(self.url("/fail"))
        self.assertEqual(reply.status, 500)
        self.assertNotIn(b"Traceback", reply.body)
        self.assertNotIn(b"purpose", reply.body)

    def test_a_response_that_breaks_off_is_visibly_incomplete(self):
        # It breaks off when the client has some of it: what has come whole before the web server
        # began to send, lighttpd sends as if it were a whole response.
        gate = self.path("gate")
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.request("GET", self.url(f"/fail-late?{gate}"), headers={"Connection": "close"})
        response = connection.getresponse()
        self.assertEqual((response.status, response.read(1)), (200, b"x"))
        with open(gate, "w"):
            pass
        try:
            body = response.read()
        except (http.client.IncompleteRead, ConnectionResetError):
            return
        if self.APPENDS_ERROR_PAGE:
            self.assertIn(b"Internal Server Error", body[-1000:])
        elif self.HIDES_A_BREAK:
            self.assertEqual(body, b"x" * 999999)
        else:
            self.fail(f"looks complete: {len(body)} bytes")

    def test_wsgi_errors_reach_the_error_log(self):
        for _ in range(10):  # one of two was HAProxy 2.6's last
            self.assertEqual(self.server.get(self.url("/say")).text, "said")
        if not self.LOGS_ERRORS:
            self.skipTest("this version of the server does not take them")
        await_(lambda: "a word for the error log" in self.server.log_text, "the error log")

    # ---- Bodies

    def test_a_form_is_posted(self):
        reply = self.server.request("POST", self.url("/form"), "a=1&b=%C3%A9",
                                    {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(json.loads(reply.body), {"a": ["1"], "b": ["\u00e9"]})

    def test_bodies_of_many_sizes_come_back(self):
        for size in (0, 1, 4095, 8192, 65535, 65536, 300001):
            body = bytes(i * 31 % 251 for i in range(size))
            reply = self.server.request("POST", self.url("/echo"), body)
            self.assertTrue(reply.status == 200 and reply.body == body, f"{size}: {reply}"[:300])

    def test_other_methods_have_bodies_too(self):
        for method in ("PUT", "PATCH", "DELETE"):
            self.assertEqual(self.server.request(method, self.url("/echo"), b"body").body, b"body")

    def test_a_chunked_body_arrives_whole(self):
        blocks = [b"one ", b"two ", b"three"]
        reply = self.server.request("POST", self.url("/echo"), iter(blocks))
        self.assertEqual(reply.body, b"one two three")

    def test_a_body_that_nobody_reads_harms_nothing(self):
        for _ in range(3):
            reply = self.server.request("POST", self.url("/"), bytes(3 * MIB))
            self.assertEqual(reply.status, 200)
        self.assertEqual(self.server.request("POST", self.url("/echo"), b"next").body, b"next")

    def test_64_mib_are_uploaded(self):
        block = os.urandom(MIB)
        digest = hashlib.sha256()
        for _ in range(64):
            digest.update(block)
        connection = self.server.connect(60)
        connection.request("POST", self.url("/upload"), (block for _ in range(64)),
                           {"Content-Length": str(64 * MIB), "Connection": "close"})
        reply = servers.Reply(connection.getresponse())
        connection.close()
        self.assertEqual(reply.text, f"{64 * MIB} {digest.hexdigest()}")

    def test_64_mib_are_downloaded(self):
        want, left = hashlib.sha256(), 64 * MIB
        pattern = bytes(range(251)) * 4177
        while left:
            want.update(pattern[:left])
            left -= len(pattern[:left])
        connection = self.server.connect(60)
        connection.request("GET", self.url(f"/download?{64 * MIB}"))
        response = connection.getresponse()
        digest, size = hashlib.sha256(), 0
        while block := response.read(MIB):
            digest.update(block)
            size += len(block)
        connection.close()
        self.assertEqual((size, digest.hexdigest()), (64 * MIB, want.hexdigest()))

    # ---- Time

    def test_200_clients_at_once_are_all_served(self):
        def client(i):
            body = f"client {i} ".encode() * 50
            reply = self.server.request("POST", self.url("/echo"), body)
            assert (reply.status, reply.body) == (200, body), reply
        servers.in_parallel(200, client)

    def test_requests_on_kept_client_connections_do_not_mix(self):
        def client(i):
            connection = self.server.connect()
            for n in range(20):
                connection.request("POST", self.url("/echo"), f"{i}.{n}".encode())
                reply = connection.getresponse().read()
                assert reply == f"{i}.{n}".encode(), reply
            connection.close()
        servers.in_parallel(8, client)

    def test_a_client_that_goes_away_ends_its_response(self):
        closed = self.path("closed")
        connection = self.server.connect()
        connection.request("GET", self.url(f"/endless?{closed}"))
        response = connection.getresponse()
        response.read(100)
        response.close()
        connection.close()
        await_(lambda: os.path.exists(closed), "close() of the response")
        self.assertEqual(self.server.get(self.url("/")).status, 200)


class Mounted:
    """For an application that is not at the root."""

    def test_the_mount_point_itself_has_no_path_info(self):
        environ = self.environ(self.MOUNT)
        self.assertEqual((environ["SCRIPT_NAME"], environ["PATH_INFO"]), (self.MOUNT, ""))


class Streaming:
    """For a configuration that passes blocks of a response on as they come."""

    def test_a_block_arrives_before_the_next_one_is_made(self):
        gate = self.path("gate")
        connection = self.server.connect()
        connection.request("GET", self.url(f"/two-blocks?{gate}"))
        response = connection.getresponse()
        self.assertEqual(response.readline(), b"first block\n")
        with open(gate, "w"):
            pass
        self.assertEqual(response.read(), b"second block\n")
        connection.close()


__all__ = ["MIB", "PYTHON", "HostTestCase", "Mounted", "ServerContract", "Streaming", "servers"]
