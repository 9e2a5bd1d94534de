"""The module fcgi_host that applications import."""

import importlib
import sys
import threading
import unittest

import _harness
import fcgi_host
from support import COMPLETE, in_new_process, serve, set_up


class Info(unittest.TestCase):
    def setUp(self):
        set_up()

    def info_of(self, app):
        seen = []

        def application(environ, start_response):
            seen.append(fcgi_host.info())
            start_response("200 OK", [])
            return []

        serve(application, app=app)
        return seen[0]

    def test_says_where_the_caller_runs(self):
        self.assertEqual(
            self.info_of(0),
            {
                "app": "blog",
                "interpreter": "the interpreter",
                "generation": 7,
                "gil": "shared",
                "version": "1.2.3",
            },
        )

    def test_applications_that_share_an_interpreter_are_told_apart(self):
        self.assertEqual([self.info_of(0)["app"], self.info_of(1)["app"]], ["blog", "shop"])

    def test_outside_of_a_request_there_is_no_application_to_name(self):
        self.assertIsNone(fcgi_host.info()["app"])
        self.assertEqual(fcgi_host.info()["generation"], 7)

    def test_a_thread_of_the_only_application_is_its(self):
        results, _ = in_new_process(
            """
            import fcgi_host, threading
            thread = threading.Thread(target=lambda: result(fcgi_host.info()["app"]))
            thread.start()
            thread.join()
            """,
            {"name": "alone"},
        )
        self.assertEqual(results, ["alone"])

    def test_a_second_instance_says_the_same(self):
        first = sys.modules.pop("fcgi_host")
        try:
            second = importlib.import_module("fcgi_host")
            self.assertIsNot(first, second)
            self.assertEqual(first.info(), second.info())
        finally:
            sys.modules["fcgi_host"] = first

    def test_has_a_version(self):
        self.assertEqual(fcgi_host.__version__, "1.2.3")


class OnRetire(unittest.TestCase):
    def test_functions_are_called_in_reverse_order(self):
        results, log = in_new_process(
            """
            import fcgi_host
            fcgi_host.on_retire(lambda: result("first"))
            @fcgi_host.on_retire
            def second():
                result("second")
            second()
            _harness.retire()
            _harness.retire()
            """,
            {"name": "blog"},
        )
        self.assertEqual(results, ["second", "second", "first"])
        self.assertEqual(log, [])

    def test_one_that_raises_is_logged_and_the_others_are_called(self):
        results, log = in_new_process(
            """
            import fcgi_host
            fcgi_host.on_retire(lambda: result("first"))
            @fcgi_host.on_retire
            def second():
                raise SystemExit(5)
            @fcgi_host.on_retire
            def third():
                1 / 0
            _harness.retire()
            """,
            {"name": "blog"},
        )
        self.assertEqual(results, ["first"])
        self.assertEqual([line[0] for line in log], ["app.retire"] * 2)
        self.assertIn("ZeroDivisionError", log[0][5])
        self.assertIn("SystemExit: 5", log[1][5])

    def test_one_may_add_another(self):
        results, _ = in_new_process(
            """
            import fcgi_host
            @fcgi_host.on_retire
            def first():
                fcgi_host.on_retire(lambda: result("added"))
            _harness.retire()
            """,
            {"name": "blog"},
        )
        self.assertEqual(results, ["added"])

    def test_takes_callables_only(self):
        self.assertRaises(TypeError, fcgi_host.on_retire, 5)
        self.assertRaises(TypeError, fcgi_host.on_retire)


class Types(unittest.TestCase):
    def test_cannot_be_made_or_changed_by_applications(self):
        seen = []

        def application(environ, start_response):
            seen.extend([environ["wsgi.input"], environ["wsgi.errors"], start_response])
            seen.append(environ["wsgi.file_wrapper"])
            start_response("200 OK", [])
            return []

        serve(application)
        for thing in seen[:3]:
            self.assertRaises(TypeError, type(thing))
            with self.assertRaises(TypeError):
                type(thing).attribute = 1
        with self.assertRaises(TypeError):
            seen[3].attribute = 1

    def test_are_heap_types(self):
        def application(environ, start_response):
            flags = type(start_response).__flags__, type(environ["wsgi.input"]).__flags__
            assert all(flag & (1 << 9) for flag in flags)  # Py_TPFLAGS_HEAPTYPE
            start_response("200 OK", [])
            return []

        self.assertEqual(serve(application).log, [])


class Threads(unittest.TestCase):
    """What an application hands to threads of its own; fake_request.c asserts that only one is
    within a call at a time, and none once the request has finished."""

    def test_an_application_may_answer_from_another_thread(self):
        def application(environ, start_response):
            def answer():
                start_response("200 OK", [])(environ["wsgi.input"].read())

            thread = threading.Thread(target=answer)
            thread.start()
            thread.join()
            return []

        answer = serve(application, body=[b"abc"], content_length=3)
        self.assertEqual((answer.body, answer.log), (b"abc", []))

    def test_a_response_waits_for_a_thread_that_reads(self):
        results = []

        def application(environ, start_response):
            begun = threading.Event()

            def read():
                begun.set()
                results.append(environ["wsgi.input"].read())

            threads.append(threading.Thread(target=read))
            threads[0].start()
            begun.wait()
            # The other thread waits for the body, detached, or is about to.
            threads.append(threading.Timer(0.05, _harness.arrive))
            threads[1].start()
            start_response("200 OK", [])
            return [b"x"]

        threads = []
        answer = serve(application, body=["wait", b"abc"], content_length=3, has_threads=1)
        for thread in threads:
            thread.join()
        self.assertEqual((answer.body, answer.is_complete), (b"x", True))
        self.assertTrue(results == [b"abc"] or not results, results)

    def test_two_threads_cannot_read_at_once(self):
        def application(environ, start_response):
            begun = threading.Event()
            file = environ["wsgi.input"]

            def read():
                begun.set()
                results.append(file.read())

            thread = threading.Thread(target=read)
            thread.start()
            begun.wait()
            while True:  # until the other one waits for the body, or has been refused
                try:
                    results.append(file.read(0))
                except RuntimeError as error:
                    results[:] = [error]
                    break
            _harness.arrive()
            thread.join()
            start_response("200 OK", [])
            return []

        results = []
        serve(application, body=["wait", b"abc"], content_length=3, has_threads=1)
        self.assertIn("another thread", str(results[0]))
        self.assertEqual(results[1:], [b"abc"])

    def test_many_threads_of_many_requests(self):
        def application(environ, start_response):
            write = start_response("200 OK", [])

            def use():
                try:
                    for _ in range(3):
                        environ["wsgi.input"].read(1)
                        write(b"x")
                        environ["wsgi.errors"].write("x\n")
                except (OSError, RuntimeError):
                    pass  # the request has finished, or somebody else reads

            some = [threading.Thread(target=use) for _ in range(3)]
            threads.extend(some)
            for thread in some:
                thread.start()
            return [b"y"]

        threads = []
        for _ in range(100):
            answer = serve(application, body=[b"a", "busy", b"b" * 20], content_length=21, waits=1,
                           has_threads=1)
            self.assertEqual(answer.end, COMPLETE)
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    unittest.main()
