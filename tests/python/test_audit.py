"""What the audit log says of those who come by a cookie, a key or HTTP; by tokens: tests/integration/audit_test.cpp."""

from __future__ import annotations

import json
import re
import signal
import sys
import unittest
from pathlib import Path

import zmq
from http_wire import Reply, ask
from keyed_bridge import KeyedBridge, body
from support import Bridge, wait_until
from test_address_limits import UPGRADE, bearer, get


class Audited(KeyedBridge):
    settings = ("auth.mode=on", "audit.file=HOME/audit")

    def setUp(self) -> None:
        super().setUp()
        self.hosts = 0

    def ask(self, text: str) -> Reply:  # type: ignore[override]
        """Each time from another address: what one does within a second is one line."""
        self.hosts += 1
        return ask(self.bridge.ws, text, self.host())

    def host(self) -> str:
        return "127.0.1.%d" % self.hosts

    def told(self, **wanted: object) -> dict:
        """A line that says so; `remote` without the port."""

        def found() -> dict | None:
            for line in (self.home / "audit").read_text().splitlines():
                entry = json.loads(line)
                entry["remote"] = entry["remote"] and entry["remote"].split(":")[0]
                if all(entry.get(field) == value for field, value in wanted.items()):
                    return entry
            return None

        return wait_until(found, "for " + str(wanted))

    def tearDown(self) -> None:
        text = (self.home / "audit").read_text()
        self.assertNotIn("ppo1_", text)
        for file in self.home.glob("*.key"):
            for key in filter(lambda part: len(part) > 8, file.read_bytes().split()):  # one is no text
                self.assertNotIn(key.decode(errors="replace"), text)


class Browsers(Audited):
    def login(self, token: str) -> Reply:
        text = json.dumps({"token": token})
        return self.ask("POST /login HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json\r\n"
                        "Content-Length: %d\r\n\r\n%s" % (len(text), text))

    def test_a_login_and_its_cookie(self) -> None:
        token = self.token("alice", "operator")
        self.assertEqual(self.login("ppo1_wrong").status, 401)
        self.told(what="refused", name=None, remote=self.host(), target="/login", outcome="unauthorized")
        reply = self.login(token)
        entry = self.told(what="login", name="alice", remote=self.host(), target="/login", outcome="success")
        self.assertEqual(entry["credential"], token[5:13])
        cookie = "Cookie: %s\r\n" % reply.headers["set-cookie"].split(";")[0]
        self.assertEqual(self.ask(get("/metrics", cookie)).status, 200)
        self.told(what="login", name="alice", credential=token[5:13], remote=self.host(), outcome="success")
        self.assertEqual(self.ask(get("/metrics", cookie.replace("ppo=", "ppo=x"))).status, 401)
        self.told(what="refused", name=None, remote=self.host(), outcome="unauthorized")
        self.revoke_token("alice")
        self.assertEqual(self.ask(get("/metrics", cookie)).status, 401)
        self.told(what="refused", name=None, remote=self.host(), outcome="unauthorized")

    def revoke_token(self, name: str) -> None:
        before = self.readings()
        self.program("token", "revoke", "--all", name)
        wait_until(lambda: self.readings() > before)


class Http(Audited):
    def test_questions_streams_and_handshakes(self) -> None:
        viewer, metrics, trainer = (bearer(self.token(role, role)) for role in ("viewer", "metrics", "trainer"))
        self.assertEqual(self.ask(get("/api/runs", viewer)).status, 200)
        self.told(what="command", name="viewer", remote=self.host(), command="get_runs", outcome="success")
        self.assertEqual(self.ask(get("/api/runs", metrics)).status, 403)
        self.told(what="command", name="metrics", remote=self.host(), command="get_runs", outcome="forbidden")
        for path in ("/api/status", "/events", "/metrics", "/readyz"):
            self.assertEqual(self.ask(get(path)).status, 401)
            self.told(what="refused", name=None, remote=self.host(), target=path, outcome="unauthorized")
        self.assertEqual(self.ask(get("/events", trainer)).status, 403)
        self.told(what="refused", name="trainer", remote=self.host(), target="/events", outcome="forbidden")
        self.assertEqual(self.ask(UPGRADE % metrics).status, 403)
        self.told(what="refused", name="metrics", remote=self.host(), target="/ws", outcome="forbidden")
        self.assertEqual(self.ask("POST /submit_event HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n%s\r\n{}" % viewer).status, 403)
        self.told(what="refused", name="viewer", remote=self.host(), target="/submit_event", outcome="forbidden")


class Keys(Audited):
    def test_who_came_by_a_key_and_who_did_not(self) -> None:
        publisher = self.publisher("trainer-1")
        entry = self.told(what="login", name="trainer-1", remote="127.0.0.1", target="events", outcome="success")
        self.assertEqual(len(entry["credential"]), 8)
        trainer = self.connected(zmq.DEALER, "trainer-2", self.bridge.control)
        self.told(what="login", name="trainer-2", target="control", outcome="success")
        others = [self.connected(zmq.XPUB, "boss", self.bridge.events_in)]
        self.told(what="refused", name="boss", remote="127.0.0.1", target="events", outcome="forbidden")
        pub, sec = zmq.curve_keypair()
        Path(self.file("stranger")).write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        others.append(self.connected(zmq.SUB, "stranger", self.bridge.events_out, SUBSCRIBE=b""))
        self.told(what="refused", name=None, target="out", outcome="unauthorized")
        publisher.send(body("trainer-2"))
        self.told(what="source_refused", name="trainer-1", credential=entry["credential"], remote="127.0.0.1",
                  target="trainer-2", outcome="forbidden_source")
        trainer.send_multipart([b"", body("trainer-1", type="_source")])
        self.told(what="source_refused", name="trainer-2", remote="127.0.0.1", target="trainer-1", outcome="forbidden_source")
        others.append(self.connected(zmq.DEALER, "boss", self.bridge.commands))
        others[-1].send_multipart([b"", b'{"command":"pause","target":"x"}'])
        self.told(what="command", name="boss", client="bot-boss", command="pause", target="x", outcome="unknown_target")
        for s in (trainer, *others):
            s.close()


# Its stderr is a pipe whose other end it has itself, and never reads.
UNREAD = "import os, sys; read, write = os.pipe(); os.set_inheritable(read, True); os.dup2(write, 2); os.execvp(sys.argv[1], sys.argv[1:])"


class Unread(unittest.TestCase):
    def test_a_stderr_that_nobody_reads_holds_up_nobody_and_what_is_dropped_is_counted(self) -> None:
        bridge = Bridge("websocket.requests_per_s_max=1000000", on=[sys.executable, "-c", UNREAD])
        self.addCleanup(bridge.close)
        arm = {"command": "arm_dead_mans_switch", "id": 1,
               "params": {"timeout_ms": 60_000, "on_expiry": {"command": "pause", "target": "*"}}}
        with zmq.Context() as context, context.socket(zmq.DEALER) as bot:
            bot.linger = 0
            bot.connect(bridge.commands)
            for _ in range(20):  # 3 MB of lines
                for _ in range(500):
                    bot.send_multipart([b"", json.dumps(arm).encode()])
                for _ in range(500):
                    self.assertTrue(bot.poll(20_000))
                    self.assertTrue(json.loads(bot.recv_multipart()[-1])["success"])

        def dropped() -> int:
            text = ask(bridge.ws, "GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n").body.decode()
            return int(re.search(r"^ppo_bridge_log_dropped_total (\d+)$", text, re.M)[1])

        self.assertLess(wait_until(dropped), 10_000)
        bridge.signal(signal.SIGTERM)
        self.assertEqual(bridge.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
