"""Bridges that share a log on real NATS servers: the same events with the same numbers on each, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import struct
import subprocess
import threading
import time
import unittest
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import websockets
from nats_servers import NatsServers, needs_nats
from nats_users import Users
from ppo_bridge import Publisher
from support import PATIENCE_S, Bridge, scratch, wait_until

ROWS = "SELECT seq, source, run, source_seq, body FROM events ORDER BY seq"


@needs_nats
class Cluster(unittest.TestCase):
    servers = 1

    def setUp(self) -> None:
        if b"no JetStream" in self.check("engine.kind=jetstream").stderr:
            self.skipTest("this build has no JetStream")
        self.home = scratch(self)
        self.nats = self.start_servers()
        self.addCleanup(self.nats.close)

    def start_servers(self) -> NatsServers:
        return NatsServers(self.home, self.servers)

    def check(self, *settings: str) -> subprocess.CompletedProcess:
        command = [os.environ["PPO_BRIDGE_BIN"], "--check-config"]
        for setting in settings:
            command += ["--set", setting]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE_S)

    def node(self, name: str, *settings: str) -> Bridge:
        bridge = Bridge("engine.kind=jetstream", "cluster.node=" + name, "cluster.servers=" + json.dumps(self.nats.urls),
                        "cluster.replicas=%d" % self.servers, "cluster.bytes_max=268435456", "journal.path=%s" % self.journal(name), *settings)
        self.addCleanup(bridge.close)
        return bridge

    def begin(self, name: str, *settings: str) -> subprocess.CompletedProcess:
        """One that does not start."""
        command = [os.environ["PPO_BRIDGE_BIN"]]
        for setting in ("engine.kind=jetstream", "cluster.node=" + name, "cluster.servers=" + json.dumps(self.nats.urls), "cluster.replicas=1",
                        "cluster.bytes_max=268435456", "journal.path=" + self.journal(name), *settings):
            command += ["--set", setting]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE_S)

    def journal(self, name: str) -> str:
        return "%s/%s.sqlite" % (self.home, name)

    def publisher(self, source: str, bridge: Bridge) -> Publisher:
        publisher = Publisher(source, endpoint=bridge.events_in, control=bridge.control, system_metrics_s=0)
        self.addCleanup(publisher.close, 0)
        return publisher

    def trainer(self, source: str, bridge: Bridge, done: list[str], **options) -> Publisher:
        publisher = Publisher(source, endpoint=bridge.events_in, control=bridge.control, system_metrics_s=0, **options)
        self.addCleanup(publisher.close, 0)
        publisher.on_command("mark", lambda command: done.append(command["word"]))
        return publisher

    def rows(self, name: str) -> list:
        with sqlite3.connect("file:%s?mode=ro" % self.journal(name), uri=True) as db:
            return db.execute(ROWS).fetchall()

    def wait_whole(self, names: list[str], published: dict[str, int]) -> list:
        """Until each node's journal has all that was published; what they have, which is the same."""

        def whole() -> bool:
            return all(self.counts(self.rows(name)) == published for name in names)

        wait_until(whole, "for all events on all nodes")
        last = max(len(self.rows(name)) for name in names)
        wait_until(lambda: all(len(self.rows(name)) >= last for name in names), "for equal logs")
        found = [self.rows(name)[:last] for name in names]
        for rows in found[1:]:
            self.assertEqual(rows, found[0])
        self.assertEqual([row[0] for row in found[0]], list(range(1, last + 1)))
        positions: dict[str, int] = {}
        for _, source, _, source_seq, _ in found[0]:
            if source in published:
                self.assertEqual(source_seq, positions.get(source, 0) + 1, source)
                positions[source] = source_seq
        return found[0]

    def as_me(self, bridge: Bridge, name: str, **params) -> dict:
        """As a client that registers; who does so under the same name has the same switch, over any bridge."""

        async def reply() -> dict:
            async with websockets.connect(bridge.ws) as socket:
                for request in ({"action": "register", "client_id": "me"}, {"action": "command", "command": name, "params": params}):
                    await socket.send(json.dumps(request))
                while True:
                    message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
                    if message.get("action") == "command":
                        return message

        return asyncio.run(reply())

    def counts(self, rows: list) -> dict[str, int]:
        counts: dict[str, int] = {}
        for _, source, *_ in rows:
            if source != "ppo-bridge":
                counts[source] = counts.get(source, 0) + 1
        return counts


class TwoBridges(Cluster):
    def test_the_same_events_with_the_same_numbers_and_since_means_the_same(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        at_one, at_two = self.publisher("at-one", one), self.publisher("at-two", two)
        for i in range(500):
            at_one.publish("tick", {"i": i})
            at_two.publish("tick", {"i": i})
        rows = self.wait_whole(["n1", "n2"], {"at-one": at_one.stats().published, "at-two": at_two.stats().published})
        self.assertEqual(one.ask("get_status")["result"]["epoch"], two.ask("get_status")["result"]["epoch"])

        middle, last = len(rows) // 2, len(rows)
        here = asyncio.run(self.read(one.ws, None, 0, middle))
        there = asyncio.run(self.read(two.ws, here[-1]["epoch"], here[-1]["seq"], last - middle))
        self.assertEqual([e["seq"] for e in here + there], list(range(1, last + 1)))
        self.assertEqual([json.loads(row[4]) for row in rows[middle:]], [e["event"] for e in there])

    async def read(self, url: str, epoch: str | None, seq: int, count: int) -> list[dict]:
        async with websockets.connect(url, max_size=None) as socket:
            welcome = json.loads(await socket.recv())["data"]
            request = {"action": "subscribe", "subscriptions": ["*"], "since": {"epoch": epoch or welcome["epoch"], "seq": seq}}
            await socket.send(json.dumps(request))
            found: list[dict] = []
            while len(found) < count:
                message = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S))
                self.assertNotEqual(message.get("type"), "gap")
                if "seq" in message and "data" in message:
                    found.append({"epoch": welcome["epoch"], "seq": message["seq"], "event": message})
            return found

    def test_since_ahead_of_a_bridge_is_waited_for(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        publisher = self.publisher("s", one)
        publisher.publish("tick", {})
        wait_until(lambda: self.counts(self.rows("n2")).get("s"))
        status = two.ask("get_status")["result"]

        async def ahead() -> list[dict]:
            async with websockets.connect(two.ws, max_size=None) as socket:
                await socket.recv()
                since = {"epoch": status["epoch"], "seq": status["seq"] + 5}
                await socket.send(json.dumps({"action": "subscribe", "subscriptions": ["tick"], "since": since}))
                await socket.send(json.dumps({"action": "ping"}))
                self.assertEqual(json.loads(await socket.recv())["status"], "pong")
                for i in range(8):
                    publisher.publish("tick", {"i": i})
                return [json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)) for _ in range(4)]

        reply, *events = asyncio.run(ahead())
        self.assertTrue(reply["recovered"], reply)
        # Announcements of sources are events too: which are ticks is not known, but that none is missing or there twice.
        self.assertEqual(events, [e for e in two.events("tick") if e["seq"] > status["seq"] + 5][:3])

    def test_commands_find_their_trainer_and_a_source_that_moves_has_not_gone(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        done: list[str] = []
        trainer = self.trainer("t", one, done)
        wait_until(lambda: two.source("t").get("connected"), "for the source at the other bridge")
        self.assertEqual(two.source("t")["node"], "n1")
        self.assertEqual(one.source("t")["node"], "n1")
        for target in ("t", "*", "t@" + two.source("t")["run"]):
            reply = two.ask("mark", target, word=target)
            self.assertTrue(reply["success"], reply)
        self.assertEqual(done, ["t", "*", "t@" + two.source("t")["run"]])
        told = wait_until(lambda: len(two.events("command_executed")) >= 3 and two.events("command_executed"))
        self.assertEqual([e["data"]["outcome"] for e in told], ["success"] * 3)
        self.assertEqual(two.ask("get_status")["result"]["cluster"]["pages"], [])
        self.assertEqual([(n["node"], n["here"], n["state"], n["sources"]) for n in self.nodes(two)],
                         [("n1", False, "live", 1), ("n2", True, "live", 0)])
        wait_until(lambda: self.nodes(two)[0]["agrees"], "for equal hashes")
        self.assertIn('ppo_bridge_cluster_node_live{node="n1"} 1', self.metrics(two))

        # It goes to the other bridge.
        self.trainer("t", two, done, run=trainer.run)
        wait_until(lambda: self.nodes(one)[1]["sources"] == 1, "for the source at the other bridge")
        trainer.close(0)
        wait_until(lambda: one.source("t").get("node") == "n2", "for the source to have moved")
        self.assertTrue(one.ask("mark", "t", word="moved")["success"])
        self.assertEqual(self.statuses(one), ["source_connected"])
        # That dies: at once no more commands, and then it is told so.
        two.kill()
        reply = one.ask("mark", "t", word="dead")
        self.assertEqual(reply["data"]["error_type"], "rejected", reply)
        self.assertIn("its bridge is away", reply["data"]["message"])
        wait_until(lambda: self.statuses(one) == ["source_connected", "source_stalled"], "for what is told of it")
        self.assertEqual(self.nodes(one)[1]["state"], "stalled")

    def test_two_processes_of_one_name_at_two_bridges_are_ambiguous(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        done: list[str] = []
        trainers = {"r1": self.trainer("t", one, done, run="r1"), "r2": self.trainer("t", two, done, run="r2")}
        wait_until(lambda: one.ask("mark", "t", word="?").get("data", {}).get("error_type") == "ambiguous_target")
        wait_until(lambda: two.ask("mark", "t", word="?").get("data", {}).get("error_type") == "ambiguous_target")
        done.clear()

        def conflicts(bridge: Bridge) -> list[dict]:
            return [e["data"] for e in bridge.events("system_status") if e["data"]["status"].startswith("source_conflict")]

        wait_until(lambda: conflicts(one) and conflicts(one) == conflicts(two), "for the conflict on both")
        told = conflicts(one)
        self.assertEqual([(c["status"], c["source"]) for c in told], [("source_conflict", "t")])
        self.assertEqual(sorted((run["run"], run["host"], run["pid"]) for run in told[0]["runs"]),
                         [(run, socket.gethostname(), os.getpid()) for run in ("r1", "r2")])
        for run in trainers:
            self.assertTrue(one.ask("mark", "t@" + run, word=run)["success"])
        self.assertEqual(done, ["r1", "r2"])
        trainers["r1"].close(0)
        wait_until(lambda: len(conflicts(one)) == 2 and conflicts(one) == conflicts(two), "for its end")
        self.assertEqual([conflicts(one)[1][k] for k in ("status", "run")], ["source_conflict_over", "r2"])
        self.assertTrue(one.ask("mark", "t", word="alone")["success"])

    def test_a_switch_is_rearmed_over_any_bridge_and_fires_where_the_one_that_armed_it_was_killed(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        done: list[str] = []
        self.trainer("t", two, done)
        wait_until(lambda: one.source("t").get("connected"), "for the source at the other bridge")

        def arm(bridge: Bridge, timeout_ms: int) -> dict:
            return self.arm(bridge, timeout_ms, "t")["result"]

        self.assertEqual(arm(one, 500), {"armed": True, "name": "me", "timeout_ms": 500.0, "survives_restart": True})
        self.assertTrue(arm(two, 60_000)["armed"])
        armed = time.monotonic()
        wait_until(lambda: time.monotonic() > armed + 1.2)  # longer than the first one had, and the others wait
        self.assertEqual(done, [])
        self.assertEqual(self.as_me(one, "disarm_dead_mans_switch")["result"], {"disarmed": True})
        self.assertEqual(self.as_me(two, "disarm_dead_mans_switch")["result"], {"disarmed": False})
        arm(one, 300)
        one.kill()
        wait_until(lambda: done == ["fired"], "for the switch")
        told = wait_until(lambda: two.events("command_executed"))
        self.assertEqual([e["data"]["outcome"] for e in told], ["success"])
        self.assertEqual([e["data"]["status"] for e in two.events("system_status") if "switch" in e["data"]["status"]], ["dead_mans_switch_expired"])
        # It is not issued again by who comes back.
        one.start()
        wait_until(lambda: len(self.nodes(one)) == 2 and self.nodes(one)[1]["state"] == "live")
        self.assertEqual(len(one.events("command_executed")), 1)
        self.assertEqual(done, ["fired"])

    @unittest.skipUnless(os.environ.get("PPO_CLUSTER") == "full", "takes half a minute; PPO_CLUSTER=full runs it")
    def test_without_a_log_each_bridge_issues_a_switch_to_its_own_trainers_and_nothing_can_be_armed(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        done: dict[str, list[str]] = {"a": [], "b": []}
        self.trainer("a", one, done["a"])
        self.trainer("b", two, done["b"])
        wait_until(lambda: one.source("b").get("connected") and two.source("a").get("connected"))
        self.assertTrue(self.arm(one, 500, "*")["result"]["armed"])
        self.nats.kill(0)
        began = time.monotonic()
        waiting = self.arm(two, 500, "*")
        self.assertEqual(waiting["data"]["error_type"], "timeout", waiting)
        wait_until(lambda: done == {"a": ["fired"], "b": ["fired"]}, "for the interlock")
        self.assertGreater(time.monotonic() - began, 10)
        self.assertEqual(self.arm(one, 500, "*")["data"]["error_type"], "rejected")
        self.nats.start(0)

        def told(bridge: Bridge) -> list[str | None]:
            return [e["data"].get("node") for e in bridge.events("system_status") if e["data"]["status"] == "dead_mans_switch_expired"]

        # What was armed while nothing went on is so now, and is not armed again.
        wait_until(lambda: len(told(one)) == 3 and told(one) == told(two), "for what is told", 30)
        self.assertEqual(sorted(told(one), key=str), [None, "n1", "n2"])
        wait_until(lambda: done == {"a": ["fired"] * 2, "b": ["fired"] * 2}, "for the second one")

    def arm(self, bridge: Bridge, timeout_ms: int, target: str) -> dict:
        return self.as_me(bridge, "arm_dead_mans_switch", timeout_ms=timeout_ms,
                          on_expiry={"command": "mark", "target": target, "params": {"word": "fired"}})

    def test_runs_curves_and_tallies_are_the_same_on_each(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        runs = []
        for name, bridge in (("at-one", one), ("at-two", two)):
            publisher = self.publisher(name, bridge)
            publisher.publish("run_started", {"name": "of " + name})
            for i in range(300):
                publisher.publish("scalar", {"tag": "loss", "value": i / 7, "step": i})
                publisher.publish("trade_executed", {"item": "Coal", "profit": i % 3 - 1.5, "total_value": i})
            publisher.publish("run_ended", {"state": "finished"})
            publisher.flush()
            runs.append("%s@%s" % (name, publisher.run))
        wait_until(lambda: all(len(bridge.events("run_ended")) == 2 for bridge in (one, two)), "for the ends of both")

        def answers(bridge: Bridge) -> list[dict]:
            asked = [bridge.ask("get_runs"), bridge.ask("get_series", run_ids=runs, points_max=100, marks=True), bridge.ask("get_tallies")]
            return [reply["result"] for reply in asked]

        def same() -> bool:
            found = answers(one)
            return found == answers(two) and {run["state"] for run in found[0]["runs"]} == {"finished"}

        wait_until(same, "for equal answers")
        found = answers(one)
        self.assertEqual(sorted(run["run_id"] for run in found[0]["runs"]), sorted(runs))
        self.assertEqual([len(series["points"]) > 50 for series in found[1]["series"]], [True, True])
        self.assertEqual([tally["trades"] for tally in found[2]["tallies"]], [300, 300])
        wait_until(lambda: self.types(one) == self.types(two), "for the same types")
        self.assertEqual([self.types(one)[type]["events"] for type in ("scalar", "trade_executed", "run_started")], [600, 600, 2])
        self.assertTrue(two.ask("set_run", run_id=runs[0], name="ours", note="good", tags=["x"], pinned=True)["result"]["changed"])
        self.assertTrue(one.ask("set_run", run_id=runs[0], note="better", pinned=False)["result"]["changed"])
        wait_until(lambda: "better" in [run["note"] for run in answers(two)[0]["runs"]] and same(), "for what is set on both")
        self.assertEqual(one.ask("set_run", run_id="no@one", note="x")["data"]["error_type"], "bad_request")
        one.kill()
        one.start()
        wait_until(lambda: same() and self.types(one) == self.types(two), "for equal answers after a kill")
        # The log stands still: whoever asks is told so, and what was asked for may be yet.
        self.nats.kill(0)
        refused = two.ask("set_run", run_id=runs[0], note="late")
        self.assertEqual(refused["data"]["error_type"], "timeout", refused)
        self.nats.start(0)
        wait_until(lambda: "late" in [run["note"] for run in answers(one)[0]["runs"]] and same(), "for what was asked for meanwhile")

    def test_alerts_are_made_and_ended_over_any_bridge_told_once_and_outlive_the_one_that_told(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        publisher = self.publisher("s", two)
        hooks: list[str] = []

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hooks.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["type"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        action = {"webhook": "http://127.0.0.1:%d/" % server.server_port}
        made = [bridge.ask("create_alert", rule="tick where x > 5", action=action)["result"] for bridge in (two, one)]
        self.assertEqual([alert["created"] for alert in made], [True, False])
        self.assertEqual(made[0]["alert_id"], made[1]["alert_id"])
        lasting = one.ask("create_alert", rule="error", name="wrong")["result"]["alert_id"]

        def raised(bridge: Bridge) -> dict[int, list]:
            alerts = bridge.ask("list_alerts")["result"]["alerts"]
            return {alert["alert_id"]: [alert["unacknowledged"], [(r["seq"], r["acknowledged"]) for r in alert["raised"]]] for alert in alerts}

        def both(wanted: dict[int, list]) -> bool:
            shape = lambda found: {id: [count, [r[1] for r in r_]] for id, (count, r_) in found.items()}  # noqa: E731
            return shape(raised(one)) == wanted and raised(one) == raised(two)

        tick = made[0]["alert_id"]
        self.assertTrue(both({tick: [0, []], lasting: [0, []]}))
        publisher.publish("tick", {"x": 6})
        publisher.publish("error", {"message": "m"})
        wait_until(lambda: both({tick: [1, [False]], lasting: [1, [False]]}), "for both bridges to know")
        self.assertEqual(two.ask("acknowledge_alert", alert_id=tick)["result"]["acknowledged"], 1)
        self.assertEqual(two.ask("acknowledge_alert", alert_id=lasting)["result"]["acknowledged"], 1)
        wait_until(lambda: both({tick: [0, [True]], lasting: [0, []]}), "for it to be acknowledged on both")
        wait_until(lambda: hooks == ["alert_raised"], "for the webhook")

        # Who tells is killed: the other is next, and goes on from what was told.
        one.kill()
        publisher.publish("tick", {"x": 1})
        wait_until(lambda: hooks == ["alert_raised", "alert_cleared"], "for the other bridge to tell")
        self.assertTrue(two.ask("delete_alert", alert_id=tick)["result"]["deleted"])
        one.start()
        wait_until(lambda: both({lasting: [0, []]}), "for one alert on both")
        told = [(e["type"], e["data"]["alert_id"], e["data"].get("reason")) for e in one.events("alert_*")]
        self.assertEqual([t for t in told if t[0] != "alert_action"], [
            ("alert_raised", tick, None), ("alert_raised", lasting, None), ("alert_cleared", lasting, "acknowledged"),
            ("alert_cleared", tick, "over")])

    def types(self, bridge: Bridge) -> dict[str, dict]:
        return {each["type"]: each for each in bridge.ask("get_event_types")["result"]["event_types"]}

    def nodes(self, bridge: Bridge) -> list[dict]:
        return bridge.ask("get_status")["result"]["cluster"]["nodes"]

    def statuses(self, bridge: Bridge) -> list[str]:
        told = [e["data"] for e in bridge.events("system_status")]
        return [data["status"] for data in told if data.get("source") == "t"]

    def metrics(self, bridge: Bridge) -> str:
        with urllib.request.urlopen(bridge.ws.replace("ws://", "http://").replace("/ws", "/metrics"), timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def test_a_bridge_and_a_server_are_killed_under_load_and_nothing_is_missing_or_there_twice(self) -> None:
        one, two = self.node("n1"), self.node("n2")
        publishers = {"at-one": self.publisher("at-one", one), "at-two": self.publisher("at-two", two)}
        stop = threading.Event()

        def publish() -> None:
            i = 0
            while not stop.is_set():
                for publisher in publishers.values():
                    publisher.publish("tick", {"i": i})
                i += 1
                time.sleep(0.001)

        thread = threading.Thread(target=publish)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        wait_until(lambda: len(self.rows("n2")) > 300)
        one.kill()
        have = len(self.rows("n2"))
        wait_until(lambda: len(self.rows("n2")) > have + 200)
        one.start()
        have = len(self.rows("n1"))
        wait_until(lambda: len(self.rows("n1")) > have + 200)
        self.nats.kill(0)
        time.sleep(0.2)
        self.nats.start(0)
        have = len(self.rows("n1"))
        wait_until(lambda: len(self.rows("n1")) > have + 200, "for events behind the server's end", 30)
        stop.set()
        thread.join()
        for publisher in publishers.values():
            publisher.flush(20)
        self.wait_whole(["n1", "n2"], {name: publisher.stats().published for name, publisher in publishers.items()})


class Joins(Cluster):
    """From checkpoints."""

    def checkpoint(self, bridge: Bridge) -> int:
        return bridge.ask("get_status")["result"]["cluster"]["checkpoint"] or 0

    def wait_checkpoint(self, bridge: Bridge) -> None:
        """One that holds all that is there by now."""
        now = bridge.ask("get_status")["result"]["cluster"]["stream_seq"]
        wait_until(lambda: self.checkpoint(bridge) >= now - 1, "for a checkpoint")  # behind which is itself

    def flood(self, publisher: Publisher, bridge: Bridge, name: str, count: int) -> None:
        """So much that a log of 1 MiB lets go of its beginning."""
        have = self.counts(self.rows(name)).get(publisher.source, 0)
        for i in range(count):
            publisher.publish("tick", {"i": i, "x": "x" * 60_000})
        publisher.flush(PATIENCE_S)
        wait_until(lambda: self.counts(self.rows(name)).get(publisher.source) == have + count)

    def holes(self, name: str) -> list[tuple]:
        with sqlite3.connect("file:%s?mode=ro" % self.journal(name), uri=True) as db:
            return db.execute("SELECT from_seq, to_seq, reason FROM holes ORDER BY from_seq").fetchall()

    def wait_alike(self, names: list[str], publisher: Publisher) -> list:
        """Until the last of them has what the first has, as far as it begins; the last one's rows."""
        published = publisher.stats().published

        def alike() -> bool:
            first, last = self.rows(names[0]), self.rows(names[-1])
            missing = {seq for from_seq, to_seq, _ in self.holes(names[-1]) for seq in range(from_seq, to_seq + 1)}
            have = [row[3] for row in last if row[1] == publisher.source]
            return have[-1:] == [published] and [row for row in first if row[0] not in missing] == last

        wait_until(alike, "for equal rows")
        return self.rows(names[-1])

    async def first_after(self, bridge: Bridge, seq: int) -> list[dict]:
        """What a client that has seen all up to there is told first."""
        async with websockets.connect(bridge.ws, max_size=None) as socket:
            epoch = json.loads(await socket.recv())["data"]["epoch"]
            await socket.send(json.dumps({"action": "subscribe", "subscriptions": ["*"], "since": {"epoch": epoch, "seq": seq}}))
            return [json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)) for _ in range(2)]

    def test_an_empty_disk_and_one_that_was_away_for_too_long_join_from_a_checkpoint(self) -> None:
        settings = ["cluster.bytes_max=1048576", "cluster.checkpoint_s=1"]
        one, two = self.node("n1", *settings), self.node("n2", *settings)
        publisher = self.publisher("s", one)
        publisher.publish("tick", {"i": -1})
        self.wait_alike(["n1", "n2"], publisher)
        wait_until(lambda: os.path.exists(self.journal("n2") + "-cluster"))
        two.kill()
        had = self.rows("n2")[-1][0]
        self.arm_switch(one)
        self.flood(publisher, one, "n1", 40)
        self.wait_checkpoint(one)

        # The one that was away has what it had, and says what it lacks where nobody is there who has it.
        one.kill()
        two.start()
        one.start()
        publisher.publish("tick", {"i": 41})
        self.assertEqual(self.wait_alike(["n1", "n2"], publisher)[0][0], 1)
        hole = self.holes("n2")
        self.assertEqual([(hole[0][0], hole[0][2], len(hole))], [(had + 1, "let go of by the shared log of the cluster", 1)])
        # One that has nothing has from the others what any has, and one that is to be fresh has not.
        whole, three = self.node("n3", *settings), self.node("n4", "cluster.join=fresh", *settings)
        publisher.publish("tick", {"i": 42})
        self.assertEqual(self.wait_alike(["n1", "n3"], publisher)[0][0], 1)
        self.assertEqual(self.holes("n3"), [])
        wait_until(lambda: whole.ask("get_runs")["result"]["runs"] == one.ask("get_runs")["result"]["runs"], "for the same runs")
        last = self.wait_alike(["n1", "n4"], publisher)
        self.assertEqual(self.holes("n4")[0][:2], (1, last[0][0] - 1))
        reply, gap = asyncio.run(self.first_after(three, 0))
        self.assertEqual((reply["action"], gap["type"]), ("subscribe", "gap"))
        self.assertEqual([gap["data"][k] for k in ("from_seq", "to_seq", "reason")], [1, last[0][0] - 1, "evicted"])
        # Positions and rows of what nobody there ever read: a source goes on, a switch is disarmed.
        self.assertEqual(three.ask("get_status")["result"]["cluster"]["problem"], None)
        moved = Publisher("s", run=publisher.run, endpoint=three.events_in, control=three.control, system_metrics_s=0)
        self.addCleanup(moved.close, 0)
        self.assertEqual(self.disarm_switch(three), {"disarmed": True})
        # Killed, they go on from there.
        three.kill()
        three.start()
        publisher.publish("tick", {"i": 43})
        self.wait_alike(["n1", "n4"], publisher)
        self.assertEqual(len(self.holes("n4")), 1)
        self.assertEqual([e for e in one.events("system_status") if e["data"]["status"] == "source_lost"], [])
        self.assertEqual({node["agrees"] for node in one.ask("get_status")["result"]["cluster"]["nodes"] if not node["here"]}, {True})

    def test_fresh_begins_at_a_checkpoint_though_the_log_has_all_and_resume_at_its_beginning(self) -> None:
        one = self.node("n1", "cluster.checkpoint_s=1")
        publisher = self.publisher("s", one)
        publisher.publish("tick", {"i": 0})
        wait_until(lambda: self.counts(self.rows("n1")).get("s"))
        self.wait_checkpoint(one)
        two, three = self.node("n2", "cluster.join=fresh"), self.node("n3")
        publisher.publish("tick", {"i": 1})
        last = self.wait_alike(["n1", "n2"], publisher)
        self.assertGreater(last[0][0], 1)
        self.assertEqual(self.wait_alike(["n1", "n3"], publisher)[0][0], 1)
        # With its journal it goes on from that.
        two.kill()
        publisher.publish("tick", {"i": 2})
        two.start()
        self.wait_alike(["n1", "n2"], publisher)
        self.assertEqual(len(self.holes("n2")), 1)

    def arm_switch(self, bridge: Bridge) -> None:
        reply = self.as_me(bridge, "arm_dead_mans_switch", timeout_ms=600_000, on_expiry={"command": "mark", "target": "*", "params": {}})
        self.assertTrue(reply["result"]["armed"], reply)

    def disarm_switch(self, bridge: Bridge) -> dict:
        return self.as_me(bridge, "disarm_dead_mans_switch")["result"]


class Secured(Cluster):
    def start_servers(self) -> NatsServers:
        self.certificate("server", "IP:127.0.0.1")
        self.users = Users(self.home)
        tls = 'tls { cert_file: "%s/server.pem", key_file: "%s/server.key" }' % (self.home, self.home)
        return NatsServers(self.home, 1, [tls, *self.users.lines])

    def certificate(self, name: str, whose: str) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=nats",
                        "-addext", "subjectAltName=" + whose, "-out", "%s/%s.pem" % (self.home, name), "-keyout", "%s/%s.key" % (self.home, name)],
                       check=True, capture_output=True, timeout=PATIENCE_S)

    def settings(self, node: str, user: str, authority: str = "server") -> list[str]:
        """With what conf/CLUSTER.md says that a bridge's user may do."""
        publish = ["ppo.log." + user, "ppo.log.@checkpoint", "ppo.node." + user, "ppo.cmd.*", "_INBOX.>", "$JS.API.>"]
        return ["cluster.servers=" + json.dumps([url.replace("nats://", "tls://") for url in self.nats.urls]),
                "cluster.tls_ca=%s/%s.pem" % (self.home, authority), "cluster.credentials=%s" % self.users.credentials(user, publish)]

    def test_bridges_with_credentials_over_tls_do_all_that_they_do_without(self) -> None:
        one, two = (self.node(name, *self.settings(name, name)) for name in ("n1", "n2"))
        done: list[str] = []
        trainer = self.trainer("t", one, done)
        wait_until(lambda: two.source("t").get("connected"), "for the source at the other bridge")
        self.assertTrue(two.ask("mark", "t", word="done")["success"])
        self.assertEqual(done, ["done"])
        trainer.publish("tick", {})
        self.wait_whole(["n1", "n2"], {"t": 1})
        # One with another's credentials reads, and says that it has no part in it.
        three = self.node("n3", *self.settings("n3", "n4"))
        self.publisher("s", three).publish("tick", {})
        problem = wait_until(lambda: three.ask("get_status")["result"]["cluster"]["problem"], "for it to say so")
        self.assertEqual(problem, "the user of cluster.credentials may not publish to ppo.log.n3")
        self.assertEqual(one.ask("get_status")["result"]["cluster"]["problem"], None)

    def test_a_server_that_is_not_who_it_should_be_is_not_talked_to(self) -> None:
        self.certificate("other", "IP:127.0.0.1")
        refused = self.begin("n1", "cluster.join_timeout_s=1", *self.settings("n1", "n1", "other"))
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"none can be reached: SSL Error", refused.stderr)
        self.nats.kill(0)
        self.certificate("server", "DNS:other.example.org")
        self.nats.start(0)
        refused = self.begin("n1", "cluster.join_timeout_s=1", *self.settings("n1", "n1"))
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"none can be reached: SSL Error", refused.stderr)


class Misuse(Cluster):
    def test_a_copy_joins_with_all_that_the_log_has_let_go_of_and_where_nothing_is_to_begin_with_it_is_said(self) -> None:
        one = self.node("n1", "cluster.bytes_max=1048576")
        publisher = self.publisher("s", one)
        for i in range(40):
            publisher.publish("tick", {"i": i, "x": "x" * 60_000})
        publisher.flush(PATIENCE_S)
        wait_until(lambda: self.counts(self.rows("n1")).get("s") == 40)
        wait_until(lambda: one.ask("backup", file="n2.sqlite").get("success"), "for a copy")
        self.assertIn("n2.sqlite", one.ask("backup", file="n2.sqlite")["data"]["message"])  # it is there
        two = self.node("n2")
        publisher.publish("tick", {"i": 40})
        self.wait_whole(["n1", "n2"], {"s": 41})
        # What nobody made a checkpoint of pushes out all others.
        publisher.close(0)
        one.kill()
        two.kill()
        for _ in range(3):
            self.nats.publish(0, "ppo.log.junk", b"x" * 400_000)
        refused = self.begin("n3")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"and holds no checkpoint behind that; give it a copy of the journal", refused.stderr)

    def test_a_stream_that_publishes_nothing_again_is_read_from_its_leader_and_from_no_other_replica(self) -> None:
        stream = {"name": "ppo", "subjects": ["ppo.log.*"], "storage": "file", "num_replicas": 1, "allow_direct": False}
        self.nats.publish(0, "$JS.API.STREAM.CREATE.ppo", json.dumps(stream).encode())
        one = self.node("n1")
        self.assertIn("is not published again", one.log())
        publisher = self.publisher("s", one)
        for i in range(40):
            publisher.publish("tick", {"i": i, "x": "\u00e9" * i * 1000})
        publisher.flush(PATIENCE_S)
        self.node("n2")
        publisher.publish("tick", {"i": 40})
        self.wait_whole(["n1", "n2"], {"s": 41})

    def test_a_late_word_that_nobody_leads_makes_no_bridge_deaf(self) -> None:
        one = self.node("n1")
        publisher = self.publisher("s", one)
        timer = threading.Timer(0.2, publisher.publish, ("tick", {"i": 0}))
        timer.start()
        answers = self.nats.asked_on(0, "ppo.log.n1")
        timer.join()
        self.wait_whole(["n1"], {"s": 1})
        # As of a leader that just came to be none: nothing is on its way any more that would take it back.
        self.nats.publish(0, answers, b'{"error":{"code":503,"description":"nobody leads"}}')
        wait_until(lambda: one.ask("get_status")["result"]["cluster"]["problem"] == "JetStream says: nobody leads", "for it to be heard")
        publisher.publish("tick", {"i": 1})
        self.wait_whole(["n1"], {"s": 2})
        self.assertIsNone(one.ask("get_status")["result"]["cluster"]["problem"])

    def test_a_configuration_that_cannot_work_is_refused(self) -> None:
        for settings, message in (
            (["journal.path=\"\""], "journal.path"),
            (["journal.before_delivery=true"], "before_delivery"),
            (["websocket.threads=2"], "websocket.threads"),
            (["cluster.servers=[\"nats://10.1.2.3:4222\"]"], "beyond loopback"),
            (["cluster.servers=[\"http://127.0.0.1\"]"], "cluster.servers"),
            (["cluster.node=a.b"], "cluster.node"),
        ):
            result = self.check("engine.kind=jetstream", *settings)
            self.assertEqual(result.returncode, 2, settings)
            self.assertIn(message, result.stderr.decode())

    def test_rows_and_words_that_no_bridge_would_write_do_no_harm(self) -> None:
        one = self.node("n1")
        rows = [("keep", "alert.a", "{\"rule\":\"((((\",\"name\":1}"), ("keep", "alert.b", "{\"deleted\":[}"), ("keep", "alert.c", "{}"),
                ("keep", "alert.d", "{\"rule\":\"t where x > 1\",\"name\":7,\"created\":-1e99,\"action\":[1],\"acknowledged\":{\"by\":2,\"seq\":-3}}"),
                ("keep", "alert.e", "{\"deleted\":1}"),
                ("keep", "switch.zz", "{]}"), ("keep", "switch.6d65", "{\"on_expiry\":{\"command\":[]}}"), ("word", "run.set", "{\"run_id\":\"@\"}"),
                ("word", "run.set", "{{}"), ("word", "run.other", "{\"run_id\":\"a@b\",\"note\":7}")]
        lines = [b'{"type":"row","data":' + value.encode() + b',"source":"ppo-bridge"}' for _, _, value in rows]
        head = ('PPO2 {"node":"liar","started":1,"no":1,"at":0,"hash":"0000000000000000","stamp":1,"segments":[%s]}\n'
                % ",".join('["!%s","%s",0]' % (kind, key) for kind, key, _ in rows)).encode()
        index = b"".join(struct.pack("<II", len(line), len(value)) for line, (_, _, value) in zip(lines, rows))
        self.nats.publish(0, "ppo.log.liar", head + index + b"".join(lines))

        def alerts(bridge: Bridge) -> list[str]:
            return [alert["rule"] for alert in bridge.ask("list_alerts")["result"]["alerts"]]

        wait_until(lambda: alerts(one) == ["t where x > 1"], "for the one alert that is one")
        two = self.node("n2")
        self.assertEqual(alerts(two), ["t where x > 1"])
        # Both switches are due at once, and are nothing.
        told = wait_until(lambda: [e for e in two.events("system_status") if e["data"]["status"] == "dead_mans_switch_expired"])
        self.assertLessEqual(len(told), 2)
        alert = one.ask("list_alerts")["result"]["alerts"][0]["alert_id"]
        self.assertTrue(two.ask("delete_alert", alert_id=alert)["result"]["deleted"])
        wait_until(lambda: alerts(one) == alerts(two) == [], "for it to be gone on both")

    def test_what_only_a_later_version_understands_stops_a_node_and_it_says_so(self) -> None:
        one = self.node("n1")
        self.nats.publish(0, "ppo.log.later", b"PPO9 {}\n")

        wait_until(lambda: "upgrade this node" in (one.ask("get_status")["result"]["cluster"]["problem"] or ""), "for it to say so")
        publisher = self.publisher("s", one)
        publisher.publish("tick", {})
        self.assertFalse(publisher.flush(0.5) and one.events("tick"))
        # Nor does one begin there, with a journal or without.
        for name in ("n1", "n2"):
            if name == "n1":
                one.kill()
            result = self.begin(name)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"upgrade this node", result.stderr)

    def test_a_journal_of_another_numbering_is_not_gone_on_with(self) -> None:
        local = Bridge("journal.path=" + self.journal("n1"))
        self.addCleanup(local.close)
        self.publisher("s", local).publish("tick", {})
        wait_until(lambda: self.counts(self.rows("n1")).get("s"))
        local.kill()
        result = self.begin("n1")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"holds another numbering", result.stderr)


if __name__ == "__main__":
    unittest.main()
