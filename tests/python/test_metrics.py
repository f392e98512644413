"""/metrics as Prometheus would have it, and what conf/monitoring makes of it: nothing there names what is not there."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path
from typing import Any

from ppo_bridge import Publisher
from support import ROOT, Bridge, free_port, scratch, started, wait_until

MONITORING = ROOT / "conf/monitoring"
PROMTOOL = shutil.which("promtool")  # Debian: prometheus
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
# What a bridge tells that is one of several, as this one is not.
CLUSTER = set(re.findall(r'"(ppo_bridge_cluster_\w+)"', (ROOT / "bridge/app/cluster_metrics.cpp").read_text()))
METRIC = re.compile(r"\b(?:ppo_bridge|process)_[a-z0-9_]+")
# https://prometheus.io/docs/practices/naming/: base units, written out.
ABBREVIATED = {"s", "ms", "us", "ns", "sec", "secs", "kb", "mb", "gb", "kib", "mib", "gib", "b", "h", "min", "pct"}
NOT_BASE = {"milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "kilobytes", "megabytes", "percent"}


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl")
class Metrics(unittest.TestCase):
    """Of a bridge that has all there is to count: a journal, TLS, an audit log, a source."""

    @classmethod
    def setUpClass(cls) -> None:
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.folder = folder = Path(place.name)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=b",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "pem"],
            check=True, capture_output=True,
        )
        (folder / "key").chmod(0o600)
        settings = ("journal.path=%s/j" % folder, "tls.certificate=%s/pem" % folder, "tls.key=%s/key" % folder)
        schemas = ("schemas.directory=%s/conf/schemas" % ROOT, "schemas.mode=count")
        bridge = Bridge(*settings, *schemas, "audit.file=%s/audit" % folder)
        cls.addClassCleanup(bridge.close)
        publisher = Publisher("trainer-1", endpoint=bridge.events_in, control=bridge.control)
        cls.addClassCleanup(publisher.close, 0)
        publisher.publish("note", {})
        publisher.publish("scalar", {"tag": 5})
        wait_until(lambda: "clock_error_ms" in bridge.source("trainer-1"))
        publisher.publish("note", {})
        wait_until(lambda: bridge.counters()["accepted"] >= 3)
        cls.source = bridge.source("trainer-1")
        cls.status = bridge.ask("get_status") if hasattr(bridge, "ask") else {}
        trusting = ssl.create_default_context(cafile=folder / "pem")
        cls.address = bridge.ws[len("wss://"):-len("/ws")]
        cls.text = urllib.request.urlopen("https://%s/metrics" % cls.address, timeout=20, context=trusting).read().decode()
        cls.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", cls.text, re.M))
        cls.helps = dict(re.findall(r"^# HELP (\S+) (.+)$", cls.text, re.M))
        cls.labels: dict = {}  # of each name of a sample
        for line in cls.text.splitlines():
            if not line.startswith("#"):
                name, labels, _ = SAMPLE.fullmatch(line).groups()
                cls.labels.setdefault(name, set()).update(key for key, _ in LABEL.findall(labels or ""))

    def family(self, name: str) -> str:
        found = re.sub("_(bucket|sum|count)$", "", name)
        return found if self.types.get(found) == "histogram" else name

    def test_names_and_help_follow_the_conventions(self) -> None:
        self.assertGreater(len(self.labels), 90)
        self.assertEqual(len(re.findall("^# TYPE ", self.text, re.M)), len(self.types), "a family comes twice")
        for name in self.labels:
            family = self.family(name)
            with self.subTest(name):
                self.assertTrue(family.startswith(("ppo_bridge_", "process_")))
                self.assertIn(family, self.types)
                self.assertRegex(self.helps.get(family, ""), r"^[A-Z0-9_].*\.$")
                words = set(family.split("_"))
                self.assertFalse(words & ABBREVIATED, "an abbreviated unit")
                self.assertFalse(words & NOT_BASE, "not a base unit")
                self.assertEqual(family.endswith("_total"), self.types[family] == "counter")
                unit = words & {"seconds", "bytes"}
                if unit:
                    self.assertRegex(family, "_%s(_total)?$" % unit.pop(), "the unit comes last")
                self.assertFalse(family.endswith(("_max", "_min", "_avg", "_count", "_sum", "_bucket", "_uptime_seconds")))
                self.assertFalse(self.labels[name] & {"job", "instance"}, "Prometheus' own labels")

    @unittest.skipUnless(PROMTOOL, "there is no promtool")
    def test_promtool_finds_nothing(self) -> None:
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        for what, file in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
            done = subprocess.run([PROMTOOL, "check", what, file], cwd=MONITORING, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        # What Grafana asks is PromQL too.
        rules = [{"record": "a:b", "expr": expr.replace("$__rate_interval", "1m")} for expr in self.grafana()]
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": str(n), "rules": [rule]} for n, rule in enumerate(rules)]}, file)
            file.flush()
            done = subprocess.run([PROMTOOL, "check", "rules", file.name], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(shutil.which("prometheus"), "there is no prometheus")
    def test_prometheus_itself_takes_the_files_and_reads_all_of_it(self) -> None:
        place, port = scratch(self), free_port()
        text = (MONITORING / "prometheus.yml").read_text().replace("127.0.0.1:5178", self.address)
        secure = "# scheme: https\n    # tls_config:\n    #   ca_file: /etc/prometheus/ppo-bridge.pem"
        self.assertIn(secure, text)
        text = text.replace(secure, secure.replace("# ", "").replace("/etc/prometheus/ppo-bridge.pem", "%s/pem" % self.folder))
        (place / "prometheus.yml").write_text("global: {scrape_interval: 1s, evaluation_interval: 1s}\n" + text)
        shutil.copy(MONITORING / "alerts.yml", place)
        started(self, ["prometheus", "--config.file=%s/prometheus.yml" % place, "--storage.tsdb.path=%s/data" % place,
                       "--web.listen-address=127.0.0.1:%d" % port, "--log.level=error"], cwd=place)

        def told(path: str) -> Any:
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/api/v1/%s" % (port, path), timeout=20) as answer:
                    return json.load(answer)["data"]
            except OSError:
                return {}

        wait_until(lambda: set(self.labels) <= set(told("label/__name__/values")), "for Prometheus to have read all")
        up = told("query?query=up")["result"]
        self.assertEqual([(series["metric"]["job"], series["value"][1]) for series in up], [("ppo-bridge", "1")])
        rules = wait_until(lambda: [r for group in told("rules").get("groups", []) for r in group["rules"] if r["health"] != "unknown"])
        self.assertEqual({rule["health"] for rule in rules}, {"ok"})

    def grafana(self) -> list:
        dashboard = json.loads((MONITORING / "grafana.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        return asked + [note["expr"] for note in dashboard["annotations"]["list"]]

    def test_everything_that_is_asked_for_is_there(self) -> None:
        rules = re.findall(r"^ +expr: (.*)$", (MONITORING / "alerts.yml").read_text(), re.M)
        self.assertGreater(len(rules), 15)
        self.assertGreater(len(self.grafana()), 50)
        for expr in rules + self.grafana():
            with self.subTest(expr):
                names = METRIC.findall(expr)
                if "up{" not in expr:
                    self.assertTrue(names)
                self.assertEqual(set(names) - set(self.labels) - CLUSTER, set())
                there = set.union({"job", "instance", "le"}, *(self.labels.get(name, {"node", "what"}) for name in names))
                asked = set(re.findall(r"[{,]\s*([a-z_]+)\s*(?:=|!)", expr))
                for by in re.findall(r"by \(([^)]*)\)", expr):
                    asked |= {label.strip() for label in by.split(",")}
                self.assertLessEqual(asked, there)
                self.assertEqual(bool(re.search(r"(rate|increase|resets|changes)\(", expr)), "[" in expr)
        for expr in rules + self.grafana():
            for name in re.findall(r"(?:rate|increase)\((\w+)", expr):
                with self.subTest(expr + ": a rate is of a counter"):
                    self.assertIn(self.types[self.family(name)], ("counter", "histogram"))

    def test_the_dashboard_is_laid_out(self) -> None:
        panels = json.loads((MONITORING / "grafana.json").read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            with self.subTest(panel["title"]):
                self.assertFalse(cells & taken)
                self.assertLessEqual(at["x"] + at["w"], 24)
                if panel["type"] != "row":
                    self.assertTrue(panel["description"].endswith("."))
            taken |= cells


if __name__ == "__main__":
    unittest.main()
