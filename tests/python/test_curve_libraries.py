"""The publisher library, the bots' and ours that are compiled, with a key; and what they say without the right one."""

from __future__ import annotations

import os
import re
import subprocess
import time
import unittest
from pathlib import Path
from unittest import mock

import zmq
from keyed_bridge import KeyedBridge
from ppo_bridge import Publisher
from ppo_bridge_client import BotFeed, CommandFailed
from support import PATIENCE_S, started, wait_until


class Publishers(KeyedBridge):
    def publisher(self, source: str, key: str | None, **options: object) -> Publisher:
        options = {"endpoint": self.bridge.events_in, "control": self.bridge.control, **options}
        publisher = Publisher(source, curve="" if key is None else self.file(key), **options)
        self.addCleanup(publisher.close, 0)
        return publisher

    def test_one_argument_is_all(self) -> None:
        publisher = self.publisher("trainer-1", "trainer-1")
        publisher.command("pause")(lambda command: {"done": True})
        for n in range(1000):
            publisher.publish("t", {"n": n})
        wait_until(lambda: len(self.events(type="t")) == 1000)
        wait_until(lambda: self.ask("pause", target="trainer-1")["status"] == "command_result")
        with mock.patch.dict(os.environ, PPO_CURVE_FILE=self.file("trainer-2")):
            other = Publisher("trainer-2-a", endpoint=self.bridge.events_in, control=self.bridge.control)
            self.addCleanup(other.close, 0)
            other.publish("u", {})
        wait_until(lambda: self.events(type="u"))

    def test_it_says_what_is_wrong_and_goes_on_once_that_is_put_right(self) -> None:
        pub, sec = zmq.curve_keypair()
        (self.home / "late.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        words = Path(self.file("trainer-1")).read_text().split()
        (self.home / "lost.key").write_text("\n".join([*words[:2], zmq.curve_keypair()[0].decode()]))
        for name in ("late", "lost"):
            (self.home / (name + ".key")).chmod(0o600)
        for key, why in (("late", "does not let in the key of .*late.key"), ("lost", "whose key is in .*lost.key"),
                         (None, "wants a key")):
            with self.subTest(key=key), self.assertLogs("ppo_bridge", "WARNING") as logged:
                publisher = self.publisher("late", key, control="" if key is None else self.bridge.control)
                began = time.monotonic()
                self.assertTrue(publisher.publish("t", {"of": key}))
                self.assertLess(time.monotonic() - began, 0.5)
                # The connections of the one before may still have something to say.
                wait_until(lambda: re.search(why, "\n".join(logged.output)), why)
                if key != "late":
                    publisher.close(0)
                else:
                    waiting = publisher
        self.assertEqual(self.events(type="t"), [])
        self.listed("add", "late", "--role", "trainer", "--", pub.decode())
        wait_until(lambda: self.events(type="t"))
        self.assertTrue(waiting.stats().connected)

    def test_it_says_where_the_key_is_another_source_s(self) -> None:
        with self.assertLogs("ppo_bridge", "WARNING") as logged:
            self.publisher("somebody", "trainer-1").publish("t", {})
            wait_until(lambda: logged.output)
        self.assertRegex(logged.output[0], "takes nothing from this source: the key of .*trainer-1.key")

    def test_the_compiled_one_says_so_too(self) -> None:
        trainer = Path(os.environ["PPO_BRIDGE_BIN"]).with_name("ppo-trainer")
        if not trainer.exists():
            self.skipTest("there is none beside the bridge")
        environment = {**os.environ, "PPO_CURVE_FILE": self.file("trainer-1")}
        with subprocess.Popen([trainer, "--events", self.bridge.events_in, "--control", self.bridge.control, "--pace", "20", "--steps", "200"],
                              env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            self.addCleanup(run.kill)
            said = next((line for line in run.stderr if line.startswith("ppo_publisher: ")), "")
            run.kill()
        self.assertRegex(said, "takes nothing from this source: the key of .*trainer-1.key")

    def test_a_file_that_cannot_be_used_is_named(self) -> None:
        path = Path(self.file("trainer-1"))
        short = self.home / "short.key"
        short.write_text("x y z")
        short.chmod(0o600)
        for given, why in ((self.home / "none", "No such file"), (short, "three keys"), (path, "chmod 600")):
            path.chmod(0o640)
            with self.assertRaisesRegex(ValueError, why):
                Publisher("trainer-1", curve=given)


class Bots(KeyedBridge):
    def feed(self, key: str, **options: object) -> BotFeed:
        feed = BotFeed(["t"], events=self.bridge.events_out, commands=self.bridge.commands, curve=self.file(key),
                       since={"last": 10}, timeout_s=PATIENCE_S, **options)
        self.addCleanup(feed.close)
        return feed

    def test_a_feed_with_a_key(self) -> None:
        self.key("a", "bot")
        feed = self.feed("a", name="whoever")
        source = self.publisher("trainer-1")
        source.send(b'{"type":"t","source":"trainer-1","data":{"n":1}}')
        events: list = []
        wait_until(lambda: events.extend(feed.news(0.1)) or events)
        self.assertEqual(events[0]["data"], {"n": 1})
        with self.assertRaisesRegex(CommandFailed, "forbidden"):
            feed.ask("pause", target="trainer-1")

    def test_it_says_what_is_wrong_instead_of_waiting(self) -> None:
        pub, sec = zmq.curve_keypair()
        (self.home / "late.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        words = Path(self.file("boss")).read_text().split()
        (self.home / "lost.key").write_text("\n".join([*words[:2], zmq.curve_keypair()[0].decode()]))
        for name, why in (("late", "does not let in the key"), ("lost", "whose key is in")):
            (self.home / (name + ".key")).chmod(0o600)
            began = time.monotonic()
            with self.assertRaisesRegex(CommandFailed, "unauthorized.*" + why):
                self.feed(name).ask("get_status")
            self.assertLess(time.monotonic() - began, PATIENCE_S / 2)
        feed = self.feed("late")
        with self.assertRaisesRegex(CommandFailed, "unauthorized"):
            feed.ask("get_status")
        self.listed("add", "late", "--role", "bot", "--", pub.decode())
        self.assertEqual(feed.ask("get_status")["status"], "running")

    def test_the_compiled_bot(self) -> None:
        bot = Path(os.environ["PPO_BRIDGE_BIN"]).with_name("ppo-bot")
        if not bot.exists():
            self.skipTest("there is none beside the bridge")
        self.key("a", "bot")
        run = [bot, "--events", self.bridge.events_out, "--commands", self.bridge.commands, "--json"]
        good = started(self, [*run, "--curve", self.file("a")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_until(lambda: self.ask("get_status")["result"]["bots"]["requests"] > 20)
        self.assertIsNone(good.poll())
        pub, sec = zmq.curve_keypair()
        (self.home / "stranger.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        (self.home / "stranger.key").chmod(0o600)
        done = subprocess.run([*run, "--curve", self.file("stranger")], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("does not let in the key", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
