"""One bridge, those who use it, those who attack it, and what became of all of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import zmq
from support import die_with_parent

from . import attacks
from .honest import Clients, Trainers, ping
from .wire import Addresses

MIB = 1 << 20
MEMORY_BYTES_MAX = 448 * MIB
MEMORY_SLACK_BYTES = 64 * MIB
PAST_EVENTS = 50_000  # before a jump of the numbers, and as many behind it
QUIET_S = 3.0  # before the attacks begin, for the pings to be compared with
CATCH_UP_S = 30.0  # after they have ended

_processes = multiprocessing.get_context("fork")


@dataclass
class Report:
    faults: list[str] = field(default_factory=list)
    published: dict[str, int] = field(default_factory=dict)
    commands: int = 0
    memory_bytes: int = 0
    memory_bytes_max: int = 0
    quiet_p99_s: float = 0
    p50_s: float = 0
    p99_s: float = 0

    @property
    def text(self) -> str:
        lines = [
            "%d events of %d trainers, %d commands" % (
                sum(self.published.values()), len(self.published), self.commands),
            "resident memory %d MB of %d + %d" % (
                self.memory_bytes // MIB, self.memory_bytes_max // MIB, MEMORY_SLACK_BYTES // MIB),
            "pings: p50 %.2f ms, p99 %.2f ms; p99 without attackers %.2f ms, ratio %.1f" % (
                1e3 * self.p50_s, 1e3 * self.p99_s, 1e3 * self.quiet_p99_s,
                self.p99_s / max(self.quiet_p99_s, 1e-9)),
        ]
        shown = self.faults[:8]
        return "\n".join(lines + ["FAULT: " + fault for fault in shown] + (
            ["and %d more" % (len(self.faults) - len(shown))] if len(self.faults) > len(shown) else []))


def fill(at: Addresses) -> None:
    """A past to look through."""
    events = zmq.Context().socket(zmq.PUB)
    events.connect(at.events_in)
    time.sleep(0.5)
    for i in range(PAST_EVENTS // 1000):
        events.send(b"\n".join(b'{"type":"past","data":{"n":%d,"item":"Coal"}}' % n for n in range(1000 * i, 1000 * i + 1000)))
    time.sleep(0.5)


def percentile(values: list[float], part: float) -> float:
    values = sorted(values)
    return values[min(int(len(values) * part), len(values) - 1)] if values else float("inf")


def in_a_process(function: Callable, *arguments: Any) -> None:
    process = _processes.Process(target=function, args=arguments)
    process.start()
    process.join()


def with_a_jump(directory: Path, settings: list[str]) -> ChaosBridge:
    """A bridge that could not see how far the one before it came, so that its numbers are by the time."""
    before = ChaosBridge(directory, [])
    in_a_process(fill, before.at)
    between = ChaosBridge(directory, [])
    before.end()
    in_a_process(fill, between.at)
    time.sleep(2.0)  # it tries once a second whether it can write
    between.process.terminate()
    between.process.wait()
    between.end()
    return ChaosBridge(directory, settings)


class ChaosBridge:
    """The bridge with its limits low, and a log that nobody reads."""

    def __init__(self, directory: Path, settings: list[str]) -> None:
        self.journal = directory / "journal.sqlite"
        command = [os.environ["PPO_BRIDGE_BIN"]]
        for setting in (
            "websocket.listen=127.0.0.1:0", 'events.bind=["tcp://127.0.0.1:0"]', "bots.events=tcp://127.0.0.1:0",
            "bots.commands=tcp://127.0.0.1:0", "trainers.control=tcp://127.0.0.1:0",
            "journal.path=%s" % self.journal, "history.bytes_max=33554432",
            "events.held_bytes_max=16777216", "websocket.clients_max=1024", *settings,
        ):
            command += ["--set", setting]
        self.memory_bytes_max = 1 << 30
        limited = command + ["--set", "limits.memory_bytes_max=%d" % MEMORY_BYTES_MAX]
        if subprocess.run(limited + ["--check-config"], capture_output=True).returncode == 0:
            command, self.memory_bytes_max = limited, MEMORY_BYTES_MAX
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=die_with_parent)
        assert self.process.stdout
        words = self.process.stdout.readline().split()
        if not words or words[0] != "ready":
            raise AssertionError("the bridge does not start: " + self.process.communicate()[1])
        found = dict(word.split("=", 1) for word in words[1:])
        self.at = Addresses(found["ws"], found["events_in"], found["events_out"], found["commands"],
                            found["control"], self.process.pid)

    def memory_bytes(self) -> int:
        """The most that ever was resident."""
        try:
            for line in Path("/proc/%d/status" % self.process.pid).read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        return 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def check_journal(path: Path, trainers: Trainers, published: dict[str, int], faults: list[str]) -> None:
    with closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as journal:
        for name, run in trainers.victims:
            count, distinct, first, last = journal.execute(
                "SELECT count(*), count(DISTINCT source_seq), min(source_seq), max(source_seq) FROM events "
                "WHERE source = ? AND run = ? AND type = 'tick'", (name, run)).fetchone()
            if (count, distinct, first, last) != (published[name], published[name], 1, published[name]):
                faults.append("the journal has %s events (%s different, %s to %s) of %s, which published %d" % (
                    count, distinct, first, last, name, published[name]))


def run_chaos(names: list[str], seconds: float, settings: list[str] | None = None) -> Report:
    """`names`: which attacks; none of them for a run that the others are compared with."""
    report = Report()
    attackers: list = []
    place = tempfile.TemporaryDirectory()
    settings = [*(settings or []), *(setting for name in names for setting in attacks.ATTACKS[name].settings)]
    bridge = with_a_jump(Path(place.name), settings)
    report.memory_bytes_max = bridge.memory_bytes_max
    trainers = Trainers(bridge.at)
    clients = Clients(bridge.at, trainers.names, trainers.runs)
    pings, of_pinger = _processes.Pipe(duplex=False)
    pinger = _processes.Process(target=ping, args=(bridge.at, of_pinger), daemon=True)
    pinger.start()
    started = asyncio.Event()
    done = threading.Event()
    times: dict[str, float] = {}

    trips: list[tuple[float, float]] = []

    def collect() -> None:
        while pings.poll():
            trips.append(pings.recv())

    def conduct() -> None:
        """What happens when."""
        try:
            time.sleep(QUIET_S)
            collect()
            times["attacked"] = time.monotonic()
            for name in names:
                attacker = _processes.Process(target=attacks.run, args=(name, bridge.at, trainers.victims),
                                              daemon=True)
                attacker.start()
                attackers.append(attacker)
            end = time.monotonic() + seconds
            while time.monotonic() < end and bridge.process.poll() is None:
                report.memory_bytes = max(report.memory_bytes, bridge.memory_bytes())
                collect()
                time.sleep(0.1)
            times["ended"] = time.monotonic()
            report.memory_bytes = max(report.memory_bytes, bridge.memory_bytes())
            report.published = trainers.stop()
            for attacker in attackers:
                attacker.kill()
                attacker.join()
            for name in names:
                attacks.ATTACKS[name].undo(bridge.at)
            end = time.monotonic() + CATCH_UP_S
            while time.monotonic() < end and bridge.process.poll() is None:
                collect()
                if all(watcher.has_all(report.published) for watcher in clients.watchers):
                    break
                time.sleep(0.05)
        except Exception as error:
            report.faults.append("the run failed: %r" % error)
        finally:
            done.set()

    conductor = threading.Thread(target=conduct)

    async def play() -> None:
        playing = asyncio.create_task(clients.run(done.is_set, started))
        await started.wait()
        conductor.start()
        await playing

    try:
        asyncio.run(play())
        if bridge.process.poll() is not None:
            report.faults.append("the bridge has ended with %s" % bridge.process.returncode)
        report.commands = clients.commands
        report.faults += clients.command_faults
        for watcher in clients.watchers:
            report.faults += watcher.faults
            if not watcher.has_all(report.published):
                report.faults.append("%s has seen %s of %s" % (watcher.name, watcher.next, report.published))
        if report.memory_bytes > report.memory_bytes_max + MEMORY_SLACK_BYTES:
            report.faults.append("%d MB were resident" % (report.memory_bytes // MIB))
        quiet, loud = [], []
        for at, took in trips:
            if at < times.get("attacked", 0):
                quiet.append(took)
            elif at < times.get("ended", 0):
                loud.append(took)
        if float("inf") in quiet + loud:
            report.faults.append("the connection of pings was lost")
        report.quiet_p99_s = percentile(quiet, 0.99)
        report.p50_s, report.p99_s = percentile(loud, 0.5), percentile(loud, 0.99)
        time.sleep(0.2)  # the journal gathers for as long
        check_journal(bridge.journal, trainers, report.published, report.faults)
    finally:
        done.set()
        for process in [pinger, *attackers]:
            process.kill()
            process.join()
        trainers.end()
        bridge.end()
        place.cleanup()
    return report
