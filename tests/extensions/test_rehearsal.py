"""`fcgi_host audit FILE --request PATH` on extensions whose faults only their use shows."""

import tempfile
import unittest

from test_audit import audit, extension_of, put_file

SITE = """
import time
import {extension} as extension

text = "".join(["good ", "morning, ", "all"])
visits = 0

def page(path):
    global visits
    if path == "/time":
        return str(time.perf_counter_ns())
    if path == "/visits":
        visits += 1
        return str(visits)
    if path == "/broken":
        raise ValueError("this page is broken everywhere")
    return str({call})

def application(environ, start_response):
    body = page(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode("latin-1")]
"""


def rehearse(extension, call, *requests, options=()):
    """(exit status, target, stderr) of the audit of an application that uses an extension."""
    with tempfile.TemporaryDirectory() as folder:
        file = put_file(SITE.format(extension=extension, call=call), folder, "site.py")
        arguments = [word for request in requests for word in ("--request", request)]
        status, document, errors = audit(file, *arguments, *options)
    return status, document, errors


def outcomes(document):
    return {order["order"]: order["outcome"]
            for order in document["targets"][0]["rehearsal"]["orders"]}


class Rehearsal(unittest.TestCase):
    maxDiff = None

    def test_another_answer_is_a_result(self):
        status, document, _ = rehearse("knows_first", "extension.is_known()", "/")
        [target] = document["targets"]
        self.assertEqual((status, target["placement"], target["reload"]), (1, "main", "worker"))
        self.assertEqual(outcomes(document)["reloads"], "differs")
        [order] = [order for order in target["rehearsal"]["orders"] if order["order"] == "reloads"]
        self.assertEqual((order["after"], order["request"], order["extension"]),
                         ("load B", "/ of B", "knows_first"))
        self.assertIn("True", order["expected"])
        self.assertIn("False", order["got"])
        self.assertEqual(extension_of(document, "knows_first")["verdict"], "breaks")

    def test_freed_memory_is_seen(self):
        status, document, _ = rehearse("hidden_text", "extension.greet(text)", "/")
        [target] = document["targets"]
        self.assertEqual(target["rehearsal"]["memory"], "filled")
        [order] = [order for order in target["rehearsal"]["orders"] if order["order"] == "reloads"]
        self.assertEqual((status, order["outcome"], order["after"], order["request"]),
                         (1, "differs", "end A", "/ of B"))
        self.assertIn("morning", order["expected"])

    def test_a_crash_is_a_result(self):
        status, document, _ = rehearse("crashes_in_use", "extension.use()", "/")
        extension = extension_of(document, "crashes_in_use")
        self.assertEqual((status, extension["verdict"]), (1, "crashes"))
        self.assertEqual(outcomes(document)["reloads"], "crashes")
        self.assertIn("SIGSEGV", extension["error"])
        self.assertIn("/ of B", extension["error"])

    def test_no_twin_is_found(self):
        for extension, call in (("knows_first_ok", "extension.is_known()"),
                                ("hidden_text_ok", "extension.greet(text)"),
                                ("lazy_class_ok", "extension.is_template(1)")):
            with self.subTest(extension):
                status, document, _ = rehearse(extension, call, "/", "/broken")
                self.assertEqual((status, set(outcomes(document).values())), (0, {"same"}),
                                 document)

    def test_answers_that_change_by_themselves_are_said_not_to_be_compared(self):
        status, document, _ = rehearse("knows_first_ok", "extension.is_known()",
                                       "/time", "/", "/visits")
        self.assertEqual((status, set(outcomes(document).values())), (0, {"same"}), document)
        self.assertEqual(document["targets"][0]["rehearsal"]["unsteady"], ["/time", "/visits"])

    def test_what_belongs_in_main_is_not_rehearsed(self):
        _, document, _ = rehearse("opts_out", "1", "/")
        self.assertIsNone(document["targets"][0]["rehearsal"])

    def test_report_for_people_names_the_order(self):
        with tempfile.TemporaryDirectory() as folder:
            file = put_file(SITE.format(extension="knows_first", call="extension.is_known()"),
                            folder, "site.py")
            _, text, _ = audit(file, "--request", "/", text=True)
        for words in ("knows_first: breaks", "reloads", "/ of B", "True", "False"):
            self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main()
