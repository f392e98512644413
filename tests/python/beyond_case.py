"""What the other machine runs: a trainer, a client over TLS and a bot with pyzmq alone. Prints "ok", or why not."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import zmq
from ppo_bridge import Publisher
from ppo_bridge_client import BotFeed, Client

HOME, HOST = Path(sys.argv[1]), sys.argv[2]
EVENTS = 200
PATIENCE_S = 60.0


def bot() -> zmq.Socket:
    socket = zmq.Context.instance().socket(zmq.SUB)
    public, secret, server = (HOME / "bot-1.key").read_text().split()
    socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = public.encode(), secret.encode(), server.encode()
    socket.subscribe(b"trade_executed/")
    socket.rcvtimeo = int(PATIENCE_S * 1000)
    socket.ipv6 = "[" in HOST
    socket.connect("tcp://%s:5557" % HOST)
    return socket


def stranger() -> zmq.Socket:
    """One without a key."""
    socket = zmq.Context.instance().socket(zmq.PUB)
    socket.linger = 0
    socket.connect("tcp://%s:5556" % HOST)
    return socket


async def main() -> None:
    paused = []
    publisher = Publisher(
        "trainer-1", endpoint="tcp://%s:5556" % HOST, control="tcp://%s:5559" % HOST, curve=str(HOME / "trainer-1.key")
    )
    publisher.command("pause")(lambda command: paused.append(command) or {"paused": True})
    forger, listener = stranger(), bot()
    token = (HOME / "token").read_text().strip()
    async with Client("wss://%s:5178/ws" % HOST, ["trade_executed", "forged"], ca=str(HOME / "certificate.pem"), token=token) as client:
        await client.wait_connected(PATIENCE_S)
        forger.send(b'{"type":"forged","data":{}}')
        await asyncio.sleep(0.5)
        for n in range(EVENTS):
            publisher.publish("trade_executed", {"n": n, "item": "Hidden item"})
        got = []
        async for event in client:
            got.append(event)
            if len(got) == EVENTS:
                break
        assert [event["data"]["n"] for event in got] == list(range(EVENTS)), got[:3]
        deadline = time.monotonic() + PATIENCE_S
        while not paused:
            try:
                await client.command("pause", target="trainer-1")
            except Exception:  # not there yet
                assert time.monotonic() < deadline, "the trainer was not commanded"
                await asyncio.sleep(0.1)
    feed = BotFeed(["*"], events="tcp://%s:5557" % HOST, commands="tcp://%s:5558" % HOST, curve=str(HOME / "bot-1.key"))
    assert (await asyncio.to_thread(feed.ask, "get_status"))["status"] == "running"
    feed.close()
    heard = await asyncio.to_thread(lambda: listener.recv_multipart())
    assert json.loads(heard[-1])["data"]["n"] >= 0, heard
    publisher.close()
    print("ok", flush=True)


asyncio.run(main())
