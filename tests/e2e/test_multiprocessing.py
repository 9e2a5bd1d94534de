"""multiprocessing in an application: its helper processes end with the generation."""

import json
import os
import unittest

from support.host import HostTestCase, needs_recycling
from support.waiting import await_

APP = """
import json
import multiprocessing
import os
from multiprocessing import forkserver, resource_tracker

def put(queue):
    queue.put(os.getpid())

def application(environ, start_response):
    context = multiprocessing.get_context({method!r})
    queue = context.Queue()
    process = context.Process(target=put, args=(queue,))
    process.start()
    is_child = queue.get() == process.pid
    process.join()
    queue.close()
    queue.join_thread()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({{
        "is_child": is_child, "exitcode": process.exitcode,
        "helpers": [pid for pid in (forkserver._forkserver._forkserver_pid,
                                    resource_tracker._resource_tracker._pid) if pid],
        "descriptors": len(os.listdir("/proc/self/fd"))}}).encode()]
"""


class Processes(HostTestCase):
    def start(self, method, keys=""):
        self.app = self.write(f"{method}.py", APP.format(method=method))
        self.host = self.start_host("-c", self.config(
            f"[app one]\nfile = {self.app}\nspare = off\n{keys}\n"))

    def ask(self):
        answer = json.loads(self.host.fetch("/").body)
        self.assertTrue(answer["is_child"])
        self.assertEqual(answer["exitcode"], 0)
        return answer

    def check_helpers_end(self, method, count):
        self.start(method)
        first = self.ask()
        self.assertEqual(len(first["helpers"]), count)
        for generation in range(1, 4):
            before = self.ask()
            with open(self.app, "a") as f:
                f.write(f"# {generation}\n")
            self.host.log.wait_for(r"\[reload\.retired\]", generation)
            for pid in before["helpers"]:
                self.assertFalse(os.path.exists(f"/proc/{pid}"), f"{pid} of {before}")
        self.assertEqual(self.ask()["descriptors"], first["descriptors"])

    @needs_recycling
    def test_the_fork_server_ends_with_its_generation(self):
        self.check_helpers_end("forkserver", 2)

    @needs_recycling
    def test_the_tracker_of_spawned_processes_does(self):
        self.check_helpers_end("spawn", 1)

    def test_in_the_main_interpreter_they_end_with_the_worker(self):
        self.start("forkserver", "interpreter = main")
        helpers = self.ask()["helpers"]
        self.host.stop()
        for pid in helpers:
            await_(lambda: not os.path.exists(f"/proc/{pid}"), f"the end of {pid}")


if __name__ == "__main__":
    unittest.main()
