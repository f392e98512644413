"""A bridge that hands over to another program under load: the port is never closed, and nothing is missing anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sqlite3
import threading
import time
import unittest
import urllib.request
from unittest import mock

import websockets
from ppo_bridge import Publisher
from ppo_bridge_client import Client
from support import PATIENCE_S, Bridge, scratch, wait_until

EVENTS_PER_S = 1000  # of each trainer
SECONDS = 3
EVENTS = EVENTS_PER_S * SECONDS
TRAINERS = ("one", "two")


class HandOver(unittest.TestCase):
    def setUp(self) -> None:
        self.home = scratch(self)
        self.program = self.home / "ppo-bridge"
        shutil.copy(os.environ["PPO_BRIDGE_BIN"], self.program)
        self.file = self.home / "bridge.toml"
        self.file.write_text("")

    def begin(self, *settings: str) -> Bridge:
        # ZeroMQ's addresses must outlive the program: no free ones by name.
        kept = ["bots.events=ipc://%s/out" % self.home, "bots.commands=ipc://%s/commands" % self.home,
                "trainers.control=ipc://%s/control" % self.home, 'events.bind=["ipc://%s/in"]' % self.home,
                "journal.path=%s/journal.sqlite" % self.home]
        with mock.patch.dict(os.environ, {"PPO_BRIDGE_BIN": str(self.program)}):
            bridge = Bridge(*kept, *settings, config=self.file)
        self.addCleanup(bridge.close)
        return bridge

    def replace(self) -> None:
        """As a package does: another file by that name."""
        new = self.home / "new"
        shutil.copy(os.environ["PPO_BRIDGE_BIN"], new)
        new.rename(self.program)

    def hand_over(self, bridge: Bridge) -> float:
        """How long it took, until the new one is up."""
        self.replace()
        ups = bridge.log().count(" is up, ")
        began = time.monotonic()
        bridge.signal(signal.SIGUSR2)
        wait_until(lambda: bridge.log().count(" is up, ") > ups)
        return time.monotonic() - began

    def runs_the_new_one(self, bridge: Bridge) -> bool:
        return os.stat("/proc/%d/exe" % bridge.process.pid).st_ino == self.program.stat().st_ino

    def test_twice_under_load_and_nothing_is_missing(self) -> None:
        bridge = self.begin()
        publishers = [Publisher(name, endpoint=bridge.events_in, control=bridge.control) for name in TRAINERS]
        for publisher in publishers:
            self.addCleanup(publisher.close, 0)

        handed_over = threading.Event()

        def publish(publisher: Publisher) -> None:
            begin = time.monotonic()
            for n in range(EVENTS):
                if n == EVENTS - 1:
                    handed_over.wait(2 * PATIENCE_S)  # however long it takes, somebody reads meanwhile
                publisher.publish("n", {"n": n, "text": "x" * 100})
                if n % 20 == 19:
                    time.sleep(max(begin + n / EVENTS_PER_S - time.monotonic(), 0))

        async def ours() -> list:
            found: list = []
            async with Client(bridge.ws, ["n"], backoff_s=(0.01, 0.1)) as client:
                async for event in client:
                    found.append(event)
                    if len(found) == len(TRAINERS) * EVENTS:
                        return found
            return found

        async def foreign() -> list:
            """By the contract and a library that knows nothing of it."""
            found: list = []
            since: dict | None = None
            codes: list = []
            while len(found) < len(TRAINERS) * EVENTS:
                async with websockets.connect(bridge.ws, max_size=None, open_timeout=PATIENCE_S) as client:
                    await client.recv()
                    await client.send(json.dumps({"action": "register", "subscriptions": ["n"], "since": since or {"last": 0}}))
                    reply = json.loads(await client.recv())
                    self.assertEqual(reply["status"], "registered", reply)
                    try:
                        while len(found) < len(TRAINERS) * EVENTS:
                            event = json.loads(await client.recv())
                            if "seq" in event:
                                found.append(event)
                                since = {"epoch": reply["epoch"], "seq": event["seq"]}
                    except websockets.ConnectionClosed as closed:
                        codes.append(closed.rcvd and closed.rcvd.code)
            self.assertEqual(codes, [1001, 1001])
            return found

        def readers() -> int:
            return sum("n" in client["subscriptions"] for client in bridge.ask("get_clients")["result"]["clients"])

        async def knock(stop: asyncio.Event, waits: list) -> None:
            """Somebody comes every few milliseconds: never refused."""
            host, port = bridge.ws.split("://")[1].split("/")[0].split(":")
            while not stop.is_set():
                began = time.monotonic()
                with socket.create_connection((host, int(port)), timeout=PATIENCE_S):
                    waits.append(time.monotonic() - began)
                await asyncio.sleep(0.005)

        async def run() -> None:
            clients = [asyncio.create_task(ours()) for _ in range(3)] + [asyncio.create_task(foreign())]
            await asyncio.to_thread(wait_until, lambda: readers() == len(clients), "for all to read from the first event on")
            stop, waits = asyncio.Event(), []
            knocking = asyncio.create_task(knock(stop, waits))
            threads = [threading.Thread(target=publish, args=(publisher,)) for publisher in publishers]
            for thread in threads:
                thread.start()
            for _ in range(2):
                await asyncio.sleep(SECONDS / 3)
                self.took.append(await asyncio.to_thread(self.hand_over, bridge))
                self.assertTrue(self.runs_the_new_one(bridge))
            handed_over.set()
            for found in await asyncio.wait_for(asyncio.gather(*clients), 3 * PATIENCE_S):
                seqs = [event["seq"] for event in found]
                self.assertEqual(seqs, sorted(set(seqs)))
                for name in TRAINERS:
                    self.assertEqual([e["data"]["n"] for e in found if e["source"] == name], list(range(EVENTS)))
            stop.set()
            await knocking
            self.assertGreater(len(waits), 20)
            for thread in threads:
                thread.join()

        self.took: list = []
        asyncio.run(run())
        self.assertEqual({name: bridge.source(name)["lost"] for name in TRAINERS}, dict.fromkeys(TRAINERS, 0))
        bridge.process.terminate()
        self.assertEqual(bridge.process.wait(PATIENCE_S), 0)
        with sqlite3.connect(self.home / "journal.sqlite") as journal:
            for name in TRAINERS:
                rows = journal.execute("SELECT json_extract(body, '$.data.n') FROM events WHERE type = 'n' AND source = ? "
                                       "ORDER BY seq", (name,))
                self.assertEqual([n for n, in rows], list(range(EVENTS)))
            self.assertEqual(journal.execute("SELECT count(*) FROM holes").fetchone(), (0,))
            self.assertEqual(journal.execute("SELECT count(*) FROM epochs").fetchone(), (1,))

    def test_a_program_that_would_not_start_is_not_handed_over_to(self) -> None:
        bridge = self.begin()
        epoch = bridge.ask("get_status")["result"]["epoch"]

        def refused(why: str) -> None:
            told = bridge.log().count("does not hand over") + bridge.log().count("cannot hand over")
            bridge.signal(signal.SIGUSR2)
            wait_until(lambda: bridge.log().count("does not hand over") + bridge.log().count("cannot hand over") > told)
            self.assertIn(why, bridge.log())
            self.assertEqual(bridge.ask("get_status")["result"]["epoch"], epoch)

        self.file.write_text("[history]\nevents_max = 0\n")
        refused("history.events_max is 0; must be an integer 1..100000000 (%s:2)" % self.file)
        self.file.write_text('[tls]\ncertificate = "/none/c"\nkey = "/none/k"\n')
        refused("tls.certificate: /none/c: No such file")
        self.file.write_text("")
        self.program.unlink()
        refused("%s: No such file" % self.program)
        self.program.write_text("#!/bin/sh\nkill -9 $$\n")
        self.program.chmod(0o755)
        refused("was ended by signal 9")
        self.replace_and_go_on(bridge)

    def replace_and_go_on(self, bridge: Bridge) -> None:
        before = bridge.ask("get_status")["result"]
        self.hand_over(bridge)
        after = bridge.ask("get_status")["result"]
        self.assertEqual((after["epoch"], after["addresses"]), (before["epoch"], before["addresses"]))

    def test_threads_and_another_address(self) -> None:
        bridge = self.begin()
        page = bridge.ws.replace("ws:", "http:").replace("/ws", "/healthz")
        self.program_of(bridge, "[websocket]\nthreads = 3\n", page)
        self.program_of(bridge, "[websocket]\nthreads = 2\n", page)
        self.program_of(bridge, "", page)

    def program_of(self, bridge: Bridge, text: str, page: str) -> None:
        self.file.write_text(text)
        self.replace_and_go_on(bridge)
        for _ in range(20):  # over all threads that share the port
            with urllib.request.urlopen(page, timeout=PATIENCE_S) as answer:
                self.assertEqual(answer.read(), b"ok\n")


if __name__ == "__main__":
    unittest.main()
