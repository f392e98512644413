"""The control channel: says who this source is, takes commands from the bridge, has them run, and answers
each once; and gives it events that it misses."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Callable

import zmq

from . import _commands as commands
from ._clock import BridgeClock
from ._connecting import CurveKey
from ._commands import Command, CommandQueue, DoneCommands, Handlers, Waiting
from ._json import strict_body
from ._link import ControlLink
from ._log import log
from ._names import printable
from ._ring import EventRing

_REQUESTS_AT_ONCE = 64

# A bridge may be quicker than a program that registers its commands one by one: requests are left
# lying until the last registration is this old, but not for longer than _SETTLE_MAX_S.
_SETTLE_S = 0.05
_SETTLE_MAX_S = 1.0

_REPLAY_BYTES_MAX = 1024 * 1024 - 1024  # of one reply's events
_CLOSING = "this source is closing"
_ANSWERS_LINGER_MS = 500  # at the end, for the last answers to leave


class Control:
    """`register`, `run_all`, `end_commands` and `join` are for any thread; all else belongs to the one
    that sends. Handlers run on "ppo-commands", or where the program polls for them.
    """

    def __init__(
        self,
        context: zmq.Context,
        endpoint: str,
        run: str,
        ring: EventRing,
        wake: Callable[[], None],
        handlers: Handlers,
        key: CurveKey | None = None,
    ) -> None:
        """Connects; raises zmq.ZMQError where ZeroMQ does not take the endpoint. `wake`
        makes the sending thread look around."""
        self._link = ControlLink(context, endpoint, key)
        self._run = run
        self._ring = ring
        self._wake = wake
        self.connected = False

        self._handlers = weakref.ref(handlers)
        self.names: list[str] = []  # of the commands
        self._handling: set[int] = set()  # the threads that run a handler now
        self.polled = CommandQueue()
        self.library = CommandQueue()
        self._done = DoneCommands()
        self._replies: list[tuple[int, bytes]] = []  # append() and slicing are atomic
        self._connection = self._link.connection

        self._clock = BridgeClock()  # of this connection's bridge
        self._clock_heard: tuple[float, float] | None = None  # its time and ours, when it told
        self.clients_address = ""  # of the bridge that was there last, as it gave it
        self.received = self.executed = self.refused = self.malformed = self.unheard = 0
        self.late = self.repeated = 0
        self.replayed = 0  # events
        self.asked_at = self._started = time.monotonic()  # for events, last
        self._settled_at = self._started + _SETTLE_S
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # for registering

    # ---- Any thread.

    def register(self, name: str, handler: commands.Handler, polled: bool) -> None:
        call = commands.calling(handler)
        with self._lock:
            if not polled and self._thread is None:
                self._thread = threading.Thread(
                    target=self._run_commands, name="ppo-commands", daemon=True
                )
                self._thread.start()
            handlers = self._handlers()
            if handlers is None:
                return
            handlers.by_name = {**handlers.by_name, name: (call, polled)}
            self.names = sorted(handlers.by_name)
            self._settled_at = min(time.monotonic() + _SETTLE_S, self._started + _SETTLE_MAX_S)
        self._wake()

    def run_all(self, queue: CommandQueue) -> int:
        """Runs the handlers of all that wait; how many. Raises what one of them raised to end the
        program, once its answer is on its way."""
        ran = 0
        while (waiting := queue.claim()) is not None:
            ran += 1
            self._handling.add(threading.get_ident())
            try:
                reply, end = self._run_one(waiting.command)
                self._replies.append((waiting.connection, reply))
            finally:
                self._handling.discard(threading.get_ident())
                self._wake()
            if end is not None:
                raise end
        return ran

    def _run_one(self, command: Command) -> tuple[bytes, BaseException | None]:
        if time.monotonic() >= command.deadline:
            self.refused += 1
            self.late += 1
            return commands.error_reply(command.id, "timeout", commands.TOO_LATE), None
        call, _ = self._handler_of(command.name)
        if call is None:
            self.refused += 1
            return commands.error_reply(command.id, "rejected", _CLOSING), None
        again = self._done.find(command)
        if again is not None:
            self.repeated += 1
            return again, None
        self.executed += 1
        what = self._done.what(command)  # the handler may change it
        reply, end = commands.run(command, call)
        if end is not None and threading.current_thread() is self._thread:
            log.error("the handler of '%s' raised %s, which ends nothing here", command.name,
                      printable(repr(end)))
            text = "%s does not end the program on this thread; have the command polled"
            reply = commands.error_reply(command.id, "rejected", text % type(end).__name__)
            end = None
        self._done.add(command, what, reply)
        return reply, end

    def _handler_of(self, name: str) -> tuple:
        handlers = self._handlers()
        return (handlers.by_name if handlers is not None else {}).get(name, (None, False))

    def end_commands(self) -> None:
        """No handler begins any more. Events can still be had."""
        self.polled.close()
        self.library.close()

    def running(self) -> bool:
        """A handler may be running."""
        return bool(self._handling) or (self._thread is not None and self._thread.is_alive())

    def on_its_thread(self) -> bool:
        """Called by a handler, or on the thread of the library's that runs them."""
        here = threading.current_thread() is self._thread
        return here or threading.get_ident() in self._handling

    def join(self, timeout_s: float) -> None:
        """REQUIRES: end_commands(), and not on_its_thread()."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run_commands(self) -> None:
        while not self.library.closed:
            self.library.wait(3600)
            if not self.library.closed:
                self.run_all(self.library)

    # ---- The thread that sends.

    def sockets(self, now: float) -> list[tuple]:
        """To wait for."""
        if self._link.socket is None:
            return []
        monitor = (self._link.monitor, zmq.POLLIN)
        return [monitor] if now < self._settled_at else [monitor, (self._link.socket, zmq.POLLIN)]

    def due(self, now: float) -> list[float]:
        """When there is something to do."""
        found = [q.next_deadline() for q in (self.polled, self.library)]
        found.append(self._link.handshakes.again_at)
        if self._link.socket is None:
            found.append(self._link.reopen_at)
        elif now < self._settled_at:
            found.append(self._settled_at)
        return [at for at in found if at is not None]

    @property
    def connection(self) -> int:
        """Which one this is; the next has another number."""
        return self._link.connection

    def settled(self, now: float) -> bool:
        """Requests are taken at once."""
        return now >= self._settled_at

    def say_hello(
        self, hello: Callable[[float | None, tuple[float, float] | None], bytes], now: float
    ) -> bool:
        """`hello`: of our time and what was heard of the bridge's, where the bridge is asked for its own, which is only done once its
        answer is taken at once. False where it cannot be said now."""
        clock = round(time.time(), 6) if self.settled(now) else None
        sent = self._link.try_send(hello(clock, self._clock_heard))
        if sent and clock is not None:
            self._clock.asked(clock, now)
            if self._clock_heard is None and self._link.connected:
                self._link.handshakes.unanswered(now)
        return sent

    def see_news(self, ready: dict) -> None:
        link = self._link
        if link.socket is None or link.monitor in ready or link.handshakes.again_at is not None:
            link.see_news()
        self.connected = link.connected
        if self._connection != link.connection:  # nobody waits for these any more
            self._connection = link.connection
            self._clock.forget()
            self._clock_heard = None
            for queue in (self.polled, self.library):
                self.unheard += len(queue.take(lambda waiting: True))

    def serve(self, ready: dict) -> None:
        """`ready`: of the sockets(), those that have something."""
        link = self._link
        now = time.monotonic()
        if link.socket in ready and now >= self._settled_at:
            for _ in range(_REQUESTS_AT_ONCE):
                body = link.receive()
                if body is None:
                    break
                self.received += 1
                if body:
                    self._take_request(body, now)
                else:
                    self.malformed += 1
        not_polled = "not polled in time; not carried out"
        for queue, why in ((self.polled, not_polled), (self.library, commands.TOO_LATE)):
            for late in queue.take(lambda waiting: waiting.command.deadline <= now):
                self._refuse_late(late.command.id, why)
        count = len(self._replies)
        for connection, text in self._replies[:count]:
            if connection != link.connection or not link.try_send(text):
                self.unheard += 1
        del self._replies[:count]

    def answer_all(self) -> None:
        """What waits as rejected. REQUIRES: end_commands()."""
        self.serve({})
        for queue in (self.polled, self.library):
            for waiting in queue.take(lambda waiting: True):
                self._refuse(waiting.command.id, "rejected", _CLOSING)

    def move_to(self, endpoint: str) -> None:
        self._link.move_to(endpoint)

    def close(self) -> None:
        self._link.close(_ANSWERS_LINGER_MS if self.connected else 0)
        self.connected = False

    def _take_request(self, body: bytes, now: float) -> None:
        request = commands.parse_request(body)
        if request.clock is not None:
            stamp, bridge, self.clients_address = request.clock
            self._clock_heard = bridge, round(time.time(), 6)
            return self._clock.answered(stamp, bridge, now)
        if request.message:
            return self._refuse(request.id, request.error_type, request.message)
        assert request.id is not None
        if request.run is not None and request.run != self._run:
            meant = "the command is for run '%s'; this is run '%s'"
            text = meant % (printable(request.run), self._run)
            return self._refuse(request.id, "rejected", text)
        if request.command == "_replay":
            return self._replay(request)
        call, polled = self._handler_of(request.command)
        if call is None:
            text = "there is no command '%s' here" % printable(request.command)
            return self._refuse(request.id, "unknown_command", text)
        deadline = now + max(request.deadline_ms, 0) / 1000
        if request.by is not None:
            past = self._clock.surely_past(request.by)
            deadline = deadline if past is None else min(deadline, past)
        if deadline <= now:
            return self._refuse_late(request.id, commands.TOO_LATE)
        command = Command(
            request.params,
            id=request.id,
            name=request.command,
            agent_id=request.agent_id,
            deadline=deadline,
            idempotency_key=request.idempotency_key,
        )
        queue = self.polled if polled else self.library
        if queue.offer(Waiting(command, self._link.connection)):
            return None
        if queue.closed:
            return self._refuse(request.id, "rejected", _CLOSING)
        text = "%d commands wait already" % commands.COMMANDS_WAITING_MAX
        return self._refuse(request.id, "busy", text)

    def _replay(self, request: commands.Request) -> None:
        """Events that the bridge missed, once more; those that are gone are left out."""
        first, last = request.params.get("from"), request.params.get("to")
        if type(first) is not int or type(last) is not int:
            text = "from and to are %s and %s; must be integers"
            text %= printable(repr(first)), printable(repr(last))
            return self._refuse(request.id, "bad_request", text)
        self.asked_at = time.monotonic()
        bodies = self._ring.replay(first, last, _REPLAY_BYTES_MAX)
        self.replayed += len(bodies)
        reply = commands.events_reply(request.id or "", [strict_body(body) for body in bodies])
        if not self._link.try_send(reply):
            self.unheard += 1

    def _refuse_late(self, id: str, why: str) -> None:
        self.late += 1
        self._refuse(id, "timeout", why)

    def _refuse(self, id: str | None, error_type: str, message: str) -> None:
        self.refused += 1
        reply = commands.error_reply(id, error_type, message)
        if not self._link.try_send(reply):
            self.unheard += 1
