"""A worker that has too little left of something: what needs it is done by a new worker, or said."""

import glob
import os
import resource
import signal
import threading
import unittest

from support.applications import HELLO
from support.host import HostTestCase, children_of
from support.waiting import await_

#: Takes every descriptor when asked to.
LEAK = """
    import os
    kept = []
    def application(environ, start_response):
        try:
            while environ["QUERY_STRING"] == "leak":
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        start_response("200 OK", [])
        return [f"{os.getpid()} {len(kept)}".encode()]
    """
#: Answers when the file named in the query has appeared.
PATIENT = """
    import os, time
    def application(environ, start_response):
        while not os.path.exists(environ["QUERY_STRING"]):
            time.sleep(0.01)
        start_response("200 OK", [])
        return [b"patient"]
    """


#: Takes every descriptor, makes a folder, and answers when another one has appeared.
HOLDS = """
    import os, time
    kept = []
    def application(environ, start_response):
        try:
            while True:
                kept.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            os.mkdir(environ["QUERY_STRING"] + ".begun")
        while not os.path.exists(environ["QUERY_STRING"]):
            time.sleep(0.01)
        environ["wsgi.errors"].write("into the new file\\n")
        start_response("200 OK", [])
        return [b"held"]
    """


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))


class OutOfDescriptors(HostTestCase):
    def test_a_reload_is_made_by_a_new_worker_and_no_request_is_lost(self):
        leak, patient = self.write("leak.py", LEAK), self.write("patient.py", PATIENT)
        go = self.path("go")
        conf = self.config(f"""
            [app leak]
            file = {leak}
            mount = /leak
            reload = interpreter
            [app patient]
            file = {patient}
            mount = /patient
            """)
        host = self.start_host("-c", conf, preexec_fn=few_descriptors)
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(host.fetch("/patient", QUERY_STRING=go).body))
        asking.start()
        pid = host.fetch("/leak", QUERY_STRING="leak").body.split()[0]
        self.write("leak.py", LEAK + "#\n")
        line = host.log.wait_for(r"\[reload\.worker\]")
        self.assertRegex(line, r"too few descriptors are left: \d+ of 200 \(RLIMIT_NOFILE\)")
        host.log.wait_for(r"\[worker\.replaced\]")
        self.write(os.path.basename(go), "")
        asking.join()
        self.assertEqual(answers, [b"patient"])
        await_(lambda: host.fetch("/leak").body.split()[0] != pid, "the new worker")
        self.assertEqual(host.log.count(r"worker\.crashed"), 0)

    def test_a_script_is_loaded_by_a_new_worker(self):
        self.write("root/leak.py", LEAK)
        self.write("root/hello.py", HELLO)
        root = os.path.join(self.folder, "root")
        conf = self.config(f"""
            [scripts]
            root = {root}
            """)
        host = self.start_host("-c", conf, preexec_fn=few_descriptors)

        def fetch(name, **kw):
            return host.fetch("/" + name, SCRIPT_NAME="/" + name,
                              SCRIPT_FILENAME=os.path.join(root, name), **kw)
        self.assertEqual(fetch("leak.py", QUERY_STRING="leak").status, 200)
        response = fetch("hello.py")
        self.assertEqual(response.status, 503)
        self.assertIn("retry-after", response.headers)
        host.log.wait_for(r"app=.*hello\.py.*\[app\.failed\] too few descriptors")
        await_(lambda: fetch("hello.py").status == 200, "the new worker")
        self.assertEqual(host.log.count(r"worker\.crashed"), 0)

    def test_a_message_with_a_descriptor_comes_through_though_none_is_left(self):
        log, go = self.path("app.log"), self.path("go")
        host = self.start_host("-c", self.config(f"""
            [app holds]
            file = {self.write("holds.py", HOLDS)}
            log = {log}
            """), preexec_fn=few_descriptors)
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(host.fetch("/", QUERY_STRING=go).body))
        asking.start()
        await_(lambda: os.path.exists(go + ".begun"), "every descriptor to be taken")
        os.rename(log, log + ".1")
        host.signal(signal.SIGUSR1)
        worker, = children_of(host.process.pid)
        await_(lambda: log in map(os.path.realpath, glob.glob(f"/proc/{worker}/fd/*")),
               "the worker to have the log that was opened again")
        os.mkdir(go)
        asking.join()
        self.assertEqual(answers, [b"held"])
        await_(lambda: "into the new file" in open(log, encoding="utf-8").read(), "the line")
        self.assertEqual(host.log.count(r"worker\.crashed"), 0)

    def test_a_worker_that_never_had_enough_says_so_and_stays(self):
        def too_few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (26, 26))
        host = self.start_host(self.write("hello.py", HELLO), preexec_fn=too_few)
        self.assertEqual(host.fetch("/").status, 503)
        host.log.wait_for(r"app=hello.*\[app\.failed\] too few descriptors are left")
        self.assertEqual(host.log.count(r"worker\.crashed|worker\.replaced"), 0)


if __name__ == "__main__":
    unittest.main()
