"""A training program that publishes steadily. "stop" on its input ends that, and it prints what it published and which
commands it did; it stays, for whoever still asks for events, until its input ends.

    cluster_trainer.py SOURCE EVENTS-ADDRESSES CONTROL-ADDRESSES EVENTS-A-SECOND
"""

from __future__ import annotations

import json
import sys
import threading
import time

from ppo_bridge import Publisher

TICK_S = 0.005

source, endpoint, control, rate = sys.argv[1:]
done: list[str] = []
publisher = Publisher(source, endpoint=endpoint, control=control, system_metrics_s=0)
publisher.on_command("mark", lambda command: done.append(command["word"]))
stopped = threading.Event()


def publish() -> None:
    began, n = time.monotonic(), 0
    while not stopped.wait(TICK_S):
        due = int((time.monotonic() - began) * float(rate))
        for n in range(n, due):
            publisher.publish("tick", {"n": n})
        n = max(n, due)


thread = threading.Thread(target=publish)
thread.start()
sys.stdin.readline()
stopped.set()
thread.join()
stats = publisher.stats()
print(json.dumps({"published": stats.published, "dropped": stats.dropped, "done": done}), flush=True)
sys.stdin.readline()
publisher.close(0)
