"""ppo-client on a terminal, against the real bridge."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import termios
import unittest
import urllib.request
from pathlib import Path

from ppo_bridge import Publisher

from support import Bridge, scratch, wait_until

CLIENT = Path(os.environ["PPO_BRIDGE_BIN"]).with_name("ppo-client")
COLUMNS = 80


@unittest.skipUnless(CLIENT.exists(), "ppo-client is not built")
class Terminal(unittest.TestCase):
    def setUp(self) -> None:
        self.bridge = Bridge()
        self.addCleanup(self.bridge.close)
        self.publisher = Publisher(source="trainer-1", endpoint=self.bridge.events_in, control=self.bridge.control)
        self.addCleanup(self.publisher.close)
        for command in ("cancel_order", "get_hyperparameters", "load_checkpoint", "pause", "place_order", "resume"):
            self.publisher.command(command)(lambda given: None)

    def publish(self, kind: str, data: dict) -> None:
        before = self.bridge.ask("get_status")["result"]["seq"]
        self.publisher.publish(kind, data)
        wait_until(lambda: self.bridge.ask("get_status")["result"]["seq"] > before)

    def shown(self, *arguments: str, **environment: str) -> str:
        """What it writes to a terminal of 80 columns."""
        here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        process = subprocess.Popen([CLIENT, "--url", self.bridge.ws, *arguments], stdout=there, stderr=subprocess.DEVNULL,
                                   stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm", **environment})
        os.close(there)
        text = b""
        while True:
            try:
                piece = os.read(here, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
        os.close(here)
        self.assertEqual(process.wait(20), 0)
        return text.decode().replace("\r\n", "\n")

    def test_nothing_that_came_steers_the_terminal(self) -> None:
        self.publish("trade_executed", {"agent_id": "a", "item": "x\u009b31m\u202ey\u2066", "price": 1.50})
        export = ["export", "trade_executed"]
        for arguments in (["recent", "--type", "trade_executed", "--json"], export, [*export, "--format", "csv"],
                          ["tail", "--since", "0", "-n", "1", "--json", "trade_executed"], ["recent"]):
            with self.subTest(arguments):
                text = self.shown(*arguments, NO_COLOR="1")
                self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
        self.assertIn(r'"x\u009b31m\u202ey\u2066"', self.shown(*export))
        piped = subprocess.run([CLIENT, "--url", self.bridge.ws, *export], capture_output=True, text=True, check=True)
        self.assertIn("x\u009b31m\u202ey\u2066", piped.stdout)  # as it came

    def test_top_shows_everything_at_a_glance_and_leaves_the_terminal_as_it_was(self) -> None:
        self.publish("trade_executed", {"agent_id": "agent_0"})
        wait_until(lambda: self.bridge.source("trainer-1").get("connected"))
        once = self.shown("top", "--once", NO_COLOR="1")
        self.assertLessEqual(max(map(len, once.splitlines())), COLUMNS)
        for word in (r"trainer-1 +live +running", r"ppo-client-\d+ +ws", "DELAY", "MEMORY"):
            self.assertRegex(once, word)
        self.assertNotIn("\x1b", once)
        piped = subprocess.run([CLIENT, "--url", self.bridge.ws, "top", "--once", "--json"], capture_output=True, text=True, check=True)
        told = json.loads(piped.stdout)
        self.assertEqual([source["source"] for source in told["sources"]], ["trainer-1"])
        self.assertIn("delays", told["status"])

        here, there = pty.openpty()
        self.addCleanup(os.close, here)
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        process = subprocess.Popen([CLIENT, "--url", self.bridge.ws, "top", "--interval", "0.1"], stdout=there, stderr=there,
                                   stdin=there, env={**os.environ, "TERM": "xterm"})
        self.addCleanup(process.kill)
        os.close(there)
        text = ""
        while text.count("trainer-1") < 2:  # drawn again
            text += os.read(here, 65536).decode()
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(here, 65536):
                text += piece.decode()
        except OSError:  # the other end is closed
            pass
        self.assertEqual(process.wait(20), 0)
        self.assertTrue(text.startswith("\x1b[?1049h"))
        self.assertTrue(text.endswith("\x1b[?25h\x1b[?1049l"))

    def test_slow_tells_of_turns(self) -> None:
        done = subprocess.run([CLIENT, "--url", self.bridge.ws, "slow", "--json"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(done.stdout)["longer_than_ms"], 5)
        page = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/debug/slow")
        self.assertIn("turns", json.load(urllib.request.urlopen(page, timeout=20)))

    def test_eighty_columns_cut_nobodys_name_nor_state(self) -> None:
        self.publish("trade_executed", {"agent_id": "agent_0", "item": "Coal", "action_type": "buy", "quantity": 1, "price": 5})
        wait_until(lambda: self.bridge.source("trainer-1").get("commands"))
        sources = self.shown("sources", NO_COLOR="1")
        for word in ("trainer-1", "agent_0", "get_hyperparameters", "state live", "resume"):
            self.assertIn(word, sources)
        self.assertRegex(self.shown("clients", NO_COLOR="1"), r"connection \d+\n(.*\n)*.*lag 0")
        tail = self.shown("tail", "--since", "0", "-n", "1", "trade_executed", NO_COLOR="1")
        self.assertRegex(tail, r"trade_executed +trainer-1/agent_0 +Coal +buy 1 @ 5")
        for text in (sources, tail):
            self.assertLessEqual(max(map(len, text.splitlines())), COLUMNS)

    def test_colours_are_for_terminals_that_are_not_refused_them(self) -> None:
        self.publish("trade_executed", {"agent_id": "agent_0", "item": "Coal"})
        colour = re.compile("\x1b\\[")
        self.assertRegex(self.shown("recent"), colour)
        self.assertNotRegex(self.shown("recent", NO_COLOR="1"), colour)
        self.assertRegex(self.shown("recent", "--color", "always", NO_COLOR="1"), colour)
        self.assertNotRegex(self.shown("recent", TERM="dumb"), colour)

    def test_what_only_knows_of_now_says_where_older_events_are(self) -> None:
        for command in ("types", "snapshot"):
            with self.subTest(command):
                bridge = Bridge()
                self.addCleanup(bridge.close)
                done = subprocess.run([CLIENT, "--url", bridge.ws, command], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, "no event since the bridge began; `recent` and `export` "
                                                                  "have older ones, if there are any\n"))
        self.publish("trade_executed", {"agent_id": "a", "item": "Coal"})
        for command in ("types", "snapshot"):
            done = subprocess.run([CLIENT, "--url", self.bridge.ws, command], capture_output=True, text=True)
            self.assertEqual(done.stderr, "")

    def test_recent_looks_for_what_passes_a_rule_page_by_page(self) -> None:
        body = "\n".join('{"type":"%s","data":{"n":%d}}' % ("tick" if n % 2 else "tock", n) for n in range(24_000))
        url = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
        urllib.request.urlopen(url, body.encode(), 20).close()

        def found(*arguments: str) -> list:
            done = subprocess.run([CLIENT, "--url", self.bridge.ws, "recent", "--json", *arguments], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return [json.loads(line)["data"]["n"] for line in done.stdout.splitlines()]

        self.assertEqual(found("--where", "t* where n <= 4"), [0, 1, 2, 3, 4])
        self.assertEqual(found("--where", "tick where n < 21000", "-n", "3"), [20995, 20997, 20999])
        self.assertEqual(found("--where", "* where n > 20000", "--since-seq", "1", "-n", "2"), [20001, 20002])
        self.assertEqual(found("--where", "tock where n = 1"), [])

    def test_a_type_that_never_came_is_told(self) -> None:
        self.publish("trade_executed", {"agent_id": "agent_0"})
        done = subprocess.run(["timeout", "-s", "INT", "2", CLIENT, "--url", self.bridge.ws, "tail", "tade_executed"],
                              capture_output=True, text=True)
        self.assertRegex(done.stderr, r"^no event of type tade_executed since the bridge began; there are .*trade_executed")


@unittest.skipUnless(CLIENT.exists(), "ppo-client is not built")
class Backup(unittest.TestCase):
    def test_a_copy_is_made_beside_the_journal_and_nothing_is_written_over(self) -> None:
        folder = scratch(self)
        bridge = Bridge("journal.path=%s/j.sqlite" % folder)
        self.addCleanup(bridge.close)
        publisher = Publisher(source="t", endpoint=bridge.events_in, control=bridge.control)
        self.addCleanup(publisher.close, 0)
        for n in range(100):
            publisher.publish("note", {"n": n})
        wait_until(lambda: bridge.counters()["accepted"] >= 100)
        wait_until(lambda: sqlite3.connect("file:%s/j.sqlite?mode=ro" % folder, uri=True).execute(
            "SELECT count(*) FROM events WHERE type='note'").fetchone()[0] == 100)

        def backup(file: str) -> subprocess.CompletedProcess:
            return subprocess.run([CLIENT, "--url", bridge.ws, "backup", file], capture_output=True, text=True, cwd=folder)

        done = backup("copy.sqlite")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(str(folder.resolve() / "copy.sqlite"), done.stdout)
        copied = sqlite3.connect(folder / "copy.sqlite").execute("SELECT count(*) FROM events WHERE type='note'").fetchone()
        self.assertEqual(copied, (100,))
        for file, why in (("copy.sqlite", "it is there already"), ("/tmp/copy.sqlite", "must be a name, or a path in"),
                          ("./j.sqlite-wal", "must not begin with")):
            with self.subTest(file):
                refused = backup(file)
                self.assertEqual(refused.returncode, 3)
                self.assertIn(why, refused.stderr)
        self.assertEqual(backup("./another.sqlite").returncode, 0)
        # It is a journal: a bridge goes on in it.
        again = Bridge("journal.path=%s/copy.sqlite" % folder)
        self.addCleanup(again.close)
        self.assertEqual(len(again.events("note")), 100)
        self.assertIsNone(again.ask("get_status")["result"]["journal"]["problem"])


if __name__ == "__main__":
    unittest.main()
