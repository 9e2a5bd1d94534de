"""The metrics: a strict reading of them, what they count, and the dashboard that shows them."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

from support import openmetrics
from support.host import ROOT, HostTestCase, needs_recycling, run
from support.load import Load
from support.waiting import await_

DASHBOARD = os.path.join(ROOT, "examples/grafana/fcgi_host.json")
PROMTOOL = shutil.which("promtool")
HISTOGRAMS = ("fcgi_host_request_duration_seconds", "fcgi_host_queue_duration_seconds",
              "fcgi_host_gil_wait_seconds")
#: Labels that Prometheus gives every sample that it has read.
OF_PROMETHEUS = {"instance", "job"}

APPLICATION = """
    import ctypes, decimal, os, time
    keeping = ctypes.PyDLL(None)  # its functions keep the GIL

    def application(environ, start_response):
        path, name = environ["PATH_INFO"], environ["QUERY_STRING"]
        if path == "/sleep":
            time.sleep(float(name))
        elif path == "/keep":
            open(name, "w").close()
            keeping.usleep(100000)
        elif path == "/pipe":  # waits until somebody has it open to write
            os.close(os.open(name, os.O_RDONLY))
        start_response("200 OK", [])
        return [b"answered"]
    """


class Strictness(unittest.TestCase):
    """What the reader is for."""

    GOOD = ('# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# HELP a_seconds x\n'
            'a_seconds_bucket{b="c",le="1.0"} 1\na_seconds_bucket{b="c",le="+Inf"} 2\n'
            'a_seconds_count{b="c"} 2\na_seconds_sum{b="c"} 3.5\n'
            '# TYPE d counter\n# HELP d x\nd_total{e="\\"\\\\\\n"} 7\n# EOF\n')

    def test_what_is_right_is_read(self):
        families = openmetrics.parse(self.GOOD)
        self.assertEqual([s.value for s in families["a_seconds"].samples], [1, 2, 2, 3.5])
        self.assertEqual(families["d"].samples[0].labels, {"e": '"\\\n'})

    def test_what_is_wrong_is_refused(self):
        for old, new in (("# EOF\n", ""), ("d_total", "d"), ("# HELP d x\n", ""),
                         ('le="1.0"', 'le="1"'), ('le="+Inf"', 'le="2.0"'), ("} 3.5", "} x"),
                         ('"c",le="+Inf"} 2', '"c",le="+Inf"} 0'), ('count{b="c"} 2', 'count{b="c"} 3'),
                         ("# UNIT a_seconds seconds", "# UNIT a_seconds ms"), ("} 7", "} -7"),
                         ("# TYPE d counter", "# TYPE d count"), ('e="\\"', 'e=""'),
                         ("# TYPE d", "\n# TYPE d"), ('{e="', '{e="1",e="'),
                         ("# EOF\n", 'a_seconds_sum{b="d"} 1\n# EOF\n')):
            with self.subTest(new=new):
                self.assertIn(old, self.GOOD)
                with self.assertRaises(ValueError):
                    openmetrics.parse(self.GOOD.replace(old, new, 1))


class MetricsTestCase(HostTestCase):
    def start(self, app="", host="", **kw):
        self.app = self.write("app.py", APPLICATION)
        self.control = self.path("control")
        self.host = self.start_host("-c", self.config(f"""
            [fcgi_host]
            control = {self.control}
            status_path = /-/status
            {host}
            [app app]
            file = {self.app}
            {app}"""), **kw)
        self.host.log.wait_for(r"\[app\.loaded\]")

    def pipe(self):
        path = self.path("pipe")
        os.mkfifo(path)
        return path

    def fetching(self, *args, **kw):
        thread = threading.Thread(target=self.host.fetch, args=args, kwargs=kw)
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def read(self, query="openmetrics"):
        response = self.host.fetch("/-/status", query=query)
        self.assertEqual(response.status, 200)
        return response.body.decode()

    def families(self):
        return openmetrics.parse(self.read())

    def total(self, name, **labels):
        """The sum of a series over the labels that are not given."""
        for family in self.families().values():
            found = [s.value for s in family.samples
                     if s.name == name and labels.items() <= s.labels.items()]
            if found:
                return sum(found)
        return 0

    def check_is(self, value, name, **labels):
        await_(lambda: self.total(name, **labels) == value, f"{name} {labels} to be {value}")


class Exposition(MetricsTestCase):
    """What reads it has nothing to complain of."""

    def setUp(self):
        super().setUp()
        self.script = self.write('scripts/a "b" \\ c.py', APPLICATION)
        self.start(f"mount = /app\nprocess = own\n[scripts]\nroot = {os.path.dirname(self.script)}\n")
        response = self.host.fetch(SCRIPT_FILENAME=self.script, SCRIPT_NAME="/s")
        self.assertEqual(response.body, b"answered")

    def test_a_strict_reader_takes_it(self):
        families = self.families()
        for name in HISTOGRAMS:
            self.assertEqual(families[name].type, "histogram")
        self.assertEqual({s.labels["app"] for s in families["fcgi_host_requests"].samples},
                         {"app", self.script})

    def test_prometheus_client_takes_it(self):
        if not importlib.util.find_spec("prometheus_client"):
            self.skipTest("prometheus_client is not installed")
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
        self.assertEqual({family.name for family in parse(self.read())}, set(self.families()))

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_finds_nothing(self):
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.read("prometheus"),
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_queries_as_prometheus_writes_them(self):
        for query, kind in (("openmetrics", "application/openmetrics-text; version=1.0.0"),
                            ("openmetrics=", "application/openmetrics-text; version=1.0.0"),
                            ("prometheus=", "text/plain; version=0.0.4"),
                            ("json=", "application/json"), ("openmetric", "text/html"),
                            ("=", "text/html"), ("", "text/html")):
            response = self.host.fetch("/-/status", query=query)
            self.assertTrue(response.headers["content-type"].startswith(kind), query)

    def test_both_formats_have_the_same_series(self):
        def series(text):
            return {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"}
        self.assertEqual(series(self.read()), series(self.read("prometheus")))


class Counting(MetricsTestCase):
    """What the numbers say."""

    def buckets(self, name):
        return {float(s.labels["le"]): s.value for s in self.families()[name].samples
                if s.name.endswith("_bucket")}

    def test_durations_are_in_the_buckets_above_them(self):
        self.start()
        for seconds in ("0", "0.03", "0.3"):
            self.assertEqual(self.host.fetch("/sleep", query=seconds).body, b"answered")
        self.check_is(3, "fcgi_host_request_duration_seconds_count", app="app")
        buckets = self.buckets("fcgi_host_request_duration_seconds")
        self.assertLessEqual(buckets[0.025], 1)
        self.assertLessEqual(buckets[0.25], 2)
        self.assertGreaterEqual(self.total("fcgi_host_request_duration_seconds_sum"), 0.33)
        for name in HISTOGRAMS:
            self.assertEqual(self.buckets(name)[float("inf")], 3, name)

    def test_the_json_has_the_same_histograms(self):
        self.start()
        for _ in range(5):
            self.host.fetch()
        self.check_is(5, "fcgi_host_request_duration_seconds_count")
        app, = json.loads(self.read("json"))["workers"][0]["apps"]
        for key, name in zip(("latency_ms", "queue_ms", "gil_wait_ms"), HISTOGRAMS):
            self.assertEqual(app[key]["count"], 5)
            self.assertEqual({round(bound / 1000, 9): count for bound, count in app[key]["buckets"]},
                             {bound: count for bound, count in self.buckets(name).items()
                              if bound != float("inf")})
            self.assertAlmostEqual(app[key]["sum"] / 1000, self.total(f"{name}_sum"), places=9)

    def test_a_wait_for_a_thread_is_queue_time(self):
        self.start("threads = 1")
        pipe = self.pipe()
        holding = self.fetching("/pipe", query=pipe)
        self.check_is(1, "fcgi_host_in_flight")
        waiting = self.fetching()
        self.check_is(1, "fcgi_host_queued")
        begun = time.monotonic()
        self.read()  # it waits at least as long as this takes
        waited = time.monotonic() - begun
        with open(pipe, "w"):
            holding.join()
        waiting.join()
        self.check_is(2, "fcgi_host_queue_duration_seconds_count")
        self.assertGreaterEqual(self.total("fcgi_host_queue_duration_seconds_sum"), waited)

    def test_a_wait_for_the_gil_is_counted(self):
        self.start("interpreter = main\nthreads = 2")
        begun = self.path("begun")

        def has_waited():
            keeps = self.fetching("/keep", query=begun)
            await_(lambda: os.path.exists(begun), "the GIL to be kept")
            self.host.fetch()  # meanwhile
            keeps.join()
            os.unlink(begun)
            counts = self.buckets("fcgi_host_gil_wait_seconds")
            return counts[0.01] < counts[float("inf")]

        await_(has_waited, "a request to wait for the GIL")
        self.assertGreater(self.total("fcgi_host_gil_wait_seconds_sum"), 0.01)
        self.assertLessEqual(self.total("fcgi_host_gil_wait_seconds_sum"),
                             self.total("fcgi_host_queue_duration_seconds_sum"))

    def test_a_request_that_is_answered_without_its_thread_counts_when_it_is_answered(self):
        self.start("request_timeout_s = 1")
        pipe = self.pipe()
        self.assertEqual(self.host.fetch("/pipe", query=pipe).status, 504)
        self.check_is(1, "fcgi_host_request_duration_seconds_count")
        with open(pipe, "w"):  # its thread comes back
            self.check_is(0, "fcgi_host_in_flight")
        self.host.fetch()
        self.check_is(2, "fcgi_host_request_duration_seconds_count")

    def test_what_is_refused_counts_in_no_histogram(self):
        self.start("threads = 1\nqueue = 1")
        pipe = self.pipe()
        holding = [self.fetching("/pipe", query=pipe)]
        self.check_is(1, "fcgi_host_in_flight")
        holding.append(self.fetching("/pipe", query=pipe))
        self.check_is(1, "fcgi_host_queued")
        self.assertEqual(self.host.fetch().status, 503)
        self.assertEqual(self.total("fcgi_host_rejected_total"), 1)
        self.assertEqual(self.total("fcgi_host_request_duration_seconds_count"), 0)
        with open(pipe, "w"):
            for thread in holding:
                thread.join()
        self.check_is(2, "fcgi_host_request_duration_seconds_count")

    def test_nothing_goes_backwards_while_requests_come(self):
        self.start("threads = 4")
        with Load(lambda: self.host.fetch().status) as load:
            before = {}
            for _ in range(100):
                for family in self.families().values():
                    if family.type not in ("counter", "histogram"):
                        continue
                    for sample in family.samples:
                        self.assertGreaterEqual(sample.value, before.get(sample.series, 0))
                        before[sample.series] = sample.value
        self.assertEqual(load.failures, [])
        self.assertGreater(self.total("fcgi_host_request_duration_seconds_count"), 0)


class Reloads(MetricsTestCase):
    def edit(self, text):
        with open(self.app, "a", encoding="utf-8") as file:
            file.write(text)

    def reloads(self, outcome):
        return self.total("fcgi_host_reloads_total", process="shared", app="app", outcome=outcome)

    @needs_recycling
    def test_outcomes_are_counted_over_the_workers_that_come_and_go(self):
        self.start()
        self.host.fetch()
        worker, = self.host.children()
        self.assertEqual([self.reloads(o) for o in ("switched", "kept", "replaced")], [0, 0, 0])
        self.edit("\n# edited\n")
        self.host.log.wait_for(r"\[reload\.switched\]")
        await_(lambda: self.reloads("switched") == 1, "the reload to count")
        self.edit("\n1 / 0\n")
        self.host.log.wait_for(r"\[reload\.kept\]")
        await_(lambda: self.reloads("kept") == 1, "the failed reload to count")
        self.write("app.py", APPLICATION)
        self.host.log.wait_for(r"\[reload\.switched\]", count=2)
        self.host.signal(signal.SIGHUP)
        self.host.log.wait_for(r"\[worker\.replaced\]")
        await_(lambda: self.reloads("replaced") == 1, "the replacement to count")
        self.assertEqual([self.reloads(o) for o in ("switched", "kept")], [2, 1])
        self.assertNotEqual(self.host.children(), [worker])

    def test_a_replacement_that_is_kept_counts_as_kept(self):
        self.start("reload = worker")
        self.edit("\n1 / 0\n")
        await_(lambda: self.reloads("kept") == 1, "the failed replacement to count")
        self.assertEqual(self.reloads("replaced"), 0)

    def test_what_a_worker_has_counted_ends_with_it(self):
        self.start("reload = worker")
        self.host.fetch()
        before, = self.host.children()
        self.check_is(1, "fcgi_host_request_duration_seconds_count", worker=str(before))
        code, _, err = run("reload", "-s", self.control)
        self.assertEqual(code, 0, err)
        def workers():
            return {s.labels["worker"] for s in self.families()["fcgi_host_requests"].samples}
        await_(lambda: len(workers()) == 1 and str(before) not in workers(), "the next worker")
        self.assertEqual(self.total("fcgi_host_request_duration_seconds_count"), 0)

    @needs_recycling
    def test_checks_are_timed(self):
        self.start()
        checks = self.total("fcgi_host_check_seconds_count", app="app")
        self.assertGreaterEqual(checks, 1)
        self.edit("\n# edited\n")
        self.host.log.wait_for(r"\[reload\.retired\]")
        await_(lambda: self.total("fcgi_host_check_seconds_count", app="app") >= checks + 2,
               "the checks before the switch and after the end to count")
        last = self.total("fcgi_host_last_check_seconds", app="app")
        self.assertGreater(last, 0)
        self.assertGreater(self.total("fcgi_host_check_seconds_sum", app="app"), last)


class Groups(MetricsTestCase):
    def test_each_has_the_memory_of_its_processes(self):
        other = self.write("other.py", APPLICATION)
        self.start(f"[app own]\nfile = {other}\nmount = /own\nprocess = own\n"
                   f"[app asleep]\nfile = {other}\nmount = /asleep\nprocess = own\nworkers = 0-1\n",
                   host="workers = 2")
        await_(lambda: self.total("fcgi_host_process_workers", process="shared") == 2 and
               self.total("fcgi_host_process_workers", process="own") == 1, "the workers")
        for process, most in (("shared", 2), ("own", 1)):
            resident = self.total("fcgi_host_process_resident_bytes", process=process)
            anonymous = self.total("fcgi_host_process_anonymous_bytes", process=process)
            self.assertGreater(anonymous, most << 20)
            self.assertGreater(resident, anonymous)
        self.assertEqual(self.total("fcgi_host_process_workers", process="asleep"), 0)
        processes = {p["process"]: p for p in json.loads(self.read("json"))["processes"]}
        self.assertEqual(set(processes), {"shared", "own", "asleep"})
        self.assertEqual(processes["shared"]["workers"], 2)


class Dashboard(MetricsTestCase):
    """examples/grafana/fcgi_host.json shows what there is."""

    def setUp(self):
        super().setUp()
        with open(DASHBOARD, encoding="utf-8") as file:
            self.dashboard = json.load(file)

    def expressions(self):
        """Of its panels, annotations and variables."""
        def walk(value):
            if isinstance(value, dict):
                for key, member in value.items():
                    if key in ("expr", "definition"):
                        yield member
                    else:
                        yield from walk(member)
            elif isinstance(value, list):
                for item in value:
                    yield from walk(item)
        return list(walk(self.dashboard))

    def test_every_metric_and_label_is_exported(self):
        self.start()
        samples = [s for family in self.families().values() for s in family.samples]
        names = {s.name for s in samples}
        labels = {label for s in samples for label in s.labels} | OF_PROMETHEUS
        used = set()
        for expression in self.expressions():
            found = set(re.findall(r"\bfcgi_host\w*\b(?!=)", re.sub(r'"[^"]*"', '""', expression)))
            self.assertTrue(found, expression)
            self.assertEqual(found - names, set(), expression)
            asked = set(re.findall(r"(\w+)=~?\"", expression))
            for group in re.findall(r"by \(([^)]*)\)", expression):
                asked |= set(re.split(r",\s*", group))
            self.assertEqual(asked - labels, set(), expression)
            used |= found
        for name in (*(f"{name}_bucket" for name in HISTOGRAMS), "fcgi_host_reloads_total",
                     "fcgi_host_check_seconds_sum", "fcgi_host_process_resident_bytes"):
            self.assertIn(name, used)

    def test_legends_name_labels_that_the_result_has(self):
        for panel in self.dashboard["panels"]:
            for target in panel.get("targets", []):
                groups = re.findall(r"by \(([^)]*)\)", target["expr"])
                if groups:
                    kept = set(re.split(r",\s*", groups[0]))
                    wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                    self.assertEqual(wanted - kept, set(), target)

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in self.dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertEqual(cells & taken, set(), panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            taken |= cells
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_takes_every_expression(self):
        rules = []
        for i, expression in enumerate(self.expressions()):
            if not expression.startswith("label_values("):
                expression = expression.replace("$__rate_interval", "5m")
                rules.append(f"- record: x:{i}\n  expr: {json.dumps(expression)}\n")
        text = "groups:\n- name: dashboard\n  rules:\n" + "".join(
            "  " + line + "\n" for rule in rules for line in rule.splitlines())
        path = self.write("rules.yml", text)
        done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
