#!/usr/bin/python3
"""What a delivery costs the bridge: to WebSocket clients, and to as many that read GET /events.

    ./dev bench events [--clients 1000] [--seconds 10] [--require-times 1.2]

Prints microseconds of the bridge's CPU for each event that a client was given, of each kind in turn, and the quotient.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import selectors
import socket
import subprocess
import threading
import time

PER_POST = 10
POSTS_PER_S = 20


def cpu_s(process: subprocess.Popen) -> float:
    with open("/proc/%d/stat" % process.pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Readers:
    """Clients of one kind; their bytes are read and let go of."""

    def __init__(self, at: tuple[str, int], count: int, events: bool) -> None:
        self.selector = selectors.EpollSelector()
        self.stopping = False
        self.sockets = []
        key = base64.b64encode(bytes(16)).decode()
        for _ in range(count):
            client = socket.create_connection(at)
            head = "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % ("/events" if events else "/ws")
            if not events:
                head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n" % key
            client.sendall(head.encode() + b"\r\n")
            if not events:
                request = b'{"action":"register"}'
                client.sendall(bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request)
            self.selector.register(client, selectors.EVENT_READ)
            self.sockets.append(client)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self) -> None:
        while not self.stopping:
            for key, _ in self.selector.select(0.1):
                if not key.fileobj.recv(1 << 20):
                    raise SystemExit("the bridge closed a connection")

    def close(self) -> None:
        self.stopping = True
        self.thread.join()
        for client in self.sockets:
            client.close()


def measure(events: bool, clients: int, seconds: float) -> float:
    command = [os.environ["PPO_BRIDGE_BIN"]]
    for setting in ("websocket.listen=127.0.0.1:0", 'events.bind=["tcp://127.0.0.1:0"]', "bots.events=", "bots.commands=",
                    "trainers.control=", 'journal.path=""', "auth.mode=off", "log.level=warn"):
        command += ["--set", setting]
    bridge = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    host, port = bridge.stdout.readline().split("ws=ws://")[1].split("/")[0].rsplit(":", 1)
    at = (host, int(port))
    readers = Readers(at, clients, events)
    body = "\n".join(json.dumps({"type": "tick", "data": {"n": n, "pad": "x" * 150}}) for n in range(PER_POST)).encode()
    request = b"POST /submit_event HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    poster = socket.create_connection(at)
    time.sleep(2)

    def sent() -> int:
        poster.sendall(b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = b""
        while b"\r\n\r\n" not in text or len(text.split(b"\r\n\r\n", 1)[1]) < int(text.split(b"Content-Length: ")[1].split(b"\r\n")[0]):
            text += poster.recv(65536)
        return json.loads(text.split(b"\r\n\r\n", 1)[1])["events"]["sent"]

    sent_before, cpu_before = sent(), cpu_s(bridge)
    began = time.monotonic()
    for i in range(int(seconds * POSTS_PER_S)):
        poster.sendall(request)
        poster.recv(65536)
        time.sleep(max(0.0, began + (i + 1) / POSTS_PER_S - time.monotonic()))
    time.sleep(1)
    cost_us = (cpu_s(bridge) - cpu_before) * 1e6 / (sent() - sent_before)
    readers.close()
    bridge.terminate()
    bridge.wait()
    return cost_us


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--require-times", type=float, default=float("inf"), help="fail if /events costs more times as much")
    options = parser.parse_args()
    costs = [measure(events, options.clients, options.seconds) for events in (False, True, False, True)]
    websocket, events = min(costs[0::2]), min(costs[1::2])
    print("WebSocket %.3f us, /events %.3f us a delivery to %d clients: %.2f times as much"
          % (websocket, events, options.clients, events / websocket))
    if events / websocket > options.require_times:
        raise SystemExit(2)


if __name__ == "__main__":
    main()
