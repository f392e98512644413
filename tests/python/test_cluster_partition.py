"""Three machines (network namespaces), each with a server, a bridge, a trainer and a client. One is cut off without a word:
it shows nothing that the others' log lacks, and once it is back all logs are the same, by themselves.

By default the machine of the stream's leader is; PPO_CLUSTER=full cuts off each in turn, for long enough that dead-man's
switches fire there, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unittest
from contextlib import contextmanager
from typing import Iterator

from cluster_case import BODIES, Logs, Trainer
from machines import Machines
from nats_servers import PROGRAM, needs_nats
from support import Bridge, die_with_parent, scratch, wait_until

FULL = os.environ.get("PPO_CLUSTER") == "full"
EVENTS_PER_S = 600
CUT_OFF_S = 15.0 if FULL else 5.0  # beyond an election
NODES = ["n1", "n2", "n3"]
# All of it is each machine's own, but for the servers' talk: so it needs no TLS here.
NATS = """server_name: s%(i)d
listen: 127.0.0.1:4222
http: 127.0.0.1:8222
max_payload: 2MB
jetstream { store_dir: "%(home)s/js%(i)d", max_mem: 64MB, max_file: 1GB }
cluster { name: c, listen: 10.78.0.%(i)d:6222, routes: ["nats://10.78.0.1:6222", "nats://10.78.0.2:6222", "nats://10.78.0.3:6222"] }
"""

# Arms a dead-man's switch of its own name, and says nothing more. While the log stands still none is armed: for a while it is tried again.
ARM = """import asyncio, json, sys, time, websockets
async def main():
    until = time.monotonic() + 30
    async with websockets.connect(sys.argv[1]) as socket:
        await socket.send(json.dumps({"action": "register", "client_id": sys.argv[2], "subscriptions": []}))
        params = {"timeout_ms": 2000, "on_expiry": {"command": "mark", "target": "*", "params": {"word": sys.argv[2]}}}
        arm = json.dumps({"action": "command", "command": "arm_dead_mans_switch", "params": params})
        await socket.send(arm)
        async for text in socket:
            if json.loads(text).get("action") == "command":
                if json.loads(text).get("success") or time.monotonic() > until:
                    sys.exit(0 if json.loads(text).get("success") else text)
                await asyncio.sleep(0.5)
                await socket.send(arm)
asyncio.run(main())
"""


@needs_nats
class Partition(Machines, Logs):
    def setUp(self) -> None:
        command = [os.environ["PPO_BRIDGE_BIN"], "--check-config", "--set", "engine.kind=jetstream"]
        if b"no JetStream" in subprocess.run(command, capture_output=True, timeout=20).stderr:
            self.skipTest("this build has no JetStream")
        self.home = scratch(self)
        self.told: list[str] = []
        self.hub = self.machine()
        self.do(self.hub, "ip", "link", "add", "hub", "type", "bridge")
        self.do(self.hub, "ip", "link", "set", "hub", "up")
        self.machines = [self.machine() for _ in NODES]
        for i, machine in enumerate(self.machines, 1):
            self.do(self.hub, "ip", "link", "add", "port%d" % i, "type", "veth", "peer", "name", "wire", "netns", str(machine))
            self.do(self.hub, "ip", "link", "set", "port%d" % i, "up")
            self.do(machine, "ip", "address", "add", "10.78.0.%d/24" % i, "dev", "wire")
            self.do(machine, "ip", "link", "set", "wire", "up")
            self.join(i)
            (self.home / ("nats%d" % i)).write_text(NATS % {"i": i, "home": self.home})
            self.begin(i, PROGRAM, "-c", str(self.home / ("nats%d" % i)))
        self.bridges = [self.bridge(i) for i in (1, 2, 3)]
        self.trainers = []
        for i, bridge in enumerate(self.bridges, 1):
            self.begin(i, os.environ["PPO_CLIENT_BIN"], "--url", bridge.ws, "tail", "--json", "--since", "0", into="tail")
            self.trainers.append(Trainer("t%d" % i, bridge.events_in, bridge.control, EVENTS_PER_S / 3, on=self.on(self.machines[i - 1])))
            self.addCleanup(self.trainers[-1].end)

    def begin(self, i: int, *command: str, into: str = "log") -> None:
        with open(self.home / ("%s%d" % (into, i)), "ab") as out, open(self.home / ("errors%d" % i), "ab") as errors:
            process = subprocess.Popen(self.on(self.machines[i - 1], *command), stdout=out, stderr=errors, preexec_fn=die_with_parent)
        self.addCleanup(lambda: (process.kill(), process.wait()))

    def bridge(self, i: int) -> Bridge:
        bridge = Bridge("engine.kind=jetstream", "cluster.node=n%d" % i, "cluster.replicas=3", "cluster.bytes_max=268435456",
                        "journal.path=%s" % self.journal("n%d" % i), on=self.on(self.machines[i - 1]))
        self.addCleanup(bridge.close)
        return bridge

    def journal(self, name: str) -> str:
        return "%s/%s.sqlite" % (self.home, name)

    def join(self, i: int) -> None:
        self.do(self.hub, "ip", "link", "set", "port%d" % i, "master", "hub")

    def cut_off(self, i: int) -> None:
        """Its wire is up, and what goes out on it arrives nowhere."""
        self.do(self.hub, "ip", "link", "set", "port%d" % i, "nomaster")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What fails says what the bridges and the servers say."""
        try:
            yield
        except AssertionError as error:
            said = ["n%d at %d: %s\n%s" % (i, self.last("n%d" % i), bridge.log()[-6000:], json.dumps([self.status(i, what) for what in ("status", "sources")]))
                    for i, bridge in enumerate(self.bridges, 1)]
            said += [(self.home / ("errors%d" % i)).read_text()[-1500:] for i in (1, 2, 3)]
            raise AssertionError("\n".join([str(error), *said])) from None

    def wait_more(self, names: list[str], events: int, what: str) -> None:
        with self.telling():
            super().wait_more(names, events, what)

    def status(self, i: int, what: str = "status") -> dict:
        text = self.do(self.machines[i - 1], os.environ["PPO_CLIENT_BIN"], "--url", self.bridges[i - 1].ws, what, "--json").stdout
        status = json.loads(text)
        return status.get("result") or status

    def leader(self) -> int:
        with self.telling():
            return int(wait_until(lambda: self.status(1)["cluster"]["leader"], "for a leader")[1:])

    def shown(self, i: int) -> list[str]:
        """Whole lines of what its bridge's client has."""
        return (self.home / ("tail%d" % i)).read_text().rpartition("\n")[0].splitlines()

    def test_who_is_cut_off_shows_nothing_of_its_own_and_comes_back_by_itself(self) -> None:
        self.wait_more(NODES, EVENTS_PER_S, "at the beginning")
        for i in (1, 2, 3) if FULL else (self.leader(),):
            leads = i == self.leader()
            others = [name for name in NODES if name != "n%d" % i]
            if FULL:
                self.do(self.machines[i - 1], sys.executable, "-c", ARM, self.bridges[i - 1].ws, "switch-%d" % i)
            self.cut_off(i)
            began = time.monotonic()
            self.wait_more(others, EVENTS_PER_S, "without n%d" % i)
            went_on_s = time.monotonic() - began
            while time.monotonic() < began + CUT_OFF_S:
                self.wait_more(others, EVENTS_PER_S // 4, "without n%d" % i)
            # What it has shown by now the others have, under the same numbers.
            shown, last = self.shown(i), self.last("n%d" % i)
            self.assertGreater(min(self.last(name) for name in others), last)
            for name in others:
                theirs = [row[5] for row in self.select(name, BODIES, len(shown))]
                self.assertEqual(shown, theirs)
                self.assertEqual(self.hash_to(name, last), self.hash_to("n%d" % i, last))
            self.join(i)
            healed = time.monotonic()
            self.wait_more(NODES, EVENTS_PER_S, "with n%d again" % i)
            self.told.append("n%d%s cut off: the others went on after %.1f s, and it %.1f s after it was back"
                             % (i, ", which leads," if leads else "", went_on_s, time.monotonic() - healed))
        ends = {"t%d" % i: trainer.stop() for i, trainer in enumerate(self.trainers, 1)}
        published = {name: end["published"] for name, end in ends.items()}
        with self.telling():
            for i in (1, 2, 3) if FULL else ():
                for name, end in ends.items():  # on both sides, each by its own bridge
                    self.assertIn("switch-%d" % i, end["done"], (name, ends))
            last = self.judge_logs(NODES, published)
        wanted = [row[5] for row in self.select("n1", BODIES, last)]
        for i in (1, 2, 3):
            wait_until(lambda: len(self.shown(i)) >= last, "for the client of n%d" % i)
            self.assertEqual(self.shown(i)[:last], wanted)
        if FULL:
            print("\n".join([*self.told, "%d events, %s, on all nodes" % (last, published)]), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
