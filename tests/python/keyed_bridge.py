"""A bridge that wants keys, and sockets with them as a third party makes them: with pyzmq alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import unittest
import urllib.request
from pathlib import Path

import zmq
from support import PATIENCE_S, Bridge, scratch, wait_until

SOON_S = 0.5  # what has not come by then does not come


class KeyedBridge(unittest.TestCase):
    """A bridge that wants keys on loopback too."""

    settings: tuple = ()  # HOME stands for the place of its files
    roles = ""  # of one's own, as TOML
    holders: tuple = (("trainer-1", "trainer"), ("trainer-2", "trainer"), ("boss", "operator"))
    bridge: Bridge | None = None

    def setUp(self) -> None:
        self.home = scratch(self)
        self.credentials = str(self.home / "credentials")
        self.context = zmq.Context()
        self.addCleanup(lambda: self.context.destroy(linger=0))
        if self.roles:
            (self.home / "roles.toml").write_text(self.roles)
        self.public = self.curve("create").stdout.strip()
        self.prepare()
        for name, role in self.holders:
            self.key(name, role)
        self.bridge = Bridge(
            "zmq.curve_key=%s/server.key" % self.home,
            "zmq.curve_on_loopback=true",
            "auth.credentials=" + self.credentials,
            *(["auth.roles=%s/roles.toml" % self.home] if self.roles else []),
            *(setting.replace("HOME", str(self.home)) for setting in self.settings),
        )
        self.addCleanup(self.bridge.close)

    def prepare(self) -> None:
        """What else is to be there before the bridge starts."""

    def curve(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.program("curve", *arguments)

    def program(self, subcommand: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [os.environ["PPO_BRIDGE_BIN"], subcommand, "--credentials", self.credentials]
        if self.roles:
            command += ["--roles", str(self.home / "roles.toml")]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)

    def token(self, name: str, role: str) -> str:
        """By the time it returns, the bridge takes it."""
        before = self.readings()
        made = self.program("token", "create", name, "--role", role).stdout.strip()
        if self.bridge is not None:
            wait_until(lambda: self.readings() > before)
        return made

    def key(self, name: str, role: str) -> None:
        self.listed("create", name, "--role", role, "--out", self.file(name))

    def listed(self, *arguments: str) -> None:
        """By the time it returns, the bridge knows of it."""
        before = self.readings()
        self.curve(*arguments)
        if self.bridge is not None:
            wait_until(lambda: self.readings() > before)

    def readings(self) -> int:
        return self.bridge.log().count("read the credentials") if self.bridge else 0

    def file(self, name: str) -> str:
        return str(self.home / (name + ".key"))

    def revoke(self, name: str) -> None:
        self.listed("revoke", "--all", name)

    def socket(self, kind: int, key: str | None, **options: bytes | int) -> zmq.Socket:
        s = self.context.socket(kind)
        s.linger = 0
        for option, value in options.items():
            s.setsockopt(getattr(zmq, option), value)
        if key is not None:
            pub, sec, server = Path(self.file(key)).read_text().split()
            s.curve_publickey, s.curve_secretkey, s.curve_serverkey = pub.encode(), sec.encode(), server.encode()
        return s

    def connected(self, kind: int, key: str | None, address: str, **options: bytes | int) -> zmq.Socket:
        s = self.socket(kind, key, **options)
        s.connect(address)
        return s

    def publisher(self, key: str) -> zmq.Socket:
        """One to which the bridge has subscribed."""
        s = self.connected(zmq.XPUB, key, self.bridge.events_in)
        self.assertTrue(s.poll(PATIENCE_S * 1000), "the bridge does not subscribe")
        s.recv()
        return s

    def ask(self, command: str, key: str = "boss", target: str | None = None, **params: object) -> dict:
        with self.connected(zmq.REQ, key, self.bridge.commands) as s:
            request = {"command": command, "params": params, "id": 1, "deadline_ms": 10_000}
            s.send(json.dumps(request if target is None else {**request, "target": target}).encode())
            self.assertTrue(s.poll(PATIENCE_S * 1000), "no reply to " + command)
            return json.loads(s.recv())

    def events(self, **params: object) -> list[dict]:
        return self.ask("get_recent_events", since_seq=0, count=10_000, **params)["result"]["events"]

    def statuses(self, status: str) -> list[dict]:
        events = self.events(type="system_status", source="ppo-bridge")
        return [e["data"] for e in events if e["data"]["status"] == status]

    def rejected(self) -> int:
        return self.ask("get_status")["result"]["events"]["rejected"]

    def failed(self) -> dict[str, int]:
        """Handshakes, by reason."""
        page = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/metrics")
        text = urllib.request.urlopen(page).read().decode()
        found = re.findall(r'ppo_bridge_zmq_handshakes_failed_total\{reason="(\w+)"\} (\d+)', text)
        return {reason: int(count) for reason, count in found}


def body(source: str, number: int | None = None, type: str = "t", **data: object) -> bytes:
    event: dict = {"type": type, "source": source, "data": data}
    if number is not None:
        event.update(run="r1", source_seq=number)
    return json.dumps(event).encode()
