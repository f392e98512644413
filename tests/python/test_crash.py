"""A bridge that is killed while a script publishes loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path

import zmq
from keyed_bridge import KeyedBridge
from ppo_bridge import Publisher
from ppo_bridge_client import Client
from support import PATIENCE_S, Bridge, scratch, wait_until

EVENTS_PER_S = 5000
SECONDS = 4
KILLS = 3
EVENTS = EVENTS_PER_S * SECONDS


def publish_all(publisher: Publisher, begun: threading.Event) -> None:
    begin = time.monotonic()
    for n in range(EVENTS):
        publisher.publish("n", {"n": n, "text": "x" * 120})
        if n % 50 == 49:
            begun.set()
            time.sleep(max(begin + n / EVENTS_PER_S - time.monotonic(), 0))


class Crash(unittest.TestCase):
    def test_kill_9_at_5000_events_a_second_loses_nothing(self) -> None:
        bridge = Bridge("journal.path=%s/journal.sqlite" % scratch(self))
        self.addCleanup(bridge.close)
        publisher = Publisher(
            "crash", endpoint=bridge.events_in, control=bridge.control, gather_ms=1
        )
        self.addCleanup(publisher.close, 0)
        got: list = []
        begun = threading.Event()
        publishing = threading.Thread(target=publish_all, args=(publisher, begun))

        async def read(client: Client) -> None:
            async for message in client:
                got.append(message)
                if message["type"] == "n" and message["data"]["n"] == EVENTS - 1:
                    return

        async def run() -> None:
            async with Client(bridge.ws, ["n"], backoff_s=(0.01, 0.2)) as client:
                await client.wait_connected(PATIENCE_S)
                reading = asyncio.get_running_loop().create_task(read(client))
                publishing.start()
                await asyncio.to_thread(begun.wait)
                for _ in range(KILLS):
                    await asyncio.sleep(SECONDS / (KILLS + 1))
                    bridge.kill()
                    await asyncio.to_thread(bridge.start)
                await asyncio.wait_for(reading, 3 * PATIENCE_S)

        try:
            asyncio.run(run())
        finally:
            publishing.join()
        stats = publisher.stats()
        self.assertEqual((stats.published, stats.dropped), (EVENTS, 0))
        # Another numbering begins with a gap that names what of it is missing: nothing.
        gaps = [m["data"] for m in got if m["type"] == "gap"]
        self.assertEqual([g for g in gaps if g.get("to_seq", 1) >= g.get("from_seq", 1)], [])
        numbers = [m["data"]["n"] for m in got if m["type"] == "n"]
        self.assertEqual(numbers, list(range(EVENTS)))


class Flooded:
    """Events wait for a journal that cannot be written (journal.before_delivery), while six sources flood."""

    journal = ("journal.before_delivery=true", "events.message_bytes_max=1048576")

    def lock(self, path: Path) -> sqlite3.Connection:
        locked = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(locked.close)
        locked.execute("BEGIN IMMEDIATE")
        return locked

    def flood(self, floods: list, seconds: float, mib_max: int, also: Callable[[int], None] = lambda sent: None) -> None:
        body = b'{"type":"flood","source":"trainer-2","data":{"x":"%s"}}' % (b"x" * 60_000)
        until = time.monotonic() + seconds
        for sent in itertools.count():
            if time.monotonic() > until:
                return
            for each in floods:
                each.send(body)
            also(sent)
            self.assertLess(self.resident_mib(), mib_max)

    def resident_mib(self) -> int:
        pages = int(Path("/proc/%d/statm" % self.bridge.process.pid).read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") >> 20


class Unwritable(Flooded, unittest.TestCase):
    def test_who_floods_meanwhile_takes_no_memory_and_nobody_who_is_honest_loses_anything(self) -> None:
        path = scratch(self) / "j.sqlite"
        self.bridge = Bridge('journal.path="%s"' % path, *self.journal)
        self.addCleanup(self.bridge.close)
        publisher = Publisher("trainer-1", endpoint=self.bridge.events_in, control=self.bridge.control, system_metrics_s=0)
        self.addCleanup(publisher.close, 0)
        publisher.publish("tick", {"n": 0})
        self.bridge.wait_events(1, "tick")
        locked = self.lock(path)
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        floods = [context.socket(zmq.PUB) for _ in range(6)]
        for each in floods:
            each.sndhwm = 100
            each.connect(self.bridge.events_in)
            self.addCleanup(each.close, 0)
        ticks = 0

        def tick(sent: int) -> None:
            nonlocal ticks
            if sent % 50 == 49:
                ticks += 1
                publisher.publish("tick", {"n": ticks})

        self.flood(floods, 5, 150, tick)  # 32 MiB may wait to be written
        self.assertLess(self.bridge.ask("get_status")["result"]["memory"]["queues"]["events_in"]["bytes"], 3 << 20)
        locked.execute("ROLLBACK")
        got = self.bridge.wait_events(1 + ticks, "tick")
        self.assertEqual([event["data"]["n"] for event in got], list(range(1 + ticks)))
        self.assertNotIn("disconnected", self.bridge.log())


class Stopped(unittest.TestCase):
    def test_a_bridge_that_is_stopped_in_a_flood_takes_in_no_more_than_it_can_write(self) -> None:
        path = scratch(self) / "j.sqlite"
        bridge = Bridge('journal.path="%s"' % path, "journal.before_delivery=true")
        self.addCleanup(bridge.close)
        body = b"\n".join([b'{"type":"f","data":{"a":1}}'] * 1000)
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        ended = threading.Event()

        def flood() -> None:
            with context.socket(zmq.PUB) as each:
                each.setsockopt(zmq.LINGER, 0)
                each.setsockopt(zmq.XPUB_NODROP, 1)
                each.sndhwm = 100
                each.sndtimeo = 100
                each.connect(bridge.events_in)
                while not ended.is_set():
                    with contextlib.suppress(zmq.Again):
                        each.send(body)

        floods = [threading.Thread(target=flood) for _ in range(3)]
        for each in floods:
            each.start()
        try:
            wait_until(lambda: bridge.counters()["accepted"] > 0)
            time.sleep(1.5)
            bridge.process.terminate()
            self.assertEqual(bridge.process.wait(PATIENCE_S), 0)
        finally:
            ended.set()
            for each in floods:
                each.join()
        self.assertNotIn("journal_hole", bridge.log())
        with contextlib.closing(sqlite3.connect(path)) as journal:
            rows, last = journal.execute("SELECT count(*), max(seq) FROM events").fetchone()
        self.assertEqual(rows, last)


class UnwritableWithKeys(Flooded, KeyedBridge):
    """Then libzmq reads, and what it has read of who is disconnected stays: so who comes is sent away."""

    settings = ('journal.path="HOME/j.sqlite"', *Flooded.journal)

    def test_who_floods_meanwhile_takes_no_more_memory_than_may_wait_and_who_is_honest_loses_nothing(self) -> None:
        publisher = Publisher(
            "trainer-1", endpoint=self.bridge.events_in, control=self.bridge.control, curve=self.file("trainer-1"), system_metrics_s=0
        )
        self.addCleanup(publisher.close, 0)
        publisher.publish("tick", {"n": 0})
        wait_until(lambda: self.events(type="tick"))
        floods = [self.connected(zmq.PUB, "trainer-2", self.bridge.events_in, SNDHWM=100) for _ in range(6)]
        for each in floods:
            self.addCleanup(each.close, 0)
        locked = self.lock(self.home / "j.sqlite")

        def kept_out() -> bool:
            self.flood(floods, 0.05, 350)
            return "sources_kept_out" in self.bridge.log()

        wait_until(kept_out)
        publisher.publish("tick", {"n": 1})
        self.flood(floods, 3, 350)
        locked.execute("ROLLBACK")
        wait_until(lambda: len(self.events(type="tick")) == 2)
        self.assertEqual([event["data"]["n"] for event in self.events(type="tick")], [0, 1])


if __name__ == "__main__":
    unittest.main()
