"""What the wire tests have in common: a host that serves tests/apps/probe.py."""

import json
import os

from .host import APPS, HostTestCase
from .waiting import await_


class ProbeTestCase(HostTestCase):
    """One host for all tests of a class; every test ends with a look at whether it still lives."""

    THREADS = 8

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.start_class_host("--threads", cls.THREADS, os.path.join(APPS, "probe.py"))
        cls.host.fetch()
        cls.workers = cls.host.children()

    def setUp(self):
        #: A kept-open connection that others' misbehaviour must not touch.
        self.witness = self.host.connect()
        self.addCleanup(self.witness.close)
        self.check_witness()

    def tearDown(self):
        self.check_witness()
        self.assertEqual(self.host.fetch().body, b"Hello, World!")
        self.assertEqual(self.host.children(), self.workers, "a worker was replaced")

    def check_witness(self):
        response = self.witness.request(keep=True)
        self.assertEqual((response.status, response.body), (200, b"Hello, World!"))

    @classmethod
    def events(cls):
        return json.loads(cls.host.fetch("/events").body)

    def await_event(self, event):
        await_(lambda: event in self.events(), f"event {event!r}")

    def open_gate(self, name):
        self.host.fetch("/open", query=name)

    @classmethod
    def environ_of(cls, **params):
        response = cls.host.fetch("/environ", **params)
        assert response.status == 200, response
        return json.loads(response.body)
