"""Those who use the bridge as it is meant, and what they were promised."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from typing import Any, Callable

import websockets
from ppo_bridge_client import Client, RequestFailed
from support import die_with_parent

from .wire import Addresses, RawWebSocket

EVENTS_PER_S = 100.0  # of each trainer
COMMANDS_PER_S = 20.0
COMMAND_DEADLINE_S = 10.0  # a busy machine is no broken promise
PING_EVERY_S = 0.02


class Trainers:
    """Four processes, each a trainer with numbers of its own."""

    def __init__(self, at: Addresses) -> None:
        self.names = ["trainer-%d" % n for n in range(1, 5)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "chaos.trainer", name, at.events_in, at.control, str(EVENTS_PER_S)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
            for name in self.names
        ]
        self.runs = [self._line(process) for process in self._processes]

    @staticmethod
    def _line(process: subprocess.Popen) -> str:
        assert process.stdout
        return process.stdout.readline().strip()

    @property
    def victims(self) -> list[tuple[str, str]]:
        return list(zip(self.names, self.runs))

    def stop(self) -> dict[str, int]:
        """No more events; how many there were, by name. They still answer."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write("enough\n")
            process.stdin.flush()
        published = {}
        for name, process in zip(self.names, self._processes):
            count, dropped = map(int, self._line(process).split())
            assert dropped == 0, "%s dropped %d events" % (name, dropped)
            published[name] = count
        return published

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()


class Watcher:
    """A client's view: each trainer's events in order, each once. `wanted` says which numbers it is owed."""

    runs = [""]  # of the trainers

    def __init__(self, name: str, wanted: Callable[[int], bool] = lambda n: True,
                 sources: set[str] | None = None) -> None:
        self.name = name
        self.wanted = wanted
        self.sources = sources
        self.next: dict[str, int] = {}
        self.faults: list[str] = []
        self.connections_lost = 0

    def owed(self, n: int) -> int:
        """The first number from `n` on that it wants."""
        while not self.wanted(n):
            n += 1
        return n

    def take(self, message: dict) -> None:
        if message.get("type") == "gap":
            data = message["data"]
            if not self.next or data.get("run", self.runs[0]) not in self.runs:
                return  # the numbers that nobody has, before all of them; a run that an attacker made up
            # A gap of another name, or an empty one, takes nothing away.
            if data.get("source", "trainer").startswith("trainer") and (
                    data.get("to_seq", 1) >= data.get("from_seq", 1)):
                self.faults.append("%s is told of a gap: %s" % (self.name, data))
            return
        if message.get("type") != "tick" or not str(message.get("source", "")).startswith("trainer-"):
            return
        source, n = message["source"], message["data"].get("n")
        expected = self.owed(self.next.get(source, 0))
        if n != expected:
            self.faults.append("%s sees %s of %s, expected %s" % (self.name, n, source, expected))
        if isinstance(n, int):
            self.next[source] = n + 1

    def has_all(self, published: dict[str, int]) -> bool:
        return all(self.owed(self.next.get(source, 0)) >= count for source, count in published.items()
                   if not self.sources or source in self.sources)


class Clients:
    """Ten of them on one loop, and somebody who sends commands."""

    def __init__(self, at: Addresses, names: list[str], runs: list[str]) -> None:
        self._at = at
        Watcher.runs = runs
        self._names = names
        self.watchers: list[Watcher] = []
        self.commands = 0
        self.command_faults: list[str] = []
        self._stopped = False

    async def run(self, until: Callable[[], bool], started: asyncio.Event) -> None:
        tasks = [asyncio.create_task(task) for task in self._all()]
        await asyncio.sleep(1.0)  # they see from the first event on, for they ask for it
        started.set()
        commanding = asyncio.create_task(self._commands())
        while not until():
            await asyncio.sleep(0.05)
            for task in tasks + [commanding]:
                if task.done() and task.exception():
                    raise task.exception()  # type: ignore[misc]
        self._stopped = True
        await commanding
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _all(self) -> list[Any]:
        all_of_it = {"last": 1_000_000}
        tasks = []
        for i in range(3):
            tasks.append(self._library("all %d" % i, {}, all_of_it))
        for i in range(2):
            tasks.append(self._library("resuming %d" % i, {}, all_of_it, cut_every_s=1.5 + i))
        name = self._names[0]
        tasks.append(self._library("one source", {"source": name}, all_of_it, sources={name}))
        tasks.append(self._library("one agent", {"agent_id": "agent_1"}, all_of_it, lambda n: n % 4 == 1))
        tasks.append(self._library("a range", {"n": {"min": 100}}, all_of_it, lambda n: n >= 100))
        for i in range(2):
            tasks.append(self._batches("batch %d" % i))
        return tasks

    async def _library(self, name: str, filter: dict, since: dict, wanted: Callable[[int], bool] = lambda n: True,
                       sources: set[str] | None = None, cut_every_s: float = 0) -> None:
        watcher = Watcher(name, wanted, sources)
        self.watchers.append(watcher)
        async with Client(self._at.ws, ["tick"], filter=filter or None, since=since, client_id=name,
                          backoff_s=(0.05, 0.5)) as client:

            async def cut() -> None:
                while True:
                    await asyncio.sleep(cut_every_s * random.uniform(0.5, 1.5))
                    if client._socket is not None:
                        await client._socket.close()

            cutting = asyncio.create_task(cut()) if cut_every_s else None
            try:
                async for message in client:
                    watcher.take(message)
            finally:
                if cutting:
                    cutting.cancel()

    async def _batches(self, name: str) -> None:
        watcher = Watcher(name)
        self.watchers.append(watcher)
        since: dict = {"last": 1_000_000}
        while True:
            try:
                async with websockets.connect(self._at.ws, max_size=None) as socket:
                    await socket.send(json.dumps({"action": "register", "subscriptions": ["tick"], "batch": True,
                                                  "since": since, "client_id": name}))
                    async for text in socket:
                        messages = json.loads(text)
                        for message in messages if isinstance(messages, list) else [messages]:
                            if "epoch" in message:
                                epoch = message["epoch"]
                            watcher.take(message)
                            if "seq" in message and "action" not in message:
                                since = {"epoch": epoch, "seq": message["seq"]}
            except (OSError, websockets.WebSocketException, asyncio.TimeoutError):
                pass
            watcher.connections_lost += 1
            await asyncio.sleep(0.1)

    async def _commands(self) -> None:
        async with Client(self._at.ws, [], client_id="commander", backoff_s=(0.05, 0.5)) as client:
            await client.wait_connected(20)
            while not self._stopped:
                name = self._names[self.commands % len(self._names)]
                begun = time.monotonic()
                try:
                    answer = await client.command("echo", name, deadline_s=COMMAND_DEADLINE_S, n=self.commands)
                    if answer != {"n": self.commands, "trainer": name}:
                        self.command_faults.append("%s answers %s" % (name, answer))
                except RequestFailed as failed:
                    self.command_faults.append("command to %s: %s" % (name, failed))
                self.commands += 1
                await asyncio.sleep(max(begun + 1 / COMMANDS_PER_S - time.monotonic(), 0))


def ping(at: Addresses, results: Any) -> None:
    """In a process of its own, so that nothing but the bridge is measured: (when, round trip in seconds)."""
    os.nice(-5) if os.geteuid() == 0 else None
    while True:
        try:
            client = RawWebSocket(at.ws)
            client.socket.settimeout(30.0)
            client.receive()
            while True:
                begun = time.monotonic()
                client.send('{"action":"ping"}')
                client.receive()
                took = time.monotonic() - begun
                results.send((begun, took))
                time.sleep(max(PING_EVERY_S - took, 0))
        except (OSError, ConnectionError):
            results.send((time.monotonic(), float("inf")))
            time.sleep(0.1)
