"""The logs of applications, log_format, and Python's logging in them."""

import json
import os
import signal
import unittest

from support.applications import HELLO
from support.host import LOG_LINE, HostTestCase
from support.waiting import await_

LOGGING = """
    import logging, logging.config, sys
    import fcgi_host

    logging.config.dictConfig({"version": 1,
                               "handlers": {"host": {"class": "fcgi_host.LogHandler"}},
                               "root": {"level": "DEBUG", "handlers": ["host"]}})
    log = logging.getLogger("shop")

    def application(environ, start_response):
        log.debug("a detail")
        log.info("news of %s", environ["PATH_INFO"])
        log.warning("two\\nlines [app.loaded] \\x1b[0m \\udcff")
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        log.critical("the worst")
        log.log(15, "between")
        print("to wsgi.errors", file=environ["wsgi.errors"])
        start_response("200 OK", [])
        return [b"1"]
    """


class Logs(HostTestCase):
    def start(self, apps, keys=""):
        return self.start_host("-c", self.config(f"[fcgi_host]\n{keys}\n{apps}"))

    def app(self, name, code=HELLO, keys=""):
        file = self.write(name + ".py", code)
        return f"[app {name}]\nfile = {file}\nmount = /{name}\n{keys}\n"

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    def test_pythons_levels_are_kept_and_the_lines_say_whose_they_are(self):
        host = self.start(self.app("shop", LOGGING), "log_level = debug")
        host.fetch("/shop/x")
        host.log.wait_for(r"\[app\.errors\] to wsgi")
        found = [LOG_LINE.fullmatch(line) for line in host.log.text.splitlines() if "[app.log]" in line]
        self.assertEqual([(line["level"], line["text"]) for line in found],
                         [("debug", "shop: a detail"), ("info", "shop: news of /x"), ("warn", "shop: two"),
                          ("error", "shop: failed"), ("error", "shop: the worst"),
                          ("debug", "shop: between")])
        for line in found:
            self.assertRegex(line["about"], r"^ app=shop gen=1 req=\d+-1$")
        self.assertIn("\n    lines [app.loaded] \\x1b[0m", host.log.text)
        self.assertIn("\n    ZeroDivisionError: division by zero", host.log.text)

    def test_an_application_has_a_log_and_a_level_of_its_own(self):
        log = self.path("shop.log")
        host = self.start(self.app("shop", LOGGING, f"log = {log}\nlog_level = debug")
                          + self.app("other", LOGGING, "log_level = error"))
        host.fetch("/shop")
        host.fetch("/other")
        host.log.wait_for(r"app=other .*shop: the worst")
        await_(lambda: "to wsgi.errors" in self.read(log), "its lines")
        self.assertIn("[app.loaded]", self.read(log))
        self.assertIn("shop: a detail", self.read(log))
        self.assertNotIn("app=shop", host.log.text)
        self.assertNotIn("app=other", self.read(log))
        self.assertNotIn("news", host.log.text)
        self.assertIn("[host.ready]", host.log.text)

    def test_a_rotation_reaches_it_and_so_does_another_configuration(self):
        before, after = self.path("before.log"), self.path("after.log")
        config = self.config(f"[fcgi_host]\n{self.app('shop', LOGGING, f'log = {before}')}")
        host = self.start_host("-c", config)
        host.fetch("/shop")
        os.rename(before, before + ".1")
        host.signal(signal.SIGUSR1)
        await_(lambda: os.path.exists(before), "the new file")
        await_(lambda: host.fetch("/shop").body and "the worst" in self.read(before), "lines in it")
        with open(config, encoding="utf-8") as f:
            text = f.read()
        with open(config, "w", encoding="utf-8") as f:
            f.write(text.replace(before, after))
        host.signal(signal.SIGHUP)
        await_(lambda: os.path.exists(after), "the other file")
        await_(lambda: host.fetch("/shop").body and "the worst" in self.read(after), "lines in it")

    def test_a_log_that_cannot_be_opened_is_an_error_of_the_start(self):
        host = self.start_host("-c", self.config(
            self.app("shop", HELLO, f"log = {self.path('none')}/shop.log")), ready=False, exit_status=1)
        host.wait()
        self.assertIn("/shop.log: No such file or directory", host.log.text)

    def test_as_json_each_line_is_an_object(self):
        host = self.start(self.app("shop", LOGGING), "log_level = debug\nlog_format = json")
        host.fetch("/shop/x")
        host.log.wait_for("to wsgi.errors")
        lines = [json.loads(line) for line in host.log.text.splitlines()]
        by_event = {line["event"]: line for line in lines}
        self.assertIn("host.ready", by_event)
        self.assertEqual(by_event["app.loaded"]["app"], "shop")
        mine = [line for line in lines if line["event"] == "app.log"]
        self.assertEqual([line["level"] for line in mine],
                         ["debug", "info", "warn", "error", "error", "debug"])
        self.assertEqual((mine[0]["app"], mine[0]["generation"]), ("shop", 1))
        self.assertRegex(mine[0]["request_id"], r"^\d+-1$")
        self.assertIn("two\nlines [app.loaded] \x1b[0m", mine[2]["message"])


if __name__ == "__main__":
    unittest.main()
