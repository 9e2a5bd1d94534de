"""What two applications use a package for is answered as by a plain python3, over edits of both.

Several packages share a host, as on a machine that serves many applications.
"""

import os
import unittest

from support.host import APPS
from support.same_answers import SameAnswers


class Packages(SameAnswers):
    def check_packages(self, names):
        self.check([os.path.join(APPS, "packages", f"with_{name}.py") for name in names.split()])

    def test_documents(self):
        self.check_packages("cbor2 lxml msgpack protobuf rapidjson simplejson ujson yaml")

    def test_frameworks(self):
        self.check_packages("flask jinja2 jsonschema markupsafe pydantic sqlalchemy zope_interface")

    def test_networks(self):
        self.check_packages("brotli dbus gi hiredis pycurl requests ssl zmq")

    def test_keys_and_numbers(self):
        self.check_packages("bcrypt cffi cryptography gmpy2 nacl regex")

    def test_objects(self):
        self.check_packages("btrees dateutil greenlet persistent pil shapely")


if __name__ == "__main__":
    unittest.main()
