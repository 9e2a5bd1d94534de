"""Start-up with several applications: who waits for whom, and what is said of limits."""

import threading
import unittest

from support.applications import HELLO, SLOW
from support.host import HostTestCase, run


class Start(HostTestCase):
    def test_an_application_that_loads_slowly_keeps_its_own_clients_waiting_only(self):
        go = self.path("go")
        slow = self.write("slow.py", SLOW.format(go=go))
        apps = "".join(f"""
            [app hello{i}]
            file = {self.write(f"hello{i}.py", HELLO)}
            mount = /hello{i}
            """ for i in range(3))
        conf = self.config(f"""
            [app slow]
            file = {slow}
            mount = /slow
            {apps}""")
        host = self.start_host("-c", conf)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(host.fetch("/slow").body))
        waiting.start()
        for i in range(3):
            self.assertEqual(host.fetch(f"/hello{i}").body, b"hello")
        self.assertEqual(host.log.count(r"app=slow .*\[app\.loaded\]"), 0)
        self.assertEqual(answers, [])
        with open(go, "w"):
            pass
        waiting.join()
        self.assertEqual(answers, [b"slow"])

    def test_too_few_interpreters_for_the_applications_are_an_error_that_names_the_place(self):
        apps = "".join(f"""
            [app hello{i}]
            file = {self.write(f"hello{i}.py", HELLO)}
            mount = /hello{i}
            """ for i in range(3))
        conf = self.config(f"""
            [fcgi_host]
            max_interpreters = 2
            {apps}""")
        status, out, err = run("--test-config", "-c", conf)
        self.assertEqual(status, 2, out)
        self.assertIn(f"{conf}:2: max_interpreters is 2, but the applications need 3 interpreters", err)


if __name__ == "__main__":
    unittest.main()
