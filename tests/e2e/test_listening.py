"""Where the host listens: its own socket or one that it was handed; who may connect."""

import os
import socket
import subprocess
import unittest

from support import fcgi
from support.host import (APPS, AS_ROOT, PROGRAM, HostTestCase, clean_environ, free_port,
                          listening_socket, needs_program, run)
from support.terminal import terminal
from support.waiting import await_

APP = os.path.join(APPS, "probe.py")
HELLO = b"Hello, World!"

HAS_IPV6 = True
try:
    listening_socket(("::1", 0)).close()
except OSError:
    HAS_IPV6 = False


class Listening(HostTestCase):
    def assert_serves(self, host):
        self.assertEqual(host.fetch().body, HELLO)

    def test_on_a_unix_socket(self):
        address = self.path("own.sock")
        host = self.start_host("--listen", f"unix:{address}", APP, listen=address)
        self.assert_serves(host)
        self.assertEqual(host.stop(), 0)
        self.assertFalse(os.path.exists(address), "the socket was left behind")

    def test_short_option_and_equals_sign(self):
        address = self.path("own.sock")
        self.assert_serves(self.start_host("-l", f"unix:{address}", APP, listen=address))
        address = self.path("own.sock")
        self.assert_serves(self.start_host(f"--listen=unix:{address}", APP, listen=address))

    def test_on_tcp(self):
        port = free_port()
        self.assert_serves(self.start_host("--listen", f"127.0.0.1:{port}", APP,
                                           listen=("127.0.0.1", port)))

    @unittest.skipUnless(HAS_IPV6, "no IPv6 here")
    def test_on_tcp_over_ipv6(self):
        port = free_port()
        self.assert_serves(self.start_host("--listen", f"[::1]:{port}", APP, listen=("::1", port)))

    def test_on_a_host_name(self):
        port = free_port()
        host = self.start_host("--listen", f"localhost:{port}", APP, listen=("localhost", port))
        self.assert_serves(host)

    def test_on_descriptor_0_as_web_servers_hand_it_over(self):
        address = self.path("zero.sock")
        with listening_socket(address) as s:
            host = self.start_host(APP, listen=address, stdin=s)
        self.assert_serves(host)
        self.assertEqual(host.stop(), 0)
        self.assertTrue(os.path.exists(address), "the spawner's socket was removed")

    def test_on_descriptor_0_with_tcp(self):
        with listening_socket(("127.0.0.1", 0)) as s:
            host = self.start_host(APP, listen=s.getsockname(), stdin=s)
        self.assert_serves(host)

    def test_on_any_descriptor_by_its_number(self):
        address = self.path("fd.sock")
        with listening_socket(address) as s:
            host = self.start_host("--listen", f"fd:{s.fileno()}", APP, listen=address,
                                   pass_fds=[s.fileno()])
        self.assert_serves(host)

    def test_on_a_socket_that_systemd_activated(self):
        address = self.path("activated.sock")
        with listening_socket(address) as s:
            # sd_listen_fds(3): descriptors from 3 on, for the process LISTEN_PID only.
            script = ('LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS;'
                      'exec "$@" 3<&0 </dev/null')
            process = subprocess.Popen(
                ["/bin/sh", "-c", script, "sh", PROGRAM, *AS_ROOT, APP], stdin=s, env=clean_environ(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.assertEqual(fcgi.fetch(address).body, HELLO)
        finally:
            process.terminate()
            self.assertEqual(process.wait(20), 0)

    def test_sockets_activated_for_another_process_are_left_alone(self):
        code, _, err = run(APP, env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertEqual(code, 2, err)

    def test_the_option_goes_before_descriptor_0(self):
        address = self.path("option.sock")
        with listening_socket(self.path("zero.sock")) as s:
            host = self.start_host("--listen", f"unix:{address}", APP, listen=address, stdin=s)
        self.assert_serves(host)

    def test_the_configuration_file_may_name_the_address(self):
        address = self.path("conf.sock")
        config = self.config(f"""
            [fcgi_host]
            listen = unix:{address}
            [app probe]
            file = {APP}
            """)
        self.assert_serves(self.start_host("-c", config, listen=address))

    def test_a_socket_that_a_dead_process_left_is_taken_over(self):
        address = self.path("left.sock")
        listening_socket(address).close()
        self.assert_serves(self.start_host("--listen", f"unix:{address}", APP, listen=address))

    def test_a_socket_that_somebody_listens_on_is_not_taken_over(self):
        address = self.path("taken.sock")
        with listening_socket(address) as s:
            code, _, err = run("--listen", f"unix:{address}", APP)
            self.assertEqual(code, 1, err)
            self.assertIn(address, err)
            socket.socket(socket.AF_UNIX).connect(address)
            s.accept()[0].close()

    def test_a_file_that_is_no_socket_is_not_removed(self):
        path = self.write("precious", "data")
        code, _, err = run("--listen", f"unix:{path}", APP)
        self.assertIn(code, (1, 2), err)
        with open(path) as f:
            self.assertEqual(f.read(), "data")

    def test_a_port_in_use_is_an_error(self):
        with listening_socket(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
            code, _, err = run("--listen", f"127.0.0.1:{port}", APP)
        self.assertEqual(code, 1, err)
        self.assertIn(str(port), err)

    def test_bad_addresses_are_wrong_usage(self):
        for address in ("", "nonsense", "unix:", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
                        "[::1]", "[::1:9000", "fd:", "fd:x", "fd:-1", "tcp:9000:1",
                        "unix:/" + "x" * 200):
            code, _, err = run("--listen", address, APP)
            self.assertEqual(code, 2, f"{address!r}: {err}")
            self.assertIn("listen", err, address)

    def test_without_anything_to_listen_on_it_says_how_it_is_used(self):
        code, _, err = run(APP)
        self.assertEqual(code, 2)
        self.assertIn("--listen", err)

    def test_from_a_terminal_it_says_how_it_is_used(self):
        with terminal() as (_, end):
            code, _, err = run(APP, stdin=end)
        self.assertEqual(code, 2)
        self.assertIn("--listen", err)

    def test_a_connected_socket_is_nothing_to_listen_on(self):
        one, two = socket.socketpair()
        with one, two:
            self.assertEqual(run(APP, stdin=one)[0], 2)

    @needs_program("spawn-fcgi")
    def test_spawn_fcgi_with_tcp(self):
        port = free_port()
        process = subprocess.Popen(
            ["spawn-fcgi", "-n", "-a", "127.0.0.1", "-p", str(port), "--", PROGRAM, *AS_ROOT, APP],
            env=clean_environ(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            def serves():
                try:
                    return fcgi.fetch(("127.0.0.1", port)).body == HELLO
                except ConnectionError:
                    return False
            await_(serves, "an answer")
        finally:
            process.terminate()
            self.assertEqual(process.wait(20), 0)

    @needs_program("cgi-fcgi")
    def test_cgi_fcgi_from_libfcgi_gets_an_answer(self):
        # A client that others wrote.
        host = self.start_host(APP)
        done = subprocess.run(
            ["cgi-fcgi", "-bind", "-connect", host.address], input=b"abc", stdout=subprocess.PIPE,
            env=clean_environ(REQUEST_METHOD="POST", PATH_INFO="/echo", SCRIPT_NAME="",
                              SERVER_NAME="s", SERVER_PORT="80", CONTENT_LENGTH="3",
                              SERVER_PROTOCOL="HTTP/1.1", QUERY_STRING=""), timeout=20)
        self.assertTrue(done.stdout.endswith(b"\r\n\r\nabc"), done.stdout)


class WebServerAddresses(HostTestCase):
    """FCGI_WEB_SERVER_ADDRS (FastCGI 1.0, section 3.2)."""

    def serves(self, to, source=None):
        """Whether a connection from `source` gets an answer, or is closed without one."""
        with fcgi.Connection(to, source=source) as c:
            try:
                return c.request().body == HELLO
            except (fcgi.Closed, BrokenPipeError, ConnectionResetError):
                return False

    def start_with(self, addresses, listen):
        host, port = listen
        text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        connect_to = ("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
        return self.start_host("--listen", text, APP, listen=connect_to,
                               env={"FCGI_WEB_SERVER_ADDRS": addresses})

    def test_only_the_addresses_named_may_connect(self):
        port = free_port()
        self.start_with("127.0.0.2,127.0.0.3", ("127.0.0.1", port))
        self.assertTrue(self.serves(("127.0.0.1", port), "127.0.0.2"))
        self.assertTrue(self.serves(("127.0.0.1", port), "127.0.0.3"))
        self.assertFalse(self.serves(("127.0.0.1", port), "127.0.0.1"))
        self.assertFalse(self.serves(("127.0.0.1", port), "127.0.0.20"))

    def test_an_empty_or_absent_list_lets_everybody_in(self):
        for addresses in ("", None):
            port = free_port()
            self.start_with(addresses, ("127.0.0.1", port))
            self.assertTrue(self.serves(("127.0.0.1", port)))

    @unittest.skipUnless(HAS_IPV6, "no IPv6 here")
    def test_ipv6_addresses_are_understood_in_any_spelling(self):
        for addresses, expected in (("::1", True), ("0:0:0:0:0:0:0:1", True),
                                    ("127.0.0.1, ::1", True), ("::2", False),
                                    ("127.0.0.1", False)):
            port = free_port()
            self.start_with(addresses, ("::1", port))
            self.assertEqual(self.serves(("::1", port)), expected, addresses)

    @unittest.skipUnless(HAS_IPV6, "no IPv6 here")
    def test_ipv4_clients_of_a_dual_stack_socket_are_known_by_their_ipv4_address(self):
        # Inherited, as from a spawner: fcgi_host's own IPv6 sockets may be for IPv6 only.
        s = socket.socket(socket.AF_INET6)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", 0))
        s.listen()
        port = s.getsockname()[1]
        with s:
            self.start_host(APP, listen=("127.0.0.1", port), stdin=s,
                            env={"FCGI_WEB_SERVER_ADDRS": "127.0.0.2"})
        self.assertTrue(self.serves(("127.0.0.1", port), "127.0.0.2"))
        self.assertFalse(self.serves(("127.0.0.1", port), "127.0.0.1"))

    def test_unix_sockets_are_not_concerned(self):
        host = self.start_host(APP, env={"FCGI_WEB_SERVER_ADDRS": "192.0.2.1"})
        self.assertEqual(host.fetch().body, HELLO)

    def test_a_list_that_cannot_be_read_is_an_error_not_an_open_door(self):
        for addresses in ("localhost", "127.0.0.1;127.0.0.2", "127.0.0.256", "127.0.0.1,,x"):
            code, _, err = run("--listen", f"127.0.0.1:{free_port()}", APP,
                               env={"FCGI_WEB_SERVER_ADDRS": addresses})
            self.assertEqual(code, 2, addresses)
            self.assertIn("FCGI_WEB_SERVER_ADDRS", err)


if __name__ == "__main__":
    unittest.main()
