"""A journal whose old events are compressed: a stock sqlite3 shell, Python's sqlite3 with one line more, and clients that
resume read of it what clients were sent, byte for byte. A journal for which that was never asked is as it always was."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import time
import unittest
import zlib
from pathlib import Path

import websockets
from ppo_bridge import Publisher
from support import PATIENCE_S, Bridge, scratch, wait_until
import test_reload

COLUMNS = "seq, timestamp, type, source, run, source_seq, agent_id, item, data_bytes, body"
EVENTS = 6000
TABLE = """CREATE TABLE events(
  seq INTEGER PRIMARY KEY,      -- number of the event; goes on over all epochs
  timestamp REAL NOT NULL,      -- when the bridge accepted it, seconds since 1970
  type TEXT NOT NULL,
  source TEXT,
  run TEXT,
  source_seq INTEGER,
  agent_id TEXT,                -- data.agent_id and data.item, where they are text
  item TEXT,
  data_bytes INTEGER NOT NULL,  -- length of data's text in body
  body TEXT NOT NULL            -- the event as it went to clients, JSON
)"""


def data_of(n: int) -> dict:
    """Of all kinds of texts and numbers."""
    if n % 5 == 0:
        return {"agent_id": "agent_%d" % (n % 3), "item": 'Pot "of"\\ \té 😀 \x7f', "n": n, "text": "a\nb\u2028/"}
    if n % 5 == 1:
        return {"agent_id": n, "item": None, "x": [1e-300, -0.0, 1.5e300, n / 7], "n": n}
    if n % 5 == 2:
        return {"n": n, "long": "x" * (n % 3000)}
    return {"agent_id": "agent_%d" % (n % 3), "item": "Abyssal whip", "price": 1670794, "quantity": n, "n": n}


def read(path: Path) -> list[tuple]:
    """By Python's sqlite3, as bridge/PAST.md has it."""
    journal = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    journal.create_function("sqlar_uncompress", 2, lambda data, size: data if len(data) == size else zlib.decompress(data))
    try:
        return journal.execute("SELECT %s FROM events ORDER BY seq" % COLUMNS).fetchall()
    finally:
        journal.close()


def shell(path: Path, sql: str) -> list[str]:
    told = subprocess.run([shutil.which("sqlite3"), "-readonly", path, sql], capture_output=True, text=True, check=True)
    assert told.stderr == "", told.stderr
    return told.stdout.splitlines()


class Packed(unittest.TestCase):
    def begin(self, *settings: str) -> Bridge:
        self.path = scratch(self) / "journal.sqlite"
        bridge = Bridge("journal.path=%s" % self.path, "history.events_max=1000", *settings)
        self.addCleanup(bridge.close)
        return bridge

    def publish(self, bridge: Bridge, events: int) -> None:
        publisher = Publisher("pack", endpoint=bridge.events_in, control=bridge.control)
        for n in range(events):
            publisher.publish("tick" if n % 3 else "tock", data_of(n))
        publisher.close()
        wait_until(lambda: self.journal(bridge)["problem"] is None and self.held(bridge) >= events)

    def held(self, bridge: Bridge) -> int:
        return bridge.ask("get_status")["result"]["seq"]

    def journal(self, bridge: Bridge) -> dict:
        return bridge.ask("get_status")["result"]["journal"]

    def resumed(self, bridge: Bridge, since: dict, last: int) -> list[str]:
        """What a client that was away since then is sent, as it comes."""
        async def run() -> list[str]:
            found: list[str] = []
            async with websockets.connect(bridge.ws, max_size=None) as client:
                await client.send(json.dumps({"action": "register", "since": since}))
                while True:
                    text = await asyncio.wait_for(client.recv(), PATIENCE_S)
                    told = json.loads(text)
                    self.assertNotEqual(told.get("type"), "gap", text)
                    if "seq" in told and "data" in told and told.get("type") != "welcome" and "request_id" not in told and "timestamp" in told:
                        found.append(text)
                        if told["seq"] >= last:
                            return found

        return asyncio.run(run())

    def test_shell_python_and_clients_read_the_same(self) -> None:
        bridge = self.begin("journal.compress_after_s=1")
        epoch = bridge.ask("get_status")["result"]["epoch"]
        self.publish(bridge, EVENTS)
        last = self.held(bridge)
        before = self.resumed(bridge, {"epoch": epoch, "seq": 0}, last)
        self.assertEqual([json.loads(text)["seq"] for text in before], list(range(1, last + 1)))
        packed = (last - 1) // 1024 * 1024
        wait_until(lambda: self.journal(bridge)["packed_events"] == packed, "for events to be compressed")
        told = self.journal(bridge)
        self.assertLess(told["packed_bytes"], told["unpacked_bytes"] / 4)

        def check() -> None:
            rows = read(self.path)
            self.assertEqual([row[9] for row in rows], before)
            for seq, timestamp, kind, source, run, source_seq, agent_id, item, data_bytes, body in rows:
                event = json.loads(body)
                data = event["data"]
                text = lambda key: data[key] if isinstance(data.get(key), str) else None
                self.assertEqual((seq, timestamp, kind, source, run, source_seq, agent_id, item),
                                 (event["seq"], event["timestamp"], event["type"], event.get("source"), event.get("run"),
                                  event.get("source_seq"), text("agent_id"), text("item")))
                self.assertEqual(json.loads(body.encode()[len('{"type":"","data":') + len(kind):][:data_bytes]), data)
            by_shell = shell(self.path, "SELECT hex(body) FROM events ORDER BY seq")
            self.assertEqual([bytes.fromhex(line).decode() for line in by_shell], before)
            columns = "||'|'||".join("quote(%s)" % column for column in COLUMNS.split(", "))
            journal = sqlite3.connect(self.path)
            journal.create_function("sqlar_uncompress", 2, lambda data, size: data if len(data) == size else zlib.decompress(data))
            ours = [row for row, in journal.execute("SELECT hex(%s) FROM events ORDER BY seq" % columns)]
            journal.close()
            self.assertEqual(shell(self.path, "SELECT hex(%s) FROM events ORDER BY seq" % columns), ours)
            self.assertEqual(shell(self.path, "SELECT type, count(*) FROM events WHERE source = 'pack' GROUP BY type"),
                             ["tick|%d" % (EVENTS - (EVENTS + 2) // 3), "tock|%d" % ((EVENTS + 2) // 3)])

        check()
        self.assertEqual(self.resumed(bridge, {"epoch": epoch, "seq": 0}, last), before)
        self.assertEqual(self.resumed(bridge, {"epoch": epoch, "seq": 1500}, last), before[1500:])
        found = bridge.events("tock", "pack")
        self.assertEqual(len(found), (EVENTS + 2) // 3)
        self.assertEqual(found, [event for event in map(json.loads, before) if event["type"] == "tock"])
        # A copy, and the same file after a restart in which nobody asks for it any more.
        bridge.ask("backup", file="copy.sqlite")
        self.assertEqual([row[9] for row in read(self.path.with_name("copy.sqlite"))][:last], before)
        bridge.process.terminate()
        self.assertEqual(bridge.process.wait(PATIENCE_S), 0)
        check_again = Bridge("journal.path=%s" % self.path, "history.events_max=1000")
        self.addCleanup(check_again.close)
        self.assertEqual(self.resumed(check_again, {"epoch": epoch, "seq": 0}, last), before)
        self.assertEqual(self.journal(check_again)["packed_events"], packed)
        with self.assertRaisesRegex(sqlite3.OperationalError, "no such function: sqlar_uncompress"):
            sqlite3.connect(self.path).execute("SELECT * FROM events")

    def test_a_journal_for_which_it_was_never_set_is_as_it_was(self) -> None:
        bridge = self.begin()
        self.publish(bridge, 3000)
        wait_until(lambda: shell(self.path, "SELECT count(*) FROM events")[0] >= "3000")
        self.assertEqual(shell(self.path, "SELECT sql FROM sqlite_master WHERE name = 'events'"), TABLE.splitlines())
        self.assertEqual(shell(self.path, "PRAGMA user_version; SELECT count(*) FROM sqlite_master WHERE name LIKE '%pack%'"), ["1", "0"])
        told = self.journal(bridge)
        self.assertEqual((told["packed_events"], told["packed_bytes"], told["unpacked_bytes"]), (0, 0, 0))

    def test_kill_9_while_it_compresses_loses_nothing(self) -> None:
        bridge = self.begin()
        self.publish(bridge, 20_000)
        last = self.held(bridge)
        wait_until(lambda: shell(self.path, "SELECT max(seq) FROM events") == [str(last)])
        bridge.kill()
        before = read(self.path)
        time.sleep(1)  # for the events to be old enough
        counts = []
        while not counts or counts[-1] < (last - 1) // 1024 * 1024:
            bridge = Bridge("journal.path=%s" % self.path, "journal.compress_after_s=1")
            self.addCleanup(bridge.close)
            time.sleep(0.02 * len(counts))
            bridge.kill()
            counts.append(int(shell(self.path, "SELECT events FROM packed_sums")[0]))
            now = read(self.path)
            self.assertEqual(now[:len(before)], before)
            self.assertEqual(shell(self.path, "SELECT sum(last_seq + 1 - first_seq), sum(length(data)), sum(bytes) FROM packed"),
                             shell(self.path, "SELECT nullif(events,0), nullif(packed_bytes,0), nullif(bytes,0) FROM packed_sums"))
            self.assertLess(len(counts), 60)
        self.assertGreater(len(set(counts)), 2, counts)
        self.assertEqual(shell(self.path, "PRAGMA integrity_check"), ["ok"])


class PackedReload(test_reload.Reload):
    def test_it_is_taken_up_where_it_was_set_and_else_named(self) -> None:
        path = self.home / "journal.sqlite"
        self.begin("[journal]\ncompress_after_s = 3600\n", "journal.path=%s" % path)
        said = self.reload("[journal]\ncompress_after_s = 60\n")
        self.assertIn("journal.compress_after_s is 60 (was 3600)", said)
        self.assertIn("journal.compress_after_s is 0 (was 60)", self.reload("[journal]\ncompress_after_s = 0\n"))
        said = self.reload("[journal]\ncompress_after_s = 60\n")
        self.assertIn("journal.compress_after_s stays 0 (60 at the next start)", said)
        self.assertEqual(self.status()["config"]["waiting_for_restart"], ["journal.compress_after_s"])


if __name__ == "__main__":
    unittest.main()
