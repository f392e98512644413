"""A bridge that is killed while a script publishes loses nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
import unittest
from pathlib import Path

import zmq
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


class Unwritable(unittest.TestCase):
    """Events wait for a journal that cannot be written (journal.before_delivery)."""

    def test_who_floods_meanwhile_takes_no_more_memory_than_may_wait_and_who_is_honest_loses_nothing(self) -> None:
        path = scratch(self) / "j.sqlite"
        bridge = Bridge('journal.path="%s"' % path, "journal.before_delivery=true", "events.message_bytes_max=1048576")
        self.addCleanup(bridge.close)
        publisher = Publisher("trainer-1", endpoint=bridge.events_in, control=bridge.control, system_metrics_s=0)
        self.addCleanup(publisher.close, 0)
        publisher.publish("tick", {"n": 0})
        bridge.wait_events(1, "tick")
        locked = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(locked.close)
        locked.execute("BEGIN IMMEDIATE")
        body = b'{"type":"flood","data":{"x":"%s"}}' % (b"x" * 60_000)
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        floods = [context.socket(zmq.PUB) for _ in range(6)]
        for each in floods:
            each.sndhwm = 100
            each.connect(bridge.events_in)
            self.addCleanup(each.close, 0)

        def kept_out() -> bool:
            self.assertLess(self.resident_mib(bridge), 350)
            for each in floods:
                each.send(body)
            return "sources_kept_out" in bridge.log()

        wait_until(kept_out)
        sent = 0
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for each in floods:
                each.send(body)
            sent += 1
            if sent % 50 == 0:
                publisher.publish("tick", {"n": sent // 50})
            self.assertLess(self.resident_mib(bridge), 350)
        locked.execute("ROLLBACK")
        ticks = bridge.wait_events(1 + sent // 50, "tick")
        self.assertEqual([event["data"]["n"] for event in ticks], list(range(len(ticks))))

    def resident_mib(self, bridge: Bridge) -> int:
        pages = int(Path("/proc/%d/statm" % bridge.process.pid).read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    unittest.main()
