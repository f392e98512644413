"""An honest trainer: numbered events, and an answer to every command. Once it is told anything on stdin it
publishes no more, and prints how many events there were."""

from __future__ import annotations

import sys
import threading
import time

from ppo_bridge import Publisher


def main(name: str, endpoint: str, control: str, events_per_s: float) -> None:
    publisher = Publisher(name, endpoint=endpoint, control=control, gather_ms=5)
    publisher.on_command("echo", lambda command: {"n": command["n"], "trainer": name})
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    print(publisher.run, flush=True)
    n = 0
    begun = time.monotonic()
    while not ended.is_set():
        publisher.publish("tick", {"n": n, "agent_id": "agent_%d" % (n % 4), "text": "x" * 60})
        n += 1
        time.sleep(max(begun + n / events_per_s - time.monotonic(), 0))
    print(n, publisher.stats().dropped, flush=True)
    threading.Event().wait()  # still answers whoever asks for what it missed


main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
