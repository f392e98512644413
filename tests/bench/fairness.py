#!/usr/bin/python3
"""How long a quiet source waits beside sources that flood: from its timestamp to its place in the log.

    PPO_BRIDGE_BIN=build/release/bin/ppo-bridge PPO_CLIENT_BIN=build/release/bin/ppo-client tests/bench/fairness.py
        [--seconds 5] [--bytes 65536 ...] [--floods 1 4] [--burst 1 20] [--beside OTHER_BRIDGE ...]

The quiet one sends so many events every 10 ms, one a message; each flood as many messages as ZeroMQ takes, of so many bytes
(0: none). Prints a line for each. With --beside each is measured of those programs too, in turns.

Under `chrt -f 10` all but the floods have real-time priority: then it shows how the bridge shares its time, and not how the
system shares the processors.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
from support import Bridge  # noqa: E402

import zmq  # noqa: E402

FLOOD = """
import json, os, sys, time, zmq
if os.sched_getscheduler(0) != os.SCHED_OTHER:
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(-10)
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


def send_quietly(address: str, seconds: float, burst: int) -> int:
    """How many it sent."""
    context = zmq.Context()
    try:
        quiet = context.socket(zmq.PUB)
        quiet.connect(address)
        time.sleep(1.5)
        sent, began = 0, time.monotonic()
        for tick in range(int(seconds * 100)):
            time.sleep(max(0.0, began + tick * 0.01 - time.monotonic()))
            for _ in range(burst):
                quiet.send(json.dumps({"type": "quiet", "data": {}, "source": "quiet", "timestamp": time.time()}).encode())
            sent += burst
        time.sleep(2)
        return sent
    finally:
        context.destroy(linger=0)


def waits_ms(lines: list[str]) -> list[float]:
    events = [json.loads(line) for line in lines if '"quiet"' in line]
    # An event has the time at which its turn began.
    return sorted(max(0.0, 1000 * (event["timestamp"] - event["source_timestamp"])) for event in events if "source_timestamp" in event)


def measure(program: str, size: int, floods: int, burst: int, seconds: float) -> None:
    os.environ["PPO_BRIDGE_BIN"] = program
    bridge = Bridge()
    flooding = [
        subprocess.Popen([sys.executable, "-c", FLOOD, bridge.events_in, str(size), "flood%d" % n]) for n in range(floods)
    ]
    shown = tempfile.TemporaryFile("w+")
    reader = subprocess.Popen([os.environ["PPO_CLIENT_BIN"], "tail", "--json", "--url", bridge.ws, "quiet"],
                              stdout=shown, stderr=subprocess.DEVNULL)
    try:
        before, began = bridge.counters()["accepted"], time.monotonic()
        sent = send_quietly(bridge.events_in, seconds, burst)
        rate = (bridge.counters()["accepted"] - before) / (time.monotonic() - began)
    finally:
        for flood in flooding:
            flood.kill()
            flood.wait()
        reader.terminate()
        reader.wait()
        shown.seek(0)
        waits = waits_ms(shown.readlines())
        bridge.close()
    at = lambda share: waits[min(len(waits) - 1, int(share * len(waits)))] if waits else float("nan")  # noqa: E731
    print("%-24s %d floods of %8d B a message, %8.0f events/s in; of the quiet one's %6d came %6d, after p50 %8.2f  p90 %8.2f  p99 %8.2f ms"
          % (program[-24:], floods, size, rate, sent, len(waits), at(0.5), at(0.9), at(0.99)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--bytes", type=int, nargs="+", default=[1024, 65_536, 1 << 20])
    parser.add_argument("--floods", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--burst", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--beside", nargs="*", default=[], metavar="OTHER_BRIDGE")
    options = parser.parse_args()
    kinds = [(0, 0)] + [(size, floods) for floods in options.floods for size in options.bytes]
    programs = [os.environ["PPO_BRIDGE_BIN"], *options.beside]
    for size, floods in kinds:
        for burst in options.burst:
            for program in programs:
                measure(program, size, floods, burst, options.seconds)


if __name__ == "__main__":
    main()
