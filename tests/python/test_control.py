"""Who is commanded, and whose numbers count: trainers of plain pyzmq beside liars, against the bridge."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
import time
import unittest
from pathlib import Path

import zmq

from support import Bridge, BridgeTest, wait_until

WILD = (1 << 64) - 1


def announcement(source: str, run: str, **data) -> bytes:
    data = {"head": 0, "oldest": 1, "agents": ["a"], "commands": ["pause"], "host": "h", "pid": 7, **data}
    return json.dumps({"type": "_source", "source": source, "run": run, "data": data}).encode()


def event(source: str, run: str, seq: int, **data) -> bytes:
    body = {"type": "tick", "data": data, "source": source, "run": run, "source_seq": seq}
    return json.dumps(body).encode()


class Trainer:
    """A DEALER and a PUB, as PROTOCOL tells a stranger to make them. `named`: with a routing id and
    without a hello, as those that were written before there were hellos."""

    def __init__(self, bridge: Bridge, source: str, run: str, named: bool = False) -> None:
        self.source, self.run, self.named = source, run, named
        self.commands: list[dict] = []
        self.bodies: list[bytes] = []  # of events, for `_replay`
        self.head: int | None = None  # another one than the true one
        self.answers = True
        self._context = zmq.Context()
        self.events = self._context.socket(zmq.PUB)
        self.events.connect(bridge.events_in)
        self._control = self._context.socket(zmq.DEALER)
        if named:
            self._control.setsockopt(zmq.ROUTING_ID, source.encode())
        self._control.connect(bridge.control)
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _announcement(self) -> bytes:
        head = len(self.bodies) if self.head is None else self.head
        return announcement(self.source, self.run, head=head)

    def _serve(self) -> None:
        beat = 0.0
        while not self._ended:
            if time.monotonic() >= beat:
                beat = time.monotonic() + 0.5
                self.events.send(self._announcement())
                if not self.named:
                    self._control.send_multipart([b"", self._announcement()])
            if not self._control.poll(20):
                continue
            request = json.loads(self._control.recv_multipart()[-1])
            if request["command"] == "_replay":
                asked = request["params"]
                result = b",".join(self.bodies[asked["from"] - 1 : asked["to"]])
                reply = b'{"id":"%s","success":true,"result":{"events":[%s]}}'
                self._control.send_multipart([b"", reply % (request["id"].encode(), result)])
                continue
            self.commands.append(request)
            if self.answers:
                reply = {"id": request["id"], "success": True, "result": {"run": self.run}}
                self._control.send_multipart([b"", json.dumps(reply).encode()])

    def publish(self, count: int) -> None:
        for _ in range(count):
            self.bodies.append(event(self.source, self.run, len(self.bodies) + 1, n=len(self.bodies) + 1))
            self.events.send(self.bodies[-1])

    def close(self) -> None:
        """As if it were killed: nothing is said."""
        self._ended = True
        self._thread.join()
        self._context.destroy(linger=0)


class ControlTest(BridgeTest):
    def trainer(self, source: str, run: str, **options) -> Trainer:
        trainer = Trainer(self.bridge, source, run, **options)
        self.addCleanup(trainer.close)
        wait_until(lambda: self.pause(source).get("status") or self.pause(source + "@" + run), "to be here")
        wait_until(lambda: self.error(source + "@" + run) is None or self.error(source) is None)
        return trainer

    def setUp(self) -> None:
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        self.liar = context.socket(zmq.PUB)
        self.liar.sndhwm = 0  # or it drops what it sends quicker than the bridge reads, the marker too
        self.liar.connect(self.bridge.events_in)
        self.context = context
        time.sleep(0.3)  # a PUB drops what it is given before it is connected

    def pause(self, target: str) -> dict:
        return self.bridge.ask("pause", target)

    def error(self, target: str) -> str | None:
        reply = self.pause(target)
        return reply["data"]["error_type"] if reply["status"] == "error" else None

    def reached(self, target: str) -> str:
        reply = self.pause(target)
        self.assertEqual(reply["status"], "command_result", reply)
        return reply["result"]["run"]

    def statuses(self, status: str) -> list[dict]:
        found = self.bridge.events("system_status")
        return [e["data"] for e in found if e["data"]["status"] == status]

    def wait_for_marker(self, source: str) -> None:
        """Until all that the liar has sent was taken in."""
        self.liar.send(event(source, "m", 1))
        self.bridge.wait_events(1, "tick", source)


class Liars(ControlTest):
    def test_what_is_published_turns_no_command_away(self) -> None:
        for named in (False, True):
            name = "named" if named else "hello"
            with self.subTest(name):
                self.trainer(name, "real", named=named)
                self.liar.send(announcement(name, "X"))
                self.liar.send(event(name, "Y", 5))
                self.wait_for_marker("marker-" + name)
                # A named one's word of who it is comes over the same socket: at its next one it counts.
                wait_until(lambda: self.error(name) is None)
                for _ in range(3):
                    self.assertEqual(self.reached(name), "real")

    def test_a_dealer_with_the_name_takes_nothing(self) -> None:
        self.trainer("taken", "real")
        thief = self.context.socket(zmq.DEALER)
        thief.setsockopt(zmq.ROUTING_ID, b"taken")
        thief.connect(self.bridge.control)
        thief.send_multipart([b"", b'{"id":"c-1","success":true}'])
        time.sleep(0.5)
        for _ in range(3):
            self.assertEqual(self.reached("taken"), "real")
        self.assertEqual(thief.poll(0), 0)

    def test_wild_numbers_hang_nothing_and_lose_nothing(self) -> None:
        trainer = self.trainer("numbers", "r")
        trainer.publish(10)
        self.bridge.wait_events(10, "tick", "numbers")
        for head in (WILD, (1 << 63) - 1, 9_000_000_000_000_000_000):
            self.liar.send(announcement("numbers", "r", head=head, oldest=head))
            self.liar.send(announcement("bogus", "r", head=head, oldest=head))
            self.liar.send(event("numbers", "r", head))
        self.wait_for_marker("marker-numbers")
        trainer.publish(10)
        wait_until(
            lambda: [e["data"]["n"] for e in self.bridge.events("tick", "numbers") if e.get("source_seq") and e["data"]]
            == list(range(1, 21))
        )
        self.assertEqual(self.bridge.source("numbers")["lost"], 0)
        self.assertLessEqual(len(self.statuses("source_lost")), 3)

    def test_a_head_that_is_never_reached(self) -> None:
        trainer = self.trainer("boast", "r")
        trainer.head = WILD
        trainer.publish(5)
        self.bridge.wait_events(5, "tick", "boast")
        time.sleep(1.5)
        trainer.publish(5)
        wait_until(lambda: len(self.bridge.events("tick", "boast")) == 10)

    def test_names_by_the_thousand_push_out_nobody(self) -> None:
        trainer = self.trainer("stays", "r")
        trainer.publish(3)
        for i in range(6000):
            self.liar.send(event("made-up-%d" % i, "r", 1))
        self.wait_for_marker("marker-names")
        trainer.publish(3)
        wait_until(lambda: [e["source_seq"] for e in self.bridge.events("tick", "stays")] == [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.reached("stays"), "r")
        for i in range(200):
            self.assertEqual(self.error("nobody-%d" % i), "unknown_target")


class Conflicts(ControlTest):
    def test_two_processes_of_one_name(self) -> None:
        first, second = self.trainer("twin", "a"), self.trainer("twin", "b")
        wait_until(lambda: self.error("twin") == "ambiguous_target")
        message = self.pause("twin")["data"]["message"]
        self.assertIn("twin@a", message)
        self.assertIn("twin@b", message)
        self.assertEqual(self.reached("twin@a"), "a")
        self.assertEqual(self.reached("twin@b/a"), "b")
        told = wait_until(lambda: self.statuses("source_conflict"))
        self.assertEqual(len(told), 1)
        self.assertEqual([r["run"] for r in told[0]["runs"]], ["a", "b"])
        self.assertEqual([(r["host"], r["pid"]) for r in told[0]["runs"]], [("h", 7)] * 2)
        first.publish(20)
        second.publish(20)
        self.bridge.wait_events(40, "tick", "twin")
        second.close()
        wait_until(lambda: self.error("twin") is None)
        self.assertEqual(self.reached("twin"), "a")

    def test_a_restart_is_none(self) -> None:
        self.trainer("again", "a").close()
        trainer = self.trainer("again", "b")
        wait_until(lambda: self.error("again") is None)
        self.assertEqual(self.reached("again"), "b")
        trainer.publish(3)
        self.bridge.wait_events(3, "tick", "again")
        self.assertEqual([t for t in self.statuses("source_conflict") if t["source"] == "again"], [])

    def test_what_may_have_been_done_is_told_from_what_was_not(self) -> None:
        trainer = self.trainer("dies", "r")
        trainer.answers = False
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(self.pause("dies"))) for _ in range(2)]
        before = len(trainer.commands)
        for thread in threads:
            thread.start()
        wait_until(lambda: len(trainer.commands) == before + 1)
        time.sleep(0.5)
        trainer.close()
        for thread in threads:
            thread.join()
        errors = sorted(r["data"]["error_type"] for r in replies)
        self.assertEqual(errors, ["unknown_outcome", "unknown_target"])

    def test_any_number_of_runs_of_one_name(self) -> None:
        for seq in range(1, 21):
            for run in range(10):
                self.liar.send(event("many", "run%d" % run, seq))
        self.bridge.wait_events(200, "tick", "many")
        self.assertEqual(self.bridge.source("many")["lost"], 0)


class Replying(unittest.TestCase):
    """The five-line trainer: a REP that it binds."""

    def rep(self, answer: bytes) -> str:
        context = zmq.Context()
        socket = context.socket(zmq.REP)
        port = socket.bind_to_random_port("tcp://127.0.0.1")

        def serve() -> None:
            try:
                while True:
                    self.asked.append(json.loads(socket.recv()))
                    socket.send(answer)
            except zmq.ZMQError:
                socket.close(0)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.addCleanup(lambda: (context.term(), thread.join()))
        return "tcp://127.0.0.1:%d" % port

    def setUp(self) -> None:
        self.asked: list[dict] = []

    def start(self, *settings: str) -> Bridge:
        bridge = Bridge(*settings)
        self.addCleanup(bridge.close)
        return bridge

    def test_it_is_connected_to_and_commanded(self) -> None:
        endpoint = self.rep(b'{"success":true,"result":{"done":1}}')
        bridge = self.start('trainers.connect={"five-lines"="%s"}' % endpoint)
        reply = wait_until(lambda: (r := bridge.ask("pause", "five-lines", x=1))["status"] != "error" and r)
        self.assertEqual(reply["result"], {"done": 1})
        self.assertEqual(self.asked[-1]["command"], "pause")
        self.assertEqual(self.asked[-1]["params"], {"x": 1})

    def test_what_is_published_moves_no_configured_address(self) -> None:
        own, other = self.rep(b'{"success":true,"result":{"who":"own"}}'), self.rep(b'{"success":true,"result":{"who":"other"}}')
        bridge = self.start('trainers.connect={"five-lines"="%s"}' % own, "trainers.connect_announced=true")
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        events = context.socket(zmq.PUB)
        events.connect(bridge.events_in)

        def announced() -> bool:
            events.send(announcement("five-lines", "liar", control=other))
            events.send(announcement("another", "r", control=other))
            return bridge.ask("pause", "another")["status"] != "error"

        wait_until(announced)
        for _ in range(3):
            self.assertEqual(bridge.ask("pause", "five-lines")["result"], {"who": "own"})

    def test_an_announced_one_only_where_that_is_allowed(self) -> None:
        for allowed in (False, True):
            endpoint = self.rep(b'{"success":true}')
            bridge = self.start("trainers.connect_announced=" + str(allowed).lower())
            context = zmq.Context()
            self.addCleanup(context.destroy, 0)
            events = context.socket(zmq.PUB)
            events.connect(bridge.events_in)

            def commanded() -> bool:
                events.send(announcement("rep", "r", control=endpoint))
                events.send(announcement("far", "r", control="tcp://192.0.2.1:5"))
                return bridge.ask("pause", "rep")["status"] != "error"

            if allowed:
                wait_until(commanded)
                self.assertEqual(self.asked[-1]["run"], "r")
            else:
                until = time.monotonic() + 1.5
                while time.monotonic() < until:
                    self.assertFalse(commanded())


class Journalled(unittest.TestCase):
    def test_names_that_are_forgotten_repeat_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "journal.sqlite"
            bridge = Bridge("journal.path=%s" % path, "sources.runs_max=16")
            self.addCleanup(bridge.close)
            context = zmq.Context()
            self.addCleanup(context.destroy, 0)
            events = context.socket(zmq.PUB)
            events.connect(bridge.events_in)
            time.sleep(0.3)
            for seq in range(1, 6):
                events.send(event("old", "r", seq))
            bridge.wait_events(5, "tick", "old")
            time.sleep(10.5)  # until it counts as silent
            for i in range(40):
                events.send(event("made-up-%d" % i, "r", 1))
            wait_until(lambda: bridge.counters()["runs_forgotten"] > 0)
            for seq in range(3, 8):
                events.send(event("old", "r", seq))
            wait_until(lambda: (c := bridge.counters())["duplicates"] + c["runs_refused"] >= 3)
            time.sleep(0.5)
            bridge.kill()
            with sqlite3.connect(path) as journal:
                counts = journal.execute(
                    "SELECT source_seq, count(*) FROM events WHERE source = 'old' AND source_seq IS NOT NULL"
                    " GROUP BY 1 HAVING count(*) > 1"
                ).fetchall()
            self.assertEqual(counts, [])


if __name__ == "__main__":
    unittest.main()
