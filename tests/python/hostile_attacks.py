"""What somebody who means no good does to a bridge, as a program of its own: it must not slow down who measures.

    python3 hostile_attacks.py ATTACK ADDRESS SECONDS [COUNT or KEY]

prints one line of JSON, with what became of it.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import time
from collections import Counter, deque

import zmq

KEYS_PER_S = 200
HELD_MAX = 200  # ZeroMQ has room for about 1,000 sockets, those that are closing among them
HOSTS = 200  # addresses that it comes from, so that bounds by address are not all that helps


def client_hello() -> bytes:
    sent = ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return sent.read()


def opened(address: str, number: int) -> socket.socket:
    host, port = address.rsplit(":", 1)
    s = socket.socket()
    s.setblocking(False)
    s.bind(("127.0.3.%d" % (1 + number % HOSTS), 0))
    s.connect_ex((host, int(port)))
    return s


def flood(address: str, seconds: float, hello: bytes, per_s: int, held_s: float) -> dict:
    """Connections that say `hello` and no more, so many a second."""
    held: deque = deque()
    begun = refused = 0
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        while begun < (now - start) * per_s:
            s = opened(address, begun)
            begun += 1
            try:
                s.send(hello)
            except OSError:
                refused += 1
            held.append((now, s))
        while held and held[0][0] < now - held_s:
            held.popleft()[1].close()
        time.sleep(0.001)
    for _, s in held:
        s.close()
    return {"begun": begun, "per_s": round(begun / seconds), "refused": refused}


def tokens(address: str, seconds: float, count: int) -> dict:
    """Wrong ones, in requests of bots; `count` of them, or for so long."""
    told: Counter = Counter()
    with zmq.Context() as context, context.socket(zmq.DEALER) as s:
        s.linger = 0
        s.connect(address)
        until = time.monotonic() + seconds
        while sum(told.values()) < count if count else time.monotonic() < until:
            for n in range(100):
                s.send_multipart([b"", b'{"command":"pause","target":"x","token":"ppo1_%08d_%043d"}' % (n, n)])
            for _ in range(100):
                if not s.poll(20_000):
                    raise SystemExit("no reply")
                told[json.loads(s.recv_multipart()[1]).get("data", {}).get("error_type")] += 1
    return dict(told)


def keys(address: str, seconds: float, server: str) -> dict:
    """Peers that greet and say no more; and keys that are not listed, whose owners go at any moment while the bridge
    is asked about them."""
    stalled = flood(address, seconds / 2, b"\xff" + bytes(7) + b"\x01\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32), 200, 3)
    at_random = random.Random(14)
    begun = 0
    held: deque = deque()
    with zmq.Context() as context:
        start = time.monotonic()
        while (now := time.monotonic()) < start + seconds / 2:
            while begun < (now - start) * KEYS_PER_S and len(held) < HELD_MAX:
                s = context.socket(zmq.DEALER)
                s.linger = 0
                s.curve_publickey, s.curve_secretkey = zmq.curve_keypair()
                s.curve_serverkey = server.encode()
                s.connect("tcp://" + address)
                begun += 1
                held.append((now + at_random.random() * 0.05, s))
            while held and held[0][0] < now:
                held.popleft()[1].close()
            time.sleep(0.001)
        context.destroy(linger=0)
    return {"stalled": stalled["begun"], "not listed": begun}


def main() -> None:
    attack, address, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if attack == "handshakes":
        done = flood(address, seconds, client_hello(), 2000, 0.1)
    elif attack == "stalls":
        hello = client_hello()
        done = flood(address, seconds, hello[: len(hello) // 2], 200, 3)
    elif attack == "keys":
        done = keys(address, seconds, sys.argv[4])
    else:
        done = tokens(address, seconds, int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
