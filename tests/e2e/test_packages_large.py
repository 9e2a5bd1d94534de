"""As test_packages.py, with packages that take long to import."""

import unittest

from support.same_answers import SameAnswers


class LargePackages(SameAnswers):
    def test_numbers(self):
        self.check("packages/with_h5py packages/with_matplotlib packages/with_numpy"
                   " packages/with_pandas packages/with_scipy")

    def test_event_loops(self):
        self.check("packages/with_aiohttp packages/with_django packages/with_gevent"
                   " packages/with_tornado packages/with_uvloop")


if __name__ == "__main__":
    unittest.main()
