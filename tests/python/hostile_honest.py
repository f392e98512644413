"""Who is honest, as a program of its own, so that nothing but the bridge and the machine can make it late.

    python3 hostile_honest.py WS_URL CA_FILE EVENTS_ADDRESS KEY_FILE      (a token in PPO_TOKEN)

publishes numbered events as trainer-1 and reads them by a few clients over TLS. For each line on stdin it prints one
line of JSON: "phase" gives how late events came since the last line, "stop" what all of them received, and ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import threading
import time
from pathlib import Path

import websockets
import zmq

EVENTS_PER_S = 500
CLIENTS = 3
PATIENCE_S = 60


def trust_of(file: str) -> ssl.SSLContext:
    trust = ssl.create_default_context(cafile=file)
    trust.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return trust


def publish(address: str, key: str, stop: threading.Event) -> int:
    """Numbered events until it is told to stop; the last number."""
    public, secret, server = Path(key).read_text().split()
    number = 0
    with zmq.Context() as context, context.socket(zmq.XPUB) as s:
        s.linger = 1000
        s.curve_publickey, s.curve_secretkey, s.curve_serverkey = public.encode(), secret.encode(), server.encode()
        s.connect(address)
        if not s.poll(PATIENCE_S * 1000):
            raise SystemExit("the bridge does not subscribe")
        began = time.monotonic()
        while True:
            stopping = stop.is_set()
            while number < (time.monotonic() - began) * EVENTS_PER_S or stopping:
                number += 1
                data = {"n": number, "sent": time.monotonic_ns(), "last": stopping}
                s.send(json.dumps({"type": "t", "source": "trainer-1", "run": "r1", "source_seq": number, "data": data}).encode())
                if stopping:
                    return number
            time.sleep(0.001)


class Reader:
    """A client that reads everything."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.late_us: list[int] = []  # since the last phase began
        self.trouble: list[str] = []

    async def read(self, url: str, trust: ssl.SSLContext) -> None:
        header = {"Authorization": "Bearer " + os.environ["PPO_TOKEN"]}
        async with websockets.connect(url, ssl=trust, extra_headers=header) as socket:
            await socket.send('{"action":"register","subscriptions":["t"]}')
            async for text in socket:
                now = time.monotonic_ns()
                message = json.loads(text)
                if message.get("type") == "gap":
                    self.trouble.append(text)
                elif message.get("type") == "t":
                    self.numbers.append(message["data"]["n"])
                    self.late_us.append((now - message["data"]["sent"]) // 1000)
                    if message["data"]["last"]:
                        return


async def main(url: str, ca: str, events: str, key: str) -> None:
    readers = [Reader() for _ in range(CLIENTS)]
    reading = [asyncio.ensure_future(reader.read(url, trust_of(ca))) for reader in readers]
    stop = threading.Event()
    publishing = asyncio.ensure_future(asyncio.to_thread(publish, events, key, stop))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while (await lines.readline()).strip() == b"phase":
        late = sorted(us for reader in readers for us in reader.late_us)
        for reader in readers:
            reader.late_us = []
        at = lambda share: late[int(len(late) * share)] / 1000 if late else None
        print(json.dumps({"p50": at(0.5), "p99": at(0.99)}), flush=True)
    stop.set()
    number = await publishing
    done, late = await asyncio.wait(reading, timeout=PATIENCE_S)
    trouble = [text for reader in readers for text in reader.trouble]
    trouble += [repr(one.exception()) for one in done if one.exception()] + ["read no end"] * len(late)
    whole = [bool(reader.numbers) and reader.numbers == list(range(reader.numbers[0], number + 1)) for reader in readers]
    print(json.dumps({"trouble": trouble, "whole": whole}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
