"""Attacks side by side with honest clients, who must lose nothing by them; how late they get things is printed.

The short version runs with the tests. PPO_HOSTILE=full python3 -m unittest test_hostile takes a minute or so: each attack
for ten seconds, and 1,000,000 wrong tokens.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import websockets
import zmq
from keyed_bridge import KeyedBridge, body
from support import PATIENCE_S, die_with_parent, wait_until

FULL = os.environ.get("PPO_HOSTILE") == "full"
EACH_S = 10.0 if FULL else 1.5
EVENTS_PER_S = 500
CLIENTS = 3


class Honest:
    """Clients over TLS that read everything, in one thread, and how long each event took to each of them."""

    def __init__(self, url: str, token: str, trust: ssl.SSLContext) -> None:
        self.received: list[list[int]] = [[] for _ in range(CLIENTS)]  # numbers, as they came
        self.late_us: list[int] = []  # since the last phase began
        self.trouble: list[str] = []
        self.ready = threading.Semaphore(0)
        self._loop = asyncio.new_event_loop()
        self._options = {"ssl": trust, "extra_headers": {"Authorization": "Bearer " + token}}
        self._thread = threading.Thread(target=self._run, args=(url,))
        self._thread.start()
        for _ in range(CLIENTS):
            assert self.ready.acquire(timeout=PATIENCE_S)

    def _run(self, url: str) -> None:
        asyncio.set_event_loop(self._loop)
        self._all = asyncio.gather(*(self._read(url, n) for n in range(CLIENTS)), return_exceptions=True)
        for result in self._loop.run_until_complete(self._all):
            if isinstance(result, Exception):
                self.trouble.append(repr(result))

    async def _read(self, url: str, number: int) -> None:
        async with websockets.connect(url, **self._options) as socket:
            await socket.recv()
            await socket.send('{"action":"register","subscriptions":["t"]}')
            async for text in socket:
                now = time.monotonic_ns()
                message = json.loads(text)
                if message.get("type") == "gap":
                    self.trouble.append(text)
                elif message.get("type") == "t":
                    self.received[number].append(message["data"]["n"])
                    self.late_us.append((now - message["data"]["sent"]) // 1000)
                    if message["data"].get("last"):
                        return
                elif message.get("status") == "registered":
                    self.ready.release()

    def phase(self) -> list[int]:
        """How late things were since the last call."""
        late, self.late_us = self.late_us, []
        return sorted(late)

    def join(self) -> None:
        self._thread.join(PATIENCE_S)


class Hostile(KeyedBridge):
    """All that is guarded on one bridge: TLS, tokens, keys, roles, JSON Web Tokens."""

    settings = (
        "auth.mode=on", "tls.certificate=HOME/tls.pem", "tls.key=HOME/tls.key.pem", "audit.file=HOME/audit",
        "auth.jwt_keys=HOME/jwks", "auth.jwt_issuer=i", "auth.jwt_revoked=HOME/revoked", "bots.commands=ipc://HOME/bots",
    )
    roles = "[role.idle]\n"

    def setUp(self) -> None:
        self.number = 0
        self.stop = threading.Event()
        super().setUp()

    def prepare(self) -> None:
        at = str(self.home / "tls")
        command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                   "/CN=b", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30", "-keyout", at + ".key.pem", "-out", at + ".pem")
        subprocess.run(command, check=True, capture_output=True)
        (self.home / "jwks").write_text('{"keys":[{"kty":"oct","k":"%s"}]}' % ("A" * 43))
        (self.home / "revoked").write_text("")
        for name in ("tls.key.pem", "jwks", "revoked"):
            (self.home / name).chmod(0o600)
        self.viewer = self.token("v", "viewer")
        self.admin = self.token("a", "admin")
        self.holders = (*self.holders, *(("t-%d" % n, "trainer") for n in range(10)))

    def publish(self) -> None:
        """Numbered events of an honest source, until it is told to stop."""
        s = self.publisher("trainer-1")
        began = time.monotonic()
        while not self.stop.is_set():
            while self.number < (time.monotonic() - began) * EVENTS_PER_S:
                self.number += 1
                s.send(body("trainer-1", self.number, n=self.number, sent=time.monotonic_ns()))
            time.sleep(0.001)
        self.number += 1
        s.send(body("trainer-1", self.number, n=self.number, sent=time.monotonic_ns(), last=True))

    def attack(self, name: str, address: str, *more: str) -> dict:
        command = [sys.executable, str(Path(__file__).with_name("hostile_attacks.py")), name, address, str(EACH_S), *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, preexec_fn=die_with_parent)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def revoke_all(self) -> dict:
        """Ten trainers publish, and their keys are taken away one by one."""
        loud = [self.publisher("t-%d" % n) for n in range(10)]

        def shout(type: str) -> None:
            for k, s in enumerate(loud):
                for _ in range(20):
                    try:
                        s.send(body("t-%d" % k, type=type), zmq.NOBLOCK)
                    except zmq.Again:
                        break  # it was cut off

        for n in range(10):
            shout("loud")
            self.program("curve", "revoke", "--all", "t-%d" % n)
        last = time.monotonic() + 1.5  # the bridge looks at its files once a second
        while time.monotonic() < last:
            shout("loud")
            time.sleep(0.01)
        shout("late")
        return {"revoked": len(loud)}

    def recent(self, type: str) -> list:
        page = self.bridge.ws.replace("wss:", "https:").replace("/ws", "/api/recent?type=" + type)
        request = urllib.request.Request(page, headers={"Authorization": "Bearer " + self.admin})
        return json.loads(urllib.request.urlopen(request, context=self.trust).read())["events"]

    def break_files(self) -> dict:
        """Each that SIGHUP reads, in turn: what was good stays."""
        said = []
        for name, wrong in (("tls.pem", "x"), ("tls.key.pem", "x"), ("roles.toml", "[role"), ("credentials", "x\n"),
                            ("jwks", "{"), ("revoked", "x\n"), ("credentials.key", "short")):
            file = self.home / name
            good = file.read_bytes()
            before = self.bridge.log().count("as it was") + self.bridge.log().count("as they were")
            file.write_text(wrong)
            self.bridge.signal(signal.SIGHUP)
            wait_until(lambda: self.bridge.log().count("as it was") + self.bridge.log().count("as they were") > before, name)
            said.append(name)
            file.write_bytes(good)
            self.assertTrue(self.alive(), name)
        self.bridge.signal(signal.SIGHUP)
        return {"broken": said}

    def alive(self) -> bool:
        """A new client comes in by its token, over TLS."""

        async def use() -> bool:
            header = {"Authorization": "Bearer " + self.viewer}
            async with websockets.connect(self.bridge.ws, ssl=self.trust, extra_headers=header) as socket:
                return json.loads(await socket.recv())["data"]["auth"]["name"] == "v"

        return asyncio.run(asyncio.wait_for(use(), PATIENCE_S))

    def test_who_is_honest_loses_nothing(self) -> None:
        self.trust = ssl.create_default_context(cafile=str(self.home / "tls.pem"))
        self.trust.verify_flags &= ~ssl.VERIFY_X509_STRICT if hasattr(ssl, "VERIFY_X509_STRICT") else self.trust.verify_flags
        port = self.bridge.ws.split("://")[1].split("/")[0]
        honest = Honest(self.bridge.ws, self.admin, self.trust)
        publishing = threading.Thread(target=self.publish)
        publishing.start()
        try:
            wait_until(lambda: honest.received[0])
            honest.phase()
            time.sleep(EACH_S)
            quiet = honest.phase()
            print()
            self.tell("quiet", quiet, quiet, {})
            for name, attack in (
                ("2,000 handshakes/s", lambda: self.attack("handshakes", port)),
                ("stalled handshakes", lambda: self.attack("stalls", port)),
                ("wrong tokens", lambda: self.attack("tokens", self.bridge.commands, *(["1000000"] if FULL else []))),
                ("keys revoked", self.revoke_all),
                ("broken files", self.break_files),
            ):
                done = attack()
                self.tell(name, honest.phase(), quiet, done)
                self.assertTrue(self.alive(), name)
        finally:
            self.stop.set()
            publishing.join()
            honest.join()
        self.assertEqual(honest.trouble, [])
        self.assertTrue(self.recent("loud"))
        self.assertEqual(self.recent("late"), [])
        for received in honest.received:
            self.assertEqual(received, list(range(received[0], self.number + 1)))

    def tell(self, name: str, late: list[int], quiet: list[int], done: dict) -> None:
        def p99(of: list[int]) -> float:
            return of[len(of) * 99 // 100] / 1000 if of else float("nan")

        print("  %-20s p50 %6.2f ms  p99 %7.2f ms  p99 ratio %5.2f  %s"
              % (name, late[len(late) // 2] / 1000 if late else 0, p99(late), p99(late) / p99(quiet), done))
