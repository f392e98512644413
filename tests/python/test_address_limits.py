"""What one address may take of the WebSocket and HTTP port, so that others have theirs."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import selectors
import socket
import struct
import subprocess
import time
import unittest
from pathlib import Path

import zmq
from http_wire import Reply, Wire, ask
from support import PATIENCE_S, Bridge, scratch, wait_until

_hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))  # of the bridge too, which has its clients by it

LIAR, HONEST = "127.0.0.1", "127.0.0.2"
UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"
)


def get(path: str = "/healthz", headers: str = "") -> str:
    return "GET %s HTTP/1.1\r\nHost: HOST\r\n%s\r\n" % (path, headers)


def bearer(token: str) -> str:
    return "Authorization: Bearer %s\r\n" % token


def silent_sockets(ws: str, count: int, first: bytes = b"") -> list[socket.socket]:
    """All of the liar's address, at once; what each says first, if anything."""
    host, port = ws.split("://")[1].split("/")[0].rsplit(":", 1)
    sockets = []
    for _ in range(count):
        s = socket.socket()
        s.setblocking(False)
        s.bind((LIAR, 0))
        s.connect_ex((host, int(port)))
        sockets.append(s)
    for s in sockets:
        s.settimeout(PATIENCE_S)
        try:
            s.sendall(first.replace(b"HOST", (host + ":" + port).encode()))
        except OSError:
            pass  # it is closed already
    return sockets


def answers(sockets: list[socket.socket]) -> list[bytes]:
    """What each was told first, as soon as that is known of all; b"" = it was closed."""
    told: dict = {}
    with selectors.DefaultSelector() as selector:
        for s in sockets:
            selector.register(s, selectors.EVENT_READ)
        until = time.monotonic() + PATIENCE_S
        while len(told) < len(sockets) and time.monotonic() < until:
            for key, _ in selector.select(1):
                try:
                    told[key.fileobj] = key.fileobj.recv(12)
                except OSError:
                    told[key.fileobj] = b""
                selector.unregister(key.fileobj)
    return list(told.values())


def frame(text: str) -> bytes:
    """As a client sends it: masked, with zeros."""
    raw = text.encode()
    assert len(raw) < 126
    return bytes((0x81, 0x80 | len(raw))) + bytes(4) + raw


class Guarded(unittest.TestCase):
    settings: tuple = ()

    def setUp(self) -> None:
        self.credentials = str(scratch(self) / "credentials")
        command = [os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", self.credentials, "create", "a", "--role", "admin"]
        self.token = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        self.bridge = Bridge("auth.mode=on", "auth.credentials=" + self.credentials, *self.settings)
        self.addCleanup(self.bridge.close)

    def ask(self, text: str, from_host: str = LIAR) -> Reply:
        return ask(self.bridge.ws, text, from_host)

    def count(self, name: str) -> int:
        page = self.ask(get("/metrics", bearer(self.token)), HONEST).body.decode()
        return int(re.search(r"^ppo_bridge_%s (\d+)" % name, page, re.M)[1])


@unittest.skipIf(0 <= _hard < 6000, "needs 6,000 descriptors")
class Connections(Guarded):
    def test_sockets_by_the_thousand_of_one_address_keep_no_other_out(self) -> None:
        sockets = silent_sockets(self.bridge.ws, 4352)
        self.addCleanup(lambda: [s.close() for s in sockets])
        self.assertEqual(self.ask(get(), HONEST).status, 200)
        self.assertEqual(self.ask(UPGRADE % bearer(self.token), HONEST).status, 101)
        # 256 at a time: on a busy machine some are closed for their silence before the last one comes.
        wait_until(lambda: self.count("connections_refused_by_address_total") > 4352 / 2)
        self.assertEqual(self.count("clients_refused_total"), 0)

    def test_clients_that_do_not_say_who_they_are_are_as_few(self) -> None:
        sockets = silent_sockets(self.bridge.ws, 300, (UPGRADE % "").encode())
        self.addCleanup(lambda: [s.close() for s in sockets])
        told = answers(sockets)
        self.assertEqual(told.count(b"HTTP/1.1 101"), 256)
        self.assertEqual(told.count(b"HTTP/1.1 429"), 16)
        self.assertEqual(told.count(b""), 28)
        with Wire(self.bridge.ws, from_host=HONEST) as honest:
            self.assertEqual(honest.ask(UPGRADE % bearer(self.token)).status, 101)
        for s in sockets:
            s.close()
        wait_until(lambda: self.ask(get()).status == 200)  # there is room again


class WithoutTokens(unittest.TestCase):
    def test_thousands_of_one_address_are_as_good_as_any(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)
        sockets = silent_sockets(bridge.ws, 1500, (UPGRADE % "").encode())
        self.addCleanup(lambda: [s.close() for s in sockets])
        self.assertEqual(answers(sockets).count(b"HTTP/1.1 101"), 1500)

    def test_a_bound_that_is_given_holds(self) -> None:
        bridge = Bridge("limits.connections_per_address_max=3")
        self.addCleanup(bridge.close)
        held = [Wire(bridge.ws, from_host=LIAR) for _ in range(3)]
        self.addCleanup(lambda: [wire.socket.close() for wire in held])
        for wire in held:
            self.assertEqual(wire.ask(get()).status, 200)
        refused = ask(bridge.ws, get(), LIAR)
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "5"))
        self.assertEqual(refused.message, "your address has 3 connections already (limits.connections_per_address_max)")
        self.assertEqual(ask(bridge.ws, get(), HONEST).status, 200)


class Handshakes(Guarded):
    settings = ("limits.handshakes_per_address_per_s_max=10",)

    def test_who_begins_too_many_is_told_and_then_not_answered(self) -> None:
        told: list[int] = []
        while told.count(0) < 3:
            told.append(self.answer())
            self.assertLess(len(told), 2000)
        self.assertEqual(set(told[:100]), {200})  # ten seconds' worth
        self.assertGreaterEqual(told.count(429), 16)
        self.assertEqual(self.ask(get(), HONEST).status, 200)
        wait_until(lambda: self.answer() == 200)

    def answer(self) -> int:
        try:
            reply = self.ask(get())
        except (EOFError, OSError):
            return 0
        self.assertEqual(reply.status == 429, "retry-after" in reply.headers)
        return reply.status


class WrongTokens(Guarded):
    settings = ("limits.handshakes_per_address_per_s_max=100000",)

    def test_by_the_thousand(self) -> None:
        told = [self.ask(get("/metrics", bearer("ppo1_%08d_%s" % (n, "x" * 43)))).status for n in range(2000)]
        self.assertEqual(set(told[:10]), {401})
        self.assertGreater(told.count(429), 1900)
        refused = self.ask(get("/metrics", bearer("ppo1_wrong")))
        self.assertEqual(refused.json()["data"]["error_type"], "rate_limited")
        self.assertIn(int(refused.headers["retry-after"]), range(1, 7))
        # Who is right is right, also there; and elsewhere nobody was wrong yet.
        self.assertEqual(self.ask(get("/metrics", bearer(self.token))).status, 200)
        self.assertEqual(self.ask(get("/metrics", bearer("ppo1_wrong")), HONEST).status, 401)
        self.assertGreater(self.count("tokens_limited_total"), 1900)

    def test_by_whichever_way(self) -> None:
        for _ in range(10):
            self.assertEqual(self.ask(get(headers=bearer("ppo1_wrong"))).status, 401)
        self.assertEqual(self.ask(UPGRADE % bearer("ppo1_wrong")).status, 429)
        login = json.dumps({"token": "ppo1_wrong"})
        self.assertEqual(
            self.ask("POST /login HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json\r\n"
                     "Content-Length: %d\r\n\r\n%s" % (len(login), login)).status, 429)
        with Wire(self.bridge.ws, from_host=LIAR) as client:
            self.assertEqual(client.ask(UPGRADE % "").status, 101)
            client.send(frame('{"action":"authenticate","token":"ppo1_wrong"}'))
            while client.more():
                pass
            self.assertIn(b'"error_type":"rate_limited"', client.unread)
            self.assertIn(struct.pack("!H", 4029), client.unread)
        with zmq.Context() as context, context.socket(zmq.REQ) as bot:
            bot.linger = 0
            bot.connect(self.bridge.commands)
            for token, outcome in (("ppo1_wrong", "rate_limited"), (self.token, None)):
                bot.send(json.dumps({"command": "get_status", "token": token}).encode())
                self.assertTrue(bot.poll(PATIENCE_S * 1000))
                self.assertEqual(json.loads(bot.recv()).get("data", {}).get("error_type"), outcome)


class SignedTokens(Guarded):
    def test_no_signature_is_looked_at_where_too_many_were_wrong(self) -> None:
        self.bridge.close()
        key = self.credentials + ".jwks"
        Path(key).touch(0o600)
        Path(key).write_text(json.dumps({"keys": [{"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")}]}))
        self.bridge = Bridge("auth.mode=on", "auth.credentials=" + self.credentials, "auth.jwt_keys=" + key,
                             "auth.jwt_issuer=i", "auth.failures_per_minute_max=2")
        self.addCleanup(self.bridge.close)
        told = [self.ask(get(headers=bearer("a.b.c"))).status for _ in range(4)]
        self.assertEqual(told, [401, 401, 429, 429])
        self.assertEqual(self.ask(get(headers=bearer("a.b.c")), HONEST).status, 401)


class BehindAProxy(Guarded):
    settings = ('websocket.trusted_proxies=["127.0.0.1"]', "limits.connections_per_address_max=2",
                "auth.failures_per_minute_max=1")

    def test_who_is_behind_it_counts_and_not_the_proxy(self) -> None:
        behind = "X-Forwarded-For: %s\r\n"
        held = [Wire(self.bridge.ws, from_host=LIAR) for _ in range(10)]
        self.addCleanup(lambda: [wire.socket.close() for wire in held])
        for wire in held[:2]:
            self.assertEqual(wire.ask(UPGRADE % (bearer(self.token) + behind % "192.0.2.1")).status, 101)
        refused = held[2].ask(UPGRADE % (bearer(self.token) + behind % "192.0.2.1"))
        self.assertEqual(refused.status, 429)
        self.assertIn("2 connections already", refused.message)
        # One connection of the proxy's serves many, one after the other.
        for n in range(5):
            self.assertEqual(held[3].ask(get(headers=behind % ("192.0.2.%d" % n if n != 1 else "192.0.2.9"))).status, 200)
        # One customer's IPv6 addresses are one.
        for wire, host, status in ((held[4], "2001:db8::1", 101), (held[5], "2001:db8::2", 101),
                                   (held[6], "2001:db8::3", 429), (held[7], "2001:db8:0:1::1", 101)):
            self.assertEqual(wire.ask(UPGRADE % (bearer(self.token) + behind % host)).status, status)
        for host, status in (("192.0.2.7", 401), ("192.0.2.7", 429), ("192.0.2.8", 401)):
            self.assertEqual(self.ask(get(headers=bearer("ppo1_wrong") + behind % host)).status, status)


if __name__ == "__main__":
    unittest.main()
