"""As test_packages.py, with packages that take long to import."""

import unittest

from test_packages import Packages as _Packages


class LargePackages(_Packages):
    test_documents = test_frameworks = test_networks = test_keys_and_numbers = test_objects = None

    def test_numbers(self):
        self.check_packages("h5py matplotlib numpy pandas scipy")

    def test_event_loops(self):
        self.check_packages("aiohttp django gevent tornado uvloop")


if __name__ == "__main__":
    unittest.main()
