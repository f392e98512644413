"""`ppo-bridge config`: what is in force, why, and what a file may say."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from support import ROOT


class Config(unittest.TestCase):
    def run_it(self, *arguments: object, code: int = 0, **environment: str) -> str:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PPO_BRIDGE_")}
        done = subprocess.run([os.environ["PPO_BRIDGE_BIN"], *map(str, arguments)], capture_output=True, text=True,
                              env={**kept, **environment})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_show_says_where_each_value_is_from_and_is_a_file_that_says_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place, "bridge.toml")
            file.write_text('[history]\nevents_max = 7\n\n[trainers.connect]\n"t 1" = "tcp://127.0.0.1:1"\n'.replace("t 1", "t-1"))
            given = ("-c", file, "--set", "events.bind=[\"tcp://127.0.0.1:1\", \"ipc:///tmp/a\"]", "--set", "log.file=a\"b")
            shown = self.run_it(*given, "config", "show", PPO_BRIDGE_LOG_LEVEL="warn")
            for line in ("events_max = 7  # %s:2" % file, 'level = "warn"  # environment PPO_BRIDGE_LOG_LEVEL',
                         'bind = ["tcp://127.0.0.1:1", "ipc:///tmp/a"]  # --set', 'file = "a\\"b"  # --set',
                         "clients_max = 4096  # default"):
                self.assertIn("\n%s\n" % line, shown)
            again = Path(place, "again.toml")
            again.write_text(shown)
            self.assertEqual(tomllib.loads(self.run_it("-c", again, "config", "show")), tomllib.loads(shown))
            changed = tomllib.loads(self.run_it(*given, "config", "show", "--changed"))
            self.assertEqual(changed["trainers"], {"connect": {"t-1": "tcp://127.0.0.1:1"}})
            self.assertEqual(set(changed), {"events", "history", "log", "trainers"})
        defaults = self.run_it("config", "show")
        self.assertEqual(tomllib.loads(defaults), tomllib.loads((ROOT / "conf/bridge.toml").read_text()))

    def test_check_and_what_is_wrong(self) -> None:
        self.assertEqual(self.run_it("config", "check", "-c", ROOT / "conf/bridge.toml"), "configuration ok\n")
        self.assertEqual(self.run_it("-c", ROOT / "conf/bridge.production.toml", "config", "check"), "configuration ok\n")
        for arguments in (["config", "check"], ["config", "show"], ["config", "explain", "log.level"]):
            self.assertIn("history.events_max is 0; must be an integer 1..100000000 (--set)",
                          self.run_it("--set", "history.events_max=0", *arguments, code=2))
        self.assertIn("no key is called log.leve; there are log.level, ", self.run_it("config", "explain", "log.leve", code=2))
        self.assertIn("no key is called x; `config show`", self.run_it("config", "explain", "x", code=2))
        self.run_it("config", code=2)

    def test_explain(self) -> None:
        said = self.run_it("config", "explain", "journal.age_max_s", "--set", "journal.age_max_s=60")
        for line in ("allowed      an integer 1..315360000, seconds.", "default      604800", "value        60",
                     "environment  PPO_BRIDGE_JOURNAL_AGE_MAX_S", "from         --set"):
            self.assertIn(line + "\n", said)

    def test_the_schema_is_of_the_same_keys_and_takes_the_files_that_there_are(self) -> None:
        schema = json.loads(self.run_it("config", "schema"))
        every = tomllib.loads((ROOT / "conf/bridge.toml").read_text())
        sections = schema["properties"]
        self.assertEqual({s: list(k["properties"]) for s, k in sections.items()}, {s: list(k) for s, k in every.items()})
        self.assertEqual(sections["log"]["properties"]["level"]["enum"], ["trace", "debug", "info", "warn", "error", "off"])
        self.assertNotIn("enum", sections["websocket"]["properties"]["listen"])
        kinds = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list}
        for section, keys in every.items():
            for key, value in keys.items():
                about = sections[section]["properties"][key]
                types = about["type"] if isinstance(about["type"], list) else [about["type"]]
                self.assertIn(type(value), [kinds[kind] for kind in types])
                self.assertEqual(about["default"], value)
                if "minimum" in about:
                    self.assertTrue(about["minimum"] <= value <= about["maximum"])


if __name__ == "__main__":
    unittest.main()
