"""Where the bridge wants to know who asks: tokens in headers, messages, files, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from unittest import mock

import websockets
from ppo_bridge_client import BotFeed, Client, CommandFailed, Refused
from ppo_bridge_client._token import find_token, token_trouble
from support import PATIENCE_S, Bridge, scratch, wait_until

QUICK = (0.01, 0.05)


class GuardedBridge(unittest.TestCase):
    def setUp(self) -> None:
        self.home = scratch(self)
        self.credentials = str(self.home / "credentials")
        self.viewer = self.token("viewer", "viewer")
        self.bridge = Bridge("auth.mode=on", "auth.credentials=" + self.credentials)
        self.addCleanup(self.bridge.close)

    def token(self, name: str, role: str) -> str:
        return self.run_bridge("create", name, "--role", role).stdout.strip()

    def run_bridge(self, *arguments: str) -> subprocess.CompletedProcess:
        command = [os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", self.credentials]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)

    def kept(self, token: str, mode: int = 0o600) -> str:
        path = self.home / "token"
        path.write_text(token + "\n")
        path.chmod(mode)
        return str(path)


class Clients(GuardedBridge):
    def test_a_foreign_client_says_it_in_a_header_or_in_its_first_message(self) -> None:
        async def use() -> None:
            header = {"Authorization": "Bearer " + self.viewer}
            async with websockets.connect(self.bridge.ws, extra_headers=header) as socket:
                welcome = json.loads(await socket.recv())["data"]
                self.assertEqual(welcome["auth"]["name"], "viewer")
                self.assertIn("epoch", welcome)
            async with websockets.connect(self.bridge.ws) as socket:
                self.assertEqual(json.loads(await socket.recv())["data"]["auth"], "required")
                await socket.send(json.dumps({"action": "authenticate", "token": self.viewer}))
                self.assertEqual(json.loads(await socket.recv())["role"], "viewer")
                await socket.send(json.dumps({"action": "register"}))
                self.assertEqual(json.loads(await socket.recv())["status"], "registered")

        asyncio.run(asyncio.wait_for(use(), PATIENCE_S))

    def test_prometheus_with_its_credentials_file(self) -> None:
        page = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/metrics")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(page)
        self.assertEqual(refused.exception.code, 401)
        request = urllib.request.Request(
            page, headers={"Authorization": "Bearer " + self.token("prometheus", "metrics")}
        )

        def text() -> bytes:
            try:
                return urllib.request.urlopen(request).read()
            except urllib.error.HTTPError:
                return b""  # the bridge reads the file within a second

        self.assertIn(b"ppo_bridge_", wait_until(text))
        # What held the bridge up is for the same.
        slow = page.replace("/metrics", "/debug/slow")
        request = urllib.request.Request(slow, headers=dict(request.header_items()))
        self.assertIn(b'"turns":', text())
        for headers, status in (({}, 401), ({"Authorization": "Bearer " + self.viewer}, 403)):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(slow, headers=headers))
            self.assertEqual(refused.exception.code, status)

    def test_our_client_finds_its_token_and_stops_where_it_is_no_longer_good(self) -> None:
        async def use() -> None:
            with mock.patch.dict(os.environ, PPO_TOKEN_FILE=self.kept(self.viewer)):
                client = Client(self.bridge.ws, client_id="desk", backoff_s=QUICK)
            async with client:
                status = await client.command("get_clients")
                self.assertEqual(status["clients"][0]["identity"], "viewer")
                self.run_bridge("revoke", "--all", "viewer")
                with self.assertRaises(Refused):
                    async for _ in client:
                        pass

        asyncio.run(asyncio.wait_for(use(), PATIENCE_S))

    def test_a_wrong_token_is_tried_once(self) -> None:
        async def use() -> None:
            with self.assertRaises(Refused):
                async with Client(self.bridge.ws, token="ppo1_wrong", backoff_s=QUICK) as client:
                    await client.command("get_status")

        asyncio.run(asyncio.wait_for(use(), PATIENCE_S))

    def test_a_role_that_may_do_nothing_here_is_tried_once(self) -> None:
        tokens = {role: self.token(role, role) for role in ("trainer", "operator")}

        async def use(role: str) -> None:
            async with Client(self.bridge.ws, token=tokens[role], backoff_s=QUICK) as client:
                await client.command("get_status")

        def read() -> bool:  # the bridge reads the file within a second
            try:
                asyncio.run(asyncio.wait_for(use("operator"), PATIENCE_S))
                return True
            except Refused:
                return False

        wait_until(read)
        with self.assertRaisesRegex(Refused, "nothing here"):
            asyncio.run(asyncio.wait_for(use("trainer"), PATIENCE_S))

    def test_bots_say_it_with_each_request(self) -> None:
        at = {"events": self.bridge.events_out, "commands": self.bridge.commands}
        feed = BotFeed(**at, token=self.viewer)
        self.addCleanup(feed.close)
        self.assertIn("epoch", feed.ask("get_status"))
        for token in (None, "ppo1_wrong"):
            stranger = BotFeed(**at, token=token)
            self.addCleanup(stranger.close)
            with self.assertRaises(CommandFailed) as refused:
                stranger.ask("get_status")
            self.assertEqual(refused.exception.error_type, "unauthorized")


class Finding(unittest.TestCase):
    def test_a_token_is_said_to_nobody_whom_others_can_overhear(self) -> None:
        for good in ("wss://bridge.lab:5178/ws", "ws://localhost/ws", "ws://127.3.2.1:1/ws", "ws://[::1]:1/ws", "tcp://127.0.0.1:5558", "ipc:///x"):
            self.assertIsNone(token_trouble(good), good)
        bad = ("ws://bridge.lab:5178/ws", "ws://127.evil.example/ws", "ws://10.0.0.7/ws", "ws://[fd00::1]:1/ws", "tcp://10.0.0.7:5558")
        for address in bad:
            self.assertIn("no token is sent to " + address, token_trouble(address))
            with mock.patch.dict(os.environ, PPO_INSECURE="1"):
                self.assertIsNone(token_trouble(address))

        async def use() -> None:
            async with Client("ws://192.0.2.1:5178/ws", ["*"], token="ppo1_x") as client:
                await client.wait_connected(PATIENCE_S)

        with self.assertRaisesRegex(Refused, "no token is sent"):
            asyncio.run(asyncio.wait_for(use(), PATIENCE_S))
        feed = BotFeed(events="tcp://192.0.2.1:5557", commands="tcp://192.0.2.1:5558", token="ppo1_x")
        self.addCleanup(feed.close)
        with self.assertRaisesRegex(CommandFailed, "unauthorized.*no token is sent"):
            feed.ask("get_status")
        for url in ("ws://192.0.2.1:5178/ws", "ws://[2001:db8::1]:5178/ws", "ws://127.evil.example:1/ws"):
            command = [os.environ["PPO_CLIENT_BIN"], "status", "--url", url]
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PPO_TOKEN": "ppo1_x"}, timeout=PATIENCE_S)
            self.assertIn("no token is sent to " + url, done.stderr)
            self.assertNotEqual(done.returncode, 0)

    def test_where_a_token_is_looked_for(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            home = Path(place)
            kept = home / ".config/ppo-bridge/token"
            kept.parent.mkdir(parents=True)
            kept.write_text("of-home\n")
            kept.chmod(0o600)
            other = home / "other"
            other.write_text("of-file")
            other.chmod(0o600)
            found = {
                "of-home": {},
                "of-file": {"PPO_TOKEN_FILE": str(other)},
                "of-environment": {"PPO_TOKEN": "of-environment", "PPO_TOKEN_FILE": str(other)},
            }
            for token, environment in found.items():
                with mock.patch.dict(os.environ, {"HOME": place, **environment}):
                    self.assertEqual(find_token(None), token)
                    self.assertEqual(find_token("given"), "given")
            other.chmod(0o640)
            with mock.patch.dict(os.environ, {"PPO_TOKEN_FILE": str(other)}):
                with self.assertRaisesRegex(PermissionError, "chmod 600"):
                    find_token(None)
            for bad in ("", "two words", "a\nb", "x" * 5000):
                with mock.patch.dict(os.environ, {"PPO_TOKEN": bad or " "}):
                    self.assertRaises(ValueError, find_token, None)
            kept.unlink()
            with mock.patch.dict(os.environ, {"HOME": place}):
                self.assertIsNone(find_token(None))


if __name__ == "__main__":
    unittest.main()
