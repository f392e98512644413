"""The two ways to the bridge: events out, and commands in.

Both know whether anybody is at the other end, by a socket monitor. Each is made in one thread and
then used by one other.
"""

from __future__ import annotations

import time
from typing import Iterator

import zmq
from zmq.utils.monitor import parse_monitor_message

from ._curve import Handshakes
from ._connecting import FAILURES, CurveKey, prepare
from ._send import send

_NEWS = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | FAILURES


def _connections(monitor: zmq.Socket, handshakes: Handshakes) -> Iterator[bool]:
    """What the monitor has to tell: a connection made (True) or ended."""
    while True:
        try:
            frames = monitor.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        if len(frames) != 2 or len(frames[0]) != 6:
            continue
        told = parse_monitor_message(frames)
        if told["event"] & FAILURES:
            handshakes.failed(told["event"])
            continue
        opened = told["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
        if opened:
            handshakes.succeeded()
        yield opened


def _close(socket: zmq.Socket, monitor: zmq.Socket, linger_ms: int) -> None:
    socket.disable_monitor()
    monitor.close(0)
    socket.close(linger_ms)


class EventLink:
    """Events out.

    The socket is an XPUB, which on the wire is a PUB, for two things that a PUB keeps to itself: it
    sees subscriptions, so that events can wait until somebody wants them, and it says that its queue
    is full instead of dropping.
    """

    # Messages in ZeroMQ's own queue. Few, since the ring holds what waits.
    _QUEUE_MESSAGES_MAX = 16

    # A connection to a host that vanished without a word ends after this. TCP watches over it and no
    # heartbeat, which would take a bridge that merely stands still for gone.
    _SILENCE_MS_MAX = 60_000
    _KEEP_ALIVE_S = 15

    # Of one subscription; nothing else comes in. Of few of them at a time: ZeroMQ reads all that wait at once, and
    # who sends on meanwhile would keep it at that.
    _INCOMING_BYTES_MAX = 64 * 1024
    _INCOMING_MESSAGES_MAX = 16

    # A bridge subscribes to one topic or a few. ZeroMQ keeps them all, and says each: who sends more than so many, or
    # more between two looks at the socket, is none.
    _TOPICS_MAX = 1000

    def __init__(
        self, context: zmq.Context, endpoint: str, repaired: bool, key: CurveKey | None = None
    ) -> None:
        """Begins to connect; raises zmq.ZMQError where ZeroMQ does not take the endpoint.

        `repaired`: what was sent can be had again. Then each connection has a socket of its own: what
        ZeroMQ had still queued for a bridge that has gone would reach the next one first of all, out
        of place and before that one knows that it can ask.
        """
        self._context = context
        self._repaired = repaired
        self._key = key
        self.handshakes = Handshakes(endpoint, key)
        self.connections = 0  # made so far
        self._body_left: bytes | None = None
        self._begin()

    def _begin(self, connect: bool = True) -> None:
        self._open = self._lost = False
        self._topics: set[bytes] = set()
        self._body_left = None
        self.socket = self._context.socket(zmq.XPUB)
        prepare(self.socket, self._key)
        self.socket.setsockopt(zmq.XPUB_NODROP, 1)
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.setsockopt(zmq.SNDHWM, self._QUEUE_MESSAGES_MAX)
        self.socket.setsockopt(zmq.RCVHWM, self._INCOMING_MESSAGES_MAX)
        self.socket.setsockopt(zmq.MAXMSGSIZE, self._INCOMING_BYTES_MAX)
        self.socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        self.socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, self._KEEP_ALIVE_S)
        self.socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, self._KEEP_ALIVE_S)
        self.socket.setsockopt(zmq.TCP_MAXRT, self._SILENCE_MS_MAX)
        self.monitor = self.socket.get_monitor_socket(_NEWS)
        try:
            self.socket.ipv6 = "[" in self.handshakes.endpoint
            if connect:
                self.socket.connect(self.handshakes.endpoint)
        except Exception:
            self.close(0)
            raise

    @property
    def connected(self) -> bool:
        """As of see_news(): a connection is open and has a subscription that came over it."""
        return self._open and bool(self._topics)

    def see_news(self) -> None:
        """Takes note of what happened since the last call."""
        self._see_connection()
        self.handshakes.connect_again(self.socket)
        taken = 0
        while not self._lost:
            try:
                message = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            taken += 1
            if max(taken, len(self._topics)) > self._TOPICS_MAX:
                if self._begin_anew(connect=False):
                    self.handshakes.refuse("subscribes to more than any bridge does")
                return
            # A subscription must not be taken for one of a connection that ended before it:
            # whatever happened before it came is known to the monitor by now.
            self._see_connection()
            if message[:1] == b"\x01":
                self._topics.add(message[1:])
            elif message[:1] == b"\x00":
                self._topics.discard(message[1:])
        self._begin_anew()

    def move_to(self, endpoint: str) -> bool:
        """Ends the connection that there is, with what ZeroMQ has queued for it, and begins to connect there."""
        self.handshakes.move_to(endpoint)
        return self._begin_anew()

    def _begin_anew(self, connect: bool = True) -> bool:
        old = self.socket, self.monitor
        try:
            self._begin(connect)
        except zmq.ZMQError:  # out of descriptors: then the old one connects again
            self.socket, self.monitor = old
            return False
        _close(*old, 0)
        return True

    def _see_connection(self) -> None:
        for opened in _connections(self.monitor, self.handshakes):
            if opened:
                self.connections += 1
            else:
                self._lost = self._lost or (self._open and self._repaired)
                self._topics.clear()
            self._open = opened

    def begin_message(self, topic: bytes) -> bool:
        """Queues the first frame; False where the queue is full. A body must follow."""
        if self._body_left is not None and not self.finish_message(self._body_left):
            return False
        try:
            send(self.socket, topic, zmq.SNDMORE)
        except zmq.Again:
            return False
        return True

    def finish_message(self, body: bytes) -> bool:
        """Queues the body. A full queue shows at the first frame; should it ever show here, the body
        follows with the next message, and this is False."""
        try:
            send(self.socket, body)
        except zmq.Again:
            self._body_left = body
            return False
        self._body_left = None
        return True

    def close(self, linger_ms: int) -> None:
        """Gives what is queued at most this long to leave, in the background until the context ends."""
        _close(self.socket, self.monitor, linger_ms)


class ControlLink:
    """Commands in, and their answers out.

    Hellos, requests and replies are a body behind an empty frame. The socket is a DEALER, which says
    who it is before it is asked.

    Each connection has a socket of its own: an answer to a bridge that has gone must not reach the
    next one, which may use the same ids.
    """

    # Both ends look after the connection, so that one that stands still is noticed.
    _HEARTBEAT_MS = 2000
    _SILENCE_MS_MAX = 6000

    _REOPEN_AFTER_S = 0.1
    _QUEUE_MESSAGES_MAX = 256
    _REQUEST_BYTES_MAX = 1024 * 1024

    def __init__(self, context: zmq.Context, endpoint: str, key: CurveKey | None = None) -> None:
        """Begins to connect; raises zmq.ZMQError where ZeroMQ does not take the endpoint."""
        self._context = context
        self._key = key
        self.handshakes = Handshakes(endpoint, key)
        self.socket: zmq.Socket | None = None
        self.monitor: zmq.Socket | None = None
        self.connected = False
        self.connection = 1  # which one this is; the next has another number
        self.reopen_at = 0.0  # while there is no socket
        self._open()

    def _open(self) -> None:
        socket = self._context.socket(zmq.DEALER)
        self.socket = socket
        prepare(socket, self._key)
        socket.setsockopt(zmq.SNDHWM, self._QUEUE_MESSAGES_MAX)
        socket.setsockopt(zmq.RCVHWM, self._QUEUE_MESSAGES_MAX)
        socket.setsockopt(zmq.MAXMSGSIZE, self._REQUEST_BYTES_MAX)
        socket.setsockopt(zmq.HEARTBEAT_IVL, self._HEARTBEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, self._SILENCE_MS_MAX)
        socket.setsockopt(zmq.HEARTBEAT_TTL, self._SILENCE_MS_MAX)
        self.monitor = socket.get_monitor_socket(_NEWS)
        try:
            socket.ipv6 = "[" in self.handshakes.endpoint
            socket.connect(self.handshakes.endpoint)
        except Exception:
            self.close(0)
            raise

    def see_news(self) -> None:
        """Takes note of connections made and lost."""
        if self.socket is None or self.monitor is None:
            if time.monotonic() >= self.reopen_at:
                try:
                    self._open()
                except zmq.ZMQError:  # out of descriptors for the moment
                    self._abandon()
            return
        lost = False
        for opened in _connections(self.monitor, self.handshakes):
            if opened:
                self.connected = True
            elif self.connected:  # ends an attempt that failed, otherwise: ZeroMQ goes on trying
                lost = True
        if lost:
            self._abandon()
        else:
            self.handshakes.connect_again(self.socket)

    def move_to(self, endpoint: str) -> None:
        """Ends the connection that there is, and begins to connect there."""
        self.handshakes.move_to(endpoint)
        self._abandon()
        self.reopen_at = 0.0

    def _abandon(self) -> None:
        self.connected = False
        self.connection += 1  # what came over the old one is not answered over the next
        self.close(0)
        self.reopen_at = time.monotonic() + self._REOPEN_AFTER_S

    def receive(self) -> bytes | None:
        """The next request's body; None where there is none, b"" for what has not a request's form.
        There is none before the bridge has heard who this is."""
        if self.socket is None or not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        try:
            frames = self.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return frames[1] if len(frames) == 2 and not frames[0] else b""

    def try_send(self, body: bytes) -> bool:
        """False where the bridge has gone, or does not read and ZeroMQ's queue is full."""
        if self.socket is None or not self.connected:
            return False
        try:
            send(self.socket, b"", zmq.SNDMORE)
            send(self.socket, body)
        except zmq.Again:
            return False
        return True

    def close(self, linger_ms: int) -> None:
        if self.socket is None or self.monitor is None:
            return
        _close(self.socket, self.monitor, linger_ms)
        self.monitor = self.socket = None
