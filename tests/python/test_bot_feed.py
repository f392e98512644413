"""The ZeroMQ feed for bots, against the real bridge."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
import unittest
import urllib.request
from typing import Any

import zmq
from ppo_bridge import Publisher
from ppo_bridge_client import BotFeed, CommandFailed
from support import PATIENCE_S, Bridge, BridgeTest, free_port, scratch, wait_until


def open_feed(test: unittest.TestCase, bridge: Bridge, *args: Any, **options: Any) -> BotFeed:
    feed = BotFeed(*args, events=bridge.events_out, commands=bridge.commands, **options)
    test.addCleanup(feed.close)
    return feed


def take(feed: BotFeed, count: int) -> list:
    """The next so many, and no more."""
    found: list = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        try:
            found += feed.news(0.05)
        except CommandFailed:
            pass
    return found


class Live(BridgeTest):
    def feed(self, *args: Any, **options: Any) -> BotFeed:
        feed = open_feed(self, self.bridge, *args, **options)
        list(feed.catch_up())
        return feed

    def test_some_types_and_only_those_in_order(self) -> None:
        feed = self.feed(["a", "b_*"])
        publisher = self.publisher("some")
        for n in range(3000):
            publisher.publish(("a", "b_1", "c", "aa", "b_2")[n % 5], {"n": n})
        events = take(feed, 1800)
        self.assertEqual([e["data"]["n"] for e in events], [n for n in range(3000) if n % 5 not in (2, 3)])
        self.assertEqual(list(feed.news(0.05)), [])

    def test_more_than_waits_anywhere_comes_page_by_page(self) -> None:
        feed = self.feed(["p"], page_events=100)
        publisher = self.publisher("pages")
        for n in range(5000):
            publisher.publish("p", {"n": n})
        wait_until(lambda: self.bridge.source("pages").get("last_source_seq") == 5000)
        self.assertEqual([e["data"]["n"] for e in take(feed, 5000)], list(range(5000)))

    def test_a_place_is_a_start_for_another_time(self) -> None:
        publisher = self.publisher("place")
        feed = self.feed(["s"])
        for n in range(10):
            publisher.publish("s", {"n": n})
        wait_until(lambda: len(self.bridge.events("s")) == 10)
        events = feed.catch_up()
        for _ in range(4):
            next(events)
        place = feed.position
        again = open_feed(self, self.bridge, ["s"], since=place)
        self.assertEqual([e["data"]["n"] for e in again.catch_up()], list(range(4, 10)))
        self.assertEqual([e["data"]["n"] for e in events], list(range(4, 10)))
        last = open_feed(self, self.bridge, ["s"], since={"last": 2})
        self.assertEqual([e["data"]["n"] for e in last.catch_up()], [8, 9])
        odd = open_feed(self, self.bridge, ["s"], since={"epoch": "never", "seq": 5})
        self.assertEqual(next(odd.catch_up())["type"], "gap")

    def test_commands_and_their_errors(self) -> None:
        feed = self.feed([])
        publisher = self.publisher("commanded")
        publisher.on_command("add", lambda a, b: {"sum": a + b})
        wait_until(lambda: self.bridge.commands_of("commanded"))
        self.assertEqual(feed.ask("add", {"a": 1, "b": 2}, "commanded"), {"sum": 3})
        for command, target, error_type in (("add", "x", "unknown_target"), ("add", "commanded", "rejected")):
            with self.assertRaises(CommandFailed) as caught:
                feed.ask(command, {}, target)
            self.assertEqual((caught.exception.error_type, caught.exception.perhaps_done), (error_type, False))

    def test_a_number_of_more_digits_than_python_takes_stops_nothing(self) -> None:
        feed = self.feed(["digits"])
        for digits in (5000, 1):
            body = b'{"type":"digits","data":{"n":%s}}' % (b"1" * digits)
            address = self.bridge.ws.replace("ws://", "http://").replace("/ws", "/submit_event")
            urllib.request.urlopen(address, body).close()
        events = take(feed, 2)
        self.assertEqual([e["data"]["n"] for e in events], [float("inf"), 1])
        self.assertEqual([type(e["seq"]) for e in events], [int, int])


class Scripted(unittest.TestCase):
    """What a bridge answers that numbers anew."""

    def run_against(self, *results: Any) -> tuple[list, list]:
        """What the feed hands over, turn by turn, and what it asked for."""
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        self.sockets = replies, signs = context.socket(zmq.REP), context.socket(zmq.PUB)
        at = ["tcp://127.0.0.1:%d" % s.bind_to_random_port("tcp://127.0.0.1") for s in (signs, replies)]
        asked: list = []

        def serve() -> None:
            for result in results:
                request = json.loads(replies.recv())
                asked.append(request["params"])
                reply = {"id": request["id"], "status": "command_result"}
                if isinstance(result, str):
                    reply.update(status="error", data={"error_type": result, "message": "no"})
                else:
                    more = {"complete": True, "more": False, "recovered": True, "missed": 0}
                    reply["result"] = {**more, **result}
                replies.send(json.dumps(reply).encode())

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        feed = BotFeed(["n"], events=at[0], commands=at[1], since={"epoch": "one", "seq": 4})
        self.addCleanup(feed.close)
        got: list = []
        while serving.is_alive():
            try:
                turn = [m["data"].get("n", m["type"]) for m in feed.catch_up()]
            except CommandFailed as failed:
                turn = [failed.error_type]
            got.append(turn)
            serving.join(0.01)
        return got, asked

    def test_what_comes_again_under_other_numbers_is_handed_over_once(self) -> None:
        def event(seq: int, number: int) -> dict:
            named = {"source": "s", "run": "r", "source_seq": number}
            return {"type": "n", "data": {"n": number}, "seq": seq, **named}

        got, asked = self.run_against(
            {"epoch": "one", "seq": 9, "events": [event(5, 1), event(6, 2)], "more": True},
            {"epoch": "one", "seq": 9, "events": [event(8, 3)]},
            {"epoch": "two", "seq": 8, "events": [event(7, 2), event(8, 4)]},
            "busy",
            {"epoch": "two", "seq": 12, "events": [event(12, 5)], "recovered": False, "missed": 2},
        )
        self.assertEqual(got, [[1, 2, 3], [4], ["busy"], ["gap", 5]])
        places = [(a["epoch"], a["since_seq"]) for a in asked]
        self.assertEqual(places, [("one", 4), ("one", 6), ("one", 9), ("two", 8), ("two", 8)])


class Trouble(unittest.TestCase):
    def test_what_the_bridge_no_longer_holds_is_a_gap(self) -> None:
        bridge = Bridge("history.events_max=100")
        self.addCleanup(bridge.close)
        feed = open_feed(self, bridge, ["n"])
        list(feed.catch_up())
        publisher = Publisher("gone", endpoint=bridge.events_in, control=bridge.control)
        self.addCleanup(publisher.close, 0)
        for n in range(5000):
            publisher.publish("n", {"n": n})
        wait_until(lambda: bridge.source("gone").get("last_source_seq") == 5000)
        gap, *events = feed.catch_up()
        self.assertEqual((gap["type"], gap["data"]["from_seq"]), ("gap", 1))
        numbers = [event["data"]["n"] for event in events]
        self.assertEqual(numbers, list(range(numbers[0], 5000)))
        self.assertLessEqual(gap["data"]["missed"], gap["data"]["to_seq"] - len(events))

    def test_without_a_bridge_it_says_so_soon_and_finds_it_once_it_is_there(self) -> None:
        at = ["tcp://127.0.0.1:%d" % free_port() for _ in range(2)]
        feed = BotFeed(["n"], events=at[0], commands=at[1])
        self.addCleanup(feed.close)
        began = time.monotonic()
        with self.assertRaisesRegex(CommandFailed, "no_answer: " + at[1]):
            list(feed.news(10))
        self.assertLess(time.monotonic() - began, 2)
        bridge = Bridge("bots.events=" + at[0], "bots.commands=" + at[1])
        self.addCleanup(bridge.close)
        wait_until(lambda: take(feed, 0) == [] and self._reached(feed))

    def _reached(self, feed: BotFeed) -> bool:
        try:
            list(feed.catch_up())
            return True
        except CommandFailed:
            return False

    def test_kill_9_of_the_bridge_costs_no_event_of_those_in_the_journal(self) -> None:
        count, kills = 6000, 3
        path = "%s/journal.sqlite" % scratch(self)  # which goes once the bridge has ended
        bridge = Bridge("journal.path=" + path)
        self.addCleanup(bridge.close)
        publisher = Publisher("killed", endpoint=bridge.events_in, control=bridge.control, gather_ms=1)
        self.addCleanup(publisher.close, 0)
        feed = open_feed(self, bridge, ["n"], page_events=500, timeout_s=0.5)
        list(feed.catch_up())
        got: list = []

        def read() -> None:
            while not got or got[-1].get("data", {}).get("n") != count - 1:
                try:
                    got.extend(feed.news(0.1))
                except CommandFailed:
                    pass

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        for n in range(count):
            publisher.publish("n", {"n": n})
            publisher.publish("other", {"n": n})
            if n % (count // (kills + 1)) == count // (kills + 1) - 1 and n < count - 1:
                bridge.kill()
                bridge.start()
            if n % 20 == 0:
                time.sleep(0.005)
        reading.join(3 * PATIENCE_S)
        self.assertEqual([m for m in got if m["type"] == "gap"], [])
        self.assertEqual([m["data"]["n"] for m in got], list(range(count)))

        def written() -> list:
            with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as journal:
                return journal.execute("SELECT body FROM events WHERE type = 'n' ORDER BY seq").fetchall()

        wait_until(lambda: len(written()) >= count)
        self.assertEqual([json.loads(body)["data"]["n"] for (body,) in written()], list(range(count)))


class Topics(BridgeTest):
    """What others subscribe to costs nobody the bridge's time."""

    def peer(self) -> socket.socket:
        """A SUB by hand, so that it comes and goes at once, and stays away once it was cut off."""
        host, port = self.bridge.events_out.split("//")[1].split(":")
        peer = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\0" + b"NULL".ljust(20, b"\0") + bytes(32) + b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\3SUB")
        while b"READY" not in peer.recv(4096):
            pass
        return peer

    def test_who_goes_is_forgotten_at_once_whatever_others_subscribe_to(self) -> None:
        greedy = []
        for n in range(4):
            greedy.append(self.peer())
            for i in range(150):
                topic = b"\1" + (b"%d/%d/" % (n, i)).ljust(400, b"x")
                try:
                    greedy[-1].sendall(b"\2" + len(topic).to_bytes(8, "big") + topic)
                except OSError:
                    break  # it was cut off
            self.bridge.ask("get_status")
        for _ in range(300):
            self.peer().close()
        turns = self.bridge.ask("get_status", deadline_ms=60_000)["result"]["loop"]
        self.assertLess(turns["turn_cpu_us_max"], 600_000, turns)
        for each in greedy:
            each.close()
        context = self.bridge._context
        with context.socket(zmq.SUB) as bot, context.socket(zmq.PUB) as source:
            bot.subscribe(b"t//")
            bot.connect(self.bridge.events_out)
            source.connect(self.bridge.events_in)

            def heard() -> bool:
                source.send(b'{"type":"t","data":{}}')
                return bool(bot.poll(50))

            wait_until(heard)


class Nonsense(unittest.TestCase):
    def test_an_answer_of_any_shape_is_an_error_or_nothing(self) -> None:
        page = {"events": [], "seq": 5, "epoch": "e", "more": False, "recovered": True, "missed": 0}
        again = {**page, "events": [{"type": "n", "data": {}, "seq": 5, "source": [], "source_seq": 1}], "more": True}
        for text in ("{", "5", "[" * 5000, "[]", "{}", *(json.dumps({"id": "ID", **each}) for each in (
            {}, {"status": 5}, {"status": "error"}, {"status": "error", "data": 5}, {"result": None}, {"result": {**page, "seq": "x"}},
            {"result": {**page, "events": [5]}}, {"result": {**page, "epoch": []}}, {"result": again},
        ))):
            with self.subTest(text[:60]):
                self.answer_all(text)

    def answer_all(self, text: str) -> None:
        context = zmq.Context()
        pub, rep = context.socket(zmq.PUB), context.socket(zmq.REP)
        ports = [one.bind_to_random_port("tcp://127.0.0.1") for one in (pub, rep)]
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                if rep.poll(10):
                    rep.send(text.replace("ID", json.loads(rep.recv())["id"]).encode())

        thread = threading.Thread(target=serve)
        thread.start()
        feed = BotFeed(events="tcp://127.0.0.1:%d" % ports[0], commands="tcp://127.0.0.1:%d" % ports[1], timeout_s=0.5)
        try:
            for _ in range(2):
                feed._pause_until = 0.0
                for _ in feed.catch_up():
                    pass
        except CommandFailed:
            pass
        finally:
            feed.close()
            ended.set()
            thread.join()
            context.destroy(0)


if __name__ == "__main__":
    unittest.main()
