"""What lies about in watched folders: files that are none, and folders that come and go."""

import os
import unittest

from support.host import HostTestCase, needs_recycling

VERSIONED = """
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"version {}"]
    """


class FilesThatAreNone(HostTestCase):
    def start(self):
        app = self.write("app.py", VERSIONED.format(0))
        self.write("templates/a.html", "a")
        conf = self.config(f"""
            [app app]
            file = {app}
            watch = templates/*.html
            """)
        return self.start_host("-c", conf)

    @needs_recycling
    def test_devices_and_fifos_hold_up_no_reload_and_are_named_once(self):
        host = self.start()
        self.assertEqual(host.fetch().body, b"version 0")
        os.symlink("/dev/zero", os.path.join(self.folder, "templates/zero.html"))
        os.mkfifo(os.path.join(self.folder, "templates/fifo.html"))
        for version in range(1, 4):
            self.write("app.py", VERSIONED.format(version))
            host.log.wait_for(r"\[reload\.switched\]", version)
            self.assertEqual(host.fetch().body, f"version {version}".encode())
        self.assertEqual(host.log.count(r"app=app \[reload\.unread\] .*zero\.html: no regular"), 1)
        self.assertEqual(host.log.count(r"app=app \[reload\.unread\] .*fifo\.html: no regular"), 1)
        self.assertEqual(host.log.count(r"\[reload\.detected\]"), 3)


class FoldersThatComeAndGo(HostTestCase):
    @needs_recycling
    def test_an_upload_folder_that_fills_up_holds_up_no_reload(self):
        app = self.write("app.py", VERSIONED.format(0))
        for i in range(200):
            self.write(f"uploads/{i}/x.txt", "x")
        conf = self.config(f"""
            [app app]
            file = {app}
            watch = uploads/**/*.html
            """)
        host = self.start_host("-c", conf)
        self.assertEqual(host.fetch().body, b"version 0")
        for i in range(1000):
            os.mkdir(os.path.join(self.folder, f"uploads/new{i}"))
        self.write("app.py", VERSIONED.format(1))
        host.log.wait_for(r"\[reload\.switched\] changed: .*app\.py")
        self.write("uploads/new999/page.html", "a page")
        host.log.wait_for(r"\[reload\.switched\] changed: .*uploads/new999/page\.html")


if __name__ == "__main__":
    unittest.main()
