"""Three servers, three bridges, three trainers, clients that move: each server and each bridge is killed and stopped in
turn, and all servers at once. Every client has every event, in order, each once; all logs are the same; a command is
answered once and done at most once. And each is replaced by a new version.

A short storm by default; PPO_CLUSTER=full is the whole of it, at 5,000 events/s, some minutes long, and says what it saw.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Callable

import websockets
from cluster_case import BODIES, Logs, Trainer, turned
from ppo_bridge_client import Client
from support import PATIENCE_S, die_with_parent, wait_until
from test_cluster import Cluster
from test_cluster_clients import NODES, listed

FULL = os.environ.get("PPO_CLUSTER") == "full"
EVENTS_PER_S = 5000 if FULL else 600
STOPPED_S = 10.0
MOVE_S = 1.5
DEADLINE_S = 2.0
class Threaded:
    """Something on an event loop of its own."""

    def __init__(self) -> None:
        self.stopping = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._main)

    def start(self) -> None:
        self._thread.start()

    def _main(self) -> None:
        try:
            asyncio.run(self.run())
        except BaseException as error:  # for who waits for it
            self.error = error

    async def run(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.stopping = True
        if self._thread.is_alive():
            self._thread.join()


class Mover(Threaded):
    """The Python client; it goes to the next bridge all the time, whether or not its own lives, and says up to where it has come."""

    def __init__(self, urls: str, epoch: str) -> None:
        super().__init__()
        self._urls = urls
        self._epoch = epoch
        self.seqs: list[int] = []
        self.digest = hashlib.sha256()
        self.moves = 0
        self.silence_s = 0.0  # the longest since it was looked at

    async def run(self) -> None:
        heard = time.monotonic()
        while not self.stopping:
            since = {"epoch": self._epoch, "seq": self.seqs[-1] if self.seqs else 0}
            client = Client(turned(self._urls, self.moves % len(NODES)), since=since, batch=True, backoff_s=(0.1, 0.5))
            until = time.monotonic() + MOVE_S
            self.moves += 1
            async with client:
                ending = asyncio.get_running_loop().call_later(MOVE_S, lambda: asyncio.ensure_future(client.close()))
                async for event in client:
                    now = time.monotonic()
                    self.silence_s, heard = max(self.silence_s, now - heard), now
                    assert event["type"] != "gap", event
                    self.seqs.append(event["seq"])
                    self.digest.update(json.dumps([event.get(name) for name in ("seq", "type", "source", "run", "source_seq")]).encode())
                    if now > until or self.stopping:
                        break
                ending.cancel()


class Commander(Threaded):
    """Commands of all trainers, by whichever bridge answers, on the wire itself: so each answer is seen, also a second one."""

    def __init__(self, urls: str) -> None:
        super().__init__()
        self._urls = urls.split(",")
        self.answers: dict[str, list[dict]] = {}
        self.unanswered: set[str] = set()  # their connection was lost, or their bridge stood still
        self.owed: set[str] = set()  # neither
        self._still: dict[str, float] = {}  # when a bridge stood still last

    def stands_still(self, url: str) -> None:
        """Now, or until now."""
        self._still[url] = time.monotonic()

    async def run(self) -> None:
        at = 0
        while not self.stopping:
            at = (at + 1) % len(self._urls)
            try:
                async with websockets.connect(self._urls[at], max_size=None, open_timeout=1, close_timeout=0.2) as socket:
                    await self._command(socket, self._urls[at])
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(0.1)

    async def _command(self, socket: websockets.WebSocketClientProtocol, url: str) -> None:
        began = time.monotonic()
        await socket.send(json.dumps({"action": "register", "client_id": "commander", "subscriptions": []}))
        reader = asyncio.ensure_future(self._read(socket))
        asked: list[str] = []
        try:
            while not self.stopping and not reader.done() and len(asked) < 100:
                word = "w%d" % len(self.answers)
                self.answers[word] = []
                asked.append(word)
                await socket.send(json.dumps({"action": "command", "id": word, "command": "mark", "target": "t%d" % (len(self.answers) % 3),
                                              "params": {"word": word}, "deadline_ms": int(DEADLINE_S * 1000), "idempotency_key": word}))
                await asyncio.sleep(0.03)
            until = time.monotonic() + DEADLINE_S + 5
            while time.monotonic() < until and not reader.done() and not all(self.answers[word] for word in asked):
                await asyncio.sleep(0.02)
        finally:
            excused = reader.done() or not socket.open or self._still.get(url, 0) > began
            (self.unanswered if excused else self.owed).update(word for word in asked if not self.answers[word])
            reader.cancel()

    async def _read(self, socket: websockets.WebSocketClientProtocol) -> None:
        async for text in socket:
            message = json.loads(text)
            if message.get("id") in self.answers:
                self.answers[message["id"]].append(message)


class Storm(Cluster, Logs):
    servers = 3

    def setUp(self) -> None:
        super().setUp()
        self.bridges = [self.node(name) for name in NODES]
        self.urls = listed(self.bridges, "ws")
        self.told: list[str] = []
        self.follow()
        self.trainers = [Trainer("t%d" % i, *(turned(listed(self.bridges, what), i) for what in ("events_in", "control")), EVENTS_PER_S / 3) for i in range(3)]
        for trainer in self.trainers:
            self.addCleanup(trainer.end)
        # And the one in C++, which learns.
        program = Path(os.environ["PPO_BRIDGE_BIN"]).with_name("ppo-trainer")
        self.learner = program.exists() and self.client(
            "--source", "learner", "--steps", "100000000", "--pace", "100", "--checkpoints", str(self.home / "checkpoints"), "--quiet",
            "--events", turned(listed(self.bridges, "events_in"), 2), "--control", turned(listed(self.bridges, "control"), 2), program=str(program), stderr=subprocess.DEVNULL)
        wait_until(lambda: all(self.bridges[0].source("t%d" % i).get("connected") for i in range(3)), "for the trainers")
        self.commander.start()
        self.go_on("begin")

    def follow(self) -> None:
        """Everybody who reads, from the first event on."""
        self.tails = []
        for k in (0, 1):  # the C++ client, at first with another bridge each
            into = open(self.home / ("tail%d" % k), "wb")
            self.addCleanup(into.close)
            self.tails.append(self.client("tail", "--json", "--url", turned(self.urls, k), "--since", "0", stdout=into, stderr=subprocess.DEVNULL))
        self.checker_errors = open(self.home / "check", "w+b")
        self.addCleanup(self.checker_errors.close)
        self.checker = self.client("tail", "--check", "--json", "--url", self.urls, "--since", "0", stdout=subprocess.DEVNULL, stderr=self.checker_errors)
        self.mover = Mover(self.urls, self.bridges[0].ask("get_status")["result"]["epoch"])
        self.commander = Commander(self.urls)
        for one in (self.mover, self.commander):
            self.addCleanup(one.end)
        self.mover.start()

    def client(self, *arguments: str, program: str | None = None, **where: object) -> subprocess.Popen:
        process = subprocess.Popen([program or os.environ["PPO_CLIENT_BIN"], *arguments], preexec_fn=die_with_parent, **where)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def go_on(self, what: str) -> None:
        """Until all nodes have much more than anybody has now."""
        began = time.monotonic()
        self.wait_more(NODES, EVENTS_PER_S // 2, what)
        self.told.append("%-24s all nodes have it %5.1f s later; longest without an event %5.1f s" % (what, time.monotonic() - began, self.mover.silence_s))
        self.mover.silence_s = 0.0

    def stopped(self, signal_it: Callable[[int], None]) -> None:
        signal_it(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        signal_it(signal.SIGCONT)

    def signal_bridge(self, i: int, number: int) -> None:
        self.bridges[i].signal(number)
        self.commander.stands_still(self.bridges[i].ws)

    def kill_bridge(self, i: int) -> None:
        self.bridges[i].kill()
        self.wait_more([name for name in NODES if name != NODES[i]], EVENTS_PER_S // 2, "without " + NODES[i])
        self.bridges[i].start()

    def kill_server(self, i: int) -> None:
        self.nats.kill(i)
        self.nats.start(i)

    def stop_and_kill(self) -> None:
        """Both take some seconds to be got over. What n2 was sent and has not read others propose meanwhile, and then n2 does."""
        self.signal_bridge(1, signal.SIGSTOP)
        self.kill_server(self.nats.leader("ppo"))
        self.wait_more(["n1", "n3"], EVENTS_PER_S // 2, "without n2 and the leader")
        had = self.of_source("t1")
        wait_until(lambda: self.of_source("t1") > had + EVENTS_PER_S // 6, "for n2's trainer to go to another bridge")
        self.signal_bridge(1, signal.SIGCONT)

    def of_learner(self) -> int:
        """How many events it has published, once it has ended; 0 before."""
        known = [bridge.source("learner") for bridge in self.bridges]
        return max(one["last_source_seq"] for one in known) if all(one["state"] == "gone" for one in known) else 0

    def of_source(self, source: str) -> int:
        return self.select("n1", "SELECT COUNT(*) FROM events WHERE source = ?", source)[0][0]

    def kill_servers(self) -> None:
        for i in range(3):
            self.nats.kill(i)
        for i in range(3):
            self.nats.start(i)

    def test_each_is_killed_and_stopped_and_nothing_is_missing_or_there_twice(self) -> None:
        storm = [("kill -9 n%d" % (i + 1), lambda i=i: self.kill_bridge(i)) for i in range(3)]
        storm += [("SIGSTOP n%d" % (i + 1), lambda i=i: self.stopped(lambda number: self.signal_bridge(i, number))) for i in range(3)]
        if FULL:
            storm += [("kill -9 s%d" % i, lambda i=i: self.kill_server(i)) for i in range(3)]
            storm += [("SIGSTOP s%d" % i, lambda i=i: self.stopped(lambda number: self.nats.signal(i, number))) for i in range(3)]
            storm += [("kill -9 of all servers", self.kill_servers)]
        else:
            storm = [storm[0], ("SIGSTOP n2, kill -9 the leader", self.stop_and_kill)]
        for what, act in storm:
            act()
            self.go_on(what)
        self.judge()

    def test_a_rolling_upgrade_loses_nothing(self) -> None:
        for i in range(3) if FULL else (0,):
            self.bridges[i].ask("drain", drain_s=1)
            self.bridges[i].process.wait(PATIENCE_S)
            self.bridges[i].kill()
            self.bridges[i].start()
            self.go_on("drain and start of n%d" % (i + 1))
        ups = self.bridges[0].log().count(" is up, ")
        self.bridges[0].signal(signal.SIGUSR2)
        wait_until(lambda: self.bridges[0].log().count(" is up, ") > ups, "for the next program")
        self.go_on("hand-over of n1")
        leader = self.nats.leader("ppo")
        for i in ((leader + 1) % 3, (leader + 2) % 3, leader) if FULL else ((leader + 1) % 3,):
            self.nats.leave(i, signal.SIGUSR2 if FULL else signal.SIGTERM)  # SIGUSR2: lame duck, which takes its time
            self.nats.start(i)
            self.go_on("new start of s%d%s" % (i, ", which led" if i == leader else ""))
        self.judge()

    def judge(self) -> None:
        self.commander.end()
        ends = [trainer.stop() for trainer in self.trainers]
        published = {"t%d" % i: end["published"] for i, end in enumerate(ends)}
        if self.learner:
            self.learner.terminate()
            self.assertEqual(self.learner.wait(PATIENCE_S), 0)
            published["learner"] = wait_until(self.of_learner, "for the learner's last event")
        self.end_seq = self.judge_logs(NODES, published)
        self.told.append("%d events, %s; sha256 of all journals %s" % (self.end_seq, published, self.hash_to("n1", self.end_seq)[:16]))
        self.judge_clients()
        self.judge_commands([end["done"] for end in ends])
        if FULL:
            print("\n".join(self.told), file=sys.stderr)

    def judge_clients(self) -> None:
        rows = self.select("n1", BODIES, self.end_seq)
        wanted = [row[5] for row in rows]
        for k, tail in enumerate(self.tails):
            path = self.home / ("tail%d" % k)
            wait_until(lambda: self.lines(path) >= len(wanted), "for ppo-client tail %d" % k)
            tail.terminate()
            tail.wait(PATIENCE_S)
            self.assertEqual(path.read_text().splitlines()[: len(wanted)], wanted, "ppo-client tail %d" % k)
        wait_until(lambda: self.mover.error or len(self.mover.seqs) >= len(rows), "for the client that moves")
        self.mover.end()
        self.assertIsNone(self.mover.error)
        self.assertEqual(self.mover.seqs[: len(rows)], [row[0] for row in rows])
        digest = hashlib.sha256()
        for row in rows:
            digest.update(json.dumps([*row[:5]]).encode())
        if len(self.mover.seqs) == len(rows):
            self.assertEqual(self.mover.digest.hexdigest(), digest.hexdigest())
        self.checker.terminate()
        code = self.checker.wait(PATIENCE_S)
        self.checker_errors.seek(0)
        self.assertEqual(code, 0, self.checker_errors.read().decode())
        self.told.append("a client moved %d times, two as their bridges went; tail --check agrees" % self.mover.moves)

    def lines(self, path: Path) -> int:
        with open(path, "rb") as file:
            return sum(1 for _ in file)

    def judge_commands(self, done: list[list[str]]) -> None:
        self.assertIsNone(self.commander.error)
        answers = self.commander.answers
        did = [word for words in done for word in words]
        self.assertEqual(len(did), len(set(did)), "a command was done twice")
        self.assertLessEqual(set(did), set(answers))
        twice = {word: got for word, got in answers.items() if len(got) > 1}
        self.assertEqual(twice, {})
        succeeded = [word for word, got in answers.items() if got and got[0]["status"] != "error"]
        self.assertLessEqual(set(succeeded), set(did))
        self.assertEqual(self.commander.owed, set(), "commands without an answer")
        silent = {word for word, got in answers.items() if not got}
        self.assertLessEqual(silent, self.commander.unanswered)
        # Else none of this says much; of a short storm on a busy machine many are not answered within their two seconds.
        self.assertGreater(len(succeeded), len(answers) / 4 if FULL else 10)
        errors = Counter(got[0]["data"]["error_type"] for got in answers.values() if got and got[0]["status"] == "error")
        self.told.append("%d commands, %d done, %d answered with success, %d lost with their connection, others %s"
                         % (len(answers), len(did), len(succeeded), len(silent), dict(errors)))


if __name__ == "__main__":
    import unittest

    unittest.main()
