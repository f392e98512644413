"""What was once seen to hurt others, one class each: what it says about itself is what it does.

An attack opens what it needs and then strikes every `every_s`, in a process of its own, until it is ended. The
bridge may refuse it, cut it off or let it wait; it opens anew then. None of them speaks as an honest trainer
where nobody could tell the two apart (its name, its run and a number that it has announced).
"""

from __future__ import annotations

import json
import os
import random
import resource
import time
from typing import Any

import zmq

from .wire import Addresses, RawWebSocket, RawZmtp, frame, http, tcp

U64_MAX = 2**64 - 1
MIB = 1 << 20
UNREAD_BYTES = 65536  # a small buffer, so that what is not read waits with the bridge


def body(type: str, data: Any, **fields: Any) -> bytes:
    return json.dumps({"type": type, "data": data, **fields}).encode()


def source(name: str, run: str, **data: Any) -> bytes:
    return body("_source", data, source=name, run=run)


class Attack:
    """Victims are the honest trainers: (name, run)."""

    every_s = 0.01
    settings: tuple[str, ...] = ()  # what the bridge must have for it; such an attack is only made where it is named

    def __init__(self, at: Addresses, victims: list[tuple[str, str]]) -> None:
        self.at = at
        self.victims = victims
        self.context = zmq.Context()
        self.opened: list[Any] = []

    def open(self) -> None:
        pass

    def strike(self, n: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for each in self.opened:
            each.close()
        self.opened = []

    @staticmethod
    def undo(at: Addresses) -> None:
        """What must not stay once an attacker was killed, wherever it was."""

    # What many of them open.

    def zmq(self, kind: int, address: str, **options: Any) -> zmq.Socket:
        opened = self.context.socket(kind)
        opened.setsockopt(zmq.LINGER, 0)
        for name, value in options.items():
            opened.setsockopt(getattr(zmq, name), value)
        opened.connect(address)
        self.opened.append(opened)
        return opened

    def publisher(self) -> zmq.Socket:
        opened = self.zmq(zmq.PUB, self.at.events_in)
        time.sleep(0.2)  # a PUB drops what it is given before it is connected
        return opened

    def websocket(self) -> RawWebSocket:
        opened = RawWebSocket(self.at.ws)
        opened.socket.settimeout(1.0)
        self.opened.append(opened)
        return opened

    def deaf_websocket(self) -> RawWebSocket:
        """Nobody reads from it, and pushing to it waits for nothing."""
        opened = RawWebSocket(self.at.ws, UNREAD_BYTES)
        opened.socket.setblocking(False)
        self.opened.append(opened)
        return opened

    def bot(self) -> zmq.Socket:
        """A bot that asks on without reading."""
        return self.zmq(zmq.DEALER, self.at.commands, RCVHWM=1, SNDHWM=1000, RCVBUF=UNREAD_BYTES)

    def victim(self, n: int) -> tuple[str, str]:
        return self.victims[n % len(self.victims)]


def ask_bot(bot: zmq.Socket, text: bytes) -> None:
    try:
        bot.send_multipart([b"", text], zmq.NOBLOCK)
    except zmq.Again:
        pass


def command(name: str, **fields: Any) -> str:
    return json.dumps({"action": "command", "command": name, **fields})


class Publishing(Attack):
    """Sends bodies to the events socket."""

    def open(self) -> None:
        self.events = self.publisher()

    def strike(self, n: int) -> None:
        self.events.send(self.next_body(n))

    def next_body(self, n: int) -> bytes:
        raise NotImplementedError


class Asking(Attack):
    """Sends requests over WebSocket and reads the replies, as anybody would."""

    def open(self) -> None:
        self.client = self.websocket()
        self.client.receive()

    def strike(self, n: int) -> None:
        self.client.send(self.next_request(n))
        self.client.receive()

    def next_request(self, n: int) -> str:
        raise NotImplementedError


# ---- Who a source is.


class ForeignRun(Publishing):
    """Announces another run under an honest trainer's name, and publishes an event of it."""

    def next_body(self, n: int) -> bytes:
        name, _ = self.victim(n)
        return source(name, "X", head=0, oldest=1) + b"\n" + body("n", {}, source=name, run="Y", source_seq=1)


class ManyRunsOfOneName(Publishing):
    """Eight runs of an honest name, each with numbers of its own."""

    def next_body(self, n: int) -> bytes:
        return body("evil", {}, source=self.victim(0)[0], run="r%d" % (n % 8), source_seq=n // 8 + 1)


class DealerOfSameName(Attack):
    """A control connection with an honest trainer's name as its routing id, and then one that claims its run."""

    every_s = 0.1

    def strike(self, n: int) -> None:
        self.close()
        name, run = self.victim(n)
        control = self.zmq(zmq.DEALER, self.at.control, **({"ROUTING_ID": name.encode()} if n % 2 else {}))
        control.send_multipart([b"", source(name, run, head=0, oldest=1, agents=[], commands=["echo"])])
        time.sleep(0.05)


class WildHead(Publishing):
    """Announces heads that nobody will ever reach."""

    def next_body(self, n: int) -> bytes:
        name, run = random.choice([*self.victims, ("wild%d" % (n // 500), "w")])
        head = random.choice((U64_MAX, U64_MAX - 1, 2**63, 2**53))
        return source(name, run, head=head, oldest=random.choice((1, head)))


class WildSourceSeq(Publishing):
    """Events of the honest trainers' runs, far ahead of all that was announced."""

    def next_body(self, n: int) -> bytes:
        name, run = self.victim(n)
        return body("wild", {}, source=name, run=run, source_seq=random.choice((9 * 10**18, U64_MAX, 2**40)))


class NamesByTheThousand(Publishing):
    """A new source with every event."""

    every_s = 0.002

    def next_body(self, n: int) -> bytes:
        return body("evil", {}, source="name%d.%d" % (os.getpid(), n), run="r", source_seq=1)


class RunsByTheThousand(Publishing):
    """A new run with every event, with a hole in it."""

    every_s = 0.002

    def next_body(self, n: int) -> bytes:
        return body("evil", {}, source="runs", run="r%d" % n, source_seq=1 + n % 5)


# ---- Numbers and JSON.


class WildNumbers(Asking):
    """Numbers of requests beyond all ranges."""

    def next_request(self, n: int) -> str:
        return (
            command("get_recent_events", params={"since_seq": U64_MAX, "count": 10}),
            command("replay", params={"from": {"seq": 1}, "speed": 1e-300}),
            '{"action":"subscribe","since":{"epoch":"x","seq":%d},"subscriptions":[]}' % U64_MAX,
            '{"action":"subscribe","since":{"last":%d},"subscriptions":["none"]}' % U64_MAX,
            '{"action":"subscribe","since":{"seconds":1e308},"subscriptions":["none"]}',
            command("replay", params={"from": {"seconds": 1e300}, "speed": 1e-300}),
        )[n % 6]

    def strike(self, n: int) -> None:
        self.client.send(self.next_request(n))
        if n % 50 == 49:
            self.close()
            self.open()


class BrokenBodies(Publishing):
    """What is nearly JSON: nan as a timestamp, half surrogates, bytes that are no text, a foreign topic."""

    every_s = 0.005

    def next_body(self, n: int) -> bytes:
        return (
            b'{"type":"n","data":{},"timestamp":nan,"source":"broken","run":"r","source_seq":%d}' % (n + 1),
            b'{"type":"n","data":{"a":"\\udc00"},"source":"broken%d"}' % (n % 1000),
            b'{"type":"n","data":{"a":"\xff\xfe"}}',
            b'TYPE {"type":"n","data":{}}',
            b'{"type":"_source","source":"s","run":"r","data":{"host":"\\udc00","state":"\\ud800","head":1}}',
            b'\xef\xbb\xbf{"type":"bom","data":{}}',
            bytes(range(256)),
        )[n % 7]


class HalfSurrogates(Asking):
    """Half a character as client_id and as id."""

    every_s = 0.05

    def next_request(self, n: int) -> str:
        if n % 2:
            return '{"action":"register","client_id":"\\udc00","client_type":"\\ud800x","subscriptions":[],"id":1}'
        return '{"action":"command","command":"arm_dead_mans_switch","id":"\\ud800","params":{"timeout_ms":100,' \
               '"name":"\\udc00","on_expiry":{"command":"\\udc00","target":"\\ud800"}}}'


class DeepNesting(Attack):
    """500,000 levels in a bot's params."""

    every_s = 0.2

    def strike(self, n: int) -> None:
        deep = b"[" * 500_000 + b"]" * 500_000
        ask_bot(self.zmq(zmq.DEALER, self.at.commands), b'{"command":"x","params":{"a":' + deep + b"}}")
        time.sleep(0.05)
        self.close()


# ---- Memory.


class UnfinishedMultipart(Attack):
    """Frames of a message that never ends."""

    every_s = 0.02

    def open(self) -> None:
        self.events = RawZmtp(self.at.events_in, b"PUB")
        self.events.socket.settimeout(1.0)
        self.opened.append(self.events)

    def strike(self, n: int) -> None:
        self.events.part(bytes(256 * 1024))


class SmallUnfinishedMultipart(UnfinishedMultipart):
    """The same by parts of a byte, each of which costs the bridge a hundred."""

    def strike(self, n: int) -> None:
        self.events.socket.sendall(b"\x01\x01x" * 20_000)


class LargeBatches(Publishing):
    """Messages of 13 MB, three at a time."""

    every_s = 2.0

    def open(self) -> None:
        super().open()
        self.batch = (body("large", {"text": "x" * 100_000}) + b"\n") * 130

    def strike(self, n: int) -> None:
        for _ in range(3):
            super().strike(n)

    def next_body(self, n: int) -> bytes:
        return self.batch


class UnreadReplies(Attack):
    """100 clients that ask for everything and read nothing."""

    every_s = 0.005

    def open(self) -> None:
        self.clients = [self.deaf_websocket() for _ in range(100)]

    def strike(self, n: int) -> None:
        asked = command("get_recent_events", params={"count": 10_000}) if n % 3 else command("get_snapshot")
        self.clients[n % len(self.clients)].push(frame(asked.encode()))


class UnreadBotReplies(Attack):
    """The same by four bots."""

    def open(self) -> None:
        self.bots = [self.bot() for _ in range(4)]

    def strike(self, n: int) -> None:
        ask_bot(self.bots[n % 4], b'{"command":"get_recent_events","params":{"count":10000}}')


class UnreadPongs(Attack):
    """Pings of 125 bytes whose pongs nobody reads."""

    def open(self) -> None:
        self.clients = [self.deaf_websocket() for _ in range(10)]
        self.pings = frame(b"p" * 125, 9) * 200

    def strike(self, n: int) -> None:
        for client in self.clients:
            client.push(self.pings)


class ManyTopics(Attack):
    """ZeroMQ subscriptions by the ten thousand, small and of 4 kB."""

    def open(self) -> None:
        self.bots = self.zmq(zmq.XSUB, self.at.events_out, SNDHWM=0)

    def strike(self, n: int) -> None:
        for i in range(200):
            self.bots.send(b"\x01topic%d.%d" % (n, i))
        for i in range(4):
            self.bots.send(b"\x01large%d.%d" % (n, i) + b"x" * 4000)


class LargeAnnouncements(Publishing):
    """_source bodies of 200 kB from ever new names, and get_sources by somebody who does not read."""

    every_s = 0.05

    def open(self) -> None:
        super().open()
        self.asking = self.bot()

    def strike(self, n: int) -> None:
        super().strike(n)
        ask_bot(self.asking, b'{"command":"get_sources"}')

    def next_body(self, n: int) -> bytes:
        agents = ["agent.%d.%s" % (i, "x" * 40) for i in range(4000)]
        return source("large%d" % n, "r", head=0, oldest=1, agents=agents, commands=agents)


class Hixie76(Attack):
    """A handshake of 2010, whose messages know no limit."""

    every_s = 0.02

    def open(self) -> None:
        self.socket = tcp(self.at.ws)
        self.opened.append(self.socket)
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Origin: http://localhost\r\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n"
            b"Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\r\n^n:ds[4U"
        )
        time.sleep(0.1)
        self.socket.sendall(b"\0")

    def strike(self, n: int) -> None:
        self.socket.sendall(b"x" * 256 * 1024)


class IdempotencyKeys(Attack):
    """Answers to be remembered, each under a key of its own, and one key for many commands."""

    def open(self) -> None:
        self.clients = [self.deaf_websocket() for _ in range(4)]

    def strike(self, n: int) -> None:
        key = "k%d" % n if n % 4 else "the same"
        asked = command("nothing%d" % n, target="nobody" + "x" * 50, idempotency_key=key.ljust(120, "x"))
        self.clients[n % 4].push(frame(asked.encode()))


class MadeUpTargets(Asking):
    """Sources that nobody ever speaks for, each announced and each commanded."""

    def open(self) -> None:
        super().open()
        self.events = self.publisher()

    def strike(self, n: int) -> None:
        name = "target%d.%d" % (os.getpid(), n)
        self.events.send(source(name, "r", head=0, oldest=1, agents=["a%d" % n], commands=["go"]))
        self.client.send(command("go", target="target%d.%d" % (os.getpid(), n - 20), deadline_ms=60_000))


class ManyFilters(Attack):
    """80 clients, each with a filter that nobody else has."""

    every_s = 0.05

    def open(self) -> None:
        self.clients = [self.websocket() for _ in range(80)]

    def strike(self, n: int) -> None:
        client = self.clients[n % 80]
        values = ["value %d %d" % (n, i) for i in range(1000)]
        client.send(json.dumps({"action": "subscribe", "subscriptions": ["*"], "filter": {"item": values}}))
        client.socket.setblocking(False)
        try:
            while client.socket.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        client.socket.settimeout(1.0)


class ForeignPosts(Attack):
    """16 MB from another site's page, which is refused after it has been read."""

    every_s = 0.1

    def strike(self, n: int) -> None:
        connection = tcp(self.at.ws)
        self.opened.append(connection)
        connection.sendall(
            b"POST /submit_event HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere.example\r\n"
            b"Content-Length: 16777216\r\n\r\n" + b"x" * 4 * MIB
        )
        if len(self.opened) > 40:
            self.opened.pop(0).close()


# ---- Time.


class ExpensiveRequests(Asking):
    """Little questions that need a look at everything."""

    every_s = 0.002

    def next_request(self, n: int) -> str:
        if n % 2:
            return command("get_recent_events", params={"item": "that never was", "count": 1})
        return '{"action":"subscribe","subscriptions":[],"since":{"last":5},"filter":{"none":%d}}' % n


class ExpensiveBotRequests(Attack):
    """The same over a bot's socket, without waiting for answers."""

    every_s = 0.002

    def open(self) -> None:
        self.asking = self.bot()

    def strike(self, n: int) -> None:
        ask_bot(self.asking, b'{"command":"get_recent_events","params":{"item":"that never was","count":1}}')


class LeavingLookBacks(Attack):
    """Asks for the last events of a kind that is not there, and leaves before the answer."""

    every_s = 0.02

    def strike(self, n: int) -> None:
        client = self.websocket()
        client.send('{"action":"register","subscriptions":["none"],"since":{"last":5},"filter":{"none":%d}}' % n)
        self.close()


class EmptyLines(Attack):
    """16 MB of {} and line feeds in one POST."""

    every_s = 1.0

    def strike(self, n: int) -> None:
        answer = http(self.at.ws, "POST", "/submit_event", b"{}\n" * (5 * MIB))
        answer.settimeout(10.0)
        answer.recv(65536)
        answer.close()


class FullLog(Publishing):
    """Whatever makes the bridge write to its log, whose reader is away."""

    every_s = 0.001

    def next_body(self, n: int) -> bytes:
        return b'{"type":"n","source":"noise%d","data":5}' % (n % 100_000)


class FullDisk(Attack):
    """No room on the disk for two seconds of three, where only what is written is delivered."""

    every_s = 3.0
    settings = ("journal.before_delivery=true",)

    def strike(self, n: int) -> None:
        most = resource.prlimit(self.at.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.at.pid, resource.RLIMIT_FSIZE, (4096, most))
        time.sleep(2.0)
        self.undo(self.at)

    @staticmethod
    def undo(at: Addresses) -> None:
        most = resource.prlimit(at.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(at.pid, resource.RLIMIT_FSIZE, (most, most))


class ManyConnections(Attack):
    """As many clients and publishers as it can get, saying nothing."""

    def open(self) -> None:
        for _ in range(300):
            self.opened.append(tcp(self.at.ws))
            self.opened.append(tcp(self.at.events_in))

    def strike(self, n: int) -> None:
        self.opened.append(tcp(self.at.ws))
        self.opened.pop(0).close()


ATTACKS: dict[str, type[Attack]] = {
    kind.__name__: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Attack) and kind not in (Attack, Publishing, Asking)
}
TOGETHER = [name for name, kind in ATTACKS.items() if not kind.settings]

_LOST = (OSError, ConnectionError, zmq.ZMQError, ValueError)


def run(name: str, at: Addresses, victims: list[tuple[str, str]]) -> None:
    """For ever; the caller ends the process."""
    # What it takes from others is only what it makes the bridge do.
    os.nice(19)
    while True:
        attack = ATTACKS[name](at, victims)
        n = 0
        try:
            attack.open()
            due = time.monotonic()
            while True:
                attack.strike(n)
                n += 1
                due = max(due + attack.every_s, time.monotonic() - 0.1)
                time.sleep(max(due - time.monotonic(), 0))
        except _LOST:
            pass
        attack.close()
        attack.context.destroy(linger=0)
        time.sleep(0.2)
