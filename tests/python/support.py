"""What the Python tests share: the real bridge, a false one, and waiting."""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections import deque
from pathlib import Path
from typing import Any, Callable, Iterable

import zmq

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0  # for a busy machine; only a test that fails waits for so long

os.environ.setdefault("PPO_QUIET", "1")  # what publishers say at their start is in nobody's way

_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    _libc.prctl(_KILL_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what a shell starts behind its back ignores it


_given_ports: set[int] = set()


def free_port(begin: int = 10_000, end: int = 32_000, beside: Iterable[int] = ()) -> int:
    """One that nobody listens on, nor on those so far `beside` it: none that the system gives to connections, and never
    the same twice."""
    while True:
        port = random.randrange(begin, end)
        ports = {port, *(port + far for far in beside)}
        if ports.isdisjoint(_given_ports) and all(map(_is_free, ports)):
            _given_ports.update(ports)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def scratch(test: unittest.TestCase) -> Path:
    """A folder that goes when the test ends."""
    place = tempfile.TemporaryDirectory()
    test.addCleanup(place.cleanup)
    return Path(place.name)


def started(test: unittest.TestCase, command: list, **options: Any) -> subprocess.Popen:
    """A program that goes when the test ends."""
    process = subprocess.Popen(command, preexec_fn=die_with_parent, **options)

    def end() -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    test.addCleanup(end)
    return process


def wait_until(condition: Callable[[], Any], what: str = "", timeout_s: float = PATIENCE_S) -> Any:
    """What `condition` gives once that is true; fails the test after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= until:
            raise AssertionError("waited %.0f s in vain %s" % (timeout_s, what))
        time.sleep(0.005)


def freeze(process: subprocess.Popen) -> None:
    """Returns once all of its threads stand still: on a busy machine they go on for a while after the signal."""
    process.send_signal(signal.SIGSTOP)

    def stands_still() -> bool:
        try:
            stats = [(task / "stat").read_text() for task in Path("/proc/%d/task" % process.pid).iterdir()]
        except OSError:  # a thread, or all of it, has just ended
            return process.poll() is not None
        return all(stat.rsplit(")")[-1].split()[0] in "TZX" for stat in stats)

    wait_until(stands_still)


class Bridge:
    """The real one, $PPO_BRIDGE_BIN, on free ports; the same ones again after restart(). Without a
    journal unless `settings` name one: the user's own would be shared by all bridges of all tests."""

    def __init__(self, *settings: str, config: Path | str | None = None, on: list[str] | None = None) -> None:
        self._settings = list(settings)
        self._on = on or []  # what runs it on another machine (machines.py)
        self._config = config  # a file
        self._addresses = {
            "ws": "127.0.0.1:0",
            "events_in": "tcp://127.0.0.1:0",
            "events_out": "tcp://127.0.0.1:0",
            "commands": "tcp://127.0.0.1:0",
            "control": "tcp://127.0.0.1:0",
        }
        self._context = zmq.Context()
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        at = self._addresses
        settings = [
            "websocket.listen=" + at["ws"].split("://")[-1].replace("/ws", ""),
            'events.bind=["%s"]' % at["events_in"],
            "bots.events=" + at["events_out"],
            "bots.commands=" + at["commands"],
            "trainers.control=" + at["control"],
            'journal.path=""',
            "auth.mode=off",
            *self._settings,
        ]
        command = [*self._on, os.environ["PPO_BRIDGE_BIN"]]
        if self._config is not None:
            command += ["-c", str(self._config)]
        for setting in settings:
            command += ["--set", setting]
        # Since it ended, the system may have given one of its ports to somebody's connection.
        wait_until(lambda: self._begin(command) or "in use" not in self.log(), "for the bridge's addresses")
        if not self._ready:
            raise AssertionError("the bridge did not get ready: " + self.log())
        self._addresses = dict(word.split("=", 1) for word in self._ready.split()[1:])

    def _begin(self, command: list[str]) -> str:
        """What it says first; empty where it has ended without a word, or says nothing."""
        self.kill()
        self._log = tempfile.TemporaryFile()
        # Where it is read has nothing to do with where the bridge writes.
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, text=True, preexec_fn=die_with_parent
        )
        lines: queue.Queue = queue.Queue()
        threading.Thread(
            target=lambda out: [lines.put(line) for line in itertools.chain(out, [""])] and None,
            args=(self.process.stdout,),
            daemon=True,
        ).start()
        try:
            self._ready = lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            self._ready = ""
        return self._ready

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def __getattr__(self, name: str) -> str:
        try:
            return self._addresses[name]
        except KeyError:
            raise AttributeError(name) from None

    def signal(self, number: int) -> None:
        assert self.process is not None
        freeze(self.process) if number == signal.SIGSTOP else self.process.send_signal(number)

    def kill(self) -> None:
        """As a crash would."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._log.close()
        self.process = None

    def close(self) -> None:
        told = self.log() if self.process is not None else ""
        self.kill()
        self._context.destroy(linger=0)
        assert "ppo1_" not in told, "a token is in the log"

    def ask(
        self, command: str, target: str | None = None, deadline_ms: int = 10_000, **params: Any
    ) -> dict:
        """The reply to a command, over the bots' socket."""
        request = {"command": command, "params": params, "id": 1, "deadline_ms": deadline_ms}
        if target is not None:
            request["target"] = target
        with self._context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self.commands)
            socket.send(json.dumps(request).encode())
            if not socket.poll(PATIENCE_S * 1000):
                raise AssertionError("no reply to " + command)
            return json.loads(socket.recv())

    def events(self, type: str | None = None, source: str | None = None) -> list[dict]:
        """All that it has (of a type, of a source), oldest first."""
        params: dict = {"count": 10_000, "since_seq": 0}
        if type:
            params["type"] = type
        if source:
            params["source"] = source
        found: list[dict] = []
        while True:
            result = self.ask("get_recent_events", **params)["result"]
            found += result["events"]
            if not result["events"] or result["events"][-1]["seq"] >= result["seq"]:
                return found
            params["since_seq"] = result["events"][-1]["seq"]

    def wait_events(self, count: int, type: str | None = None, source: str | None = None) -> list:
        wait_until(lambda: len(self.events(type, source)) >= count, "for %d events" % count)
        return self.events(type, source)

    def counters(self) -> dict:
        return self.ask("get_status")["result"]["events"]

    def commands_of(self, name: str) -> list[str]:
        """What it can be commanded by now."""
        found = self.source(name)
        return found["commands"] if found.get("connected") else []

    def source(self, name: str) -> dict:
        """What it tells of it; empty while it does not know it."""
        sources = self.ask("get_sources")["result"]["sources"]
        return next((s for s in sources if s["source"] == name), {})


class FakeBridge:
    """The sockets that a publisher sees, with bytes as they come. It learns from hellos who is who.
    One thread."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*", control: str = "tcp://127.0.0.1:*"):
        self._context = zmq.Context()
        self._events = self._context.socket(zmq.SUB)
        self._events.setsockopt(zmq.LINGER, 0)
        self._events.setsockopt(zmq.RCVHWM, 0)
        self._events.setsockopt(zmq.SNDHWM, 0)  # of subscriptions
        self._events.bind(endpoint)
        self._events.subscribe(b"")
        self._control = self._context.socket(zmq.ROUTER)
        self._control.setsockopt(zmq.LINGER, 0)
        self._control.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._control.bind(control)
        self._peers: dict[str, bytes] = {}  # routing ids by source
        self._answers: deque[bytes] = deque()
        self.hellos: deque[dict] = deque()
        self.ahead_s: float | None = None  # hellos are answered with our time and so much
        self.clocks_answered = 0
        self.endpoint = self._events.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        self.control = self._control.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()

    def receive(self, timeout_s: float = PATIENCE_S) -> list[bytes] | None:
        """The frames of the next message."""
        return self._events.recv_multipart() if self._events.poll(timeout_s * 1000) else None

    def bodies(self, count: int) -> list[dict]:
        """The next events, announcements left out."""
        found: list[dict] = []
        until = time.monotonic() + PATIENCE_S
        while len(found) < count:
            frames = self.receive()
            if frames is None or time.monotonic() > until:
                raise AssertionError("%d events of %d" % (len(found), count))
            bodies = [json.loads(line) for line in frames[-1].split(b"\n")]
            found += [body for body in bodies if body["type"] != "_source"]
        return found

    def announcement(self, which: Callable[[dict], bool] = lambda data: True) -> dict:
        until = time.monotonic() + PATIENCE_S
        while True:
            frames = self.receive()
            if frames is None or time.monotonic() > until:
                raise AssertionError("no such announcement")
            for line in frames[-1].split(b"\n"):
                body = json.loads(line)
                if body["type"] == "_source" and which(body["data"]):
                    return body

    def _take_one(self, timeout_s: float) -> bool:
        """The next message of a control connection."""
        if not self._control.poll(timeout_s * 1000):
            return False
        peer, empty, body = self._control.recv_multipart()
        assert empty == b""
        if not body.startswith(b'{"type":"_source"'):
            self._answers.append(body)
            return True
        hello = json.loads(body)
        self._peers[hello["source"]] = peer
        if self.ahead_s is not None and "clock" in hello["data"]:
            params = {"clock": hello["data"]["clock"], "at": time.time() + self.ahead_s}
            clock = json.dumps({"command": "_clock", "params": params}).encode()
            self._control.send_multipart([peer, b"", clock])
            self.clocks_answered += 1
        self.hellos.append(hello)
        return True

    def hello(self, which: Callable[[dict], bool] = lambda data: True) -> dict:
        """The next one that is so."""
        until = time.monotonic() + PATIENCE_S
        while True:
            while not self.hellos:
                if not self._take_one(PATIENCE_S) or time.monotonic() > until:
                    raise AssertionError("no such hello")
            hello = self.hellos.popleft()
            if which(hello["data"]):
                return hello

    def send(self, source: str, frames: list[bytes]) -> None:
        """Once `source` has said hello."""

        def sent() -> bool:
            while source not in self._peers and self._take_one(0):
                pass
            try:
                self._control.send_multipart([self._peers[source], *frames], zmq.NOBLOCK)
                return True
            except (KeyError, zmq.ZMQError):
                self._peers.pop(source, None)
                return False

        wait_until(sent, "for %s to connect" % source)

    def ask(self, source: str, command: str, params: dict | None = None, **fields: Any) -> None:
        request = {"id": "c-1", "command": command, "params": params or {}, "deadline_ms": 10_000}
        request.update(fields)
        self.send(source, [b"", json.dumps(request).encode()])

    def answer(self, timeout_s: float = PATIENCE_S) -> dict | None:
        until = time.monotonic() + timeout_s
        while not self._answers:
            if not self._take_one(max(until - time.monotonic(), 0)) and time.monotonic() > until:
                return None
        body = self._answers.popleft()

        def refuse(text: str) -> None:
            raise AssertionError(text + " is not JSON")

        return json.loads(body, parse_constant=refuse)

    def close(self) -> None:
        self._context.destroy(linger=0)


def run_python(code: str, timeout_s: float = 60, **environment: str) -> subprocess.CompletedProcess:
    """Runs a program of its own, with the packages in reach."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, **environment},
        preexec_fn=die_with_parent,
    )


class BridgeTest(unittest.TestCase):
    """One bridge for all tests of a class."""

    settings: tuple = ()
    bridge: Bridge

    @classmethod
    def setUpClass(cls) -> None:
        cls.bridge = Bridge(*cls.settings)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.bridge.close()

    def publisher(self, source: str, **options: Any) -> Any:
        from ppo_bridge import Publisher

        options = {"endpoint": self.bridge.events_in, "control": self.bridge.control, **options}
        publisher = Publisher(source, **options)
        self.addCleanup(publisher.close, 0)
        return publisher


class PublishedTest(BridgeTest):
    """A publisher for each test, and what came through the bridge of it."""

    def setUp(self) -> None:
        self.source = self.id().split(".")[-1][-60:]
        self.to = self.publisher(self.source, system_metrics_s=0)

    def events(self, type: str | None = None) -> list:
        self.to.flush(20)
        self.bridge.wait_events(self.to.stats().published, None, self.source)
        return [event["data"] for event in self.bridge.events(type, self.source)]

    def scalars(self) -> list:
        return [(s["tag"], s["value"], s["step"]) for s in self.events("scalar")]
