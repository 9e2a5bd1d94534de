"""An application beside a package whose modules a test edits while it is served."""

import os

from .host import HostTestCase


class PackageTestCase(HostTestCase):
    #: Of the application in the configuration.
    KEYS = ""

    def start_package(self, app, files, keys="", host=""):
        """Files are the modules below the folder, by name without suffix."""
        self.at = os.path.join(self.folder, self._testMethodName)
        for name, text in {"package/__init__": "", **files}.items():
            self.save(name, text)
        file = self.save("app", app)
        self.host = self.start_host("-c", self.config(
            f"[fcgi_host]\nrecycle_budget_mb = 0\n{host}\n"
            f"[app one]\nfile = {file}\n{self.KEYS}\n{keys}\n"))
        self.host.log.wait_for(r"\[app\.loaded\]")

    def save(self, name, text):
        """An edit, as editors make it; its path."""
        path = os.path.join(self.at, name + ".py")
        self.write(path + ".new~", text)
        os.replace(path + ".new~", path)
        return path

    def answer(self, path="/"):
        return self.host.fetch(path).body.decode()
