"""GET /events: what passes, resuming, gaps, slow readers, who may, and over kill -9 with nothing missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
import unittest
from typing import Any, Iterator

from http_wire import PATIENCE_S, Reply, Wire, ask
from support import Bridge, scratch, started, wait_until


class EventSource:
    """As the standard has it (WHATWG HTML 9.2), over one connection."""

    def __init__(self, ws: str, query: str = "", headers: str = "", buffer: int = 0) -> None:
        self.wire = Wire(ws, buffer)
        self.wire.send("GET /events%s HTTP/1.1\r\nHost: HOST\r\n%s\r\n" % ("?" + query if query else "", headers))
        head = self.wire.until(b"\r\n\r\n").decode("latin-1")
        self.head = head
        assert head.startswith("HTTP/1.1 200 OK\r\n"), head
        assert "Content-Type: text/event-stream\r\n" in head, head
        self.last_id = ""
        self.reply: dict[str, Any] = {}
        self.comments: list[str] = []

    def next(self) -> dict[str, Any] | None:
        """The next unnamed message; None behind the end."""
        while True:
            data: list[str] = []
            name = ""
            while True:
                try:
                    line = self.wire.until(b"\n").decode()
                except EOFError:
                    return None
                if not line:
                    break
                field, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if field == "id":
                    self.last_id = value
                elif field == "data":
                    data.append(value)
                elif field == "event":
                    name = value
                elif not field:
                    self.comments.append(value)
            if data and name == "reply":
                self.reply = json.loads("\n".join(data))
            elif data:
                return json.loads("\n".join(data))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (message := self.next()) is not None:
            yield message

    def take(self, count: int) -> list[dict[str, Any]]:
        return [message for _, message in zip(range(count), self)]

    def close(self) -> None:
        self.wire.socket.close()


def post(ws: str, *bodies: str) -> None:
    text = "\n".join(bodies).encode()
    reply = ask(ws, b"POST /submit_event HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    assert reply.json().get("accepted") == len(bodies), reply


def numbers(first: int, count: int, kind: str = "tick", pad: str = "") -> list[str]:
    return [json.dumps({"type": kind, "data": {"n": n, "pad": pad}}) for n in range(first, first + count)]


def refused(ws: str, query: str, headers: str = "") -> Reply:
    return ask(ws, "GET /events?%s HTTP/1.1\r\nHost: HOST\r\n%s\r\n" % (query, headers))


class Events(unittest.TestCase):
    def bridge(self, *settings: str) -> Bridge:
        bridge = Bridge(*settings)
        self.addCleanup(bridge.close)
        return bridge

    def open(self, bridge: Bridge, *arguments: Any, **named: Any) -> EventSource:
        source = EventSource(bridge.ws, *arguments, **named)
        self.addCleanup(source.close)
        return source

    def test_types_and_filter_choose(self) -> None:
        bridge = self.bridge()
        source = self.open(bridge, "types=order_*,tick&filter=%7B%22n%22%3A%7B%22min%22%3A2%7D%7D&client_id=me")
        post(bridge.ws, *numbers(1, 3), *numbers(1, 3, "other"), *numbers(2, 1, "order_made"))
        got = source.take(3)
        self.assertEqual([(m["type"], m["data"]["n"]) for m in got], [("tick", 2), ("tick", 3), ("order_made", 2)])
        self.assertEqual(source.reply["status"], "registered")
        self.assertEqual(source.reply["client_id"], "me")
        self.assertEqual(source.last_id, "%s:%d" % (source.reply["epoch"], got[-1]["seq"]))

    def test_a_text_with_line_ends_stays_one_message(self) -> None:
        bridge = self.bridge()
        source = self.open(bridge)
        post(bridge.ws, '{\n "type": "t",\r\n "data": {"a":\r1,\n\n"b": 2}\n}')
        self.assertEqual(source.take(1)[0]["data"], {"a": 1, "b": 2})

    def test_resuming_by_header_or_query_brings_what_came_meanwhile(self) -> None:
        bridge = self.bridge()
        first = self.open(bridge)
        post(bridge.ws, *numbers(1, 5))
        first.take(3)
        position = first.last_id
        first.close()
        for again in (self.open(bridge, "since=" + position), self.open(bridge, "", "Last-Event-ID: %s\r\n" % position)):
            self.assertEqual([m["data"]["n"] for m in again.take(2)], [4, 5])
            self.assertTrue(again.reply["recovered"])
        # A browser comes back to the target that it asked for at first: the header goes first.
        both = self.open(bridge, "last=5", "Last-Event-ID: %s\r\n" % position)
        self.assertEqual([m["data"]["n"] for m in both.take(2)], [4, 5])
        self.assertEqual([m["data"]["n"] for m in self.open(bridge, "last=2").take(2)], [4, 5])
        self.assertEqual([m["data"]["n"] for m in self.open(bridge, "seconds=60").take(5)], [1, 2, 3, 4, 5])

    def test_what_is_gone_is_a_gap(self) -> None:
        bridge = self.bridge("history.events_max=100")
        post(bridge.ws, *numbers(1, 1))
        status = bridge.ask("get_status")["result"]
        for i in range(30):
            post(bridge.ws, *numbers(i * 50, 50, pad="x" * 1000))
        source = self.open(bridge, "since=%s:1" % status["epoch"])
        gap = source.take(1)[0]
        self.assertEqual((gap["type"], gap["data"]["reason"], gap["data"]["from_seq"]), ("gap", "evicted", 2))
        self.assertEqual(source.take(1)[0]["seq"], gap["data"]["to_seq"] + 1)
        self.assertFalse(source.reply["recovered"])

    def test_a_quiet_stream_tells_how_far_it_has_come(self) -> None:
        bridge = self.bridge("websocket.ping_interval_s=1")
        source = self.open(bridge, "types=never")
        post(bridge.ws, *numbers(1, 7))
        self.assertTrue(source.wire.until(b"\n:\n"))
        wait_until(lambda: source.wire.until(b"id: ") is not None and source.wire.until(b"\n\n").endswith(b":7"))

    def test_what_is_wrong_is_said_before_the_stream(self) -> None:
        bridge = self.bridge()
        for query, words in (
            ("type=tick", 'parameter "type" is not known; must be one of types'),
            ("types=a%20b", "subscriptions[0]"),
            ("filter=%5B%5D", "filter"),
            ("filter=%7B", "must be a JSON object"),
            ("since=5", "EPOCH:SEQ"),
            ("last=-1", "since.last"),
            ("last=x", "must be an integer"),
            ("since=a:1&last=2", "since in two ways"),
            ("types=a&types=b", "names types twice"),
            ("types=%zz", "%xx"),
            ("types=%ff", "%xx"),
            ("on_lag=never", "on_lag"),
            ("deliver=latest&max_rate_hz=1000", "max_rate_hz"),
        ):
            reply = refused(bridge.ws, query)
            self.assertEqual((query, reply.status), (query, 400))
            self.assertIn(words, reply.message)
        self.assertEqual(refused(bridge.ws, "", "Last-Event-ID: 5\r\n").status, 400)
        self.assertEqual(refused(bridge.ws, "", "Origin: http://evil.example\r\n").status, 403)
        self.assertEqual(ask(bridge.ws, "POST /events HTTP/1.1\r\nHost: HOST\r\n\r\n").status, 405)
        with Wire(bridge.ws) as wire:
            wire.send("HEAD /events HTTP/1.1\r\nHost: HOST\r\n\r\n")
            self.assertEqual(wire.reply(head_only=True).headers["content-type"], "text/event-stream")
            self.assertEqual(wire.ask("GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n").status, 200)
        self.assertEqual(bridge.ask("get_clients")["result"]["count"], 0)

    def test_it_is_a_client_like_any_other(self) -> None:
        bridge = self.bridge("websocket.clients_max=2")
        source = self.open(bridge, "types=tick&client_id=me&client_type=shell")
        self.open(bridge)
        full = refused(bridge.ws, "")
        self.assertEqual((full.status, full.headers["retry-after"]), (503, "1"))
        post(bridge.ws, *numbers(1, 10))
        source.take(10)
        me = bridge.ask("get_clients")["result"]["clients"][0]
        self.assertEqual((me["client_id"], me["client_type"], me["transport"]), ("me", "shell", "sse"))
        self.assertEqual((me["events_sent"], me["subscriptions"]), (10, ["tick"]))
        self.assertEqual(bridge.ask("get_status")["result"]["clients"]["event_streams"], 2)
        metrics = ask(bridge.ws, "GET /metrics HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n").body.decode()
        self.assertIn("\nppo_bridge_event_streams 2", metrics)
        source.close()
        wait_until(lambda: bridge.ask("get_status")["result"]["clients"]["connected"] == 1)

    def test_a_slow_reader_gets_a_gap_and_delays_nobody(self) -> None:
        bridge = self.bridge("history.bytes_max=1048576")
        slow = self.open(bridge, "client_id=slow", buffer=4096)
        quick = self.open(bridge)
        bodies = numbers(0, 200, pad="x" * 1000)
        for _ in range(60):
            post(bridge.ws, *bodies)
            self.assertEqual(len(quick.take(200)), 200)
        kinds = []
        for message in slow:
            kinds.append(message["type"])
            if message["type"] == "gap":
                self.assertEqual(message["data"]["reason"], "slow_client")
            elif message["seq"] == 60 * 200:
                break
        self.assertIn("gap", kinds)

    def test_the_end_of_the_bridge_ends_it_and_a_snapshot_begins_it(self) -> None:
        bridge = self.bridge()
        post(bridge.ws, *numbers(1, 3), *numbers(4, 2, "tock"))
        source = self.open(bridge, "snapshot=true")
        self.assertEqual([m["data"]["n"] for m in source.take(2)], [3, 5])
        bridge.signal(15)
        self.assertIsNone(source.next())
        self.assertIn("1001 the bridge stops", source.comments[-1])

    def test_curl_reads_it(self) -> None:
        if not shutil.which("curl"):
            self.skipTest("there is no curl")
        bridge = self.bridge()
        url = bridge.ws.replace("ws://", "http://").replace("/ws", "/events?types=tick")
        curl = started(self, ["curl", "-sN", url], stdout=subprocess.PIPE, text=True)
        wait_until(lambda: bridge.ask("get_status")["result"]["clients"]["connected"] == 1)
        post(bridge.ws, *numbers(1, 1))
        line = next(line for line in curl.stdout if line.startswith('data: {"type":"tick"'))
        self.assertEqual(json.loads(line[6:])["data"]["n"], 1)


class Guarded(unittest.TestCase):
    def test_who_does_not_read_gets_nothing(self) -> None:
        credentials = str(scratch(self) / "credentials")

        def token(role: str) -> str:
            command = [os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", credentials, "create", role, "--role", role]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

        viewer, trainer = token("viewer"), token("trainer")
        bridge = Bridge("auth.mode=on", "auth.credentials=" + credentials)
        self.addCleanup(bridge.close)
        nobody = refused(bridge.ws, "")
        self.assertEqual((nobody.status, nobody.headers["www-authenticate"]), (401, 'Bearer realm="ppo-bridge"'))
        self.assertEqual(refused(bridge.ws, "", "Authorization: Bearer ppo1_wrong\r\n").status, 401)
        self.assertEqual(refused(bridge.ws, "", "Authorization: Bearer %s\r\n" % trainer).status, 403)
        source = EventSource(bridge.ws, "", "Authorization: Bearer %s\r\n" % viewer)
        self.addCleanup(source.close)
        subprocess.run([os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", credentials, "revoke", viewer.split("_")[1]],
                       capture_output=True, check=True)
        bridge.signal(1)
        self.assertIsNone(source.next())
        self.assertIn("4001", source.comments[-1])


class Killed(unittest.TestCase):
    def test_over_kill_9_nothing_is_missing(self) -> None:
        bridge = Bridge('journal.path="%s/journal"' % scratch(self), "journal.before_delivery=true")
        self.addCleanup(bridge.close)
        stop = threading.Event()

        def publish() -> None:
            n = 0
            while not stop.is_set():
                try:
                    post(bridge.ws, *numbers(n, 20))
                except (OSError, EOFError, AssertionError, ValueError):
                    time.sleep(0.01)
                n += 20

        publisher = threading.Thread(target=publish)
        publisher.start()
        self.addCleanup(publisher.join)
        self.addCleanup(stop.set)
        got: list[int] = []
        position = ""
        for life in range(3):
            source = EventSource(bridge.ws, "types=tick", "Last-Event-ID: %s\r\n" % position if position else "")
            until = len(got) + 400
            for message in source:
                self.assertEqual(message["type"], "tick", message)
                got.append(message["data"]["n"])
                position = source.last_id
                if len(got) >= until:
                    break
            self.assertTrue(life == 0 or source.reply["recovered"], source.reply)
            source.close()
            if life < 2:
                bridge.kill()
                bridge.start()
        stop.set()
        publisher.join()
        kept = [event["data"]["n"] for event in bridge.events("tick")]
        source = EventSource(bridge.ws, "types=tick", "Last-Event-ID: %s\r\n" % position)
        self.addCleanup(source.close)
        while got[-1] != kept[-1]:
            got.append(source.take(1)[0]["data"]["n"])
        self.assertEqual(sorted(set(got)), got, "in order, each once")
        self.assertEqual(got, kept[kept.index(got[0]) :], "nothing is missing")

    def test_an_event_source_comes_back_by_itself(self) -> None:
        node = shutil.which("node")
        program = ("const source = new EventSource(process.argv[1]);"
                   "source.onmessage = (message) => console.log(message.data);"
                   "source.onerror = () => source.readyState == 2 && process.exit(3);"
                   "setInterval(() => {}, 1000);")  # node would end while it waits to come back
        flag = "--experimental-eventsource"
        has_one = node and subprocess.run([node, flag, "-e", "EventSource"], capture_output=True).returncode == 0
        if not has_one:
            self.skipTest("there is no node with EventSource")
        bridge = Bridge('journal.path="%s/journal"' % scratch(self), "journal.before_delivery=true")
        self.addCleanup(bridge.close)
        url = bridge.ws.replace("ws://", "http://").replace("/ws", "/events?types=tick")
        reader = started(self, [node, flag, "-e", program, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        patience = threading.Timer(4 * PATIENCE_S, reader.kill)
        patience.start()
        self.addCleanup(patience.cancel)
        wait_until(lambda: bridge.ask("get_status")["result"]["clients"]["connected"] == 1)
        post(bridge.ws, *numbers(0, 10))
        got = [json.loads(reader.stdout.readline())["data"]["n"] for _ in range(10)]
        bridge.kill()
        bridge.start()
        post(bridge.ws, *numbers(10, 10))
        got += [json.loads(reader.stdout.readline())["data"]["n"] for _ in range(10)]
        self.assertEqual(got, list(range(20)))


if __name__ == "__main__":
    unittest.main()
