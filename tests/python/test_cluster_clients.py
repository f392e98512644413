"""Trainers, clients and bots that have several bridges to go to: the one they are with is killed, and they miss nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
import time
import unittest
from unittest import mock

from ppo_bridge import Publisher
from ppo_bridge_client import BotFeed, Client, CommandFailed
from support import PATIENCE_S, Bridge, free_port, wait_until
from test_cluster import Cluster

from ppo_bridge._bridges import zmq_addresses
from ppo_bridge._options import complete
from ppo_bridge_client._bridges import paired, urls

NODES = ["n1", "n2", "n3"]


def listed(bridges: list[Bridge], what: str) -> str:
    return ",".join(getattr(bridge, what) for bridge in bridges)


class Program:
    """ppo-client, and the lines that it prints."""

    def __init__(self, test: unittest.TestCase, *arguments: str) -> None:
        self.process = subprocess.Popen([os.environ["PPO_CLIENT_BIN"], *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=each) for each in
                         ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for thread in self._threads:
            thread.start()
        test.addCleanup(self.end)

    def _read(self, stream, lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))

    def end(self) -> int:
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        return code


class Following:
    """The Python client on a thread, and what it hands over."""

    def __init__(self, test: unittest.TestCase, url: str) -> None:
        self.events: list[dict] = []
        self.client = Client(url, backoff_s=(0.5, 0.5))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._follow()))
        self._thread.start()
        test.addCleanup(self._end)

    async def _follow(self) -> None:
        async with self.client:
            async for event in self.client:
                self.events.append(event)

    def _end(self) -> None:
        asyncio.run_coroutine_threadsafe(self.client.close(), self._loop)
        self._thread.join()
        self._loop.close()


class ThreeBridges(Cluster):
    def setUp(self) -> None:
        super().setUp()
        self.bridges = [self.node(name) for name in NODES]

    def trainer(self, bridges: list[Bridge]) -> Publisher:
        publisher = Publisher("moves", endpoint=listed(bridges, "events_in"), control=listed(bridges, "control"), system_metrics_s=0)
        self.addCleanup(publisher.close, 0)
        return publisher

    def test_the_bridge_of_a_trainer_and_its_clients_is_killed(self) -> None:
        trainer = self.trainer(self.bridges)
        stays = self.publisher("stays", self.bridges[1])
        bot = BotFeed(["tick"], events=listed(self.bridges, "events_out"), commands=listed(self.bridges, "commands"))
        self.addCleanup(bot.close)
        list(bot.catch_up())
        url = listed(self.bridges, "ws")
        following = Following(self, url)
        by_python = following.events
        tail = Program(self, "tail", "--json", "--url", url)
        check = Program(self, "tail", "--check", "--json", "--url", url, "--since", "0")
        wait_until(lambda: following.client.connected and trainer.command_stats().connected and trainer.connected)
        wait_until(lambda: any("moves" in line for line in tail.lines) or trainer.publish("start", {}))

        for i in range(300):
            trainer.publish("tick", {"i": i})
        wait_until(lambda: self.counts(self.rows("n2")).get("moves") == trainer.stats().published)
        self.bridges[0].kill()
        for i in range(300, 600):  # others go on, so that who is away misses something
            trainer.publish("tick", {"i": i})
            stays.publish("tock", {"i": i})
            time.sleep(0.001)
        wait_until(lambda: self.counts(self.rows("n2")).get("moves") == trainer.stats().published, "for the trainer to move")
        for i in range(600, 700):
            trainer.publish("tick", {"i": i})

        found: list[int] = []
        def bots_have_all() -> bool:
            try:
                found.extend(event["data"]["i"] for event in bot.news(0.05))
            except CommandFailed:
                pass
            return len(found) >= 700
        wait_until(bots_have_all, "for the bot to move")
        self.assertEqual(found, list(range(700)))
        published = {"moves": trainer.stats().published, "stays": 300}
        rows = self.wait_whole(["n2", "n3"], published)
        last, ticks = rows[-1][0], [row for row in rows if row[1] == "moves" and json.loads(row[4])["type"] == "tick"]
        self.assertEqual([json.loads(row[4])["data"]["i"] for row in ticks], list(range(700)))
        self.assertNotIn("source_lost", str(rows))
        for what, seqs in (
            ("the Python client", lambda: [event.get("seq") for event in by_python]),
            ("ppo-client", lambda: [json.loads(line).get("seq") for line in tail.lines]),
        ):
            wait_until(lambda: seqs() and seqs()[-1] is not None and seqs()[-1] >= last, "for " + what)
            self.assertEqual(seqs(), list(range(seqs()[0], seqs()[-1] + 1)), what)
        stored = {row[0]: json.loads(row[4]) for row in self.rows("n2")}
        self.assertEqual({event["seq"]: event for event in by_python}, {seq: stored[seq] for seq in (e["seq"] for e in by_python)})

        status = subprocess.run([os.environ["PPO_CLIENT_BIN"], "cluster", "status", "--url", url], capture_output=True, text=True,
                                timeout=PATIENCE_S)
        self.assertEqual(status.returncode, 0, status.stderr)
        for node in NODES:
            self.assertRegex(status.stdout, r"(?m)^%s( \(asked\))? +(live|stalled|gone) " % node)

        # The checker was there all the time: the killed bridge comes back, and has the same log.
        self.bridges[0].start()
        self.wait_whole(NODES, published)
        wait_until(lambda: min(self.checked(check)) >= last, "for the checker")
        self.assertEqual(check.end(), 0, check.errors)
        self.assertTrue(any("is away" in line for line in check.errors), check.errors)

    def checked(self, check: Program) -> list[int]:
        return [bridge["seq"] for bridge in json.loads(check.lines[-1])["bridges"]] if check.lines else [0]

    def test_events_that_were_never_sent_are_asked_for_by_the_next_bridge(self) -> None:
        """The first bridge stands still: what it was sent it takes to nobody, and the next one has it from the ring."""
        trainer = self.trainer(self.bridges[:2])
        wait_until(lambda: trainer.connected and trainer.command_stats().connected)
        for i in range(100):
            trainer.publish("tick", {"i": i})
        wait_until(lambda: self.counts(self.rows("n2")).get("moves") == 100)
        self.bridges[0].kill()
        trainer.publish("tick", {"i": 100})
        trainer.close()  # it makes haste
        wait_until(lambda: self.counts(self.rows("n2")).get("moves") == 101)
        self.wait_whole(["n2", "n3"], {"moves": 101})


class Lists(unittest.TestCase):
    def test_what_the_environment_says(self) -> None:
        with mock.patch.dict(os.environ, {"PPO_BRIDGES": "node-1, 127.0.0.2:7000"}):
            self.assertEqual(zmq_addresses(5559), "tcp://node-1:5559,tcp://127.0.0.2:7003")
            self.assertEqual(urls(), "wss://node-1:5178/ws,ws://127.0.0.2:6622/ws")
            options = self.options()
            self.assertEqual(options.bridges, [("tcp://node-1:5556", "tcp://node-1:5559"),
                                               ("tcp://127.0.0.2:7000", "tcp://127.0.0.2:7003")])
            # What the program says is not mixed with what the environment says of others.
            self.assertEqual(self.options(endpoint="tcp://x:1").bridges, [("tcp://x:1", "tcp://127.0.0.1:5559")])
            with mock.patch.dict(os.environ, {"PPO_EVENTS_ADDRESS": "tcp://x:1", "PPO_CONTROL_ADDRESS": ""}):
                self.assertEqual(self.options().bridges, [("tcp://x:1", "")])
        for bad in (",", "a,", "a b", "tcp://a:5556", "a:", "a:378", "a:65533", "[::1]", "a:999999", ",".join("a" * 33)):
            with mock.patch.dict(os.environ, {"PPO_BRIDGES": bad}):
                with self.assertRaisesRegex(ValueError, r"PPO_BRIDGES is .*; must be HOST or HOST:PORT \(379..65532\), 1..32"):
                    self.options()
                for program, arguments in (("PPO_CLIENT_BIN", ["status"]),):
                    done = subprocess.run([os.environ[program], *arguments], capture_output=True, timeout=PATIENCE_S)
                    self.assertEqual(done.returncode, 2, done.stderr)
                    self.assertIn(b"PPO_BRIDGES is ", done.stderr)

    def options(self, endpoint: str | None = None):
        limits = dict(ring_events_max=1, ring_bytes_max=1, batch_bytes_max=1, event_bytes_max=1, gather_ms=0, flush_ms=0)
        return complete("s", None, endpoint, None, "", None, **limits)

    def test_lists_that_do_not_fit_together(self) -> None:
        for first, second, why in (("a,b", "c", "as many bridges"), ("a,,b", "", "commas"), ("a,b", "c,", "commas"),
                                   (",".join("a" * 33), "", "33 bridges; must be 1..32")):
            with self.assertRaisesRegex(ValueError, why):
                paired("endpoint", first, "control", second)
        with self.assertRaisesRegex(ValueError, "nowhere"):
            Publisher("s", endpoint="tcp://127.0.0.1:9,nowhere", control="")

    def test_one_that_stands_still_is_left_after_some_seconds(self) -> None:
        still, other = Bridge(), Bridge()
        for bridge in (still, other):
            self.addCleanup(bridge.close)
        url = listed([still, other], "ws")
        following = Following(self, url)
        tail = Program(self, "tail", "--json", "--url", url)
        wait_until(lambda: following.client.connected and len(still.ask("get_clients")["result"]["clients"]) == 2)
        still.signal(signal.SIGSTOP)
        self.addCleanup(still.signal, signal.SIGCONT)
        wait_until(lambda: len(other.ask("get_clients")["result"]["clients"]) == 2, "for both at the other bridge", 12)
        wait_until(lambda: any("silent" in line for line in tail.errors), "for it to say so")

    def test_past_bridges_that_are_not_there(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)
        dead = "tcp://127.0.0.1:%d" % free_port()
        publisher = Publisher("s", endpoint="%s,%s" % (dead, bridge.events_in), control="%s,%s" % (dead, bridge.control),
                              system_metrics_s=0, flush_ms=10_000)
        publisher.publish("tick", {})
        publisher.close()
        wait_until(lambda: bridge.source("s").get("events") == 1)
        feed = BotFeed(["tick"], events="%s,%s" % (dead, bridge.events_out), commands="%s,%s" % (dead, bridge.commands),
                       since={"last": 1}, timeout_s=0.3)
        self.addCleanup(feed.close)
        with self.assertRaises(CommandFailed):
            list(feed.catch_up())
        self.assertEqual([event["type"] for event in feed.catch_up()], ["tick"])
        done = subprocess.run([os.environ["PPO_CLIENT_BIN"], "status", "--url", "ws://127.0.0.1:9,%s" % bridge.ws],
                              capture_output=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run([os.environ["PPO_CLIENT_BIN"], "cluster", "status", "--url", bridge.ws], capture_output=True,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"tells of no cluster", done.stderr)


if __name__ == "__main__":
    unittest.main()
