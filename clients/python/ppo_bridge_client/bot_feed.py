"""The bridge's events for bots, over ZeroMQ, and the commands of bots. Needs pyzmq."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections import deque
from typing import Any, Iterator

import zmq

from ._backoff import Backoff
from ._bridges import paired, zmq_addresses
from ._connecting import find_key, prepare
from ._cursor import Cursor
from ._curve import Handshakes
from ._errors import CommandFailed
from ._json import loads
from ._token import find_token, token_trouble

_QUICK_S = 1.5  # how soon a bridge that was there is missed
_DEADLINE_SHARE = 0.5  # of our wait, so that the bridge's own `timeout` arrives
_ATTEMPTS = 3
_SIGNS_WAITING_MAX = 1000
_MESSAGE_BYTES_MAX = 64 * 1024 * 1024


def _connect(socket: zmq.Socket, endpoint: str) -> None:
    socket.ipv6 = "[" in endpoint
    socket.connect(endpoint)


def _answer(text: bytes) -> dict:
    """What is none is one to nothing."""
    try:
        reply = loads(text)
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}


def _is_page(result: Any) -> bool:
    """Of get_recent_events."""
    if not isinstance(result, dict) or not isinstance(result.get("events"), list):
        return False
    whole = isinstance(result.get("epoch"), str) and {"more", "recovered", "missed"} <= result.keys()
    seqs = [event.get("seq") if isinstance(event, dict) else None for event in result["events"]]
    return whole and all(isinstance(seq, int) for seq in [result.get("seq"), *seqs])


class BotFeed:
    """Every event of some types once and in order, whatever the connection and the bridge went through;
    where some cannot be had, a message of type "gap" stands in their place.

        feed = BotFeed(["trade_executed"])
        while True:
            for event in feed.news(wait_s=1):
                print(event["data"])

    What the SUB socket brings is only a sign that there is something: it drops what it cannot hold,
    and among some types a hole cannot be told from events of others. So the events are asked for, behind
    the last one handed over; the cursor is that of the WebSocket client. One thread.
    """

    def __init__(
        self,
        types: list[str] | None = None,
        *,
        events: str | None = None,
        commands: str | None = None,
        since: dict | None = None,
        name: str | None = None,
        token: str | None = None,
        curve: str | os.PathLike | None = None,
        timeout_s: float = 3.0,
        check_s: float = 1.0,
        page_events: int = 5000,
    ) -> None:
        """`types`: also beginnings, "order_*"; left out: all. `since`: {"epoch":e,"seq":n} or
        {"last":n}; left out: from now on. `events`, `commands`: where the bridge publishes for bots and takes their
        commands; of several bridges, which share a log, all of theirs with commas between, as many in both: one
        that does not answer is left for the next. Left out: those of $PPO_BRIDGES (HOST[:PORT],...), else this
        host's. `name`: who the bridge knows a dead-man's switch by.
        `curve`: the file with the key by which the bridge knows this bot, where it wants one (`ppo-bridge
        curve create NAME`), else $PPO_CURVE_FILE; `name` counts for nothing then. Where the bridge does not let
        it in, CommandFailed says so (`unauthorized`).
        `check_s`: it is asked so often where there is no sign. `page_events`: at a time, 1..10000."""
        self._types = types
        self._cursor = Cursor(since)
        if events is None and commands is None:
            events, commands = zmq_addresses(5557), zmq_addresses(5558)
        self._bridges = paired("events", events or "tcp://127.0.0.1:5557", "commands", commands or "tcp://127.0.0.1:5558")
        self._bridge = 0  # which of them
        self._key = find_key(curve)
        # With a key a bot is called as its key is, and a routing id could only be in its own way.
        self._name, self._token = name if self._key is None else None, find_token(token)
        self._timeout_s, self._check_s, self._page_events = timeout_s, check_s, page_events
        self._backoff = Backoff()
        self._unread: deque[dict] = deque()
        self._behind = True  # the bridge has, or may have, more
        self._next_look = self._pause_until = 0.0
        self._answered = True
        self._context = zmq.Context()
        self._signs = self._open(zmq.SUB, RCVHWM=_SIGNS_WAITING_MAX)
        _connect(self._signs, self._bridges[0][0])
        self._refused = False
        for type in ["*"] if types is None else types:
            # A topic ends in a delimiter: without, `trade` would match `trades` too.
            topic = type[:-1] if type.endswith("*") else type + "/"
            self._signs.subscribe(topic.encode())
        self._requests: zmq.Socket | None = None

    def _open(self, kind: int, **options: Any) -> zmq.Socket:
        socket = self._context.socket(kind)
        prepare(socket, self._key)
        socket.setsockopt(zmq.MAXMSGSIZE, _MESSAGE_BYTES_MAX)
        for option, value in options.items():
            socket.setsockopt(getattr(zmq, option), value)
        return socket

    @property
    def position(self) -> dict | None:
        """The place behind what was handed over: a `since` for another time."""
        first = next((event["seq"] for event in self._unread if "seq" in event), None)
        return {"epoch": self._cursor.epoch, "seq": first - 1} if first else self._cursor.position

    def news(self, wait_s: float = 0.0) -> Iterator[dict]:
        """What is new, oldest first; waits at most so long for the first. Raises CommandFailed where
        the bridge does not answer: nothing is lost, and the next call tries again, after a while."""
        if self._unread or self._is_time(time.monotonic() + wait_s):
            yield from self.catch_up()

    def _is_time(self, until: float) -> bool:
        """Whether the bridge is to be asked."""
        now = time.monotonic()
        if now < self._pause_until:
            time.sleep(max(min(until, self._pause_until) - now, 0))
            return time.monotonic() >= self._pause_until
        wait_s = 0 if self._behind else max(min(until, self._next_look) - now, 0)
        return bool(self._signs.poll(int(wait_s * 1000))) or self._behind or time.monotonic() >= self._next_look

    def catch_up(self) -> Iterator[dict]:
        """Everything that the bridge has, asked for now."""
        self._behind = True
        while self._behind or self._unread:
            while self._unread:
                yield self._unread.popleft()
            if self._behind:
                self._take_signs()
                self._ask_page()

    def _take_signs(self) -> None:
        for _ in range(_SIGNS_WAITING_MAX):
            try:
                self._signs.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return

    def _ask_page(self) -> None:
        at = self._cursor.next_since()
        params: dict = {"count": self._page_events}
        if self._types is not None:
            params["type"] = self._types
        if at is None:
            params["count"] = 0
        elif "last" in at:
            params["count"] = at["last"]
        else:
            params.update(since_seq=at["seq"], epoch=at["epoch"])
        quick = self._answered or len(self._bridges) > 1  # there is another one to ask
        wait_s = min(self._timeout_s, _QUICK_S) if quick else self._timeout_s
        try:
            result = self.ask("get_recent_events", params, wait_s=wait_s)
        except CommandFailed as failed:
            self._answered = failed.error_type != "no_answer"
            self._pause_until = time.monotonic() + self._backoff.next()
            raise
        if not _is_page(result):
            self._pause_until = time.monotonic() + self._backoff.next()
            raise CommandFailed("bad_answer", "%s answers with what is no page of events" % self._address)
        self._answered = True
        self._backoff.reset()
        self._next_look = time.monotonic() + self._check_s
        events, end = result["events"], result["seq"]
        self._cursor.on_registered(result["epoch"], end)
        # A page that leads nowhere would be asked for for ever.
        on = bool(events) and {"epoch": result["epoch"], "seq": events[-1]["seq"]} != at
        self._behind = "since_seq" in params and bool(result["more"]) and on
        if self._behind:
            end = events[-1]["seq"]
        if at and "since_seq" in params and not result["recovered"]:
            data = {"from_seq": at["seq"] + 1 if at["epoch"] == result["epoch"] else 1}
            data.update(to_seq=end if result["missed"] else 0, reason="evicted", missed=result["missed"])
            self._unread.append({"type": "gap", "data": data})
        self._unread.extend(event for event in events if self._cursor.admit(event))
        self._cursor.complete_until(end)

    def ask(
        self,
        command: str,
        params: dict | None = None,
        target: str | None = None,
        *,
        idempotency_key: str | None = None,
        wait_s: float | None = None,
    ) -> Any:
        """The result of a command. One for a trainer is sent again where no answer comes, under a key that
        the trainer sees once. Raises CommandFailed."""
        wait_s = self._timeout_s if wait_s is None else wait_s
        trouble = token_trouble(self._address) if self._token and self._key is None else None
        if trouble is not None:
            raise CommandFailed("unauthorized", trouble)
        request: dict = {"command": command, "params": params or {}, "token": self._token}
        if target is not None:
            request["target"] = target
            request["deadline_ms"] = max(int(wait_s * _DEADLINE_SHARE * 1000), 1)
            request["idempotency_key"] = idempotency_key or uuid.uuid4().hex
        for _ in range(1 if target is None else _ATTEMPTS):
            reply = self._ask_once(request, wait_s)
            if reply is None:
                continue
            if reply.get("status") != "error":
                return reply.get("results", reply.get("result"))
            error = reply.get("data")
            error = error if isinstance(error, dict) else {}
            raise CommandFailed(error.get("error_type", ""), error.get("message", ""), reply)
        raise CommandFailed("no_answer", "%s does not answer %s" % (self._address, command))

    def _ask_once(self, request: dict, wait_s: float) -> dict | None:
        if self._requests is None:
            name = {"ROUTING_ID": self._name.encode()} if self._name else {}
            self._requests = self._open(zmq.REQ, **name)
            self._handshakes = Handshakes(self._requests, self._key)
            _connect(self._requests, self._address)
        id = uuid.uuid4().hex[:16]
        given = {name: value for name, value in request.items() if value is not None}
        self._requests.send(json.dumps({**given, "id": id}).encode())
        trouble = self._wait_reply(wait_s)
        if trouble is None:
            reply = _answer(self._requests.recv())
            if reply.get("id") == id:
                if self._refused:
                    self._move_signs(self._bridge)
                return reply
        # One that waits for an answer takes no other question, and one that comes late is to no other.
        self._handshakes.close()
        self._requests.close()
        self._requests = None
        address, self._refused = self._address, self._refused or bool(trouble)
        if len(self._bridges) > 1:
            self._move_signs((self._bridge + 1) % len(self._bridges))
        if trouble:
            raise CommandFailed("unauthorized", "the bridge at %s %s" % (address, trouble))
        return None

    def _wait_reply(self, wait_s: float) -> str | None:
        """None: it is there; else why there will be none, "" where nobody knows."""
        assert self._requests is not None
        until = time.monotonic() + wait_s
        poller = zmq.Poller()
        poller.register(self._requests, zmq.POLLIN)
        poller.register(self._handshakes.monitor, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(max(int((until - time.monotonic()) * 1000), 0)))
            if self._requests in ready:
                return None
            trouble = self._handshakes.trouble() if ready else ""
            if trouble or not ready:
                return trouble

    @property
    def _address(self) -> str:
        return self._bridges[self._bridge][1]

    def _move_signs(self, to: int) -> None:
        """To another bridge, or anew to the same: ZeroMQ does not come again by itself to where it was refused."""
        try:
            self._signs.disconnect(self._bridges[self._bridge][0])
        except zmq.ZMQError:
            pass
        self._bridge, self._refused = to, False
        _connect(self._signs, self._bridges[to][0])

    def close(self) -> None:
        self._context.destroy(linger=0)
