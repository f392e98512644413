"""What the tests that hurt a cluster share: trainers that count, and a judge of journals who asks SQLite."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path

from support import die_with_parent, wait_until

TRAINER = Path(__file__).with_name("cluster_trainer.py")
COUNTS = """SELECT source, COUNT(*), COUNT(DISTINCT source_seq), MIN(source_seq), MAX(source_seq) FROM events
            WHERE source_seq IS NOT NULL GROUP BY source ORDER BY source"""
DISORDER = """SELECT COUNT(*) FROM (SELECT source_seq - LAG(source_seq, 1, 0) OVER (PARTITION BY source, run ORDER BY seq) AS step
              FROM events WHERE source_seq IS NOT NULL) WHERE step != 1"""
HOLES = "SELECT MAX(seq) - COUNT(*), MIN(seq) FROM events"
LOST = "SELECT body FROM events WHERE type = 'system_status' AND body LIKE '%source_lost%'"
BODIES = "SELECT seq, type, source, run, source_seq, body FROM events WHERE seq <= ? ORDER BY seq"


def turned(addresses: str, k: int) -> str:
    """The same list, beginning with its k-th."""
    all = addresses.split(",")
    return ",".join(all[k:] + all[:k])


class Trainer:
    """cluster_trainer.py; `on` is what runs it on another machine."""

    def __init__(self, source: str, endpoint: str, control: str, events_per_s: float, on: list[str] = []) -> None:
        self.process = subprocess.Popen([*on, sys.executable, str(TRAINER), source, endpoint, control, str(events_per_s)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def stop(self) -> dict:
        """It publishes no more; what it has published and done."""
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Logs(unittest.TestCase):
    """Of nodes whose journals lie where journal() says."""

    def journal(self, name: str) -> str:
        raise NotImplementedError

    def select(self, name: str, sql: str, *values: object) -> list[tuple]:
        with sqlite3.connect("file:%s?mode=ro" % self.journal(name), uri=True) as db:
            return db.execute(sql, values).fetchall()

    def last(self, name: str) -> int:
        return self.select(name, "SELECT COALESCE(MAX(seq), 0) FROM events")[0][0]

    def wait_more(self, names: list[str], events: int, what: str) -> None:
        """Until each of these nodes has so many more than any of them has now."""
        aim = max(self.last(name) for name in names) + events
        wait_until(lambda: all(self.last(name) >= aim for name in names), "for %s to go on: %s" % (names, what), 60)

    def hash_to(self, name: str, seq: int) -> str:
        digest = hashlib.sha256()
        for row in self.select(name, BODIES, seq):
            digest.update(repr(row).encode())
        return digest.hexdigest()

    def judge_logs(self, names: list[str], published: dict[str, int]) -> int:
        """Waits until all nodes have all of it; each event is in each log once and in order, and the logs are equal up to
        the number that comes back."""

        def whole() -> bool:
            return all(sum(row[1] for row in self.select(name, COUNTS)) >= sum(published.values()) for name in names)

        try:
            wait_until(whole, "for %s on all nodes" % published, 60)
        except AssertionError as error:
            raise AssertionError("%s; they have %s" % (error, {name: self.select(name, COUNTS) for name in names})) from None
        last = max(self.last(name) for name in names)
        wait_until(lambda: all(self.last(name) >= last for name in names), "for equal logs")
        for name in names:
            self.assertEqual(self.select(name, COUNTS), [(source, n, n, 1, n) for source, n in sorted(published.items())], name)
            self.assertEqual(self.select(name, DISORDER), [(0,)], name)
            self.assertEqual(self.select(name, HOLES), [(0, 1)], name)
            self.assertEqual(self.select(name, LOST), [], name)
        self.assertEqual(len({self.hash_to(name, last) for name in names}), 1, "the logs differ")
        return last
