"""The status page in a browser, at three widths: it fits, and nothing is cut off."""

import html
import json
import os
import re
import subprocess
import unittest

from support import servers
from support.applications import HELLO
from support.host import HostTestCase, clean_environ, needs_program
from support.waiting import DEADLINE_S, await_

#: A phone, a tablet, a small laptop's window.
WIDTHS = 360, 768, 1100

#: A page in a frame has the frame's width, however small; a browser's window has not.
FRAME = '<iframe width="{width}" height="1500" style="border: 0" srcdoc="{page}"></iframe>'
#: What each frame's document looks like, as text.
LOOK = """
<script>
    onload = () => {
        const looks = [...document.querySelectorAll("iframe")].map(frame => {
            const doc = frame.contentDocument, view = frame.contentWindow;
            const box = element => element.getBoundingClientRect();
            const shown = [...doc.querySelectorAll("td, th, li, svg, figcaption, .tile, h2, p")]
                .filter(element => box(element).width > 0);
            return {
                width: doc.documentElement.clientWidth,
                scrolls: doc.documentElement.scrollWidth,
                right: Math.max(...shown.map(element => box(element).right)),
                cut: shown.filter(element => element.scrollWidth > element.clientWidth + 1
                                  && view.getComputedStyle(element).display !== "inline")
                          .map(element => element.outerHTML.slice(0, 100)),
                tiles: [...doc.querySelectorAll(".tile")].map(tile => box(tile).height),
                reloads: [...doc.querySelectorAll("td.reload")].map(cell => cell.innerText),
                plots: [...doc.querySelectorAll("svg")].map(svg => box(svg).height),
                wrong: [...doc.querySelectorAll(".wrong li")].map(item => item.innerText),
                order: ["section.wrong", ".tiles", ".plots", ".reloads", "table"]
                    .map(selector => box(doc.querySelector(selector)).top),
                background: view.getComputedStyle(doc.body).backgroundColor,
            };
        });
        document.body.textContent = JSON.stringify(looks);
    };
</script>
"""

LONG = "a-name-without-any-place-to-break-it-" * 3


@needs_program("chromium", "nginx")
class StatusPage(HostTestCase):
    def setUp(self):
        super().setUp()
        self.blog = self.write("blog.py", HELLO)
        self.host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.path("control")}
            status_path = /-/status
            [app blog]
            file = {self.blog}
            mount = /blog
            [app {LONG}]
            file = {self.write(LONG + ".py", HELLO)}
            mount = /long
            [app reports]
            file = {self.write("reports.py", "this is no Python")}
            mount = /reports
            process = own
            """))
        self.host.log.wait_for(r"\[host\.ready\]")
        for _ in range(5):
            self.assertEqual(self.host.fetch("/blog/").status, 200)
        self.write("blog.py", "from settings_that_are_not_there import COLOUR\n")
        self.host.log.wait_for(r"\[reload\.kept\]")
        await_(lambda: b"settings_that_are_not_there" in self.page(), "the reload in the page")

    def page(self, query="still"):
        answer = self.host.fetch("/-/status", query=query)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        return answer.body

    def browse(self, url, *options):
        """The page as the browser has understood it."""
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--hide-scrollbars", f"--user-data-dir={self.path('browser')}", *options,
             "--dump-dom", url],
            capture_output=True, text=True, timeout=3 * DEADLINE_S,
            env=clean_environ(HOME=self.path("home")))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def look(self, *options):
        """What the page looks like at each width."""
        page = html.escape(self.page().decode())
        frames = "".join(FRAME.format(width=width, page=page) for width in WIDTHS)
        file = self.write("frames.html", f"<!DOCTYPE html><meta charset=utf-8><body>{frames}{LOOK}")
        shown = self.browse(f"file://{file}", "--window-size=2400,1600", *options)
        text = re.search(r"<body>(.*)</body>", shown, re.DOTALL).group(1)
        return json.loads(html.unescape(text))

    def test_it_fits_a_phone_a_tablet_and_a_laptop(self):
        looks = self.look()
        self.assertEqual([look["width"] for look in looks], list(WIDTHS))
        for look in looks:
            with self.subTest(width=look["width"]):
                self.assertLessEqual(look["scrolls"], look["width"])
                self.assertLessEqual(look["right"], look["width"])
                self.assertEqual(look["cut"], [])
                self.assertEqual(len(look["reloads"]), 3)
                self.assertIn("kept in ", look["reloads"][1] + look["reloads"][0])
                self.assertEqual(len(look["plots"]), 4)
                self.assertLess(max(look["tiles"]), 80)  # a number and a word, each in a line
                self.assertGreater(min(look["plots"]), 20)

    def test_what_is_wrong_is_on_top(self):
        for look in self.look():
            with self.subTest(width=look["width"]):
                self.assertEqual(look["order"], sorted(look["order"]))
                wrong = "\n".join(look["wrong"])
                # In 1 of 2 workers, while another one tries whether the edit has mended it.
                self.assertRegex(wrong, "reports does not serve( in 1 of 2 workers)?: SyntaxError")
                self.assertIn("blog serves its old code: ModuleNotFoundError", wrong)

    def test_it_is_dark_where_the_browser_is(self):
        def brightness(look):
            return sum(map(int, re.findall(r"\d+", look["background"])[:3]))
        light, dark = self.look(), self.look("--blink-settings=preferredColorScheme=0")
        self.assertGreater(min(map(brightness, light)), 3 * 200)
        self.assertLess(max(map(brightness, dark)), 3 * 60)

    def test_a_browser_shows_it_behind_a_web_server(self):
        folder = self.path("server")
        os.makedirs(folder)
        server = servers.start_nginx(folder, servers.example(
            "nginx/closing.conf", {"/run/fcgi_host.sock": self.host.address}))
        self.addCleanup(server.stop)
        shown = self.browse(f"http://127.0.0.1:{server.port}/-/status")
        self.assertIn("<b>blog</b>", shown)
        self.assertIn('<span class="bad">failed</span>', shown)

    def test_it_refreshes_itself_unless_it_is_to_be_still(self):
        self.assertIn(b'http-equiv="refresh"', self.page(query=""))
        self.assertNotIn(b'http-equiv="refresh"', self.page())


if __name__ == "__main__":
    unittest.main()
