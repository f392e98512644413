"""Draining: no new clients, replies finished, the others told to go over a while, and then the end; and handing over."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import websockets
from ppo_bridge import Publisher
from support import PATIENCE_S, Bridge, wait_until


def page(bridge: Bridge, path: str) -> tuple[int, str, dict]:
    base = bridge.ws.replace("ws:", "http:").replace("/ws", "")
    try:
        with urllib.request.urlopen(base + path, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


async def listener(bridge: Bridge) -> websockets.WebSocketClientProtocol:
    client = await websockets.connect(bridge.ws, max_size=None)
    await client.recv()
    await client.send(json.dumps({"action": "register", "subscriptions": ["*"]}))
    await client.recv()
    return client


class Draining(unittest.TestCase):
    def begin(self, *settings: str) -> Bridge:
        bridge = Bridge(*settings)
        self.addCleanup(bridge.close)
        return bridge

    def test_clients_go_one_after_the_other_and_nobody_new_comes(self) -> None:
        for threads in ("1", "3"):
            with self.subTest(threads=threads):
                asyncio.run(self.drain("websocket.threads=" + threads))

    async def drain(self, setting: str) -> None:
        bridge = self.begin(setting)
        clients = [await listener(bridge) for _ in range(12)]
        began = time.monotonic()
        result = await asyncio.to_thread(bridge.ask, "drain", drain_s=2)
        self.assertEqual(result["result"], {"drain_s": 2, "clients": 12})
        code, text, _ = await asyncio.to_thread(page, bridge, "/readyz")
        self.assertEqual(code, 503)
        self.assertIn("draining: ", text)
        self.assertEqual((await asyncio.to_thread(page, bridge, "/healthz"))[0], 200)
        with self.assertRaises(websockets.exceptions.InvalidStatusCode) as refused:
            await websockets.connect(bridge.ws)
        self.assertEqual(refused.exception.status_code, 503)
        self.assertIn(refused.exception.headers["Retry-After"], ("1", "2", "3"))
        code, text, headers = await asyncio.to_thread(page, bridge, "/events")
        self.assertEqual((code, "drained" in text), (503, True))
        self.assertIn("Retry-After", headers)
        # Events still come in, and to who is still there.
        base = bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
        body = urllib.request.Request(base, b'{"type":"t","data":{}}', {"Content-Type": "application/json"})
        await asyncio.to_thread(lambda: urllib.request.urlopen(body).close())
        got: list = []

        async def follow(client: websockets.WebSocketClientProtocol) -> float:
            try:
                async for message in client:
                    got.append(json.loads(message)["type"])
            except websockets.ConnectionClosedError:
                pass
            self.assertEqual((client.close_code, client.close_reason), (1001, "the bridge stops"))
            return time.monotonic() - began

        ends = sorted(await asyncio.gather(*map(follow, clients)))
        self.assertIn("t", got)
        self.assertGreater(ends[-1] - ends[0], 0.8)
        self.assertLess(ends[-1], 4)
        # Each thread lets its own go, one after the other; 12 over three threads are four on one of them at least.
        self.assertGreaterEqual(sum(b - a > 0.02 for a, b in zip(ends, ends[1:])), 3, ends)
        self.assertEqual(bridge.process.wait(PATIENCE_S), 0)
        bridge.close()

    def test_a_reply_that_a_trainer_owes_is_waited_for(self) -> None:
        bridge = self.begin("websocket.drain_s=3")
        taken, go = threading.Event(), threading.Event()

        def wait(command: dict) -> None:
            taken.set()
            go.wait(PATIENCE_S)

        publisher = Publisher("trainer-1", endpoint=bridge.events_in, control=bridge.control)
        self.addCleanup(publisher.close)
        publisher.on_command("wait", wait)
        wait_until(lambda: "wait" in bridge.commands_of("trainer-1"))

        async def ask() -> None:
            client = await listener(bridge)
            idle = await listener(bridge)
            await client.send(json.dumps({"action": "command", "command": "wait", "target": "trainer-1", "id": 7,
                                          "deadline_ms": 20_000}))
            await asyncio.to_thread(taken.wait, PATIENCE_S)
            bridge.signal(signal.SIGUSR1)
            bridge.signal(signal.SIGUSR1)
            with self.assertRaises(websockets.ConnectionClosed):
                while True:
                    await idle.recv()
            go.set()
            replies = [json.loads(message) async for message in client]
            self.assertEqual([r["success"] for r in replies if r.get("id") == 7], [True])
            self.assertEqual(client.close_code, 1001)

        asyncio.run(ask())
        self.assertEqual(bridge.process.wait(PATIENCE_S), 0)
        self.assertIn("draining 2 clients over 3 s: SIGUSR1", bridge.log())

    def test_without_clients_it_ends_at_once_and_wrong_times_are_refused(self) -> None:
        bridge = self.begin()
        for wrong in (-1, 3601, "1", 0.5):
            refused = bridge.ask("drain", drain_s=wrong)
            self.assertEqual(refused["data"]["error_type"], "bad_request")
            self.assertIn("params.drain_s", refused["data"]["message"])
        client = os.environ["PPO_CLIENT_BIN"]
        if os.path.exists(client):
            done = subprocess.run([client, "drain", "--over", "0", "--url", bridge.ws], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
        else:
            bridge.signal(signal.SIGUSR1)
        self.assertEqual(bridge.process.wait(PATIENCE_S), 0)

    def test_it_is_for_admins(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            tokens = [subprocess.run([os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", place + "/c", "create", "alice", "--role",
                                      role], check=True, capture_output=True, text=True).stdout.strip() for role in ("operator", "admin")]
            bridge = self.begin("auth.mode=on", "auth.credentials=%s/c" % place)

            async def ask(token: str) -> dict:
                async with websockets.connect(bridge.ws, extra_headers={"Authorization": "Bearer " + token}) as client:
                    await client.recv()
                    await client.send(json.dumps({"action": "command", "command": "drain", "params": {"drain_s": 0}}))
                    return json.loads(await client.recv())

            self.assertEqual(asyncio.run(ask(tokens[0]))["data"]["error_type"], "forbidden")
            self.assertEqual(asyncio.run(ask(tokens[1]))["result"], {"drain_s": 0, "clients": 1})
            self.assertEqual(bridge.process.wait(PATIENCE_S), 0)

    def test_sigterm_ends_it_sooner(self) -> None:
        async def end() -> None:
            bridge = self.begin()
            client = await listener(bridge)
            bridge.ask("drain", drain_s=3600)
            bridge.signal(signal.SIGTERM)
            with self.assertRaises(websockets.ConnectionClosed):
                while True:
                    await client.recv()
            self.assertEqual(await asyncio.to_thread(bridge.process.wait, PATIENCE_S), 0)

        asyncio.run(end())

    def test_one_that_is_told_again_and_again_to_stop_stops_as_told_once(self) -> None:
        for _ in range(4):
            bridge = self.begin()
            while bridge.process.poll() is None:
                bridge.signal(signal.SIGTERM)
                time.sleep(0.002)
            self.assertEqual(bridge.process.returncode, 0)


if __name__ == "__main__":
    unittest.main()
