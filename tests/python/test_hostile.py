"""Attacks side by side with honest clients, who must lose nothing by them; how late they get things is printed.

The short version runs with the tests. PPO_HOSTILE=full python3 -m unittest test_hostile takes a minute or so: each attack
for ten seconds, and 1,000,000 wrong tokens.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import websockets
import zmq
from hostile_honest import CLIENTS, trust_of
from keyed_bridge import KeyedBridge, body
from support import PATIENCE_S, die_with_parent, wait_until

FULL = os.environ.get("PPO_HOSTILE") == "full"
EACH_S = 10.0 if FULL else 1.5


class Honest:
    """hostile_honest.py at work."""

    def __init__(self, token: str, *arguments: str) -> None:
        command = [sys.executable, str(Path(__file__).with_name("hostile_honest.py")), *arguments]
        environment = {**os.environ, "PPO_TOKEN": token}
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent
        )

    def ask(self, line: str) -> dict:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self) -> dict:
        with self._process:
            return self.ask("stop")


CORES = sorted(os.sched_getaffinity(0))
HALF = len(CORES) // 2 if FULL else 0


class Hostile(KeyedBridge):
    """All that is guarded on one bridge: TLS, tokens, keys, roles, JSON Web Tokens."""

    settings = (
        "auth.mode=on", "tls.certificate=HOME/tls.pem", "tls.key=HOME/tls.key.pem", "audit.file=HOME/audit",
        "auth.jwt_keys=HOME/jwks", "auth.jwt_issuer=i", "auth.jwt_revoked=HOME/revoked", "bots.commands=ipc://HOME/bots",
    )
    roles = "[role.idle]\n"

    def setUp(self) -> None:
        # Where times count, the bridge and who is honest have half of the cores, and who attacks the others.
        self.addCleanup(os.sched_setaffinity, 0, CORES)
        os.sched_setaffinity(0, CORES[: HALF or None])
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
            time.sleep(EACH_S / 10 if FULL else 0)
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
            time.sleep(EACH_S / 7 if FULL else 0)
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
        ca = str(self.home / "tls.pem")
        self.trust = trust_of(ca)
        port = self.bridge.ws.split("://")[1].split("/")[0]
        honest = Honest(self.admin, self.bridge.ws, ca, self.bridge.events_in, self.file("trainer-1"))
        os.sched_setaffinity(0, CORES[HALF:])
        wait_until(lambda: honest.ask("phase")["p50"])
        time.sleep(EACH_S)
        quiet = honest.ask("phase")
        print()
        self.tell("quiet", quiet, quiet, {})
        for name, attack in (
            ("2,000 handshakes/s", lambda: self.attack("handshakes", port)),
            ("stalled handshakes", lambda: self.attack("stalls", port)),
            ("wrong tokens", lambda: self.attack("tokens", self.bridge.commands, *(["1000000"] if FULL else []))),
            ("keys not listed", lambda: self.attack("keys", self.bridge.events_in.split("//")[1], self.public)),
            ("keys revoked", self.revoke_all),
            ("broken files", self.break_files),
        ):
            done = attack()
            self.tell(name, honest.ask("phase"), quiet, done)
            self.assertTrue(self.alive(), name)
        self.assertEqual(honest.stop(), {"trouble": [], "whole": [True] * CLIENTS})
        self.assertTrue(self.recent("loud"))
        self.assertEqual(self.recent("late"), [])

    def tell(self, name: str, late: dict, quiet: dict, done: dict) -> None:
        print("  %-20s p50 %6.2f ms  p99 %7.2f ms  p99 ratio %5.2f  %s"
              % (name, late["p50"], late["p99"], late["p99"] / quiet["p99"], done))
