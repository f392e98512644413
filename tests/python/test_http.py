"""HTTP as people expect it, over raw sockets: bodies, lengths, connections, errors, other sites' pages."""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import unittest
import zlib

from http_wire import Reply, Wire, ask
from ppo_bridge import Publisher
from support import Bridge

EVENT = b'{"type":"t","data":{"n":1}}'
CLOSE = "Host: HOST\r\nConnection: close\r\n"
SITE = "http://site.example"


def post(body: bytes, headers: str = "", length: bool = True) -> bytes:
    if length:
        headers += "Content-Length: %d\r\n" % len(body)
    return ("POST /submit_event HTTP/1.1\r\nHost: HOST\r\n" + headers + "\r\n").encode() + body


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class OneBridge(unittest.TestCase):
    bridge: Bridge

    @classmethod
    def setUpClass(cls) -> None:
        cls.bridge = Bridge(
            "events.message_bytes_max=65536", "events.event_bytes_max=65536", 'websocket.origins=["%s"]' % SITE
        )
        cls.addClassCleanup(cls.bridge.close)

    def ask(self, text: str | bytes) -> Reply:
        return ask(self.bridge.ws, text)


class Bodies(OneBridge):
    def test_a_chunked_body_is_put_together(self) -> None:
        coded = "Transfer-Encoding: chunked\r\n"
        body = chunks(EVENT[:5], EVENT[5:6], EVENT[6:])
        reply = self.ask(post(body, coded, length=False))
        self.assertEqual((reply.status, reply.json()), (200, {"status": "success", "accepted": 1}))
        noted = b"1;name=value\r\n{\r\n%X \r\n" % len(EVENT[1:]) + EVENT[1:] + b"\r\n0\r\nTrailer: yes\r\n\r\n"
        self.assertEqual(self.ask(post(noted, coded, length=False)).status, 200)
        with Wire(self.bridge.ws) as wire:  # a byte at a time
            for byte in post(body, coded, length=False).replace(b"HOST", wire.host.encode()):
                wire.send(bytes([byte]))
            self.assertEqual(wire.reply().status, 200)

    def test_what_is_no_chunk_is_told(self) -> None:
        coded = "Transfer-Encoding: chunked\r\n"
        for body in (b"+5\r\n", b"0x5\r\n", b"\r\n", b"-1\r\n", b"1\r\nab\r\n", b";x\r\n"):
            reply = self.ask(post(body, coded, length=False))
            self.assertEqual((body, reply.status), (body, 400))
            self.assertIn("chunk", reply.message)
        self.assertEqual(self.ask(post(b"5\nhello\r\n", coded, length=False)).status, 400)
        self.assertEqual(self.ask(post(b"fffffffffffffffffff\r\n", coded, length=False)).status, 413)

    def test_bodies_are_bounded_however_they_come(self) -> None:
        large = b"x" * 70_000
        for text in (
            post(large),
            post(b"", "Content-Length: 99999999999999999999999\r\n", length=False),
            post(chunks(large[:40_000], large[:40_000]), "Transfer-Encoding: chunked\r\n", length=False),
            post(gzip.compress(large), "Content-Encoding: gzip\r\n"),
        ):
            reply = self.ask(text)
            self.assertEqual((reply.status, reply.reason), (413, "Content Too Large"))
            self.assertIn("0..65536", reply.message)

    def test_one_strict_reading_of_lengths(self) -> None:
        for headers in (
            "Content-Length: 27\r\nContent-Length: 26\r\n",
            "Content-Length: 27, 27\r\n",
            "Content-Length: +27\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 27.0\r\n",
            "Content-Length: 0x1b\r\n",
            "Content-Length:\r\n",
            "Content-Length: 27\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length : 27\r\n",
            "Content-Length: 27\r\n Host: folded\r\n",
        ):
            reply = self.ask(post(EVENT, headers, length=False))
            self.assertEqual((headers, reply.status), (headers, 400))
        self.assertEqual(self.ask(post(EVENT, "Transfer-Encoding: gzip, chunked\r\n", length=False)).status, 501)
        old = "POST /submit_event HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.ask(old.encode() + chunks(EVENT)).status, 400)

    def test_who_asks_first_may_send(self) -> None:
        with Wire(self.bridge.ws) as wire:
            head = "POST /submit_event HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: 27\r\n"
            self.assertEqual(wire.ask(head + "\r\n").status, 100)
            wire.send(EVENT)
            self.assertEqual(wire.reply().status, 200)
            self.assertEqual(wire.ask(head + "Origin: http://evil.example\r\n\r\n").status, 403)
        self.assertEqual(self.ask(post(EVENT, "Expect: 100-continue\r\n")).status in (100, 200), True)
        self.assertEqual(self.ask(post(EVENT, "Expect: the-unexpected\r\n")).status, 417)

    def test_gzip_comes_in(self) -> None:
        zipped = gzip.compress(EVENT)
        coded = "Content-Encoding: gzip\r\n"
        self.assertEqual(self.ask(post(zipped, coded)).json()["accepted"], 1)
        two = gzip.compress(EVENT + b"\n") + zipped
        self.assertEqual(self.ask(post(two, coded)).json()["accepted"], 2)
        for broken in (zipped[:-3], EVENT, zipped + b"x", b""):
            self.assertEqual(self.ask(post(broken, coded)).status, 400)
        reply = self.ask(post(EVENT, "Content-Encoding: br\r\n"))
        self.assertEqual((reply.status, reply.headers["accept-encoding"]), (415, "gzip"))

    def test_a_bomb_takes_no_more_than_a_body_may(self) -> None:
        bomb = gzip.compress(b" " * 40_000_000)
        self.assertLess(len(bomb), 65_536)
        self.assertEqual(self.ask(post(bomb, "Content-Encoding: gzip\r\n")).status, 413)

    def test_gzip_goes_out_to_who_takes_it(self) -> None:
        plain = self.ask("GET /metrics HTTP/1.1\r\n" + CLOSE + "\r\n")
        self.assertNotIn("content-encoding", plain.headers)
        self.assertIn("Accept-Encoding", plain.headers["vary"])
        for wish in ("gzip", "br, gzip;q=0.5", "*"):
            reply = self.ask("GET /metrics HTTP/1.1\r\n" + CLOSE + "Accept-Encoding: " + wish + "\r\n\r\n")
            self.assertEqual(reply.headers["content-encoding"], "gzip")
            self.assertIn(b"ppo_bridge_info", gzip.decompress(reply.body))
            self.assertLess(len(reply.body), len(plain.body) / 2)
        for wish in ("identity", "gzip;q=0", "br", "gzip;q=0.0, *"):
            reply = self.ask("GET /metrics HTTP/1.1\r\n" + CLOSE + "Accept-Encoding: " + wish + "\r\n\r\n")
            self.assertNotIn("content-encoding", reply.headers)


class Requests(OneBridge):
    def test_a_plain_health_check_needs_no_host(self) -> None:
        for path in ("/healthz", "/readyz"):
            for method in ("GET", "OPTIONS", "HEAD"):
                with Wire(self.bridge.ws) as wire:
                    wire.send("%s %s HTTP/1.0\r\n\r\n" % (method, path))
                    self.assertIn(wire.reply(head_only=method == "HEAD").status, (200, 204))
                    self.assertTrue(wire.at_end())
        self.assertEqual(self.ask("OPTIONS / HTTP/1.0\r\n\r\n").status, 204)  # HAProxy's httpchk
        for text in ("GET / HTTP/1.0\r\n\r\n", "GET /metrics HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\n"):
            reply = self.ask(text)
            self.assertEqual((text, reply.status), (text, 400))
            self.assertIn("Host", reply.message)
        self.assertEqual(self.ask("GET /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n").status, 421)

    def test_a_target_may_name_the_host(self) -> None:
        self.assertEqual(self.ask("GET http://HOST/healthz HTTP/1.1\r\n" + CLOSE + "\r\n").status, 200)
        self.assertEqual(self.ask("GET HTTP://HOST?x HTTP/1.1\r\n" + CLOSE + "\r\n").status, 200)
        # It counts, and not the field beside it.
        self.assertEqual(self.ask("GET http://evil.example/ HTTP/1.1\r\n" + CLOSE + "\r\n").status, 421)
        self.assertEqual(self.ask("GET http://HOST/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 200)
        for target in ("healthz", "*", "ftp://HOST/", "http:///healthz", "/a#b", "/a\x7f", "HOST"):
            self.assertEqual((target, self.ask("GET %s HTTP/1.1\r\n" % target + CLOSE + "\r\n").status), (target, 400))

    def test_many_requests_a_connection(self) -> None:
        with Wire(self.bridge.ws) as wire:
            for _ in range(3):
                self.assertEqual(wire.ask("GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n").status, 200)
                self.assertEqual(wire.ask(post(EVENT)).json()["accepted"], 1)
                self.assertEqual(wire.ask("GET /nothing HTTP/1.1\r\nHost: HOST\r\n\r\n").status, 404)
            self.assertEqual(wire.ask("GET /healthz HTTP/1.1\r\n" + CLOSE + "\r\n").headers["connection"], "close")
            self.assertTrue(wire.at_end())
        with Wire(self.bridge.ws) as wire:  # HTTP/1.0 goes on where it asks for that
            again = "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            self.assertEqual(wire.ask(again).headers["connection"], "keep-alive")
            self.assertEqual(wire.ask(again).status, 200)

    def test_requests_sent_ahead_are_answered_in_order(self) -> None:
        with Wire(self.bridge.ws) as wire:
            one = "GET /%d HTTP/1.1\r\nHost: HOST\r\n\r\n"
            wire.send("".join(one % i for i in range(200)) + post(EVENT).decode() + "GET / HTTP/1.1\r\n" + CLOSE + "\r\n")
            for i in range(200):
                self.assertIn("/%d" % i, wire.reply().message)
            self.assertEqual(wire.reply().json()["accepted"], 1)
            self.assertEqual(wire.reply().status, 200)
            self.assertTrue(wire.at_end())

    def test_a_request_that_is_none_ends_the_connection(self) -> None:
        for text in ("nonsense\r\n\r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/1.1\nHost: HOST\n\n", "G(T / HTTP/1.1\r\n",
                     "GET / HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     "GET / HTTP/1.1\r\nA: \x01\r\n\r\n", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n"):
            with Wire(self.bridge.ws) as wire:
                wire.send(text + "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n")
                reply = wire.reply()
                self.assertEqual((text, reply.status, reply.headers["connection"]), (text, 400, "close"))
                self.assertEqual(reply.json()["data"]["error_type"], "bad_request")
                self.assertTrue(wire.at_end())
        self.assertEqual(self.ask("GET / HTTP/2.0\r\n\r\n").status, 505)
        self.assertEqual(self.ask("GET /" + "x" * 9000 + " HTTP/1.1\r\n").status, 414)
        self.assertEqual(self.ask("GET / HTTP/1.1\r\nHost: HOST\r\n" + "A: b\r\n" * 101 + "\r\n").status, 431)
        self.assertEqual(self.ask("GET / HTTP/1.1\r\n" + ("A: " + "b" * 4000 + "\r\n") * 5).status, 431)

    def test_every_error_says_what_where_and_what_is_allowed(self) -> None:
        reply = self.ask(post(EVENT, "Content-Length: +27\r\n", length=False))
        data = reply.json()["data"]
        self.assertEqual(data["details"], {"where": "Content-Length", "what": '"+27"', "allowed": "one number, 0..65536"})
        self.assertEqual(data["message"], 'Content-Length is "+27"; must be one number, 0..65536')
        wrong = self.ask("DELETE /metrics HTTP/1.1\r\n" + CLOSE + "\r\n")
        self.assertEqual((wrong.status, wrong.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(wrong.message, "the method is DELETE; /metrics takes GET, HEAD")

    def test_head_is_get_without_its_body(self) -> None:
        with Wire(self.bridge.ws) as wire:
            got = wire.ask("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n")
            wire.send("HEAD / HTTP/1.1\r\nHost: HOST\r\n\r\n")
            head = wire.reply(head_only=True)
            self.assertEqual(head.headers["content-length"], str(len(got.body)))
            self.assertEqual(wire.ask("GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n").body, b"ok\n")

    def test_other_sites_ask_first(self) -> None:
        preflight = "OPTIONS /submit_event HTTP/1.1\r\nHost: HOST\r\nAccess-Control-Request-Method: POST\r\nOrigin: "
        reply = self.ask(preflight + SITE + "\r\n\r\n")
        self.assertEqual((reply.status, reply.headers["access-control-allow-origin"]), (204, SITE))
        self.assertIn("POST", reply.headers["access-control-allow-methods"])
        self.assertIn("Authorization", reply.headers["access-control-allow-headers"])
        for origin in ("http://evil.example", "null", SITE + ".evil.example"):
            refused = self.ask(preflight + origin + "\r\n\r\n")
            self.assertEqual(refused.status, 403)
            self.assertNotIn("access-control-allow-origin", refused.headers)
        reply = self.ask(post(EVENT, "Origin: " + SITE + "\r\n"))
        self.assertEqual((reply.status, reply.headers["access-control-allow-origin"]), (200, SITE))
        self.assertEqual(reply.headers["vary"], "Origin")
        self.assertEqual(self.ask("OPTIONS * HTTP/1.1\r\n" + CLOSE + "\r\n").status, 204)
        self.assertEqual(self.ask("OPTIONS /healthz HTTP/1.1\r\n" + CLOSE + "\r\n").headers["allow"], "GET, HEAD, OPTIONS")


class Handshakes(OneBridge):
    def handshake(self, headers: str = "", key: str = base64.b64encode(bytes(16)).decode()) -> str:
        return (
            "GET /ws HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n" % (key, headers)
        )

    def test_after_other_requests_and_with_what_comes_at_once(self) -> None:
        with Wire(self.bridge.ws) as wire:
            self.assertEqual(wire.ask("GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n").status, 200)
            ping = self.frame(1, b'{"action":"ping","id":7}') * 40  # more than one read of websocketpp
            self.assertEqual(wire.ask(self.handshake().encode() + ping).status, 101)
            for _ in range(40):
                wire.until(b'"id":7')

    def test_a_subprotocol_is_answered_or_refused(self) -> None:
        reply = self.ask(self.handshake("Sec-WebSocket-Protocol: chat, ppo-bridge.v1\r\n"))
        self.assertEqual((reply.status, reply.headers["sec-websocket-protocol"]), (101, "ppo-bridge.v1"))
        reply = self.ask(self.handshake("Sec-WebSocket-Protocol: chat\r\n"))
        self.assertEqual(reply.status, 400)
        self.assertIn("ppo-bridge.v1", reply.message)
        self.assertNotIn("sec-websocket-protocol", self.ask(self.handshake()).headers)

    def test_what_is_no_handshake_is_told(self) -> None:
        self.assertEqual(self.ask(self.handshake(key="short")).status, 400)
        self.assertEqual(self.ask(self.handshake("Sec-WebSocket-Extensions: ;;\r\n")).status, 400)
        self.assertEqual(self.ask(self.handshake("Origin: http://evil.example\r\n")).status, 403)
        self.assertEqual(self.ask(self.handshake("Content-Length: 3\r\n") + "abc").status, 400)
        old = self.ask(self.handshake().replace("Version: 13", "Version: 8"))
        self.assertEqual((old.status, old.headers["sec-websocket-version"]), (426, "13"))

    def frame(self, opcode: int, payload: bytes, rsv1: bool = False, size: bytes | None = None) -> bytes:
        mask = os.urandom(4)
        if size is None:
            size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        return bytes([0x80 | (0x40 if rsv1 else 0) | opcode]) + size + mask + masked

    def close_of(self, frames: bytes, headers: str = "") -> tuple[int, str]:
        with Wire(self.bridge.ws) as wire:
            self.assertEqual(wire.ask(self.handshake(headers)).status, 101)
            wire.send(frames)
            wire.until(b"\x88")
            while len(wire.unread) < 1 or len(wire.unread) < 1 + wire.unread[0]:
                self.assertTrue(wire.more())
            return struct.unpack(">H", wire.unread[1:3])[0], wire.unread[3 : 1 + wire.unread[0]].decode()

    def test_a_length_not_in_its_shortest_form_closes_with_1002(self) -> None:
        ping = b'{"action":"ping"}'
        self.assertEqual(self.close_of(self.frame(1, ping, size=b"\xfe" + struct.pack(">H", len(ping))))[0], 1002)
        self.assertEqual(self.close_of(self.frame(1, ping, size=b"\xff" + struct.pack(">Q", len(ping))))[0], 1002)
        self.assertEqual(self.close_of(self.frame(1, ping, size=b"\xff" + struct.pack(">Q", 1 << 63)))[0], 1002)

    def test_a_kept_deflate_context_is_no_garbage(self) -> None:
        offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        keeping = zlib.compressobj(wbits=-15)
        text = b'{"action":"ping","id":"abcdefghijklmnopqrstuvwxyz"}'
        frames = b""
        for _ in range(2):
            packed = keeping.compress(text) + keeping.flush(zlib.Z_SYNC_FLUSH)
            frames += self.frame(1, packed[:-4], rsv1=True)
        code, reason = self.close_of(frames, offer)
        self.assertEqual(code, 1002)
        self.assertIn("client_no_context_takeover", reason)
        self.assertEqual(self.close_of(self.frame(1, b"\xff\xff\xff", rsv1=True), offer)[0], 1007)


class Addresses(unittest.TestCase):
    def test_localhost_is_an_address_wherever_tcp_is(self) -> None:
        name = "tcp://localhost:0"
        bridge = Bridge('events.bind=["%s"]' % name, "bots.events=" + name, "bots.commands=" + name,
                        "trainers.control=" + name, "websocket.listen=localhost:0")
        self.addCleanup(bridge.close)
        self.assertEqual(bridge.ask("get_status")["success"], True)

    def test_an_abstract_ipc_address_leaves_no_file(self) -> None:
        name = "ipc://@ppo-bridge-test-%d" % os.getpid()
        bridge = Bridge('events.bind=["%s"]' % name)
        self.addCleanup(bridge.close)
        self.assertEqual(bridge.events_in, name)
        publisher = Publisher("abstract", endpoint=name, control=bridge.control)
        self.addCleanup(publisher.close, 0)
        publisher.publish("note", {})
        self.assertEqual(len(bridge.wait_events(1, "note", "abstract")), 1)


if __name__ == "__main__":
    unittest.main()
