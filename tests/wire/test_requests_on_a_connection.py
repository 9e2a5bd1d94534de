"""Request ids, roles, and several requests on one connection (FastCGI 1.0, sections 3.3, 5, 6)."""

import json
import os
import unittest

from support import fcgi
from support.host import APPS
from support.probe import ProbeTestCase


class RequestIds(ProbeTestCase):
    def test_the_response_bears_the_id_of_the_request(self):
        for request_id in (1, 2, 255, 256, 65535):
            self.assertEqual(self.host.fetch(request_id=request_id).body, b"Hello, World!")

    def test_records_for_an_id_that_is_not_active_are_ignored(self):
        with self.host.connect() as c:
            params = fcgi.pairs(fcgi.params_of("/environ"))
            strange = (fcgi.stream(fcgi.PARAMS, 7, fcgi.pairs({"STRANGE": "yes"}))
                       + fcgi.stream(fcgi.STDIN, 7, b"nobody asked") + fcgi.abort(7))
            c.send(strange + fcgi.begin(1) + strange)
            c.send(fcgi.stream(fcgi.PARAMS, 1, params, chunk=50, end=False) + strange)
            c.send(fcgi.record(fcgi.PARAMS, 1) + strange + fcgi.record(fcgi.STDIN, 1))
            environ = json.loads(c.read_response().body)
            self.assertNotIn("STRANGE", environ)

    def test_a_second_request_beside_an_active_one_cannot_be_multiplexed(self):
        # We say FCGI_MPXS_CONNS=0; who multiplexes all the same is told so, and the first is served.
        with self.host.connect() as c:
            one, two = fcgi.Response(1), fcgi.Response(2)
            params = fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(fcgi.params_of("/")))
            c.send(fcgi.begin(1, keep=True) + fcgi.whole_request(fcgi.params_of("/"), request_id=2))
            c.read_until(lambda: two.ended, {1: one, 2: two})
            self.assertEqual(two.protocol_status, fcgi.CANT_MPX_CONN)
            self.assertEqual(two.stdout, b"")
            c.send(params + fcgi.record(fcgi.STDIN, 1))
            c.read_until(lambda: one.ended, {1: one})
            self.assertEqual((one.body, one.protocol_status), (b"Hello, World!", 0))
            self.assertEqual(c.request(request_id=3).body, b"Hello, World!")

    def test_a_second_request_beside_one_that_runs_gets_its_own_answer_or_none(self):
        with self.host.connect() as c:
            one, two = fcgi.Response(1), fcgi.Response(2)
            c.send(fcgi.whole_request(fcgi.params_of("/hold", "beside"), request_id=1, keep=True))
            self.await_event("held beside")
            c.send(fcgi.whole_request(fcgi.params_of("/"), request_id=2, keep=True))
            self.open_gate("beside")
            c.read_until(lambda: one.ended and two.ended, {1: one, 2: two})
            self.assertEqual((one.body, one.protocol_status), (b"held beside", 0))
            if two.protocol_status != fcgi.CANT_MPX_CONN:
                self.assertEqual((two.body, two.protocol_status), (b"Hello, World!", 0))

    def test_the_same_id_may_come_again_once_its_request_has_ended(self):
        with self.host.connect() as c:
            for i in range(100):
                body = str(i).encode()
                self.assertEqual(c.request("/echo", body=body, keep=True).body, body)

    def test_two_requests_sent_in_one_write_on_a_kept_connection_do_not_mix(self):
        with self.host.connect() as c:
            def request(request_id, body):
                params = fcgi.params_of("/echo", method="POST", CONTENT_LENGTH="3")
                return fcgi.whole_request(params, body, request_id, keep=True)
            one, two = fcgi.Response(1), fcgi.Response(2)
            c.send(request(1, b"one") + request(2, b"two"))
            c.read_until(lambda: one.ended and two.ended, {1: one, 2: two})
            self.assertEqual(one.body, b"one")
            if two.protocol_status != fcgi.CANT_MPX_CONN:
                self.assertEqual(two.body, b"two")
            self.assertEqual(c.request("/", keep=True).body, b"Hello, World!")


class Roles(ProbeTestCase):
    def test_filter_and_unknown_roles_are_refused_with_unknown_role(self):
        for role in (fcgi.FILTER, 0, 4, 65535):
            with self.host.connect() as c:
                c.send(fcgi.begin(5, role, keep=True))
                c.send(fcgi.stream(fcgi.PARAMS, 5, fcgi.pairs(fcgi.params_of())))
                response = c.read_response(5)
                self.assertEqual(response.protocol_status, fcgi.UNKNOWN_ROLE, f"role {role}")
                self.assertEqual(response.stdout, b"")
                # What else was sent for it is ignored: its id is not active any more.
                c.send(fcgi.record(fcgi.STDIN, 5))
                self.assertEqual(c.request(request_id=6, keep=True).body, b"Hello, World!")

    def test_an_unknown_role_on_a_connection_not_kept_closes_it(self):
        with self.host.connect() as c:
            c.send(fcgi.begin(1, fcgi.FILTER))
            self.assertEqual(c.read_response().protocol_status, fcgi.UNKNOWN_ROLE)
            self.assertTrue(c.at_end())

    def test_an_authorizer_request_needs_no_stdin(self):
        # Section 6.3: an Authorizer is sent PARAMS only.
        with self.host.connect() as c:
            c.send(fcgi.begin(1, fcgi.AUTHORIZER, keep=True))
            c.send(fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(fcgi.params_of("/authorize"))))
            response = c.read_response()
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["variable-role"], "AUTHORIZER")
            # Some servers send the empty STDIN all the same: too late, ignored.
            c.send(fcgi.record(fcgi.STDIN, 1))
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")

    def test_an_authorizer_always_gets_a_status(self):
        # lighttpd grants access when an authorizer ends without output.
        for path in ("/authorize", "/fail", "/no-such-path", "/large", "/fail-late"):
            response = self.host.fetch(path, query="0", role=fcgi.AUTHORIZER)
            lines = [name for name, _ in response.header_list if name.lower() == "status"]
            self.assertEqual(len(lines), 1, response)
            if path in ("/fail", "/no-such-path"):
                self.assertGreaterEqual(response.status, 400)

    def test_a_responder_request_says_so_in_its_environ(self):
        self.assertEqual(self.environ_of()["FCGI_ROLE"], "RESPONDER")


class KeptConnections(ProbeTestCase):
    THREADS = 4

    def test_sixty_four_kept_connections_share_four_threads(self):
        connections = [self.host.connect() for _ in range(64)]
        for c in connections:
            self.addCleanup(c.close)
        for _ in range(3):
            for c in connections:  # all ask before the first answer is read
                c.send(fcgi.whole_request(fcgi.params_of(), keep=True))
            for c in connections:
                self.assertEqual(c.read_response().body, b"Hello, World!")
            self.check_witness()

    def test_kept_connections_that_are_idle_hold_no_thread(self):
        idle = [self.host.connect() for _ in range(64)]
        for c in idle:
            self.addCleanup(c.close)
            c.request(keep=True)
        held = [self.host.connect() for _ in range(self.THREADS - 1)]
        for i, c in enumerate(held):
            self.addCleanup(c.close)
            c.send(fcgi.whole_request(fcgi.params_of("/hold", f"idle{i}")))
            self.await_event(f"held idle{i}")
        for c in idle:  # one thread is left, and serves them all
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")
        for i, c in enumerate(held):
            self.open_gate(f"idle{i}")
            self.assertEqual(c.read_response().body, f"held idle{i}".encode())

    def test_a_kept_connection_may_be_closed_by_the_web_server_at_any_time(self):
        for _ in range(50):
            with self.host.connect() as c:
                c.request(keep=True)


class ManyConnections(ProbeTestCase):
    COUNT = 1200

    @classmethod
    def setUpClass(cls):
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        want = 2 * cls.COUNT
        if hard != resource.RLIM_INFINITY and hard < want:
            raise unittest.SkipTest(f"only {hard} open files allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, want), hard))
        super().setUpClass()

    def test_more_than_1024_open_connections_are_served(self):
        connections = []
        for _ in range(self.COUNT):
            c = self.host.connect()
            self.addCleanup(c.close)
            connections.append(c)
            c.send(fcgi.whole_request(fcgi.params_of(), keep=True))
            self.assertEqual(c.read_response().body, b"Hello, World!")
        for c in reversed(connections):
            self.assertEqual(c.request(keep=True).body, b"Hello, World!")


class FewDescriptors(ProbeTestCase):
    LIMIT = 64

    @classmethod
    def setUpClass(cls):
        super(ProbeTestCase, cls).setUpClass()

        def few():
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (cls.LIMIT, cls.LIMIT))
        cls.host = cls.start_class_host(os.path.join(APPS, "probe.py"), preexec_fn=few)
        cls.host.fetch()
        cls.workers = cls.host.children()

    def test_connections_beyond_the_descriptors_wait_and_are_served(self):
        kept = [self.host.connect() for _ in range(100)]
        for c in kept:
            self.addCleanup(c.close)
            c.send(fcgi.whole_request(fcgi.params_of()))
        for c in kept:
            self.assertEqual(c.read_response().body, b"Hello, World!")
            c.close()


if __name__ == "__main__":
    unittest.main()
