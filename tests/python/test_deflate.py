"""Batches over permessage-deflate, with the websockets library's own idea of it (RFC 7692)."""

import asyncio
import json
import unittest
import urllib.request

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from support import BridgeTest


def submit(bridge, bodies):
    url = bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
    text = "\n".join(json.dumps(body) for body in bodies)
    with urllib.request.urlopen(url, text.encode(), timeout=20) as reply:
        assert json.load(reply)["accepted"] == len(bodies)


class Deflate(BridgeTest):
    def test_batches_come_compressed_and_requests_go_so(self):
        asyncio.run(asyncio.wait_for(self._converse(self.bridge), 60))

    async def _converse(self, bridge):
        # It offers the extension unasked.
        async with websockets.connect(bridge.ws, max_size=None) as socket:
            self.assertEqual([e.name for e in socket.extensions], ["permessage-deflate"])
            self.assertEqual(json.loads(await socket.recv())["data"]["status"], "connected")
            await socket.send(json.dumps({"action": "register", "batch": True, "id": "x" * 64}))
            reply = json.loads(await socket.recv())
            self.assertEqual((reply["status"], reply["id"]), ("registered", "x" * 64))
            loop = asyncio.get_running_loop()
            for start in range(0, 1000, 200):
                bodies = [
                    {"type": "tick", "source": "s", "data": {"n": n, "item": "Abyssal whip é"}}
                    for n in range(start, start + 200)
                ]
                await loop.run_in_executor(None, submit, bridge, bodies)
            numbers = []
            while len(numbers) < 1000:
                numbers += [event["data"]["n"] for event in json.loads(await socket.recv())]
            self.assertEqual(numbers, list(range(1000)))
            await socket.send(json.dumps({"action": "command", "command": "get_status"}))
            deflate = json.loads(await socket.recv())["result"]["deflate"]
            self.assertGreaterEqual(deflate["messages"], 1)
            self.assertGreater(deflate["bytes_before"], 4 * deflate["bytes_after"])

    def test_one_that_wants_a_smaller_window_does_without(self):
        asyncio.run(asyncio.wait_for(self._small_window(self.bridge), 60))

    async def _small_window(self, bridge):
        offer = ClientPerMessageDeflateFactory(server_max_window_bits=12)
        async with websockets.connect(bridge.ws, extensions=[offer], compression=None) as socket:
            self.assertEqual(list(socket.extensions), [])
            self.assertEqual(json.loads(await socket.recv())["data"]["status"], "connected")

    def test_no_message_is_larger_than_the_contract_says(self):
        asyncio.run(asyncio.wait_for(self._largest(self.bridge), 60))

    async def _largest(self, bridge):
        event_max, around = 1_048_576, len('{"type":"large","data":{"x":""}}')
        await asyncio.to_thread(submit, bridge, [{"type": "many", "data": {"n": n, "x": "x" * 5000}} for n in range(1000)])
        for compression in (None, "deflate"):
            async with websockets.connect(bridge.ws, max_size=None, compression=compression) as socket:
                await socket.recv()
                await socket.send('{"action":"register","subscriptions":["many"],"since":{"last":1000},"batch":true}')
                await socket.recv()
                sizes, numbers = [], []
                while len(numbers) < 1000:
                    message = await socket.recv()
                    sizes.append(len(message))
                    numbers += [event["data"]["n"] for event in json.loads(message)]
                self.assertEqual(numbers, list(range(1000)))
                self.assertLessEqual(max(sizes), 256 * 1024)
                self.assertGreater(max(sizes), 64 * 1024)  # many together
        async with websockets.connect(bridge.ws, max_size=event_max + 80, compression=None) as socket:
            await socket.recv()
            await socket.send('{"action":"register","subscriptions":["large"]}')
            await socket.recv()
            body = '{"type":"large","data":{"x":"%s"}}' % ("x" * (event_max - around))
            url = bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
            await asyncio.to_thread(lambda: urllib.request.urlopen(url, body.encode(), 20).close())
            self.assertGreater(len(await socket.recv()), event_max)


if __name__ == "__main__":
    unittest.main()
