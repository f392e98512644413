#!/usr/bin/python3
"""How long a quiet source waits beside sources that flood: from its timestamp to the bridge's, both of this machine.

    PPO_BRIDGE_BIN=build/release/bin/ppo-bridge tests/bench/fairness.py [--seconds 5] [--bytes 65536 ...] [--floods 1 4]

The quiet one sends an event every 10 ms; each flood as many messages as ZeroMQ takes, of so many bytes (0: none). Prints a line
for each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
from support import Bridge  # noqa: E402

import zmq  # noqa: E402

FLOOD = """
import json, sys, time, zmq
socket = zmq.Context().socket(zmq.PUB)
socket.setsockopt(zmq.SNDHWM, 100)
socket.setsockopt(zmq.XPUB_NODROP, 1)  # waits where the bridge takes no more
socket.connect(sys.argv[1])
body = json.dumps({"type": "flood", "data": {"x": "y" * 200}, "source": sys.argv[3]}).encode()
message = b"\\n".join([body] * max(1, int(sys.argv[2]) // (len(body) + 1)))
time.sleep(0.3)
while True:
    socket.send(message)
"""


def waits_ms(bridge: Bridge, seconds: float) -> list[float]:
    context = zmq.Context()
    try:
        events = context.socket(zmq.SUB)
        events.connect(bridge.events_out)
        events.subscribe("quiet/")
        quiet = context.socket(zmq.PUB)
        quiet.connect(bridge.events_in)
        time.sleep(1.5)
        found: list[float] = []
        sent, until = 0, time.monotonic() + seconds
        while time.monotonic() < until + 5:
            if time.monotonic() < until:
                quiet.send(json.dumps({"type": "quiet", "data": {}, "source": "q", "timestamp": time.time()}).encode())
                sent += 1
            elif len(found) >= sent:
                break
            time.sleep(0.01)
            while events.poll(0):
                event = json.loads(events.recv_multipart()[1])
                # An event has the time at which its turn began.
                found.append(max(0.0, 1000 * (event["timestamp"] - event["source_timestamp"])))
        return sorted(found)
    finally:
        context.destroy(linger=0)


def measure(size: int, floods: int, seconds: float) -> None:
    bridge = Bridge()
    programs = [
        subprocess.Popen([sys.executable, "-c", FLOOD, bridge.events_in, str(size), "flood%d" % n]) for n in range(floods)
    ]
    try:
        before, began = bridge.counters()["accepted"], time.monotonic()
        waits = waits_ms(bridge, seconds)
        rate = (bridge.counters()["accepted"] - before) / (time.monotonic() - began)
    finally:
        for program in programs:
            program.kill()
            program.wait()
        bridge.close()
    at = lambda share: waits[min(len(waits) - 1, int(share * len(waits)))] if waits else float("nan")  # noqa: E731
    print("%d floods of %8d B a message: %7.0f events/s in; the quiet one's %4d waited p50 %7.2f  p90 %7.2f  p99 %7.2f ms"
          % (floods, size, rate, len(waits), at(0.5), at(0.9), at(0.99)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--bytes", type=int, nargs="+", default=[250, 65_536, 1 << 20])
    parser.add_argument("--floods", type=int, nargs="+", default=[1, 4])
    options = parser.parse_args()
    measure(0, 0, options.seconds)
    for floods in options.floods:
        for size in options.bytes:
            measure(size, floods, options.seconds)


if __name__ == "__main__":
    main()
