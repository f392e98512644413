"""What somebody with a key may not do as another, and what becomes of a key that is taken away."""

from __future__ import annotations

import json
import threading
import time
import unittest

import zmq
from keyed_bridge import SOON_S, KeyedBridge, body
from support import PATIENCE_S, free_port, wait_until


class Hijack(KeyedBridge):
    """What trainer-2, who is let in, may not do as trainer-1."""

    def hello(self, source: str) -> bytes:
        return json.dumps({"type": "_source", "source": source, "run": "r1",
                           "data": {"head": 0, "oldest": 1, "commands": ["pause"]}}).encode()

    def test_its_events_and_announcements(self) -> None:
        own, other = self.publisher("trainer-1"), self.publisher("trainer-2")
        other.send(body("trainer-1", 1))
        other.send(b"\n".join([body("trainer-2", 1), body("trainer-1", 2), body("trainer-2-b", 1)]))
        other.send(body("trainer-1", type="_source", head=10**9, oldest=1))
        other.send(body(""))
        other.send(b'{"type":"t","data":{}}')
        wait_until(lambda: self.rejected() == 5)
        own.send(body("trainer-1", 1))
        wait_until(lambda: len(self.events(type="t")) == 3)
        self.assertEqual(sorted(e["source"] for e in self.events(type="t")),
                         ["trainer-1", "trainer-2", "trainer-2-b"])
        told = self.statuses("source_refused")
        self.assertEqual([t["source"] for t in told], ["trainer-1"])  # once, however often
        self.assertIn("who is trainer-2", told[0]["message"])
        self.assertEqual(self.ask("get_status")["result"]["events"]["announcements"], 0)

    def test_its_lane_its_routing_id_and_its_repairs(self) -> None:
        thief = self.connected(zmq.DEALER, "trainer-2", self.bridge.control, ROUTING_ID=b"trainer-1")
        thief.send_multipart([b"", self.hello("trainer-1")])
        thief.send_multipart([b"", self.hello("trainer-2")])
        silent = self.connected(zmq.DEALER, "trainer-2", self.bridge.control, ROUTING_ID=b"trainer-1-x")
        other = self.connected(zmq.DEALER, "trainer-2", self.bridge.control)
        other.send_multipart([b"", self.hello("trainer-1")])
        wait_until(lambda: self.ask("get_status")["result"]["commands"]["hellos_refused"] >= 3)
        for target in ("trainer-1", "trainer-1-x"):
            refused = self.ask("pause", target=target)
            self.assertEqual(refused["data"]["error_type"], "unknown_target")
        self.assertIn("trainer-1", [t["source"] for t in self.statuses("source_refused")])
        # The one whose name it is, with nothing of its own chosen.
        own = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        own.send_multipart([b"", self.hello("trainer-1")])
        wait_until(lambda: self.connected_sources() == {"trainer-1"})
        answers: list = []
        asking = threading.Thread(target=lambda: answers.append(self.ask("pause", target="trainer-1")))
        asking.start()
        self.assertTrue(own.poll(PATIENCE_S * 1000))
        request = json.loads(own.recv_multipart()[1])
        # An answer by another, who has guessed the id.
        other.send_multipart([b"", json.dumps({"id": request["id"], "success": True, "result": {"by": 2}}).encode()])
        time.sleep(SOON_S)
        own.send_multipart([b"", json.dumps({"id": request["id"], "success": True, "result": {"by": 1}}).encode()])
        asking.join()
        self.assertEqual(answers[0]["result"], {"by": 1})
        for s in (thief, silent, other):
            self.assertFalse(s.poll(10), "a command reached it")

    def test_its_repairs_are_answered_by_itself(self) -> None:
        own = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        own.send_multipart([b"", self.hello("trainer-1")])
        wait_until(lambda: self.connected_sources() == {"trainer-1"})
        other = self.connected(zmq.DEALER, "trainer-2", self.bridge.control)
        other.send_multipart([b"", self.hello("trainer-2")])
        publisher = self.publisher("trainer-1")
        publisher.send(body("trainer-1", 3))
        own.send_multipart([b"", self.hello("trainer-1").replace(b'"head": 0', b'"head": 3')])
        self.assertTrue(own.poll(PATIENCE_S * 1000))
        request = json.loads(own.recv_multipart()[1])
        self.assertEqual(request["command"], "_replay")
        for s, word in ((other, "forged"), (own, "true")):
            events = [json.loads(body("trainer-1", n, word=word)) for n in (1, 2)]
            s.send_multipart([b"", json.dumps({"id": request["id"], "success": True,
                                               "result": {"events": events}}).encode()])
            time.sleep(SOON_S)
        wait_until(lambda: len(self.events(type="t")) == 3)
        self.assertEqual([e["data"].get("word") for e in self.events(type="t")], ["true", "true", None])

    def test_the_newer_connection_of_its_key_has_the_lane(self) -> None:
        old = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        old.send_multipart([b"", self.hello("trainer-1")])
        wait_until(lambda: self.connected_sources() == {"trainer-1"})
        new = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        new.send_multipart([b"", self.hello("trainer-1")])
        time.sleep(SOON_S)
        old.send_multipart([b"", self.hello("trainer-1")])  # it does not get it back
        wait_until(lambda: self.ask("get_status")["result"]["commands"]["hellos_refused"] == 1)
        asking = threading.Thread(target=lambda: self.ask("pause", target="trainer-1"))
        asking.start()
        self.assertTrue(new.poll(PATIENCE_S * 1000))
        id = json.loads(new.recv_multipart()[1])["id"]
        new.send_multipart([b"", json.dumps({"id": id, "success": True}).encode()])
        asking.join()
        self.assertFalse(old.poll(10))

    def connected_sources(self) -> set[str]:
        sources = self.ask("get_sources")["result"]["sources"]
        return {s["source"] for s in sources if s.get("connected")}


class Types(KeyedBridge):
    """Who may publish some types only."""

    roles = """[[role.gauge.publish]]
types = ["metric_*"]
sources = ["{name}"]
[role.gauge]
http = ["/submit_event"]
"""
    holders = (("g", "gauge"), ("boss", "operator"))

    def test_by_whichever_way(self) -> None:
        own = self.connected(zmq.DEALER, "g", self.bridge.control)
        hello: dict = {"type": "_source", "source": "g", "run": "r1", "data": {"head": 0, "oldest": 1, "commands": ["pause"]}}
        own.send_multipart([b"", json.dumps(hello).encode()])
        wait_until(lambda: [s for s in self.ask("get_sources")["result"]["sources"] if s.get("connected")])
        publisher = self.publisher("g")
        publisher.send(b"\n".join((body("g", 1, "metric_a"), body("g", 2, "order"), body("g", type="order"), body("g", 3, "metric_b"))))
        wait_until(lambda: self.rejected() == 2)
        hello["data"]["head"] = 3
        own.send_multipart([b"", json.dumps(hello).encode()])
        self.assertTrue(own.poll(PATIENCE_S * 1000))
        request = json.loads(own.recv_multipart()[1])
        self.assertEqual(request["command"], "_replay")
        again = [json.loads(body("g", n, "order")) for n in range(request["params"]["from"], request["params"]["to"] + 1)]
        own.send_multipart([b"", json.dumps({"id": request["id"], "success": True, "result": {"events": again}}).encode()])
        wait_until(lambda: self.statuses("source_lost"))
        self.assertEqual({e["type"] for e in self.events(source="g")}, {"metric_a", "metric_b"})
        self.assertIn("type is not one that whoever sent it may publish", self.bridge.log())


class Bots(KeyedBridge):
    def test_a_bot_is_who_its_key_is(self) -> None:
        self.key("a", "bot")
        self.key("b", "bot")
        switch = {"timeout_ms": 60_000, "on_expiry": {"command": "cancel_order", "target": "nobody"}}
        self.assertEqual(self.ask("arm_dead_mans_switch", "a", **switch)["result"]["name"], "a/bot-a")
        # Over another connection: the same, and another's key is another.
        self.assertTrue(self.ask("disarm_dead_mans_switch", "a")["result"]["disarmed"])
        self.ask("arm_dead_mans_switch", "a", **switch)
        self.assertFalse(self.ask("disarm_dead_mans_switch", "b")["result"]["disarmed"])
        # What its role may not, whatever it calls itself.
        with self.connected(zmq.REQ, "a", self.bridge.commands, ROUTING_ID=b"boss") as s:
            s.send(b'{"command":"pause","target":"trainer-1","id":1}')
            self.assertTrue(s.poll(PATIENCE_S * 1000))
            self.assertEqual(json.loads(s.recv())["data"]["error_type"], "forbidden")

    def test_a_reply_is_not_given_to_who_has_taken_the_routing_id(self) -> None:
        self.key("a", "bot")
        self.key("b", "bot")
        trainer = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        trainer.send_multipart([b"", json.dumps({"type": "_source", "source": "trainer-1", "run": "r1",
                                                 "data": {"commands": ["place_order"]}}).encode()])
        wait_until(lambda: [s for s in self.ask("get_sources")["result"]["sources"] if s.get("connected")])
        a = self.connected(zmq.DEALER, "a", self.bridge.commands, ROUTING_ID=b"x")
        a.send_multipart([b"", b'{"command":"place_order","target":"trainer-1","id":1}'])
        self.assertTrue(trainer.poll(PATIENCE_S * 1000))
        id = json.loads(trainer.recv_multipart()[1])["id"]
        # While a is there, b cannot have it; when it has gone b can, and gets nothing of a's.
        b = self.connected(zmq.DEALER, "b", self.bridge.commands, ROUTING_ID=b"x")
        time.sleep(SOON_S)
        a.close()
        b.close()

        def has_it() -> zmq.Socket | None:
            s = self.connected(zmq.DEALER, "b", self.bridge.commands, ROUTING_ID=b"x")
            s.send_multipart([b"", b'{"command":"get_status","id":2}'])
            if s.poll(SOON_S * 1000):
                self.assertEqual(json.loads(s.recv_multipart()[1])["id"], 2)
                return s
            s.close()  # the bridge has yet to notice that a has gone
            return None

        b = wait_until(has_it)
        trainer.send_multipart([b"", json.dumps({"id": id, "success": True, "result": {"secret": 1}}).encode()])
        self.assertFalse(b.poll(SOON_S * 1000), "b has a's reply")

    def test_a_reader_whose_key_is_revoked_gets_no_more_and_others_miss_nothing(self) -> None:
        self.key("a", "bot")
        source = self.publisher("trainer-1")
        readers = {name: self.connected(zmq.SUB, name, self.bridge.events_out, SUBSCRIBE=b"t/", RCVHWM=0)
                   for name in ("boss", "a")}
        seen: dict[str, list[int]] = {"boss": [], "a": []}

        def take() -> None:
            for name, s in readers.items():
                while s.poll(0):
                    seen[name].append(json.loads(s.recv_multipart()[1])["data"]["n"])

        def both() -> bool:
            source.send(body("trainer-1", n=-1))
            time.sleep(0.05)
            take()
            return bool(seen["boss"]) and bool(seen["a"])

        wait_until(both)
        self.revoke("a")
        for n in range(4000):
            source.send(body("trainer-1", n=n))
            time.sleep(0.0005)
            take()
        wait_until(lambda: take() or seen["boss"][-1:] == [3999])
        self.assertEqual([n for n in seen["boss"] if n >= 0], list(range(4000)))
        had = len(seen["a"])
        source.send(body("trainer-1", n=4000))
        wait_until(lambda: take() or seen["boss"][-1:] == [4000])
        time.sleep(SOON_S)
        take()
        self.assertEqual(len(seen["a"]), had)
        self.assertLess(max(seen["a"]), 3999)


class Runs(KeyedBridge):
    """Who reads one source, and may name runs."""

    roles = """[[role.eyes.read]]
sources = ["trainer-1"]
[[role.eyes.command]]
commands = ["get_runs", "set_run"]
"""
    holders = (("trainer-1", "trainer"), ("trainer-2", "trainer"), ("boss", "operator"), ("eyes", "eyes"))

    def names(self, key: str) -> dict:
        return {run["run_id"]: run["name"] for run in self.ask("get_runs", key)["result"]["runs"]}

    def test_a_run_that_is_not_read_is_not_named_either(self) -> None:
        own, other = "trainer-1@r1/a", "trainer-2@r1/a"
        for name in ("trainer-1", "trainer-2"):
            self.publisher(name).send(body(name, 1, "episode_end", agent_id="a", reward=1.0))
        wait_until(lambda: {own, other} <= set(self.names("boss")))
        self.assertEqual({run.split("@")[0] for run in self.names("eyes")}, {"trainer-1"})
        self.assertEqual(self.ask("set_run", "eyes", run_id=own, name="mine")["status"], "command_result")
        self.assertEqual(self.ask("set_run", "eyes", run_id=other, name="mine")["data"]["error_type"],
                         self.ask("set_run", "eyes", run_id="none@r1/a", name="mine")["data"]["error_type"])
        names = self.names("boss")
        self.assertEqual((names[own], names[other] == "mine"), ("mine", False))


class Revoked(KeyedBridge):
    def test_under_load_from_the_next_message_on_and_others_lose_nothing(self) -> None:
        first, second = self.publisher("trainer-1"), self.publisher("trainer-2")
        stop = threading.Event()
        sent = [0]

        def load() -> None:
            while not stop.is_set():
                second.send(b"\n".join(body("trainer-2", sent[0] + n + 1) for n in range(100)))
                sent[0] += 100
                time.sleep(0.002)

        loading = threading.Thread(target=load)
        loading.start()
        try:
            first.send(body("trainer-1", type="kept"))
            wait_until(lambda: self.events(type="kept"))
            self.revoke("trainer-1")
            for _ in range(50):
                try:
                    first.send(body("trainer-1", type="late"), zmq.NOBLOCK)
                except zmq.Again:
                    break  # it was disconnected
                time.sleep(0.01)
        finally:
            stop.set()
            loading.join()
        wait_until(lambda: self.source("trainer-2").get("events") == sent[0])
        self.assertEqual(self.source("trainer-2")["lost"], 0)
        self.assertEqual(self.events(type="late"), [])
        self.assertIn("trainer-1", [t["source"] for t in self.statuses("source_refused")])
        wait_until(lambda: self.failed()["refused"] >= 1)  # it has come again

    def test_a_trainer_is_commanded_no_more(self) -> None:
        s = self.connected(zmq.DEALER, "trainer-1", self.bridge.control)
        hello = {"type": "_source", "source": "trainer-1", "run": "r1", "data": {"commands": ["pause"]}}
        s.send_multipart([b"", json.dumps(hello).encode()])
        wait_until(lambda: self.source("trainer-1").get("connected"))
        self.revoke("trainer-1")
        wait_until(lambda: not self.source("trainer-1").get("connected"))
        self.assertEqual(self.ask("pause", target="trainer-1")["data"]["error_type"], "unknown_target")
        self.assertFalse(s.poll(10))

    def test_a_bot_is_answered_no_more(self) -> None:
        self.key("a", "bot")
        s = self.connected(zmq.DEALER, "a", self.bridge.commands)
        s.send_multipart([b"", b'{"command":"get_status","id":1}'])
        self.assertTrue(s.poll(PATIENCE_S * 1000))
        self.assertEqual(json.loads(s.recv_multipart()[1])["status"], "command_result")
        self.revoke("a")

        def refused() -> bool:
            s.send_multipart([b"", b'{"command":"get_status","id":1}'])
            self.assertTrue(s.poll(PATIENCE_S * 1000))
            return json.loads(s.recv_multipart()[1]).get("data", {}).get("error_type") == "unauthorized"

        wait_until(refused)

    def source(self, name: str) -> dict:
        sources = self.ask("get_sources")["result"]["sources"]
        return next((s for s in sources if s["source"] == name), {})


class Bound(KeyedBridge):
    """A trainer that binds a REP, to which the bridge connects."""

    def setUp(self) -> None:
        port = free_port()
        self.endpoint = "tcp://127.0.0.1:%d" % port
        self.settings = ('trainers.connect={"trainer-1"="%s"}' % self.endpoint,)
        super().setUp()

    def answered(self, s: zmq.Socket, key: str) -> bool:
        """Whether a command came to it, and its answer back."""
        replies: list = []
        asking = threading.Thread(target=lambda: replies.append(self.ask("pause", target="trainer-1")))
        asking.start()
        reached = bool(s.poll(SOON_S * 1000))
        if reached:
            request = json.loads(s.recv())
            s.send(json.dumps({"id": request["id"], "success": True, "result": {"by": key}}).encode())
        asking.join()
        self.assertEqual(replies[0].get("result") == {"by": key}, reached)
        return reached

    def test_only_whose_name_it_is_is_commanded_and_no_more_once_his_key_is_gone(self) -> None:
        own = self.socket(zmq.REP, "trainer-1")
        own.bind(self.endpoint)
        wait_until(lambda: self.answered(own, "trainer-1"))
        self.revoke("trainer-1")
        wait_until(lambda: not self.answered(own, "trainer-1"))
        own.close()
        other = self.socket(zmq.REP, "trainer-2")
        wait_until(lambda: self.bound(other))
        wait_until(lambda: self.failed()["refused"] >= 2)
        self.assertFalse(self.answered(other, "trainer-2"))

    def bound(self, s: zmq.Socket) -> bool:
        try:
            s.bind(self.endpoint)
            return True
        except zmq.ZMQError:
            return False


if __name__ == "__main__":
    unittest.main()
