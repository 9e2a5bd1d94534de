"""More workers for those that compute, where processors are free: tested while nothing else is."""

import unittest

from support.load import Load
from test_scaling import Scaled


class Processors(Scaled):
    def test_workers_that_compute_get_more(self):
        self.start("workers = 1-2", a="threads = 1")
        with Load(lambda: self.host.fetch("/a/compute").status, threads=6) as load:
            self.host.log.wait_for(r"\[worker\.scaled\].* 2 workers", deadline_s=120)
        self.assertEqual(load.failures, [])


if __name__ == "__main__":
    unittest.main()
