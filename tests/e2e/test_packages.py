"""What two applications use a package for is answered as by a plain python3, over edits of both.

Several packages share a host, as on a machine that serves many applications.
"""

import unittest

from support.host import PYTHON_VERSION
from support.same_answers import SameAnswers


class Packages(SameAnswers):
    def test_documents(self):
        self.check("packages/with_lxml packages/with_msgpack packages/with_protobuf"
                   " packages/with_rapidjson packages/with_simplejson packages/with_ujson"
                   " packages/with_yaml")

    def test_frameworks(self):
        self.check("packages/with_flask packages/with_jinja2 packages/with_jsonschema"
                   " packages/with_markupsafe packages/with_pydantic packages/with_sqlalchemy"
                   " packages/with_zope_interface")

    def test_networks(self):
        self.check("packages/with_brotli packages/with_gi packages/with_hiredis"
                   " packages/with_pycurl packages/with_requests packages/with_ssl"
                   " packages/with_zmq")

    def test_keys_and_numbers(self):
        self.check("packages/with_bcrypt packages/with_cffi packages/with_cryptography"
                   " packages/with_gmpy2 packages/with_nacl packages/with_regex")

    def test_objects(self):
        self.check("packages/with_btrees packages/with_dateutil packages/with_greenlet"
                   " packages/with_persistent packages/with_pil packages/with_shapely")

    def test_extensions_that_requests_fill(self):
        cases = ["packages/with_cbor2"]
        if int(PYTHON_VERSION.partition(".")[2]) < 14:  # there dbus crashes before anybody has looked: README
            cases.append("packages/with_dbus")
        self.check(" ".join(cases), is_learnt_late=True)


if __name__ == "__main__":
    unittest.main()
